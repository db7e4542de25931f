/* SPDX-License-Identifier: MIT */
/*
 * What coalesced waiting costs those who wait, in the simulated world, where nothing else takes time: 32
 * reads in flight on a thread's own ring, each submitted again when it completes.
 */
#include <auraio/sim.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

enum { DEPTH = 32, READS = 20000, BYTES = 4096, BLOCKS = 64 };

struct loop {
    auraio_sim_t *sim;
    auraio_engine_t *engine;
    int fd, started, ended;
    int64_t latencies_ns[READS];
};

struct read {
    struct loop *loop;
    int64_t start_ns;
    char bytes[BYTES];
};

static struct loop loop;

static void on_read(auraio_request_t *req, ssize_t result, void *user_data);

static void start(struct read *read)
{
    struct loop *in = read->loop;
    read->start_ns = auraio_sim_now_ns(in->sim);
    const off_t offset = (off_t)(in->started++ % BLOCKS) * BYTES;
    check_that(auraio_read(in->engine, in->fd, auraio_buf(read->bytes), BYTES, offset, on_read, read));
}

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct read *read = user_data;
    (void)req;
    check_is(result, BYTES);
    read->loop->latencies_ns[read->loop->ended++] = auraio_sim_now_ns(read->loop->sim) - read->start_ns;
    if (read->loop->started < READS)
        start(read);
}

static int ascending(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The median when this share of operations takes up to a thousand times as long. */
static int64_t median_ns(double late)
{
    static struct read reads[DEPTH];
    static const char bytes[BLOCKS * BYTES];
    auraio_options_t options;
    auraio_options_init(&options);
    options.queue_depth = DEPTH;
    options.ring_select = AURAIO_SELECT_THREAD_LOCAL;
    options.disable_adaptive = true;
    loop = (struct loop){.sim = auraio_sim_create(7)};
    loop.engine = auraio_sim_engine(loop.sim, &options);
    check_that(loop.engine);
    loop.fd = auraio_sim_open(loop.sim, "file", O_RDWR | O_CREAT | O_CLOEXEC);
    check_is(write(loop.fd, bytes, sizeof(bytes)), sizeof(bytes));
    check_is(auraio_sim_set_device(loop.sim, 300 * 1000, DEPTH), 0);
    check_is(auraio_sim_set_fault(loop.sim, AURAIO_SIM_LATE, late), 0);
    for (int i = 0; i < DEPTH; i++) {
        reads[i].loop = &loop;
        start(&reads[i]);
    }
    while (loop.ended < READS)
        check_at_least(auraio_wait(loop.engine, -1), 1);
    auraio_destroy(loop.engine);
    close(loop.fd);
    check_is(auraio_sim_destroy(loop.sim), 0);
    qsort(loop.latencies_ns, READS, sizeof(loop.latencies_ns[0]), ascending);
    return loop.latencies_ns[READS / 2];
}

/* One in a hundred takes long; the others must not be told of later for it. */
Test(coalesced, stalls_do_not_delay_what_has_completed, .timeout = 60)
{
    const int64_t calm_ns = median_ns(0), stalling_ns = median_ns(0.01);
    check_that(stalling_ns < calm_ns + calm_ns / 10);
}
