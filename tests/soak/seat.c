/* SPDX-License-Identifier: MIT */
/*
 * What is done at a seat. One thread works at it at a time; when it ends it leaves its operations to the
 * next, so that they complete on threads that never heard of them.
 */
#include "seat.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "process.h"

enum { LIFE_OPERATIONS = 4000, CLOSED_FD = 1 << 20 };

/* Any thread may complete it; with rings of their own, this one must drive. */
static void await(struct record *record)
{
    const int64_t deadline_ms = now_ms() + SOAK_PATIENCE_MS;
    while (atomic_load(&record->left) > 0) {
        require(auraio_wait(record->seat->engine, 10) >= 0);
        if (now_ms() > deadline_ms)
            soak_fail("seat %d: an operation of kind %d has not completed for %d s", record->seat->number,
                      (int)record->kind, SOAK_PATIENCE_MS / 1000);
    }
}

/* ------------------------------------------------------------------- starting */

/* A block that nobody uses, or -1. What may be there in part is written or read again, not cancelled twice: a
 * block knows of two generations. */
static int free_block(struct seat *seat, bool writes)
{
    for (int tries = 0; tries < 4; tries++) {
        int block = (int)soak_below(&seat->random, SEAT_BLOCKS);
        if (!seat->blocks[block].busy && !(writes && seat->blocks[block].unsure))
            return block;
    }
    return -1;
}

/* Complete writes of what is unsure, which nobody may stop. */
static int unsure_block(const struct seat *seat)
{
    for (int block = 0; block < SEAT_BLOCKS; block++)
        if (seat->blocks[block].unsure && !seat->blocks[block].busy)
            return block;
    return -1;
}

static auraio_op_t transfer_op(struct record *record, bool writes)
{
    struct seat *seat = record->seat;
    auraio_op_t op = auraio_op(writes ? AURAIO_OP_WRITE : AURAIO_OP_READ);
    op.fd = seat->fd;
    op.len = BLOCK_BYTES;
    op.offset = record_offset(record);
    op.buf = auraio_buf(record->bytes);
    unsigned way = record->bytes == record->own ? soak_below(&seat->random, 4) : 0;
    if (way == 1) {
        op.buf = auraio_buf_fixed(seat->number, (size_t)(record->own - seat->memory));
    } else if (way == 2) {
        unsigned at = seat->direct ? 512 : 1 + soak_below(&seat->random, BLOCK_BYTES - 1);
        record->iov[0] = (struct iovec){record->bytes, at};
        record->iov[1] = (struct iovec){record->bytes + at, BLOCK_BYTES - at};
        op.opcode = writes ? AURAIO_OP_WRITEV : AURAIO_OP_READV;
        op.iov = record->iov;
        op.iovcnt = 2;
    }
    return op;
}

static auraio_op_t pipe_op(struct record *record, int fd)
{
    auraio_op_t op = auraio_op(AURAIO_OP_READ);
    op.fd = fd;
    op.buf = auraio_buf(record->bytes);
    op.len = 1;
    op.offset = -1;
    return op;
}

static auraio_op_t op_of(struct record *record)
{
    struct seat *seat = record->seat;
    auraio_op_t op = transfer_op(record, record->writes);
    switch (record->kind) {
    case FED_PIPE:
        return pipe_op(record, seat->fed.read_fd);
    case EMPTY_PIPE:
    case CANCELLED_PIPE:
        return pipe_op(record, seat->empty.read_fd);
    case CLOSED:
        op.fd = CLOSED_FD;
        break;
    case READ_ONLY:
        op.opcode = AURAIO_OP_WRITE;
        op.fd = seat->read_only_fd;
        break;
    case FULL:
        op.opcode = AURAIO_OP_WRITE;
        op.fd = seat->full_fd;
        break;
    default:
        return op;
    }
    op.buf = auraio_buf(record->bytes);
    return op;
}

/* Submit until there is room. Registered buffers may be gone at any moment: then plain memory does. */
static auraio_request_t *submit(struct record *record, auraio_op_t op, auraio_callback_t callback)
{
    const int64_t deadline_ms = now_ms() + SOAK_PATIENCE_MS;
    for (;;) {
        auraio_request_t *req = auraio_submit(record->seat->engine, &op, callback, record);
        if (req)
            return req;
        require(errno == EAGAIN || errno == ENOENT || errno == EBUSY);
        require(now_ms() < deadline_ms);
        if (errno == EAGAIN)
            require(auraio_wait(record->seat->engine, 10) >= 0);
        else
            op.buf = auraio_buf(record->bytes);
    }
}

/* Write, fdatasync, read. Refused as a whole where there is no room: then nothing was done. */
static bool submit_chain(struct record *record)
{
    auraio_op_t ops[CHAIN] = {transfer_op(record, true), auraio_op(AURAIO_OP_FSYNC),
                              auraio_op(AURAIO_OP_READ)};
    static const auraio_callback_t callbacks[CHAIN] = {on_first, on_second, on_third};
    ops[0].opcode = AURAIO_OP_WRITE;
    ops[0].buf = auraio_buf(record->bytes);
    ops[2].fd = ops[1].fd = ops[0].fd;
    ops[1].sys_flags = AURAIO_FSYNC_DATASYNC;
    ops[2].buf = ops[0].buf;
    ops[2].len = ops[0].len;
    ops[2].offset = ops[0].offset;
    for (int i = 0; i < CHAIN; i++) {
        ops[i].flags = i + 1 < CHAIN ? AURAIO_OP_LINK : 0;
        ops[i].callback = callbacks[i];
        ops[i].user_data = record;
    }
    record->steps = CHAIN;
    atomic_store(&record->left, CHAIN);
    if (auraio_submit_batch(record->seat->engine, ops, CHAIN, NULL, NULL, NULL) == CHAIN)
        return true;
    require(errno == EAGAIN);
    record->steps = 0;
    atomic_store(&record->left, 0);
    return false;
}

/* Decide what it is; false: no block is free for that now. */
static bool choose(struct record *record)
{
    struct seat *seat = record->seat;
    unsigned chance = soak_below(&seat->random, 256);
    int mend = chance < 64 ? unsure_block(seat) : -1;
    record->kind = chance < 100    ? WRITE
                   : chance < 190  ? READ
                   : chance < 220  ? WRITE_THEN_READ
                   : chance == 220 ? SYNCED
                                   : (enum kind)(FED_PIPE + (int)(chance % (KINDS - FED_PIPE)));
    record->writes = record->kind == WRITE || record->kind == WRITE_THEN_READ || record->kind == SYNCED;
    record->deadline = mend < 0 && record->kind <= READ && soak_below(&seat->random, 16) == 0;
    record->block = -1;
    if (record->kind <= SYNCED) {
        record->block = mend >= 0 ? mend : free_block(seat, record->writes);
        if (record->block < 0)
            return false;
        record->generation = record->writes ? seat->next_generation++ : 0;
    }
    record->mends = mend >= 0;
    atomic_store(&record->asked, false);
    return true;
}

static void start_plain(struct record *record)
{
    struct seat *seat = record->seat;
    auraio_op_t op = op_of(record);
    if (record->deadline)
        op.timeout_ns = 1000 + soak_below(&seat->random, 4000000);
    if (record->kind == EMPTY_PIPE) {
        op.timeout_ns = 1 + soak_below(&seat->random, 4000000);
        record->deadline = true;
    }
    record->steps = record->kind == WRITE_THEN_READ ? 2 : 1;
    atomic_store(&record->left, record->steps);
    auraio_request_t *req = submit(record, op, record->kind == WRITE_THEN_READ ? on_written : on_first);
    if (record->kind == FED_PIPE && seat->fed_bytes > 0)
        seat->fed_bytes--;
    else if (record->kind == FED_PIPE)
        fd_write_all(seat->fed.write_fd, "x", 1);
    if (record->kind == CANCELLED_PIPE) {
        atomic_store(&record->asked, true);
        if (auraio_cancel(seat->engine, req) < 0)
            require(errno == EALREADY); /* another thread was first */
    }
    if (!record->mends)
        atomic_store(&record->handle, req);
}

static void start(struct record *record)
{
    record->bytes = record->own;
    if (!choose(record))
        return;
    if (record->kind <= SYNCED && soak_below(&record->seat->random, 4) == 0) {
        record->bytes = auraio_buffer_alloc(record->seat->engine, BLOCK_BYTES);
        require(record->bytes != NULL);
    }
    if (record->writes)
        record_fill(record);
    if (record->block >= 0)
        record->seat->blocks[record->block].busy = true;
    if (record->kind != SYNCED) {
        start_plain(record);
    } else if (!submit_chain(record)) {
        record->seat->blocks[record->block].busy = false;
        if (record->bytes != record->own)
            auraio_buffer_free(record->seat->engine, record->bytes, BLOCK_BYTES);
    }
}

/* ------------------------------------------------------------------ the seat */

static void complete(struct record *record)
{
    await(record);
    atomic_store(&record->handle, NULL);
    record_finish(record);
}

void seat_work(struct seat *seat, uint64_t seed)
{
    seat->random = seed;
    int life = 1 + (int)soak_below(&seat->random, LIFE_OPERATIONS);
    for (int i = 0; i < life && !atomic_load(&soak_round_over); i++) {
        struct record *record = &seat->records[i % SEAT_WINDOW];
        complete(record);
        start(record);
    }
    if (soak_below(&seat->random, 2)) /* else the next one finds them */
        seat_drain(seat);
    atomic_fetch_add(&soak_counts.threads, 1);
}

void seat_drain(struct seat *seat)
{
    for (int i = 0; i < SEAT_WINDOW; i++)
        complete(&seat->records[i]);
}

void seat_cancel_one(struct seat *seat, uint64_t *random)
{
    struct record *record = &seat->records[soak_below(random, SEAT_WINDOW)];
    auraio_request_t *req = atomic_load(&record->handle);
    if (!req)
        return;
    atomic_store(&record->asked, true); /* before the cancel: a result that it explains comes after */
    if (auraio_cancel(seat->engine, req) < 0)
        require(errno == EALREADY);
}

struct seat *seat_new(auraio_engine_t *engine, int fd, bool direct, int number, char *memory)
{
    struct seat *seat = calloc(1, sizeof(*seat));
    require(seat != NULL);
    *seat = (struct seat){.engine = engine,
                          .fd = fd,
                          .number = number,
                          .direct = direct,
                          .next_generation = 1,
                          .memory = memory,
                          .fed = pipe_open(O_CLOEXEC),
                          .empty = pipe_open(O_CLOEXEC),
                          .read_only_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
                          .full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    require(seat->read_only_fd >= 0 && seat->full_fd >= 0);
    for (int i = 0; i < SEAT_WINDOW; i++)
        seat->records[i] =
            (struct record){.seat = seat, .block = -1, .own = memory + (size_t)i * BLOCK_BYTES};
    return seat;
}

void seat_free(struct seat *seat)
{
    pipe_close(seat->fed);
    pipe_close(seat->empty);
    close(seat->read_only_fd);
    close(seat->full_fd);
    free(seat);
}
