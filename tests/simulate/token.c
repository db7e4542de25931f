/* SPDX-License-Identifier: MIT */
#include "token.h"
#include "fibre.h"
#include "report.h"
#include "schedule.h"

#include <auraio-ring/ring.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct token tokens[TOKENS_MAX];
int token_count;
struct file_model files[FILES_MAX];
bool tokens_may_lack_memory, tokens_end;
static unsigned char bytes_of_tokens[TOKENS_MAX][TOKEN_BYTES];
static uint64_t steps;

void tokens_begin(int file_count)
{
    token_count = 0;
    steps = 0;
    tokens_may_lack_memory = tokens_end = false;
    memset(files, 0, (size_t)file_count * sizeof(files[0]));
}

static unsigned char pattern(int token, uint64_t at)
{
    uint64_t z =
        (at + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)(token + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned char)(z >> 56 | 1);
}

static bool is_write(const struct token *token)
{
    return token->opcode == AURAIO_OP_WRITE || token->opcode == AURAIO_OP_WRITEV;
}

static bool is_read(const struct token *token)
{
    return token->opcode == AURAIO_OP_READ || token->opcode == AURAIO_OP_READV;
}

static bool resizes(const struct token *token)
{
    return token->opcode == AURAIO_OP_FTRUNCATE || token->opcode == AURAIO_OP_FALLOCATE;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ------------------------------------------------------------------- making */

struct token *token_make(auraio_opcode_t opcode, int file, uint64_t offset, uint64_t len)
{
    if (token_count == TOKENS_MAX)
        return NULL;
    int number = token_count++;
    struct token *token = &tokens[number];
    memset(token, 0, offsetof(struct token, before_bytes));
    token->opcode = opcode;
    token->file = file;
    token->fd = file >= 0 ? files[file].fd : -1;
    token->offset = offset;
    token->len = len;
    token->before = token->after_write = -1;
    token->thread = fibre_current();
    token->bytes = bytes_of_tokens[number];
    for (uint64_t i = 0; is_write(token) && i < len; i++)
        token->bytes[i] = pattern(number, offset + i);
    if (is_read(token))
        memset(token->bytes, 0, len);
    return token;
}

unsigned char *token_all_bytes(void)
{
    return bytes_of_tokens[0];
}

int token_number(const struct token *token)
{
    return (int)(token - tokens);
}

static bool is_under_way(const struct token *token)
{
    return token->submitted_at > 0 && !token->completed;
}

bool token_may_write(int file, uint64_t offset, uint64_t len)
{
    if (files[file].resizing)
        return false;
    for (int i = 0; i < token_count; i++)
        if (tokens[i].file == file && is_write(&tokens[i]) && is_under_way(&tokens[i]) &&
            tokens[i].offset < offset + len && offset < tokens[i].offset + tokens[i].len)
            return false;
    return true;
}

bool token_may_resize(int file)
{
    return !files[file].resizing && files[file].writers == 0 && files[file].readers == 0;
}

/* -------------------------------------------------------------- submission */

void token_submit(struct token *token)
{
    token->submitted_at = ++steps;
    if (token->file < 0)
        return;
    struct file_model *file = &files[token->file];
    token->size_before = file->size;
    file->writers += is_write(token);
    file->readers += is_read(token);
    file->resizing = file->resizing || resizes(token);
    if (is_read(token))
        memcpy(token->before_bytes, file->bytes + token->offset, token->len);
}

static void leave_file(const struct token *token)
{
    if (token->file < 0)
        return;
    struct file_model *file = &files[token->file];
    file->writers -= is_write(token);
    file->readers -= is_read(token);
    if (resizes(token))
        file->resizing = false;
}

void token_accepted(struct token *token, auraio_request_t *handle)
{
    if (handle) {
        token->accepted = true;
        token->handle = handle;
        return;
    }
    if (token->completed)
        report_failure("operation %d was refused and called back", token_number(token));
    leave_file(token);
    token->submitted_at = 0;
}

int token_of_key(uint64_t key)
{
    int fd, rw_flags;
    void *user_data;
    if (ring_handle_describe(key, &fd, &user_data, &rw_flags) < 0 || !user_data)
        return -1;
    return token_number(user_data);
}

void token_injected(int number, int error)
{
    if (number < 0)
        return;
    struct token *token = &tokens[number];
    token->hard_errors += error == -EIO || error == -ENOSPC;
    token->again_errors += error == -EAGAIN;
    token->last_error = error;
}

/* --------------------------------------------------------------- completion */

static bool breaks_chain(const struct token *token)
{
    return token->result < 0 || (token->opcode <= AURAIO_OP_WRITEV && (uint64_t)token->result < token->len);
}

/* Whether what comes behind it in a chain was cancelled for no reason. */
static void check_successor(const struct token *token)
{
    int number = token_number(token);
    for (int i = 0; i < token_count; i++) {
        const struct token *next = &tokens[i];
        if (next->before == number && next->completed && next->result == -ECANCELED && !breaks_chain(token) &&
            !next->may_be_cancelled && !(tokens_end && next->stream) && !schedule_may_be_torn_down(next))
            report_failure("operation %d was cancelled though the one before it succeeded", i);
    }
}

/* Why it may have failed, or moved less than it was asked to. */
static void check_error(const struct token *token, int64_t result)
{
    int number = token_number(token);
    /* Another thread may be about to call back the one before: then that is asked, see check_successor(). */
    const struct token *before = token->before >= 0 ? &tokens[token->before] : NULL;
    bool chained = before && (!before->completed || breaks_chain(before));
    switch (result) {
    case -ECANCELED:
        if (token->may_be_cancelled || chained || (tokens_end && token->stream) ||
            schedule_may_be_torn_down(token))
            return;
        break;
    case -ETIMEDOUT:
        if (token->may_be_cancelled)
            return;
        break;
    case -EIO:
    case -ENOSPC:
        if (token->hard_errors > 0)
            return;
        break;
    case -EAGAIN:
        if (token->again_errors >= 8)
            return;
        break;
    case -ENOMEM:
    case -EMFILE:
        if (tokens_may_lack_memory)
            return;
        break;
    case -EFAULT: /* who tries again what a thread's end broke may find that another thread, which has ended
                     since, had handed it over */
        if (schedule_threads_ended() >= 2)
            return;
        break;
    case -EOPNOTSUPP:
        if (token->last_error == -EOPNOTSUPP)
            return;
        break;
    default:
        break;
    }
    report_failure("operation %d (opcode %d) completes with %lld (%s), for no reason", number,
                   (int)token->opcode, (long long)result, strerror((int)-result));
}

static bool may_be_short(const struct token *token)
{
    return token->hard_errors > 0 || token->again_errors >= 8 || token->may_be_cancelled ||
           tokens_may_lack_memory || schedule_may_be_torn_down(token);
}

/* Whether a write that was under way beside the read, or since its chain began, may have put the byte there.
 */
static bool put_beside(const struct token *read, uint64_t at, unsigned char byte)
{
    for (int i = 0; i < token_count; i++) {
        const struct token *write = &tokens[i];
        bool beside =
            write->submitted_at > 0 && (!write->completed || write->completed_at > read->submitted_at);
        if (write->file == read->file && is_write(write) && beside && at >= write->offset &&
            at < write->offset + write->len && pattern(i, at) == byte)
            return true;
    }
    return false;
}

static bool may_be_there(const struct token *read, uint64_t at, unsigned char byte)
{
    const struct file_model *file = &files[read->file];
    if (put_beside(read, at, byte))
        return true;
    if (read->after_write >= 0 && at >= tokens[read->after_write].offset &&
        at < tokens[read->after_write].offset + tokens[read->after_write].len)
        return false; /* it must see its own chain's write */
    return byte == read->before_bytes[at - read->offset] ||
           (file->unsure[at] && byte == file->unsure_bytes[at]) ||
           (byte == 0 && at >= read->size_before); /* a hole beside such a write */
}

static void check_read(const struct token *token, uint64_t got)
{
    const struct file_model *file = &files[token->file];
    int number = token_number(token);
    uint64_t largest = file->size;
    for (int i = 0; i < token_count; i++)
        if (tokens[i].file == token->file && is_write(&tokens[i]) && is_under_way(&tokens[i]) &&
            tokens[i].offset + tokens[i].len > largest)
            largest = tokens[i].offset + tokens[i].len;
    uint64_t least =
        token->offset < token->size_before ? smaller(token->len, token->size_before - token->offset) : 0;
    uint64_t most = token->offset < largest ? smaller(token->len, largest - token->offset) : 0;
    if (got > most || (got < least && !may_be_short(token)))
        report_failure("read %d of %llu bytes at %llu returns %llu: the file has %llu to %llu", number,
                       (unsigned long long)token->len, (unsigned long long)token->offset,
                       (unsigned long long)got, (unsigned long long)token->size_before,
                       (unsigned long long)largest);
    for (uint64_t i = 0; i < got; i++) {
        uint64_t at = token->offset + i;
        unsigned char byte = token->bytes[i];
        if (!may_be_there(token, at, byte))
            report_failure("read %d has a wrong byte at %llu of file %d: 0x%02x, not 0x%02x", number,
                           (unsigned long long)at, token->file, byte, token->before_bytes[i]);
    }
}

/* The first @put bytes are in the file; with a sync that failed, or on a ring that was torn down, all of them
 * may be. */
static void note_written(struct token *token, uint64_t put)
{
    struct file_model *file = &files[token->file];
    int number = token_number(token);
    bool unsure = token->result < 0 && (token->rw_flags || schedule_may_be_torn_down(token));
    for (uint64_t i = 0; i < put; i++) {
        file->bytes[token->offset + i] = pattern(number, token->offset + i);
        file->unsure[token->offset + i] = false;
    }
    if (put > 0 && token->offset + put > file->size)
        file->size = token->offset + put;
    for (uint64_t i = 0; unsure && i < token->len; i++) {
        file->unsure[token->offset + i] = true;
        file->unsure_bytes[token->offset + i] = pattern(number, token->offset + i);
    }
    if (unsure) { /* it may have grown, too, by all or a part of it */
        struct stat st;
        if (fstat(file->fd, &st) == 0 && (uint64_t)st.st_size <= token->offset + token->len &&
            (uint64_t)st.st_size > file->size)
            file->size = (uint64_t)st.st_size;
    }
}

static void note_resized(const struct token *token)
{
    struct file_model *file = &files[token->file];
    uint64_t size = token->opcode == AURAIO_OP_FTRUNCATE ? token->offset : token->offset + token->len;
    if (token->opcode == AURAIO_OP_FALLOCATE && size < file->size)
        return;
    if (size < file->size) {
        memset(file->bytes + size, 0, file->size - size);
        memset(file->unsure + size, 0, file->size - size);
    }
    file->size = size;
}

/* Of one that was torn down nobody says whether it did. */
static bool has_resized(const struct token *token)
{
    struct stat st;
    uint64_t size = token->opcode == AURAIO_OP_FTRUNCATE ? token->offset : token->offset + token->len;
    return fstat(files[token->file].fd, &st) == 0 && (uint64_t)st.st_size == size;
}

static void check_transfer(struct token *token, int64_t result)
{
    if (token->stream)
        return;
    if (result > (int64_t)token->len)
        report_failure("operation %d of %llu bytes returns %lld", token_number(token),
                       (unsigned long long)token->len, (long long)result);
    if (is_read(token) && result >= 0)
        check_read(token, (uint64_t)result);
    if (is_write(token) && result >= 0 && (uint64_t)result < token->len && !may_be_short(token))
        report_failure("write %d of %llu bytes returns %lld, for no reason", token_number(token),
                       (unsigned long long)token->len, (long long)result);
}

void token_complete(auraio_request_t *request, ssize_t result, void *user_data)
{
    struct token *token = user_data;
    bool inside = fibre_set_inside(false);
    report_step("callback of operation %d: %lld", token_number(token), (long long)result);
    if (token->completed)
        report_failure("operation %d calls back a second time", token_number(token));
    if (token->submitted_at == 0)
        report_failure("operation %d was refused and calls back", token_number(token));
    if (token->accepted && request != token->handle)
        report_failure("operation %d calls back with another handle", token_number(token));
    if (auraio_request_pending(request) || auraio_request_user_data(request) != token)
        report_failure("operation %d: its handle does not say what it is", token_number(token));
    if (schedule_is_submitting())
        report_failure("operation %d calls back inside a call that submits", token_number(token));
    token->result = result;
    if (result < 0)
        check_error(token, result);
    if (token->opcode <= AURAIO_OP_WRITEV)
        check_transfer(token, result);
    token->completed = true;
    token->completed_at = ++steps;
    check_successor(token);
    leave_file(token);
    if (is_write(token) && token->file >= 0)
        note_written(token, result > 0 ? (uint64_t)result : 0);
    if (resizes(token) && (result == 0 || (schedule_may_be_torn_down(token) && has_resized(token))))
        note_resized(token);
    schedule_completed(token);
    fibre_set_inside(inside);
}

int tokens_pending(void)
{
    int pending = 0;
    for (int i = 0; i < token_count; i++)
        pending += tokens[i].accepted && !tokens[i].completed;
    return pending;
}

void token_check_file(int number)
{
    static unsigned char bytes[FILE_BYTES + 1];
    const struct file_model *file = &files[number];
    ssize_t got = pread(file->fd, bytes, sizeof(bytes), 0);
    if (got < 0 || (uint64_t)got != file->size)
        report_failure("file %d has %lld bytes, not %llu", number, (long long)got,
                       (unsigned long long)file->size);
    for (uint64_t i = 0; i < file->size; i++)
        if (bytes[i] != file->bytes[i] && !(file->unsure[i] && bytes[i] == file->unsure_bytes[i]))
            report_failure("file %d has 0x%02x at %llu, not 0x%02x", number, bytes[i], (unsigned long long)i,
                           file->bytes[i]);
}
