/* SPDX-License-Identifier: MIT */
/*
 * Everything at once: eight threads submit, four wait, two cancel, one keeps changing the registered buffers
 * and files, one looks at statistics.
 *
 * Each submitter owns a window of records, one per operation in flight. A record is used again only after its
 * callback has run, and then must show exactly one call and a result the operation can have.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "require.h"

enum {
    SUBMITTERS = 8,
    WAITERS = 4,
    CANCELLERS = 2,
    WINDOW = 32,
    OPERATIONS = 3000,
    BYTES = 4096,
    BLOCKS = 256,
    PUBLISHED = 64
};

enum kind { PLAIN_READ, FIXED_READ, VECTORED_READ, WRITE, SYNC, PIPE_READ, DEADLINE_READ, KINDS };

struct record {
    outcome_t outcome;
    enum kind kind;
    off_t offset;
    struct iovec iov[2];
    char *buf; /* BYTES */
};

static struct {
    auraio_engine_t *engine;
    auraio_ring_select_t mode;
    int source, sink;
    char *memory; /* SUBMITTERS * WINDOW * BYTES, of which the registered buffers are the submitters' parts */
    _Atomic(auraio_request_t *) published[PUBLISHED];
    atomic_bool stop;
    atomic_int accepted;
} world;

static bool result_is_plausible(const struct record *record)
{
    const long long result = record->outcome.result;
    if (result == -ECANCELED)
        return true;
    switch (record->kind) {
    case PLAIN_READ:
    case FIXED_READ:
    case VECTORED_READ:
        return result == BYTES && pattern_holds(record->buf, BYTES, record->offset);
    case WRITE:
        return result == BYTES;
    case SYNC:
        return result == 0;
    case PIPE_READ:
        return result == 1;
    default:
        return result == -ETIMEDOUT;
    }
}

/* Reads of `fed` get the byte each of them is sent, those of `empty` their deadline. */
static auraio_op_t make_operation(struct record *record, int submitter, int slot, int fed, int empty)
{
    auraio_op_t op = read_op(world.source, record->buf, BYTES, record->offset);
    switch (record->kind) {
    case FIXED_READ:
        op.buf = auraio_buf_fixed(submitter, (size_t)slot * BYTES);
        break;
    case VECTORED_READ:
        record->iov[0] = (struct iovec){record->buf, 100};
        record->iov[1] = (struct iovec){record->buf + 100, BYTES - 100};
        op.opcode = AURAIO_OP_READV;
        op.iov = record->iov;
        op.iovcnt = 2;
        break;
    case WRITE:
        op.opcode = AURAIO_OP_WRITE;
        op.fd = world.sink;
        break;
    case SYNC:
        op.opcode = AURAIO_OP_FSYNC;
        op.fd = world.sink;
        op.sys_flags = AURAIO_FSYNC_DATASYNC;
        break;
    case PIPE_READ:
        op = read_op(fed, record->buf, 1, -1);
        break;
    case DEADLINE_READ:
        op = read_op(empty, record->buf, 1, -1);
        op.timeout_ns = 500000;
        break;
    default:
        break;
    }
    return op;
}

/* Submit until accepted. A registered buffer may be gone at any moment: then the read goes to plain memory.
 */
static auraio_request_t *submit_operation(struct record *record, auraio_op_t op)
{
    const int64_t deadline_ms = now_ms() + PATIENCE_MS;
    for (;;) {
        auraio_request_t *req = auraio_submit(world.engine, &op, outcome_record, &record->outcome);
        if (req != NULL)
            return req;
        require(errno == EAGAIN || (record->kind == FIXED_READ && (errno == ENOENT || errno == EBUSY)));
        require(now_ms() < deadline_ms);
        if (errno != EAGAIN)
            op.buf = auraio_buf(record->buf);
        else if (world.mode == AURAIO_SELECT_THREAD_LOCAL)
            require(auraio_wait(world.engine, 10) >= 0);
        else
            sched_yield();
    }
}

static void finish_record(struct record *record)
{
    require_reached(world.engine, world.mode, &record->outcome.calls, 1);
    require(record->outcome.calls == 1);
    if (!result_is_plausible(record))
        fprintf(stderr, "kind %d at %lld gave %lld\n", (int)record->kind, (long long)record->offset,
                (long long)record->outcome.result);
    require(result_is_plausible(record));
}

static void *submit_all(void *context)
{
    const int submitter = (int)(intptr_t)context;
    struct record *records = calloc(WINDOW, sizeof(*records));
    const pipe_pair_t fed = pipe_open(0), empty = pipe_open(0);
    unsigned random = 12345u + (unsigned)submitter;
    require(records != NULL);
    for (int i = 0; i < OPERATIONS; i++) {
        const int slot = i % WINDOW;
        struct record *record = &records[slot];
        if (i >= WINDOW)
            finish_record(record);
        random = random * 1103515245u + 12345u;
        *record = (struct record){.kind = (enum kind)((random >> 16) % KINDS)};
        if (record->kind == SYNC && random >> 28 != 0)
            record->kind =
                WRITE; /* a sync waits for the disk and everybody on it: one in a hundred will do */
        record->offset = (off_t)((random >> 8) % BLOCKS) * BYTES;
        record->buf = world.memory + ((size_t)submitter * WINDOW + (size_t)slot) * BYTES;
        const auraio_op_t op = make_operation(record, submitter, slot, fed.read_fd, empty.read_fd);
        auraio_request_t *req = submit_operation(record, op);
        atomic_fetch_add(&world.accepted, 1);
        atomic_store(&world.published[(random >> 20) % PUBLISHED], req);
        if (record->kind == PIPE_READ)
            fd_write_all(fed.write_fd, "x", 1); /* stays there when the read is cancelled: a pipe holds all */
    }
    for (int slot = 0; slot < WINDOW; slot++)
        finish_record(&records[slot]);
    pipe_close(fed);
    pipe_close(empty);
    free(records);
    return NULL;
}

static void *wait_for_all(void *unused)
{
    (void)unused;
    for (unsigned turn = 0; !atomic_load(&world.stop); turn++) {
        const int completed = turn % 4 == 0 ? auraio_poll(world.engine) : auraio_wait(world.engine, 5);
        require(completed >= 0);
        if (completed == 0)
            sched_yield();
    }
    return NULL;
}

static void *cancel_some(void *unused)
{
    (void)unused;
    for (unsigned turn = 0; !atomic_load(&world.stop); turn++) {
        auraio_request_t *req = atomic_load(&world.published[turn * 13 % PUBLISHED]);
        if (req != NULL && turn % 8 == 0 && auraio_cancel(world.engine, req) != 0)
            require(errno == EALREADY);
        (void)auraio_request_pending(req);
        sched_yield();
    }
    return NULL;
}

static void *change_registrations(void *unused)
{
    struct iovec iovs[SUBMITTERS];
    const int fds[] = {world.source, -1, world.sink};
    (void)unused;
    for (int i = 0; i < SUBMITTERS; i++)
        iovs[i] = (struct iovec){world.memory + (size_t)i * WINDOW * BYTES, WINDOW * BYTES};
    while (!atomic_load(&world.stop)) {
        require(auraio_register_buffers(world.engine, iovs, SUBMITTERS) == 0);
        require(auraio_register_files(world.engine, fds, 3) == 0);
        for (int i = 0; i < 20; i++) {
            require(auraio_update_file(world.engine, i % 3, i % 2 == 0 ? -1 : world.source) == 0);
            sched_yield();
        }
        require(auraio_unregister_files(world.engine) == 0);
        require(auraio_unregister_buffers(world.engine) == 0);
    }
    return NULL;
}

static void *look_at_figures(void *unused)
{
    (void)unused;
    while (!atomic_load(&world.stop)) {
        auraio_stats_t stats;
        auraio_ring_stats_t ring_stats;
        auraio_histogram_t histogram;
        auraio_get_stats(world.engine, &stats);
        require(stats.ops_completed >= 0 && stats.ops_completed <= atomic_load(&world.accepted) + SUBMITTERS);
        for (int ring = auraio_get_ring_count(world.engine) - 1; ring >= 0; ring--) {
            require(auraio_get_ring_stats(world.engine, ring, &ring_stats) == 0 || errno == EINVAL);
            require(auraio_get_histogram(world.engine, ring, &histogram) == 0 || errno == EINVAL);
        }
        sched_yield();
    }
    return NULL;
}

static void create_world(auraio_ring_select_t mode)
{
    auraio_options_t options = mode_options(mode);
    options.queue_depth = 32;
    options.max_pending = SUBMITTERS * WINDOW / 2;
    world.mode = mode;
    world.source = file_of_pattern(BLOCKS * BYTES);
    world.sink = file_empty(0);
    world.memory = calloc((size_t)SUBMITTERS * WINDOW, BYTES);
    require(world.memory != NULL);
    world.engine = engine_with(&options);
}

static void destroy_world(void)
{
    auraio_stats_t stats;
    auraio_get_stats(world.engine, &stats);
    require(stats.ops_completed == world.accepted);
    require(auraio_drain(world.engine, PATIENCE_MS) == 0);
    auraio_destroy(world.engine);
    close(world.source);
    close(world.sink);
    free(world.memory);
}

int main(int argc, char **argv)
{
    enum { OTHERS = WAITERS + CANCELLERS + 2 };
    static void *(*const bodies[OTHERS])(void *) = {wait_for_all,         wait_for_all,   wait_for_all,
                                                    wait_for_all,         cancel_some,    cancel_some,
                                                    change_registrations, look_at_figures};
    pthread_t submitters[SUBMITTERS], others[OTHERS];
    create_world(mode_argument(argc, argv));
    for (int i = 0; i < OTHERS; i++)
        require(pthread_create(&others[i], NULL, bodies[i], NULL) == 0);
    for (int i = 0; i < SUBMITTERS; i++)
        require(pthread_create(&submitters[i], NULL, submit_all, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < SUBMITTERS; i++)
        require(pthread_join(submitters[i], NULL) == 0);
    atomic_store(&world.stop, true);
    for (int i = 0; i < OTHERS; i++)
        require(pthread_join(others[i], NULL) == 0);
    destroy_world();
    return 0;
}
