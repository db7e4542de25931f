/* SPDX-License-Identifier: MIT */
/*
 * Where there is nothing to do nothing is done: a thread asleep in an idle engine stays asleep, and a limit
 * that the application doesn't reach stays where it is.
 */
#include <auraio.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, BLOCKS = 64, WATCHED_S = 5 };

/* ------------------------------------------------------------------------ idle */

struct runner {
    auraio_engine_t *engine;
    atomic_int tid;
};

static void *run(void *context)
{
    struct runner *runner = context;
    atomic_store(&runner->tid, thread_id());
    auraio_run(runner->engine);
    return NULL;
}

static bool has_started(void *context)
{
    return atomic_load(&((struct runner *)context)->tid) != 0;
}

/* How often a thread of this process was put off a CPU: one that sleeps, makes a system call and sleeps again
 * was, whatever the call. */
static long long switches_of(pid_t tid)
{
    char path[64], line[256];
    long long switches = 0, value;
    int found = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
    FILE *status = fopen(path, "re");
    check_that(status != NULL);
    while (fgets(line, sizeof(line), status) != NULL) {
        if (sscanf(line, "voluntary_ctxt_switches: %lld", &value) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %lld", &value) == 1) {
            switches += value;
            found++;
        }
    }
    fclose(status);
    check_is(found, 2);
    return switches;
}

/* What is tested is that time passes and nothing happens. */
static void pass_seconds(int seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0)
        ;
}

/* An engine that has read something, and a thread asleep in it. */
static void start(struct runner *runner, auraio_ring_select_t mode, int file, pthread_t *ret_thread)
{
    static char buf[BYTES];
    tally_t tally = {0};
    runner->engine = mode_engine(mode);
    for (int i = 0; i < BLOCKS; i++)
        check_accepted(auraio_read(runner->engine, file, auraio_buf(buf), BYTES, 0, tally_record, &tally));
    check_is(auraio_drain(runner->engine, PATIENCE_MS), BLOCKS);
    check_is(pthread_create(ret_thread, NULL, run, runner), 0);
    check_that(await_condition(has_started, runner, PATIENCE_MS));
    check_that(await_thread_asleep((pid_t)runner->tid, PATIENCE_MS));
}

Test(quiet, threads_in_idle_engines_are_never_woken, .timeout = 60)
{
    pthread_t threads[SHARED_MODE_COUNT];
    struct runner runners[SHARED_MODE_COUNT] = {0};
    long long before[SHARED_MODE_COUNT];
    const int file = file_of_pattern(BYTES);
    for (int i = 0; i < SHARED_MODE_COUNT; i++)
        start(&runners[i], every_mode[i], file, &threads[i]);
    for (int i = 0; i < SHARED_MODE_COUNT; i++)
        before[i] = switches_of((pid_t)runners[i].tid);
    pass_seconds(WATCHED_S);
    for (int i = 0; i < SHARED_MODE_COUNT; i++)
        check_is(switches_of((pid_t)runners[i].tid), before[i]);
    for (int i = 0; i < SHARED_MODE_COUNT; i++) {
        auraio_stop(runners[i].engine);
        check_is(pthread_join(threads[i], NULL), 0);
        auraio_destroy(runners[i].engine);
    }
    close(file);
}

/* ------------------------------------------------------------- less than the limit */

/* A closed loop: `wanted` reads in flight, which may become fewer. */
struct loop {
    auraio_engine_t *engine;
    int file;
    int wanted, in_flight;
    char buf[BYTES];
};

static void read_again(auraio_request_t *req, ssize_t result, void *context);

static void fill(struct loop *loop)
{
    while (loop->in_flight < loop->wanted) {
        loop->in_flight++;
        check_accepted(
            auraio_read(loop->engine, loop->file, auraio_buf(loop->buf), BYTES, 0, read_again, loop));
    }
}

static void read_again(auraio_request_t *req, ssize_t result, void *context)
{
    struct loop *loop = context;
    (void)req;
    check_is(result, BYTES);
    loop->in_flight--;
    fill(loop);
}

static void loop_for(struct loop *loop, int64_t duration_ms)
{
    const int64_t end_ms = now_ms() + duration_ms;
    fill(loop);
    while (now_ms() < end_ms)
        check_at_least(auraio_wait(loop->engine, 100), 0);
}

static int limit_of(const auraio_engine_t *engine)
{
    auraio_target_stats_t stats;
    check_is(auraio_get_target_count(engine), 2);
    check_is(auraio_get_target_stats(engine, 1, &stats), 0);
    return stats.optimal_in_flight;
}

/* Four in flight after there were more than the limit: a short form of the minute that
 * `auraio-live below` watches. */
static void expect_a_steady_limit(double target_ms)
{
    enum { LOOKS = 20, LOOK_MS = 100 };
    auraio_options_t options;
    auraio_options_init(&options);
    options.queue_depth = options.initial_in_flight = 64;
    options.min_in_flight = 8;
    options.max_p99_latency_ms = target_ms;
    struct loop loop = {.engine = engine_with(&options), .file = file_of_pattern(BYTES), .wanted = 128};
    loop_for(&loop, 500);
    loop.wanted = 4;
    loop_for(&loop, 500);
    const int limit = limit_of(loop.engine);
    for (int i = 0; i < LOOKS; i++) {
        loop_for(&loop, LOOK_MS);
        check_at_least(4 * limit_of(loop.engine), 3 * limit);
        check_at_least(5 * limit, 4 * limit_of(loop.engine));
    }
    loop.wanted = 0;
    check_at_least(auraio_drain(loop.engine, PATIENCE_MS), 0);
    check_is(loop.in_flight, 0);
    auraio_destroy(loop.engine);
    close(loop.file);
}

Test(quiet, a_limit_that_the_application_does_not_reach_stays, .timeout = 60)
{
    expect_a_steady_limit(0);
}

Test(quiet, it_stays_with_a_latency_target_that_is_kept, .timeout = 60)
{
    expect_a_steady_limit(10000);
}
