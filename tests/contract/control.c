/* SPDX-License-Identifier: MIT */
/*
 * Adaptive control as an application sees it: limits belong to devices and hold over all rings, nothing that
 * is accepted starves, and what is decided can be asked for.
 */
#include <auraio.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, BLOCKS = 64, READS = 4000 };

static char buf[BYTES];

/* A file on the disk of the build directory, and one in memory: another device. */
static int disk, memory;

static void set_up(void)
{
    static char pattern[BLOCKS * BYTES];
    disk = file_of_pattern(sizeof(pattern));
    memory = memfd_create("target", MFD_CLOEXEC);
    pattern_fill(pattern, sizeof(pattern), 0);
    fd_write_all(memory, pattern, sizeof(pattern));
}

static void tear_down(void)
{
    close(disk);
    close(memory);
}

static void submit_reads(auraio_engine_t *engine, int fd, int count, auraio_callback_t callback,
                         void *context)
{
    for (int i = 0; i < count; i++)
        check_accepted(
            auraio_read(engine, fd, auraio_buf(buf), BYTES, (off_t)(i % BLOCKS) * BYTES, callback, context));
}

static auraio_options_t options_of(auraio_ring_select_t mode, int limit)
{
    auraio_options_t options = mode_options(mode);
    options.ring_count = 4;
    options.queue_depth = options.initial_in_flight = limit;
    options.min_in_flight = 1;
    return options;
}

/* ------------------------------------------------------------------- the limit */

struct watcher {
    auraio_engine_t *engine;
    atomic_int calls;
    int most;
};

static void look_in_flight(auraio_request_t *req, ssize_t result, void *context)
{
    struct watcher *watcher = context;
    auraio_stats_t stats;
    (void)req, (void)result;
    auraio_get_stats(watcher->engine, &stats);
    if (stats.current_in_flight > watcher->most)
        watcher->most = stats.current_in_flight;
    watcher->calls++;
}

TestEveryMode(control, no_more_is_in_the_kernel_than_the_limit_and_one_for_each_ring, .timeout = 60,
              .init = set_up, .fini = tear_down)
{
    enum { LIMIT = 8 };
    const auraio_options_t options = options_of(*mode, LIMIT);
    struct watcher watcher = {.engine = engine_with(&options)};
    submit_reads(watcher.engine, disk, READS, look_in_flight, &watcher);
    check_that(drive_until(watcher.engine, &watcher.calls, READS));
    check_below(watcher.most, LIMIT + 4 + 1);
    check_at_least(watcher.most, 1);
    auraio_destroy(watcher.engine);
}

TestEveryMode(control, with_a_limit_of_one_every_ring_gets_on, .timeout = 60, .init = set_up,
              .fini = tear_down)
{
    tally_t tally = {0};
    const auraio_options_t options = options_of(*mode, 1);
    auraio_engine_t *engine = engine_with(&options);
    submit_reads(engine, disk, READS, tally_record, &tally);
    check_is(auraio_drain(engine, PATIENCE_MS), READS);
    check_is(tally.bytes, (intmax_t)READS * BYTES);
    auraio_destroy(engine);
}

/* The highest limit that any decision led to. */
static int highest_limit(const auraio_engine_t *engine, int target)
{
    auraio_decision_t decisions[AURAIO_DECISIONS_MAX];
    const int count = auraio_get_decisions(engine, target, decisions, AURAIO_DECISIONS_MAX);
    int highest = 0;
    check_at_least(count, 1);
    for (int i = 0; i < count; i++)
        highest = decisions[i].new_limit > highest ? decisions[i].new_limit : highest;
    return highest;
}

/*
 * A search begins with more depth, whatever comes of it: so it needs completions, and no speed. But the
 * application must not take longer than the device, or it is what is measured: so much is read at a time that
 * also an instrumented application doesn't.
 */
TestEveryMode(control, a_limit_that_holds_back_is_tuned, .timeout = 60, .init = set_up, .fini = tear_down)
{
    static char whole[BLOCKS * BYTES];
    tally_t tally = {0};
    auraio_options_t options = options_of(*mode, 64);
    options.initial_in_flight = 1;
    options.max_p99_latency_ms = 1000;
    auraio_engine_t *engine = engine_with(&options);
    const int64_t deadline_ms = now_ms() + PATIENCE_MS;
    auraio_target_stats_t stats;
    auraio_decision_t decision;
    int target;
    do {
        for (int i = 0; i < READS / 8; i++)
            check_accepted(
                auraio_read(engine, disk, auraio_buf(whole), sizeof(whole), 0, tally_record, &tally));
        check_is(auraio_drain(engine, PATIENCE_MS), READS / 8);
        target = find_target(engine, disk);
    } while (highest_limit(engine, target) < 2 && now_ms() < deadline_ms);
    check_at_least(highest_limit(engine, target), 2);
    check_is(auraio_get_target_stats(engine, target, &stats), 0);
    check_at_least(stats.ops_judged, 1);
    check_is(stats.watched, true);
    check_is(auraio_get_decisions(engine, target, &decision, 1), 1);
    check_is(tally.failures, 0);
    auraio_destroy(engine);
}

/* ------------------------------------------------------------------- the targets */

TestEveryMode(control, two_devices_have_a_target_each, .timeout = 60, .init = set_up, .fini = tear_down)
{
    tally_t tally = {0};
    const auraio_options_t options = options_of(*mode, 2);
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < READS / 2; i++) {
        submit_reads(engine, disk, 1, tally_record, &tally);
        submit_reads(engine, memory, 1, tally_record, &tally);
    }
    check_is(auraio_drain(engine, PATIENCE_MS), READS);
    check_is(tally.bytes, (intmax_t)READS * BYTES);
    check_is(auraio_get_target_count(engine), 3);
    check_at_least(find_target(engine, disk), 1);
    check_at_least(find_target(engine, memory), 1);
    auraio_destroy(engine);
}

/* A thread that has done some I/O and does none now. */
struct idler {
    auraio_engine_t *engine;
    sem_t idle, leave;
};

static void *read_and_idle(void *context)
{
    static char own[BYTES];
    struct idler *idler = context;
    tally_t tally = {0};
    for (int i = 0; i < 64; i++)
        (void)!auraio_read(idler->engine, disk, auraio_buf(own), BYTES, 0, tally_record, &tally);
    (void)auraio_drain(idler->engine, PATIENCE_MS);
    sem_post(&idler->idle);
    sem_wait(&idler->leave);
    return NULL;
}

static int in_flight_now(const auraio_engine_t *engine)
{
    auraio_stats_t stats;
    auraio_get_stats(engine, &stats);
    return stats.current_in_flight;
}

Test(control, the_credits_of_a_thread_that_idles_go_to_those_that_work, .timeout = 60, .init = set_up,
     .fini = tear_down)
{
    enum { LIMIT = 16 };
    pthread_t thread;
    tally_t tally = {0};
    auraio_options_t options = options_of(AURAIO_SELECT_THREAD_LOCAL, LIMIT);
    struct idler idler = {.engine = engine_with(&options)};
    check_is(sem_init(&idler.idle, 0, 0), 0);
    check_is(sem_init(&idler.leave, 0, 0), 0);
    check_is(pthread_create(&thread, NULL, read_and_idle, &idler), 0);
    check_is(sem_wait(&idler.idle), 0);
    submit_reads(idler.engine, disk, LIMIT, tally_record, &tally);
    check_is(in_flight_now(idler.engine), LIMIT); /* not handed over, but let into the ring's queue */
    check_is(auraio_drain(idler.engine, PATIENCE_MS), LIMIT);
    check_is(sem_post(&idler.leave), 0);
    check_is(pthread_join(thread, NULL), 0);
    sem_destroy(&idler.idle);
    sem_destroy(&idler.leave);
    auraio_destroy(idler.engine);
}

TestEveryMode(control, destroy_completes_what_the_limit_holds_back, .timeout = 60, .init = set_up,
              .fini = tear_down)
{
    tally_t tally = {0};
    const auraio_options_t options = options_of(*mode, 2);
    auraio_engine_t *engine = engine_with(&options);
    submit_reads(engine, disk, READS, tally_record, &tally);
    submit_reads(engine, memory, READS, tally_record, &tally);
    auraio_destroy(engine);
    check_is(tally.calls, 2 * READS);
    check_is(tally.failures, 0);
}

/* ------------------------------------------------------------------- the calls */

Test(control, a_latency_target_can_be_set_while_the_engine_runs, .timeout = 60, .init = set_up,
     .fini = tear_down)
{
    tally_t tally = {0};
    auraio_target_stats_t stats;
    auraio_engine_t *engine = engine_with(NULL);
    submit_reads(engine, disk, BLOCKS, tally_record, &tally);
    check_is(auraio_set_target_p99(engine, 0.25), 0);
    check_is(auraio_drain(engine, PATIENCE_MS), BLOCKS);
    check_is(auraio_get_target_stats(engine, find_target(engine, disk), &stats), 0);
    check_that(fabs(stats.target_p99_ms - 0.25) < 1e-9);
    check_at_least(stats.ops_judged, 1);
    submit_reads(engine, memory, 1, tally_record, &tally); /* a target that comes later has it too */
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
    check_is(auraio_get_target_stats(engine, find_target(engine, memory), &stats), 0);
    check_that(fabs(stats.target_p99_ms - 0.25) < 1e-9);
    check_is(auraio_set_target_p99(engine, 0), 0);
    check_is(auraio_get_target_stats(engine, find_target(engine, disk), &stats), 0);
    check_that(stats.target_p99_ms == 0);
    auraio_destroy(engine);
}

Test(control, a_promise_starts_from_below_and_no_promise_from_above, .timeout = 60)
{
    auraio_options_t options;
    auraio_target_stats_t stats;
    auraio_options_init(&options);
    auraio_engine_t *engine = engine_with(&options);
    check_is(auraio_get_target_stats(engine, 0, &stats), 0);
    check_is(stats.in_flight_limit, options.queue_depth);
    check_is(stats.watched, false);
    auraio_destroy(engine);
    options.max_p99_latency_ms = 2;
    engine = engine_with(&options);
    check_is(auraio_get_target_stats(engine, 0, &stats), 0);
    check_is(stats.in_flight_limit, options.min_in_flight);
    check_is(stats.watched, true);
    auraio_destroy(engine);
}

Test(control, calls_refuse_what_makes_no_sense, .timeout = 60)
{
    auraio_target_stats_t stats, zero;
    auraio_decision_t decision;
    auraio_engine_t *engine = engine_with(NULL);
    memset(&zero, 0, sizeof(zero));
    check_fails(auraio_set_target_p99(NULL, 1), EINVAL);
    check_fails(auraio_set_target_p99(engine, -1), EINVAL);
    check_fails(auraio_set_target_p99(engine, (double)NAN), EINVAL);
    check_fails(auraio_set_target_p99(engine, (double)INFINITY), EINVAL);
    check_is(auraio_get_target_count(NULL), 0);
    check_is(auraio_get_target_count(engine), 1);
    check_fails(auraio_get_target_stats(NULL, 0, &stats), EINVAL);
    check_fails(auraio_get_target_stats(engine, 0, NULL), EINVAL);
    memset(&stats, 0x5a, sizeof(stats));
    check_fails(auraio_get_target_stats(engine, 1, &stats), EINVAL);
    check_is(memcmp(&stats, &zero, sizeof(stats)), 0);
    check_fails(auraio_get_target_stats(engine, -1, &stats), EINVAL);
    check_fails(auraio_get_decisions(NULL, 0, &decision, 1), EINVAL);
    check_fails(auraio_get_decisions(engine, 0, NULL, 1), EINVAL);
    check_fails(auraio_get_decisions(engine, 0, &decision, 0), EINVAL);
    check_fails(auraio_get_decisions(engine, 1, &decision, 1), EINVAL);
    check_that(strcmp(auraio_cause_name(-1), "unknown") == 0);
    auraio_destroy(engine);
}

TestEveryMode(control, without_it_each_ring_keeps_its_limit, .timeout = 60, .init = set_up, .fini = tear_down)
{
    enum { LIMIT = 3 };
    auraio_ring_stats_t ring;
    auraio_target_stats_t target;
    auraio_options_t options = options_of(*mode, 64);
    options.initial_in_flight = LIMIT;
    options.disable_adaptive = true;
    struct watcher watcher = {.engine = engine_with(&options)};
    submit_reads(watcher.engine, disk, READS, look_in_flight, &watcher);
    check_that(drive_until(watcher.engine, &watcher.calls, READS));
    check_below(watcher.most, 4 * LIMIT + 1);
    check_is(auraio_get_ring_stats(watcher.engine, 0, &ring), 0);
    check_is(ring.in_flight_limit, LIMIT);
    check_is(ring.aimd_phase, AURAIO_PHASE_CONVERGED);
    check_is(auraio_get_target_count(watcher.engine), 0);
    check_fails(auraio_get_target_stats(watcher.engine, 0, &target), EINVAL);
    check_fails(auraio_set_target_p99(watcher.engine, 1), EOPNOTSUPP);
    auraio_destroy(watcher.engine);
}
