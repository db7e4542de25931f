/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <auraio/sim.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct record records[RECORDS_MAX];
int record_count;
struct model_file model_files[FILES];
unsigned record_faults;
bool record_crashed;

struct values {
    uint64_t bits[4];
};

static struct values may_be[FILES][FILE_BYTES], ever[FILES][FILE_BYTES];
static unsigned char memory[RECORDS_MAX][RECORD_BYTES];

void broken(const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    fputs("broken promise: ", stderr);
    vfprintf(stderr, what, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

/* ---------------------------------------------------------------------- sets */

static void add(struct values *values, unsigned char value)
{
    values->bits[value / 64] |= UINT64_C(1) << value % 64;
}

static bool has(const struct values *values, unsigned char value)
{
    return values->bits[value / 64] >> value % 64 & 1;
}

static void may_become(int file, uint64_t at, unsigned char value)
{
    add(&may_be[file][at], value);
    add(&ever[file][at], value);
}

static void is_now(int file, uint64_t at, unsigned char value)
{
    may_be[file][at] = (struct values){{0}};
    may_become(file, at, value);
}

/* ------------------------------------------------------------------- records */

void records_begin(void)
{
    record_count = 0;
    record_faults = 0;
    record_crashed = false;
    memset(may_be, 0, sizeof(may_be));
    memset(ever, 0, sizeof(ever));
    for (int file = 0; file < FILES; file++)
        for (uint64_t at = 0; at < FILE_BYTES; at++)
            may_become(file, at, 0);
    for (int file = 0; file < FILES; file++)
        model_files[file].size_least = 0;
}

struct record *record_make(auraio_opcode_t opcode, int engine)
{
    if (record_count == RECORDS_MAX)
        return NULL;
    struct record *record = &records[record_count];
    memset(record, 0, sizeof(*record));
    record->opcode = opcode;
    record->engine = engine;
    record->pool_buffer = -1;
    record->bytes = memory[record_count++];
    return record;
}

unsigned char *record_memory(void)
{
    return memory[0];
}

bool record_writes(const struct record *record)
{
    return record->opcode == AURAIO_OP_WRITE || record->opcode == AURAIO_OP_WRITEV;
}

bool record_reads(const struct record *record)
{
    return record->opcode == AURAIO_OP_READ || record->opcode == AURAIO_OP_READV;
}

static bool resizes(const struct record *record)
{
    return record->opcode == AURAIO_OP_FTRUNCATE || record->opcode == AURAIO_OP_FALLOCATE;
}

static bool is_known_file(const struct record *record)
{
    return record->kind <= FD_FILE1;
}

static unsigned char pattern(const struct record *record, uint64_t at)
{
    uint64_t z = (at + 1) * UINT64_C(0x9e3779b97f4a7c15) +
                 (uint64_t)(record - records + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned char)(z >> 56 | 1);
}

static bool is_under_way(const struct record *record)
{
    return record->accepted && !record->done;
}

/* Whether both are about some byte of one file. */
static bool meet(const struct record *a, const struct record *b)
{
    if (a == b || a->kind != b->kind || !is_known_file(a))
        return false;
    if (resizes(a) || resizes(b))
        return true;
    return a->offset < b->offset + b->len && b->offset < a->offset + a->len;
}

static bool is_being_read(const struct record *record)
{
    for (int i = 0; i < record_count; i++)
        if (is_under_way(&records[i]) && record_reads(&records[i]) && meet(record, &records[i]))
            return true;
    return false;
}

/* ---------------------------------------------------------------- submission */

/* A resize makes what is cut off, or punched out, zero, and the file shorter. */
static void begin_resize(const struct record *record)
{
    int file = (int)record->kind;
    bool cuts = record->opcode == AURAIO_OP_FTRUNCATE;
    for (uint64_t at = record->offset; at < FILE_BYTES; at++)
        may_become(file, at, 0);
    if (!cuts || record->offset >= model_files[file].size_least)
        return;
    model_files[file].size_least = record->offset;
    for (int i = 0; i < record_count; i++) {
        uint64_t left = record->offset > records[i].offset ? record->offset - records[i].offset : 0;
        if (records[i].kind == record->kind && records[i].least > left)
            records[i].least = left;
    }
}

void record_begin(struct record *record)
{
    int file = (int)record->kind;
    record->accepted = true; /* it may have its effect before the call returns */
    for (uint64_t i = 0; record_writes(record) && i < record->len; i++)
        record->bytes[i] = pattern(record, record->offset + i);
    if (!is_known_file(record) || !record->placed)
        return;
    if (record_reads(record)) {
        uint64_t size = model_files[file].size_least;
        uint64_t there = size > record->offset ? size - record->offset : 0;
        record->least = there < record->len ? there : record->len;
        return;
    }
    for (int i = 0; i < record_count; i++) {
        bool changes = record_writes(&records[i]) || resizes(&records[i]);
        if (is_under_way(&records[i]) && changes && meet(record, &records[i]))
            record->contended = records[i].contended = true;
    }
    for (uint64_t i = 0; record_writes(record) && i < record->len; i++)
        may_become(file, record->offset + i, pattern(record, record->offset + i));
    if (resizes(record))
        begin_resize(record);
}

void record_refused(struct record *record)
{
    if (record->done)
        broken("operation %d was refused and called back", (int)(record - records));
    record->accepted = false;
}

/* ------------------------------------------------------------------- results */

static bool had_fault(auraio_sim_fault_t fault)
{
    return record_faults >> fault & 1;
}

static bool had_error_fault(void)
{
    return had_fault(AURAIO_SIM_READ_ERROR) || had_fault(AURAIO_SIM_WRITE_ERROR) ||
           had_fault(AURAIO_SIM_SYNC_ERROR) || had_fault(AURAIO_SIM_META_ERROR) || record_crashed;
}

/* What the kernel says of descriptors and names that it does not like. */
static bool is_kernels_word(const struct record *record, int error)
{
    if (is_known_file(record) && record->opcode != AURAIO_OP_FALLOCATE)
        return false;
    return error == EBADF || error == EINVAL || error == ESPIPE || error == ENOENT || error == EEXIST ||
           error == EOPNOTSUPP || error == EFBIG || error == ENODEV || error == ENOTDIR || error == EPERM;
}

static bool may_fail(const struct record *record, int error, bool ending)
{
    switch (error) {
    case ECANCELED:
        return record->cancelled || record->behind ||
               (ending && (record->kind == FD_PIPE || record->opcode == AURAIO_OP_OPENAT));
    case ETIMEDOUT:
        return record->deadline;
    case EIO:
        return had_error_fault();
    case ENOSPC:
        return had_fault(AURAIO_SIM_NO_SPACE);
    case EAGAIN:
        return had_fault(AURAIO_SIM_AGAIN) || record->flags_to_kernel & RWF_NOWAIT;
    case EOPNOTSUPP:
        return had_fault(AURAIO_SIM_UNSUPPORTED) || is_kernels_word(record, error);
    default:
        return is_kernels_word(record, error);
    }
}

static bool may_be_short(const struct record *record)
{
    return record->cancelled || record->deadline || record->behind || had_error_fault() ||
           had_fault(AURAIO_SIM_NO_SPACE) || had_fault(AURAIO_SIM_AGAIN) ||
           record->flags_to_kernel & RWF_NOWAIT;
}

static void judge_read(const struct record *record, uint64_t got)
{
    int number = (int)(record - records), file = (int)record->kind;
    if (got < record->least && !may_be_short(record))
        broken("read %d found %llu bytes of at least %llu", number, (unsigned long long)got,
               (unsigned long long)record->least);
    for (uint64_t i = 0; i < got; i++)
        if (!has(&may_be[file][record->offset + i], record->bytes[i]))
            broken("read %d found 0x%02x at %llu of file %d, which nobody wrote", number, record->bytes[i],
                   (unsigned long long)(record->offset + i), file);
}

static bool is_being_cut(const struct record *record)
{
    for (int i = 0; i < record_count; i++)
        if (is_under_way(&records[i]) && resizes(&records[i]) && meet(record, &records[i]))
            return true;
    return false;
}

static void judge_write(const struct record *record, uint64_t put)
{
    struct model_file *file = &model_files[record->kind];
    uint64_t end = record->offset + put;
    if (put < record->len && !may_be_short(record))
        broken("write %d of %llu bytes wrote %llu", (int)(record - records), (unsigned long long)record->len,
               (unsigned long long)put);
    if (!record->contended && !is_being_read(record))
        for (uint64_t i = 0; i < put; i++)
            is_now((int)record->kind, record->offset + i, pattern(record, record->offset + i));
    if (put > 0 && end > file->size_least && !record->contended && !is_being_cut(record))
        file->size_least = end;
}

void record_end(struct record *record, int64_t result, bool ending)
{
    int number = (int)(record - records);
    bool moves = record_reads(record) || record_writes(record);
    if (!record->accepted)
        broken("operation %d was refused and calls back", number);
    if (record->done)
        broken("operation %d calls back a second time", number);
    record->done = true;
    if (result < 0 && !may_fail(record, (int)-result, ending))
        broken("operation %d (opcode %d) fails with %lld (%s), for no reason", number, (int)record->opcode,
               (long long)result, strerror((int)-result));
    if (result < 0)
        return;
    if (moves ? (uint64_t)result > record->len : result > 0 && record->opcode != AURAIO_OP_OPENAT)
        broken("operation %d (opcode %d) of %llu bytes returns %lld", number, (int)record->opcode,
               (unsigned long long)record->len, (long long)result);
    if (!is_known_file(record) || !record->placed)
        return;
    if (record_reads(record))
        judge_read(record, (uint64_t)result);
    else if (record_writes(record))
        judge_write(record, (uint64_t)result);
}

/* -------------------------------------------------------------------- crashes */

void records_crash(void)
{
    record_crashed = true;
    memcpy(may_be, ever, sizeof(may_be));
    for (int file = 0; file < FILES; file++)
        model_files[file].size_least = 0;
    for (int i = 0; i < record_count; i++) {
        records[i].least = 0;
        if (is_under_way(&records[i]))
            records[i].contended = true; /* what completed before, and is told of after, may be lost */
    }
}

void records_check_files(void)
{
    static unsigned char bytes[FILE_BYTES + 1];
    for (int file = 0; file < FILES; file++) {
        ssize_t got = pread(model_files[file].fd, bytes, sizeof(bytes), 0);
        if (got < 0 || got > FILE_BYTES || (uint64_t)got < model_files[file].size_least)
            broken("file %d has %lld bytes, of %llu to %d", file, (long long)got,
                   (unsigned long long)model_files[file].size_least, (int)FILE_BYTES);
        for (uint64_t at = 0; at < (uint64_t)got; at++)
            if (!has(&may_be[file][at], bytes[at]))
                broken("file %d has 0x%02x at %llu, which nobody wrote", file, bytes[at],
                       (unsigned long long)at);
    }
}
