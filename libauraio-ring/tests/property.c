/* SPDX-License-Identifier: MIT */
/*
 * Operations of every kind in random order, from seeds, against a model of what each may complete with. After
 * every step the group's invariants hold; at the end everything that was accepted has completed exactly once
 * and the file that was written holds what the model says.
 *
 * A token is the model of one operation. Tokens are never reused within a seed, so a second completion of the
 * same operation is seen. Callbacks only record: what they find wrong is counted and told at the end of the
 * step.
 */
#include <auraio-ring/ring.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "process.h"
#include "support.h"

enum {
    STEPS = 1500,
    TOKENS = 4096,
    FILE_BYTES = 1 << 20,
    BLOCK_BYTES = 4096,
    FILES = 4,
    BUFFERS = 4,
    PIPES = 3,
    VECTORS = 3
};

enum expectation {
    EXPECT_PATTERN, /* reads the pattern file: bytes to the end of the file, with the right content */
    EXPECT_BYTES,   /* all of its bytes */
    EXPECT_ZERO,
    EXPECT_STREAM, /* some bytes, or the end of the stream */
    EXPECT_OPEN    /* a descriptor */
};

struct token {
    enum expectation expectation;
    ring_handle_t handle;
    int64_t offset;
    size_t len;
    bool may_be_cancelled; /* asked for, or behind an operation that may fail */
    bool has_deadline;
    int calls;
    unsigned char bytes[BLOCK_BYTES];
    struct iovec iov[VECTORS];
    struct statx statx;
    struct ring_op_rare rare;
};

static struct token tokens[TOKENS];
static int token_count, completed, mistakes;
static uint64_t random_state;
static struct ring_group *group;
static int pattern_fd, written_fd;
static pipe_pair_t pipes[PIPES];
/* In pages of its own: Linux 6.1 does not register what shares one with the program file. */
static unsigned char buffers[BUFFERS][BLOCK_BYTES] __attribute__((aligned(4096)));
static bool buffers_registered, files_registered;

static uint64_t below(uint64_t limit)
{
    return random_next(&random_state) % limit;
}

/* ------------------------------------------------------------------- model */

static size_t until_end_of_file(const struct token *token)
{
    if (token->offset >= FILE_BYTES)
        return 0;
    size_t left = (size_t)(FILE_BYTES - token->offset);
    return token->len < left ? token->len : left;
}

static bool is_allowed(const struct token *token, ssize_t result)
{
    if (result == -ECANCELED)
        return token->may_be_cancelled;
    if (result == -ETIMEDOUT)
        return token->has_deadline;
    switch (token->expectation) {
    case EXPECT_PATTERN:
        return result == (ssize_t)until_end_of_file(token);
    case EXPECT_BYTES:
        return result == (ssize_t)token->len;
    case EXPECT_ZERO:
        return result == 0;
    case EXPECT_STREAM:
        return result >= 0 && result <= (ssize_t)token->len;
    case EXPECT_OPEN:
        return result >= 0;
    }
    return false;
}

static void on_completion(struct auraio_request *request, ssize_t result, void *user_data)
{
    struct token *token = user_data;
    bool right = ++token->calls == 1 && (ring_handle_t)(uintptr_t)request == token->handle &&
                 !ring_handle_pending(token->handle) && is_allowed(token, result);
    if (right && token->expectation == EXPECT_PATTERN && result > 0)
        right = pattern_holds(token->iov[0].iov_base,
                              token->iov[0].iov_len < (size_t)result ? token->iov[0].iov_len : (size_t)result,
                              token->offset);
    if (token->expectation == EXPECT_OPEN && result >= 0)
        close((int)result);
    if (!right)
        fprintf(stderr, "operation %d: result %zd, call %d\n", (int)(token - tokens), result, token->calls);
    mistakes += !right;
    completed++;
}

/* ------------------------------------------------------------- operations */

static struct token *new_token(enum expectation expectation)
{
    struct token *token = &tokens[token_count++];
    *token = (struct token){.expectation = expectation, .len = 1 + below(BLOCK_BYTES)};
    token->iov[0] = (struct iovec){.iov_base = token->bytes, .iov_len = token->len};
    return token;
}

static struct ring_op op_of(struct token *token, enum ring_opcode opcode, int fd)
{
    return (struct ring_op){.opcode = (uint8_t)opcode,
                            .fd = fd,
                            .u.addr = token->bytes,
                            .len = token->len,
                            .offset = token->offset,
                            .callback = on_completion,
                            .user_data = token};
}

/* Sometimes a deadline: one that is over, one that may pass, one that will not. */
static void maybe_deadline(struct token *token, struct ring_op *op)
{
    static const uint64_t timeouts_ns[] = {1, 20000, 3600u * UINT64_C(1000000000)};
    if (below(8) > 0)
        return;
    token->rare.timeout_ns = timeouts_ns[below(3)];
    token->has_deadline = true;
    op->rare = &token->rare;
}

static struct ring_op make_read(void)
{
    struct token *token = new_token(EXPECT_PATTERN);
    token->offset = (int64_t)below(FILE_BYTES + BLOCK_BYTES);
    struct ring_op op = op_of(token, RING_OP_READ, pattern_fd);
    if (buffers_registered && below(3) == 0) {
        op.flags |= RING_OP_FIXED;
        op.buf_index = (uint16_t)below(BUFFERS);
        op.u.buffer_offset = below(BLOCK_BYTES - token->len + 1);
        token->expectation = EXPECT_PATTERN;
        token->iov[0].iov_len = 0; /* others read into the same buffer: its content is nobody's */
    } else if (below(3) == 0) {
        size_t third = token->len / 3;
        op.opcode = RING_OP_READV;
        for (size_t i = 0; i < VECTORS; i++)
            token->iov[i] = (struct iovec){.iov_base = token->bytes + i * third, .iov_len = third};
        token->iov[2].iov_len = token->len - 2 * third;
        op.u.iov = token->iov;
        op.len = VECTORS;
    }
    maybe_deadline(token, &op);
    return op;
}

/* Each write has a place of its own in the file, as large as its token's number says. */
static struct ring_op make_write(void)
{
    struct token *token = new_token(EXPECT_BYTES);
    token->offset = (int64_t)(token - tokens) * BLOCK_BYTES;
    pattern_fill(token->bytes, token->len, token->offset);
    struct ring_op op = op_of(token, RING_OP_WRITE, written_fd);
    if (below(3) == 0) {
        op.opcode = RING_OP_WRITEV;
        op.u.iov = token->iov;
        op.len = 1;
    } else if (below(3) == 0) {
        op.rw_flags = RWF_DSYNC;
    }
    return op;
}

static struct ring_op make_stream(void)
{
    struct token *token = new_token(EXPECT_STREAM);
    token->offset = -1;
    pipe_pair_t *pair = &pipes[below(PIPES)];
    bool write = below(4) == 0;
    struct ring_op op =
        op_of(token, write ? RING_OP_WRITE : RING_OP_READ, write ? pair->write_fd : pair->read_fd);
    maybe_deadline(token, &op);
    return op;
}

static struct ring_op make_other(void)
{
    struct token *token = new_token(EXPECT_ZERO);
    switch (below(4)) {
    case 0: {
        struct ring_op op = op_of(token, RING_OP_FSYNC, written_fd);
        op.sys_flags = (int)below(2);
        return op;
    }
    case 1: {
        struct ring_op op = op_of(token, RING_OP_OPENAT, AT_FDCWD);
        token->expectation = EXPECT_OPEN;
        op.u.path = "/dev/null";
        op.sys_flags = O_RDONLY | O_CLOEXEC;
        op.rare = &token->rare;
        return op;
    }
    case 2: {
        struct ring_op op = op_of(token, RING_OP_STATX, AT_FDCWD);
        op.u.path = "/dev/null";
        token->rare = (struct ring_op_rare){.statx = &token->statx, .mask = STATX_BASIC_STATS};
        op.rare = &token->rare;
        return op;
    }
    default: {
        struct ring_op op = op_of(token, RING_OP_CLOSE, dup(pattern_fd));
        return op;
    }
    }
}

/* ------------------------------------------------------------------- steps */

static void submit_ops(struct ring_op *ops, int count)
{
    ring_handle_t handles[4];
    int error = 0, first = token_count - count, accepted = 0;
    if (count == 1 && below(4) > 0) {
        int64_t handle = try_submit(group, ops);
        accepted = handle > 0;
        error = accepted ? 0 : (int)handle;
        handles[0] = accepted ? (ring_handle_t)handle : 0;
    } else {
        accepted = ring_group_submit(group, ops, count, handles, &error);
    }
    cr_assert(accepted == count || error == -EAGAIN, "%d of %d accepted, %d", accepted, count, error);
    for (int i = 0; i < count; i++) {
        if (i < accepted)
            tokens[first + i].handle = handles[i];
        else if (ops[i].opcode == RING_OP_CLOSE)
            close(ops[i].fd);
    }
    token_count -= count - accepted;
}

static void submit_single(void)
{
    struct ring_op op;
    switch (below(4)) {
    case 0:
        op = make_write();
        break;
    case 1:
        op = make_stream();
        break;
    case 2:
        op = make_other();
        break;
    default:
        op = make_read();
    }
    submit_ops(&op, 1);
}

/* write, write, fsync */
static void submit_chain(void)
{
    struct ring_op ops[3] = {make_write(), make_write(), make_other()};
    for (int i = 0; i < 2; i++)
        ops[i].flags |= RING_OP_LINKED;
    for (int i = 1; i < 3; i++)
        tokens[token_count - 3 + i].may_be_cancelled = true;
    submit_ops(ops, 3);
}

static void cancel_some(void)
{
    if (token_count == 0)
        return;
    struct token *token = &tokens[below((uint64_t)token_count)];
    bool over = token->calls > 0, asked = token->may_be_cancelled;
    token->may_be_cancelled = true; /* a chain's rest, too, falls with it */
    for (struct token *next = token; next < tokens + token_count && next < token + 3; next++)
        next->may_be_cancelled = true;
    int rc = ring_group_cancel(group, token->handle);
    if (over)
        check_is(rc, -EALREADY);
    else
        cr_assert(rc == 0 || rc == -EALREADY, "cancel gave %d (asked before: %d)", rc, asked);
}

static void change_buffers(void)
{
    struct iovec iovs[BUFFERS];
    for (int i = 0; i < BUFFERS; i++)
        iovs[i] = (struct iovec){.iov_base = buffers[i], .iov_len = BLOCK_BYTES};
    if (buffers_registered)
        check_is(ring_group_unregister_buffers(group), 0);
    else
        check_is(ring_group_register_buffers(group, iovs, BUFFERS), 0);
    buffers_registered = !buffers_registered;
}

static void change_files(void)
{
    const int fds[FILES] = {pattern_fd, -1, written_fd, -1};
    if (!files_registered)
        check_is(ring_group_register_files(group, fds, FILES), 0);
    else if (below(3) > 0) {
        check_is(ring_group_update_file(group, (int)below(FILES), below(2) ? pattern_fd : -1), 0);
        return;
    } else
        check_is(ring_group_unregister_files(group), 0);
    files_registered = !files_registered;
}

static void feed_pipe(void)
{
    char bytes[64] = {0};
    int fd = pipes[below(PIPES)].write_fd;
    int flags = fcntl(fd, F_GETFL);
    check_that(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
    ssize_t fed = write(fd, bytes, 1 + below(sizeof(bytes)));
    check_that(fed > 0 || errno == EAGAIN);
    check_that(fcntl(fd, F_SETFL, flags) == 0);
}

static void step(void)
{
    switch (below(16)) {
    case 0:
    case 1:
        cancel_some();
        break;
    case 2:
        (void)ring_group_wait(group, (int64_t)below(200000), NULL);
        break;
    case 3:
        feed_pipe();
        break;
    case 4:
        check_at_least(ring_group_flush(group), 0);
        break;
    case 5:
        if (below(4) == 0)
            change_buffers();
        break;
    case 6:
        if (below(4) == 0)
            change_files();
        break;
    case 7:
        submit_chain();
        break;
    case 8:
    case 9:
    case 10:
        (void)ring_group_poll(group);
        break;
    default:
        submit_single();
    }
}

/* ------------------------------------------------------------------- a run */

static void open_everything(enum ring_select select, uint64_t seed)
{
    struct ring_config config = config_small(select);
    struct topology topology = machine(4, 2);
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
    config.ring_count = 0;
    config.limit = 1 + (int)below(32);
    config.queue_depth = 32;
    config.max_pending = 40 + (int)below(200);
    token_count = completed = mistakes = 0;
    buffers_registered = files_registered = false;
    check_is(ring_group_create(&config, &topology, &group), 0);
    topology_free(&topology);
    pattern_fd = file_of_pattern(FILE_BYTES);
    written_fd = file_empty(0);
    for (int i = 0; i < PIPES; i++)
        pipes[i] = pipe_open(i == 0 ? O_NONBLOCK : 0);
}

static void check_written(void)
{
    for (int i = 0; i < token_count; i++) {
        unsigned char bytes[BLOCK_BYTES];
        const struct token *token = &tokens[i];
        if (token->expectation != EXPECT_BYTES || token->may_be_cancelled)
            continue;
        check_is(pread(written_fd, bytes, token->len, token->offset), token->len);
        check_that(pattern_holds(bytes, token->len, token->offset));
    }
}

static void close_everything(void)
{
    for (int i = 0; i < token_count; i++)
        if (tokens[i].calls == 0) {
            tokens[i].may_be_cancelled = true;
            check_that(ring_group_cancel(group, tokens[i].handle) <= 0);
        }
    check_at_least(drain(group), 0);
    check_that(ring_group_check(group));
    check_is(completed, token_count);
    check_is(mistakes, 0);
    for (int i = 0; i < token_count; i++)
        check_is(tokens[i].calls, 1);
    check_is(ring_group_unregister_buffers(group), 0);
    check_is(ring_group_unregister_files(group), 0);
    ring_group_destroy(group);
    check_is(completed, token_count);
    check_written();
    close(pattern_fd);
    close(written_fd);
    for (int i = 0; i < PIPES; i++)
        pipe_close(pipes[i]);
}

/* Syncs make it slow on a busy disk: after some time, fewer seeds are enough. */
static void run_seeds(enum ring_select select)
{
    enum { SEEDS = 8, SEEDS_MIN = 2, ENOUGH_MS = 15000 };
    const int64_t enough_ms = now_ms() + ENOUGH_MS;
    for (uint64_t seed = 1; seed <= SEEDS && (seed <= SEEDS_MIN || now_ms() < enough_ms); seed++) {
        open_everything(select, seed);
        for (int i = 0; i < STEPS; i++) {
            step();
            cr_assert(mistakes == 0, "seed %" PRIu64 ", step %d", seed, i);
            cr_assert(ring_group_check(group), "seed %" PRIu64 ", step %d", seed, i);
        }
        close_everything();
    }
}

TestSuite(property, .timeout = 100);

Test(property, everything_accepted_completes_once_on_adaptive_rings)
{
    run_seeds(RING_SELECT_ADAPTIVE);
}

Test(property, everything_accepted_completes_once_on_rings_of_a_cpu)
{
    run_seeds(RING_SELECT_CPU_LOCAL);
}

Test(property, everything_accepted_completes_once_on_rings_in_turn)
{
    run_seeds(RING_SELECT_ROUND_ROBIN);
}

Test(property, everything_accepted_completes_once_on_a_ring_of_the_thread)
{
    run_seeds(RING_SELECT_THREAD_LOCAL);
}
