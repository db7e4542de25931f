/* SPDX-License-Identifier: MIT */
/* What programs do with an engine: see scenario.h. */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inject.h"
#include "operation.h"

/* --------------------------------------------------------------- transfers */

enum { TRANSFERS = 12, DEPTH = 4 };

/* Reads, vectors, writes in turn: more than the limit, so that some wait in the FIFO. */
static auraio_op_t transfer(const struct world *world, struct operation *operation, int number)
{
    const off_t offset = (off_t)number * OPERATION_BYTES;
    auraio_op_t op = read_op(world->source, operation->buf, OPERATION_BYTES, offset);
    operation->wanted = OPERATION_BYTES;
    operation->pattern_at = offset;
    if (number % 3 == 1) {
        op.opcode = AURAIO_OP_READV;
        operation->iov[0] = (struct iovec){operation->buf, 100};
        operation->iov[1] = (struct iovec){operation->buf + 100, OPERATION_BYTES - 100};
        op.iov = operation->iov;
        op.iovcnt = 2;
    } else if (number % 3 == 2) {
        pattern_fill(operation->buf, OPERATION_BYTES, offset);
        op = write_op(world->sink, operation->buf, OPERATION_BYTES, offset);
    }
    return op;
}

static void use_transfers(const struct world *world, auraio_engine_t *engine)
{
    struct operation *operations = operations_new(TRANSFERS);
    for (int i = 0; i < TRANSFERS; i++) {
        const auraio_op_t op = transfer(world, &operations[i], i);
        operation_submit(engine, &operations[i], &op);
    }
    must_of(auraio_flush(engine) >= 0, errno);
    operations_finish(engine, operations, TRANSFERS);
    operations_free(operations);
}

/* --------------------------------------------------------------- the rest */

/* A chain; what opens, looks and closes. */
static void use_others(const struct world *world, auraio_engine_t *engine)
{
    enum { OTHERS = 6 };
    struct operation *operations = operations_new(OTHERS);
    struct statx status;
    auraio_op_t chain[3];
    auraio_request_t *requests[3] = {NULL};
    for (int i = 0; i < 3; i++) {
        operations[i].wanted = OPERATION_BYTES;
        operations[i].pattern_at = -1;
        chain[i] = write_op(world->sink, operations[i].buf, OPERATION_BYTES, (off_t)i * OPERATION_BYTES);
        chain[i].flags = i < 2 ? AURAIO_OP_LINK : 0;
        chain[i].callback = outcome_record;
        chain[i].user_data = &operations[i].outcome;
    }
    const int accepted = auraio_submit_batch(engine, chain, 3, NULL, NULL, requests);
    if (granted(accepted > 0))
        must_of(accepted == 3, accepted);
    auraio_op_t op = auraio_op(AURAIO_OP_STATX);
    op.fd = AT_FDCWD;
    op.path = "/";
    op.mask = STATX_SIZE;
    op.statx = &status;
    operations[3].pattern_at = operations[4].pattern_at = operations[5].pattern_at = -1;
    operation_submit(engine, &operations[3], &op);
    op = auraio_op(AURAIO_OP_FTRUNCATE);
    op.fd = world->sink;
    op.offset = 64 * OPERATION_BYTES;
    operation_submit(engine, &operations[4], &op);
    op = auraio_op(AURAIO_OP_FALLOCATE);
    op.fd = world->sink;
    op.len = OPERATION_BYTES;
    operation_submit(engine, &operations[5], &op);
    for (int i = 0; i < 3; i++)
        operations[i].req = requests[i];
    operations_finish(engine, operations, OTHERS);
    operations_free(operations);
}

/* Reads that nothing ever satisfies: one gets its deadline, one is cancelled. */
static void use_endless(const struct world *world, auraio_engine_t *engine)
{
    struct operation *operations = operations_new(2);
    for (int i = 0; i < 2; i++) {
        auraio_op_t op = read_op(world->dry.read_fd, operations[i].buf, 1, -1);
        op.timeout_ns = i == 0 ? 1000000 : 0;
        operations[i].wanted = i == 0 ? -ETIMEDOUT : -ECANCELED;
        operations[i].pattern_at = -1;
        operation_submit(engine, &operations[i], &op);
    }
    if (operations[1].req && auraio_cancel(engine, operations[1].req) != 0)
        must_of(errno == EALREADY && inject_error() != 0, errno);
    operations_finish(engine, operations, 2);
    operations_free(operations);
}

/* ------------------------------------------------------------ poll descriptor */

static void use_poll_fd(const struct world *world, auraio_engine_t *engine)
{
    const int fd = auraio_get_poll_fd(engine);
    (void)granted(fd >= 0);
    use_transfers(world, engine);
    use_endless(world, engine);
    if (fd >= 0)
        must(auraio_get_poll_fd(engine) == fd);
}

/* ------------------------------------------------------------- registration */

static void read_registered(const struct world *world, auraio_engine_t *engine, char *memory)
{
    struct operation *operation = operations_new(1);
    auraio_op_t op = read_op(world->source, operation->buf, OPERATION_BYTES, OPERATION_BYTES);
    operation->wanted = OPERATION_BYTES;
    operation->pattern_at = -1;
    op.buf = auraio_buf_fixed(0, 0);
    operation_submit(engine, operation, &op);
    operations_finish(engine, operation, 1);
    if (operation->req && operation->outcome.result == OPERATION_BYTES)
        must(pattern_holds(memory, OPERATION_BYTES, OPERATION_BYTES));
    operations_free(operation);
}

static void use_registered(const struct world *world, auraio_engine_t *engine)
{
    static char memory[2 * OPERATION_BYTES];
    const struct iovec iov = {memory, sizeof(memory)};
    const int fds[3] = {world->source, -1, world->sink};
    use_transfers(world, engine); /* a ring is there, and learns of what is registered later */
    memset(memory, 0, sizeof(memory));
    const bool buffers = granted(auraio_register_buffers(engine, &iov, 1) == 0);
    const bool files = granted(auraio_register_files(engine, fds, 3) == 0);
    if (buffers)
        read_registered(world, engine, memory);
    if (files) {
        (void)granted(auraio_update_file(engine, 1, world->sink) == 0);
        (void)granted(auraio_update_file(engine, 1, -1) == 0);
    }
    use_transfers(world, engine);
    must_of(auraio_unregister_files(engine) == 0, errno);
    must_of(auraio_unregister_buffers(engine) == 0, errno);
    use_transfers(world, engine);
}

/* -------------------------------------------------------------------- pool */

static void use_buffers(const struct world *world, auraio_engine_t *engine)
{
    static const size_t sizes[] = {1, 4096, 5000, 65536, 1 << 20, 3 << 20, 24 << 20};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };
    auraio_buffer_stats_t stats;
    void *bufs[SIZES];
    (void)world;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SIZES; i++) {
            bufs[i] = auraio_buffer_alloc(engine, sizes[i]);
            if (granted(bufs[i] != NULL))
                memset(bufs[i], i, sizes[i] < 8192 ? sizes[i] : 8192);
        }
        for (int i = 0; i < SIZES; i++)
            auraio_buffer_free(engine, bufs[i], sizes[i]);
        auraio_buffer_trim(engine);
    }
    must(auraio_get_buffer_stats(engine, &stats) == 0);
    must_of(stats.total_buffers == 0, stats.total_buffers);
}

/* ------------------------------------------------------------------ threads */

struct guest {
    const struct world *world;
    auraio_engine_t *engine;
    struct operation *left; /* pending when the thread ends */
};

static void *visit(void *context)
{
    struct guest *guest = context;
    use_transfers(guest->world, guest->engine);
    void *buf = auraio_buffer_alloc(guest->engine, OPERATION_BYTES);
    (void)granted(buf != NULL);
    auraio_buffer_free(guest->engine, buf, OPERATION_BYTES);
    const auraio_op_t op = read_op(guest->world->dry.read_fd, guest->left->buf, 1, -1);
    guest->left->wanted = -ECANCELED;
    guest->left->pattern_at = -1;
    operation_submit(guest->engine, guest->left, &op);
    return NULL;
}

/* A thread uses the engine, and ends while one of its operations waits: others complete it. */
static void use_threads(const struct world *world, auraio_engine_t *engine)
{
    enum { GUESTS = 2 };
    struct operation *left = operations_new(GUESTS);
    for (int i = 0; i < GUESTS; i++) {
        struct guest guest = {world, engine, &left[i]};
        pthread_t thread;
        inject_pause();
        const int error = pthread_create(&thread, NULL, visit, &guest);
        inject_resume();
        must_of(error == 0, error);
        must(pthread_join(thread, NULL) == 0);
    }
    use_transfers(world, engine);
    for (int i = 0; i < GUESTS; i++)
        if (left[i].req && auraio_cancel(engine, left[i].req) != 0)
            must_of(errno == EALREADY && inject_error() != 0, errno);
    operations_finish(engine, left, GUESTS);
    operations_free(left);
}

/* ------------------------------------------------------------- left pending */

/* What is pending when the engine is shut down. */
static void use_shutdown(const struct world *world, auraio_engine_t *engine)
{
    struct operation *operations = operations_new(TRANSFERS + 1);
    for (int i = 0; i < TRANSFERS; i++) {
        const auraio_op_t op = transfer(world, &operations[i], i);
        operation_submit(engine, &operations[i], &op);
    }
    const auraio_op_t endless = read_op(world->dry.read_fd, operations[TRANSFERS].buf, 1, -1);
    operations[TRANSFERS].wanted = -ECANCELED;
    operations[TRANSFERS].pattern_at = -1;
    operation_submit(engine, &operations[TRANSFERS], &endless);
    auraio_shutdown(engine);
    for (int i = 0; i <= TRANSFERS; i++)
        operation_check(&operations[i]);
    operations_free(operations);
}

const struct scenario scenarios[] = {
    {"transfers", use_transfers}, {"others", use_others},         {"endless", use_endless},
    {"poll-fd", use_poll_fd},     {"registered", use_registered}, {"buffers", use_buffers},
    {"threads", use_threads},     {"shutdown", use_shutdown},     {NULL, NULL},
};

static auraio_engine_t *create(const struct world *world)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.ring_select = world->mode;
    options.queue_depth = DEPTH;
    /* With THREAD_LOCAL, also of threads that left operations; in turn, more than a sleeper lists. */
    options.ring_count = 10;
    options.max_p99_latency_ms = 50;
    auraio_engine_t *engine = auraio_create_with_options(&options);
    (void)granted(engine != NULL);
    return engine;
}

void scenario_run(const struct scenario *scenario, const struct world *world, bool twice)
{
    auraio_engine_t *engine = create(world);
    if (engine)
        scenario->use(world, engine);
    /* What has failed must leave an engine that is as good as new; else there is the destruction left to
     * fail. */
    if (twice || inject_error() != 0) {
        inject_disarm();
        if (!engine)
            engine = create(world);
        if (scenario->use != use_shutdown)
            scenario->use(world, engine);
    }
    auraio_destroy(engine);
}
