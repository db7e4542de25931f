/* SPDX-License-Identifier: MIT */
/* Random calls of everything that auraio.h has. Refusals are checked for having a reason. */
#include "fibre.h"
#include "report.h"
#include "schedule.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <unistd.h>

static struct worker *self(void)
{
    return &plan.workers[fibre_current()];
}

/* ---------------------------------------------------------------- submission */

/* Why a submission may be refused. */
static void check_refusal(const struct token *token)
{
    int error = errno;
    bool lacks = tokens_may_lack_memory && (error == ENOMEM || error == EMFILE);
    bool few_rings = plan.options.ring_select == AURAIO_SELECT_THREAD_LOCAL && plan.options.ring_count > 0;
    bool full = error == EAGAIN && (plan.options.max_pending < TOKENS_MAX || few_rings);
    bool no_buffer = error == ENOENT || error == EBUSY;
    if (!lacks && !full && !no_buffer && !(error == ESHUTDOWN && tokens_end))
        report_failure("operation %d is refused with errno %d (%s), for no reason", token_number(token),
                       error, auraio_last_error());
}

static void submitted(struct token *token, auraio_request_t *handle)
{
    report_step("operation %d: opcode %d, file %d, %llu bytes at %llu%s", token_number(token),
                (int)token->opcode, token->file, (unsigned long long)token->len,
                (unsigned long long)token->offset, handle ? "" : ": refused");
    if (!handle)
        check_refusal(token);
    token_accepted(token, handle);
}

static void fill_op(struct token *token, auraio_op_t *op)
{
    *op = auraio_op(token->opcode);
    op->fd = token->fd;
    op->buf = auraio_buf(token->bytes);
    op->len = token->len;
    op->offset = token->stream ? -1 : (off_t)token->offset;
    op->rw_flags = token->rw_flags;
    op->iov = token->iov;
    op->iovcnt = TOKEN_VECTORS;
    if (below(8) == 0) {
        op->timeout_ns = 1 + below(400 * 1000);
        token->may_be_cancelled = true;
    }
}

/* Cut its bytes into vectors, some of them empty. */
static void cut(struct token *token)
{
    uint64_t at = 0;
    for (int i = 0; i < TOKEN_VECTORS; i++) {
        uint64_t part = i + 1 < TOKEN_VECTORS ? below(token->len - at + 1) : token->len - at;
        token->iov[i] = (struct iovec){.iov_base = token->bytes + at, .iov_len = part};
        at += part;
    }
}

static auraio_request_t *call_submit(struct token *token)
{
    auraio_op_t op;
    auraio_buf_t buf = auraio_buf(token->bytes);
    off_t offset = token->stream ? -1 : (off_t)token->offset;
    switch ((int)below(3)) {
    case 0:
        fill_op(token, &op);
        return auraio_submit(plan.engine, &op, token_complete, token);
    case 1: /* every token's bytes are in registered buffer 0, when there is one */
        if (token->opcode <= AURAIO_OP_WRITE && !token->stream)
            buf = auraio_buf_fixed(0, (size_t)(token->bytes - token_all_bytes()));
        break;
    default:
        break;
    }
    switch (token->opcode) {
    case AURAIO_OP_READ:
        return auraio_read(plan.engine, token->fd, buf, token->len, offset, token_complete, token);
    case AURAIO_OP_WRITE:
        return auraio_write(plan.engine, token->fd, buf, token->len, offset, token_complete, token);
    case AURAIO_OP_READV:
        return auraio_readv(plan.engine, token->fd, token->iov, TOKEN_VECTORS, offset, token_complete, token);
    case AURAIO_OP_WRITEV:
        return auraio_writev(plan.engine, token->fd, token->iov, TOKEN_VECTORS, offset, token_complete,
                             token);
    case AURAIO_OP_FSYNC:
        return auraio_fsync_ex(plan.engine, token->fd,
                               below(2) ? AURAIO_FSYNC_DATASYNC : AURAIO_FSYNC_DEFAULT, token_complete,
                               token);
    case AURAIO_OP_FALLOCATE:
        return auraio_fallocate(plan.engine, token->fd, 0, offset, (off_t)token->len, token_complete, token);
    case AURAIO_OP_FTRUNCATE:
        return auraio_ftruncate(plan.engine, token->fd, offset, token_complete, token);
    default:
        return auraio_sync_file_range(plan.engine, token->fd, offset, (off_t)token->len, 0, token_complete,
                                      token);
    }
}

static bool submit(struct token *token)
{
    struct worker *worker = self();
    bool submitting = worker->submitting;
    if (token->opcode == AURAIO_OP_READV || token->opcode == AURAIO_OP_WRITEV)
        cut(token);
    token_submit(token);
    worker->submitting = true;
    bool was = library_enter();
    auraio_request_t *handle = call_submit(token);
    library_leave(was);
    worker->submitting = submitting;
    submitted(token, handle);
    return handle != NULL;
}

static uint64_t some_length(void)
{
    return below(4) == 0 ? 1 + below(TOKEN_BYTES) : 1 + below(64);
}

bool action_read(void)
{
    struct token *token = token_make(AURAIO_OP_READ, 0, 0, 16);
    if (!token || files[0].resizing)
        return false;
    return submit(token);
}

static void transfer(bool writes)
{
    int file = (int)below((uint64_t)plan.file_count);
    uint64_t len = some_length(), offset = below(FILE_BYTES - len);
    bool vectored = below(4) == 0;
    auraio_opcode_t opcode = writes ? (vectored ? AURAIO_OP_WRITEV : AURAIO_OP_WRITE)
                                    : (vectored ? AURAIO_OP_READV : AURAIO_OP_READ);
    if (below(2))
        offset = below(2048); /* where others are */
    if (files[file].resizing || (writes && !token_may_write(file, offset, len)))
        return;
    struct token *token = token_make(opcode, file, offset, len);
    if (token && writes && below(8) == 0)
        token->rw_flags = below(2) ? RWF_DSYNC : RWF_SYNC;
    if (token)
        (void)submit(token);
}

static void other_operation(void)
{
    int file = (int)below((uint64_t)plan.file_count);
    uint64_t kind = below(4);
    struct token *token = NULL;
    if (kind == 0)
        token = token_make(AURAIO_OP_SYNC_FILE_RANGE, file, 0, below(1000));
    else if (kind == 1 && token_may_resize(file))
        token = token_make(AURAIO_OP_FTRUNCATE, file, below(FILE_BYTES), 0);
    else if (kind == 2 && token_may_resize(file))
        token = token_make(AURAIO_OP_FALLOCATE, file, 0, 1 + below(FILE_BYTES));
    else
        token = token_make(AURAIO_OP_FSYNC, file, 0, 0);
    if (token)
        (void)submit(token);
}

/* A pipe read waits for bytes that may never come. */
static void stream(void)
{
    char bytes[32];
    if (plan.pipe_fds[0] < 0)
        return;
    if (below(2)) {
        memset(bytes, 'x', sizeof(bytes));
        (void)!write(plan.pipe_fds[1], bytes, 1 + below(sizeof(bytes)));
        return;
    }
    struct token *token = token_make(AURAIO_OP_READ, -1, 0, 1 + below(64));
    if (!token)
        return;
    token->fd = plan.pipe_fds[0];
    token->stream = true;
    (void)submit(token);
}

/* Operations that are made as a batch; @chain: each waits for the one before. */
static int make_batch(bool chain, struct token **batch, auraio_op_t *ops)
{
    int file = (int)below((uint64_t)plan.file_count), count = 2 + (int)below(3);
    uint64_t len = some_length(), offset = below(FILE_BYTES - len);
    if (count > plan.options.queue_depth || files[file].resizing || !token_may_write(file, offset, len))
        return 0;
    for (int i = 0; i < count; i++) {
        auraio_opcode_t opcode = i == 0 ? AURAIO_OP_WRITE : i + 1 < count ? AURAIO_OP_FSYNC : AURAIO_OP_READ;
        batch[i] = token_make(opcode, file, offset, len);
        if (!batch[i])
            return 0;
        fill_op(batch[i], &ops[i]);
        if (opcode == AURAIO_OP_FSYNC)
            ops[i].len = 0;
        ops[i].callback = token_complete;
        ops[i].user_data = batch[i];
        if (!chain)
            continue;
        ops[i].flags = i + 1 < count ? AURAIO_OP_LINK : 0;
        batch[i]->before = i > 0 ? token_number(batch[i - 1]) : -1;
        if (i + 1 == count)
            batch[i]->after_write = token_number(batch[0]);
    }
    return count;
}

static void submit_batch(void)
{
    struct token *batch[4];
    auraio_op_t ops[4];
    auraio_request_t *handles[4] = {NULL};
    struct worker *worker = self();
    bool chain = below(4) > 0, submitting = worker->submitting;
    int count = make_batch(chain, batch, ops);
    if (count == 0)
        return;
    for (int i = 0; i < count; i++)
        token_submit(batch[i]);
    worker->submitting = true;
    bool was = library_enter();
    int taken = auraio_submit_batch(plan.engine, ops, count, NULL, NULL, handles);
    library_leave(was);
    worker->submitting = submitting;
    if (chain && taken > 0 && taken < count)
        report_failure("%d of a chain of %d were accepted", taken, count);
    for (int i = 0; i < count; i++)
        submitted(batch[i], i < taken ? handles[i] : NULL);
}

static void cancel(void)
{
    if (token_count == 0)
        return;
    struct token *token = &tokens[below((uint64_t)token_count)];
    if (!token->accepted)
        return;
    token->may_be_cancelled = token->may_be_cancelled || !token->completed;
    report_step("cancel operation %d", token_number(token));
    bool was = library_enter();
    int rc = auraio_cancel(plan.engine, token->handle);
    int error = errno;
    library_leave(was);
    if (rc < 0 && error != EALREADY && !(error == ESHUTDOWN && tokens_end))
        report_failure("cancel of operation %d fails with errno %d", token_number(token), error);
}

/* ------------------------------------------------------------------ driving */

static void drive(enum endless endless, int (*call)(int argument), int argument, const char *name)
{
    struct worker *worker = self();
    enum endless before = worker->endless;
    report_step("%s(%d)", name, argument);
    worker->driving++;
    worker->endless = endless;
    bool was = library_enter();
    int rc = call(argument);
    library_leave(was);
    worker->endless = before;
    worker->driving--;
    report_step("%s returns %d", name, rc);
}

static int call_poll(int unused)
{
    (void)unused;
    return auraio_poll(plan.engine);
}

static int call_wait(int timeout_ms)
{
    return auraio_wait(plan.engine, timeout_ms);
}

static int call_drain(int timeout_ms)
{
    return auraio_drain(plan.engine, timeout_ms);
}

static int call_run(int unused)
{
    (void)unused;
    auraio_run(plan.engine);
    return 0;
}

static int call_wait_wake(int timeout_ms)
{
    return auraio_wait_wake(plan.engine, timeout_ms, auraio_wake_count(plan.engine));
}

static int call_unregister_buffers(int unused)
{
    (void)unused;
    return auraio_unregister_buffers(plan.engine);
}

static int call_shutdown(int unused)
{
    (void)unused;
    tokens_end = true;
    auraio_shutdown(plan.engine);
    return 0;
}

static void drive_somehow(bool in_callback)
{
    switch (below(in_callback ? 4 : 9)) {
    case 0:
    case 1:
        drive(ENDS, call_poll, 0, "poll");
        break;
    case 2:
        drive(ENDS, call_wait, 0, "wait");
        break;
    case 3:
        drive(ENDS, call_wait, 1, "wait");
        break;
    case 4:
    case 5:
        drive(ENDLESS_WAIT, call_wait, -1, "wait");
        break;
    case 6:
        drive(ENDS, call_drain, 1, "drain");
        break;
    case 7:
        drive(ENDLESS_WAIT, call_drain, -1, "drain");
        break;
    default:
        if (below(2))
            drive(ENDLESS_RUN, call_run, 0, "run");
        else
            drive(ENDLESS_RUN, call_wait_wake, below(2) ? -1 : 1, "wait_wake");
        break;
    }
}

/* ------------------------------------------------------------- registration */

static void register_something(void)
{
    int fds[FILES_MAX + 1];
    struct iovec iov = {.iov_base = token_all_bytes(), .iov_len = (size_t)TOKENS_MAX * TOKEN_BYTES};
    for (int i = 0; i < plan.file_count; i++)
        fds[i] = files[i].fd;
    fds[plan.file_count] = -1;
    uint64_t what = below(5);
    report_step("registration %d", (int)what);
    if (what == 1) {
        drive(ENDS, call_unregister_buffers, 0, "unregister_buffers");
        return;
    }
    bool was = library_enter();
    if (what == 0)
        (void)!auraio_register_buffers(plan.engine, &iov, 1);
    else if (what == 2)
        (void)!auraio_register_files(plan.engine, fds, plan.file_count + 1);
    else if (what == 3)
        (void)auraio_unregister_files(plan.engine);
    else if (what == 4)
        (void)!auraio_update_file(plan.engine, plan.file_count, files[below((uint64_t)plan.file_count)].fd);
    library_leave(was);
}

/* ------------------------------------------------------------------- buffers */

static unsigned char mark_of(const struct held_buffer *held)
{
    return (unsigned char)(held->size * 31 + (size_t)fibre_current());
}

static void free_buffer(struct held_buffer *held)
{
    if (held->bytes[0] != mark_of(held) || held->bytes[held->size - 1] != mark_of(held))
        report_failure("a buffer of %zu bytes was written to by somebody else", held->size);
    bool was = library_enter();
    auraio_buffer_free(plan.engine, held->bytes, held->size);
    library_leave(was);
    held->bytes = NULL;
}

static void use_buffer(void)
{
    struct held_buffer *held = &self()->held[below(BUFFERS_HELD)];
    if (held->bytes) {
        free_buffer(held);
        return;
    }
    held->size = below(4) ? 1 + below(8192) : 1 + below(300 * 1000);
    bool was = library_enter();
    held->bytes = auraio_buffer_alloc(plan.engine, held->size);
    library_leave(was);
    if (!held->bytes && !tokens_may_lack_memory)
        report_failure("no buffer of %zu bytes: %s", held->size, auraio_last_error());
    if (held->bytes)
        held->bytes[0] = held->bytes[held->size - 1] = mark_of(held);
}

void actions_free_buffers(void)
{
    for (int i = 0; i < BUFFERS_HELD; i++)
        if (self()->held[i].bytes)
            free_buffer(&self()->held[i]);
}

/* ------------------------------------------------------------------- the rest */

static void look_around(void)
{
    auraio_stats_t stats;
    auraio_target_stats_t target;
    uint64_t what = below(6);
    report_step("look %d", (int)what);
    bool was = library_enter();
    switch (what) {
    case 0:
        auraio_get_stats(plan.engine, &stats);
        break;
    case 1:
        (void)auraio_get_target_stats(plan.engine, 0, &target);
        break;
    case 2:
        (void)auraio_set_target_p99(plan.engine, below(2) ? 0 : 0.1);
        break;
    case 3:
        (void)!auraio_get_poll_fd(plan.engine);
        break;
    case 4:
        (void)auraio_flush(plan.engine);
        break;
    default:
        if (below(2))
            auraio_stop(plan.engine);
        else
            auraio_wake(plan.engine);
        break;
    }
    library_leave(was);
}

static void shut_down(void)
{
    drive(ENDS, call_shutdown, 0, "shutdown");
}

static void think(void)
{
    (void)world_advance(plan.world, world_now_ns(plan.world) + (int64_t)below(200 * 1000));
    fibre_point(NULL);
}

void action(void)
{
    uint64_t choice = below(40);
    if (choice < 8)
        transfer(false);
    else if (choice < 16)
        transfer(true);
    else if (choice < 19)
        submit_batch();
    else if (choice < 21)
        other_operation();
    else if (choice < 23)
        stream();
    else if (choice < 26)
        cancel();
    else if (choice < 33)
        drive_somehow(false);
    else if (choice < 35)
        use_buffer();
    else if (choice < 36)
        register_something();
    else if (choice < 38)
        look_around();
    else if (choice < 39 || below(8) > 0)
        think();
    else
        shut_down();
}

void action_in_callback(void)
{
    switch (below(4)) {
    case 0:
        transfer(below(2));
        break;
    case 1:
        cancel();
        break;
    case 2:
        drive_somehow(true);
        break;
    default:
        use_buffer();
        break;
    }
}
