/* SPDX-License-Identifier: MIT */
/* Options that choose how submissions travel: rings, their number, and kernel-side polling. */
#include <auraio.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 512, READS = 64 };

TestSuite(selection, .timeout = 60);
TestSuite(sqpoll, .timeout = 60);

static void read_blocks(auraio_engine_t *engine, int count)
{
    static char bufs[READS][BYTES];
    const int fd = file_of_pattern(READS * BYTES);
    tally_t tally = {0};
    memset(bufs, 0, sizeof(bufs));
    for (int i = 0; i < count; i++)
        check_accepted(
            auraio_read(engine, fd, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES, tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, count));
    check_that(pattern_holds(bufs, (size_t)count * BYTES, 0));
    close(fd);
}

static int rings_used(auraio_engine_t *engine)
{
    int used = 0;
    for (int ring = 0; ring < auraio_get_ring_count(engine); ring++) {
        auraio_ring_stats_t stats;
        check_is(auraio_get_ring_stats(engine, ring, &stats), 0);
        used += stats.ops_completed > 0;
    }
    return used;
}

Test(selection, round_robin_over_four_rings_uses_all_four_alike)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = 4;
    auraio_engine_t *engine = engine_with(&options);
    check_is(auraio_get_ring_count(engine), 4);
    read_blocks(engine, READS);
    for (int ring = 0; ring < 4; ring++) {
        auraio_ring_stats_t stats;
        check_is(auraio_get_ring_stats(engine, ring, &stats), 0);
        check_is(stats.ops_completed, READS / 4);
    }
    auraio_destroy(engine);
}

Test(selection, cpu_local_from_a_pinned_thread_uses_exactly_one_ring)
{
    bind_to_nth_cpu(0);
    auraio_options_t options = mode_options(AURAIO_SELECT_CPU_LOCAL);
    options.ring_count = 4;
    auraio_engine_t *engine = engine_with(&options);
    read_blocks(engine, READS);
    check_is(rings_used(engine), 1);
    auraio_destroy(engine);
}

Test(selection, cpu_local_from_two_cpus_uses_two_rings)
{
    if (cpu_count() < 2)
        skip_because("needs two CPUs, has one");
    cpu_set_t all;
    check_is(sched_getaffinity(0, sizeof(all), &all), 0);
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_CPU_LOCAL);
    check_is(auraio_get_ring_count(engine), CPU_COUNT(&all));
    for (int cpu = 0; cpu < 2; cpu++) {
        bind_to_nth_cpu(cpu);
        read_blocks(engine, READS / 2);
        check_is(sched_setaffinity(0, sizeof(all), &all), 0);
    }
    check_is(rings_used(engine), 2);
    auraio_destroy(engine);
}

Test(selection, adaptive_spills_only_when_the_near_ring_is_full)
{
    enum { MANY = 4000 };
    static char sink[MANY];
    tally_t tally = {0};
    const int fd = file_of_pattern(MANY);
    bind_to_nth_cpu(0);
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.ring_count = 4;
    options.queue_depth = 8;
    auraio_engine_t *engine = engine_with(&options);
    auraio_stats_t stats;
    check_is(perform_read(engine, fd, sink, 1, 0), 1);
    auraio_get_stats(engine, &stats);
    check_is(stats.adaptive_spills, 0);
    check_is(rings_used(engine), 1);
    file_make_cold(fd);
    for (int i = 0; i < MANY; i++)
        check_accepted(auraio_read(engine, fd, auraio_buf(&sink[i]), 1, i, tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, MANY));
    check_that(pattern_holds(sink, MANY, 0));
    auraio_get_stats(engine, &stats);
    check_that((stats.adaptive_spills > 0) == (rings_used(engine) > 1));
    auraio_destroy(engine);
    close(fd);
}

struct local {
    auraio_engine_t *engine;
    int fd;
    outcome_t outcome;
    pid_t tid;
    ssize_t result;
};

static void *read_on_own_ring(void *context)
{
    static _Thread_local char buf[BYTES];
    struct local *local = context;
    const auraio_op_t op = read_op(local->fd, buf, BYTES, 0);
    local->tid = thread_id();
    if (auraio_submit(local->engine, &op, outcome_record, &local->outcome) != NULL)
        local->result = outcome_await(local->engine, &local->outcome);
    return NULL;
}

Test(selection, thread_local_completes_on_the_thread_that_submitted)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct local locals[THREADS] = {0};
    const int fd = file_of_pattern(BYTES);
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_THREAD_LOCAL);
    for (int i = 0; i < THREADS; i++) {
        locals[i].engine = engine;
        locals[i].fd = fd;
        check_is(pthread_create(&threads[i], NULL, read_on_own_ring, &locals[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        check_is(pthread_join(threads[i], NULL), 0);
        check_is(locals[i].result, BYTES);
        check_is(locals[i].outcome.thread, locals[i].tid);
    }
    auraio_destroy(engine);
    close(fd);
}

Test(selection, thread_local_leaves_the_operations_of_a_living_thread_to_it)
{
    char byte;
    outcome_t own = {0};
    struct local local = {.fd = file_of_pattern(BYTES)};
    pthread_t thread;
    const pipe_pair_t pipe = pipe_open(0);
    local.engine = mode_engine(AURAIO_SELECT_THREAD_LOCAL);
    check_accepted(auraio_read(local.engine, pipe.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &own));
    fd_write_all(pipe.write_fd, "x", 1);
    check_is(pthread_create(&thread, NULL, read_on_own_ring, &local), 0);
    check_is(pthread_join(thread, NULL), 0);
    check_is(local.result, BYTES);
    check_is(own.calls, 0);
    check_is(outcome_await(local.engine, &own), 1);
    check_is(own.thread, thread_id());
    auraio_destroy(local.engine);
    pipe_close(pipe);
    close(local.fd);
}

TestEveryMode(sqpoll_modes, never_fails_creation_and_reads_work, .timeout = 60)
{
    auraio_options_t options = mode_options(*mode);
    options.enable_sqpoll = true;
    options.sqpoll_idle_ms = 10;
    auraio_engine_t *engine = engine_with(&options);
    read_blocks(engine, READS);
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_that((info.features & AURAIO_FEATURE_SQPOLL) != 0 || info.reason[0] != '\0');
    auraio_destroy(engine);
}

Test(sqpoll, a_chain_holds)
{
    char written[BYTES], copy[BYTES];
    const int fd = file_empty(0);
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.enable_sqpoll = true;
    auraio_engine_t *engine = engine_with(&options);
    for (int round = 0; round < 100; round++) {
        tally_t tally = {0};
        auraio_op_t ops[2] = {write_op(fd, written, BYTES, 0), read_op(fd, copy, BYTES, 0)};
        pattern_fill(written, BYTES, round);
        ops[0].flags = AURAIO_OP_LINK;
        check_is(auraio_submit_batch(engine, ops, 2, tally_record, &tally, NULL), 2);
        check_is(auraio_drain(engine, PATIENCE_MS), 2);
        check_is(tally.bytes, 2 * BYTES);
        check_that(pattern_holds(copy, BYTES, round));
    }
    auraio_destroy(engine);
    close(fd);
}

Test(sqpoll, an_engine_reads_again_after_its_kernel_thread_slept)
{
    char byte;
    const pipe_pair_t pipe = pipe_open(0);
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.enable_sqpoll = true;
    options.sqpoll_idle_ms = 1;
    auraio_engine_t *engine = engine_with(&options);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL));
    for (int round = 0; round < 5; round++) {
        check_is(auraio_wait(engine, 20), 0);
        read_blocks(engine, 4);
    }
    auraio_destroy(engine);
    pipe_close(pipe);
}

static void *find_no_ring(void *context)
{
    struct local *local = context;
    static char buf[BYTES];
    check_refused(auraio_read(local->engine, local->fd, auraio_buf(buf), BYTES, 0, NULL, NULL), EAGAIN);
    check_that(strstr(auraio_last_error(), "ring_count") != NULL);
    check_fails(auraio_get_poll_fd(local->engine), EAGAIN);
    check_that(strstr(auraio_last_error(), "1 rings") != NULL);
    const struct iovec iov = {buf, BYTES};
    check_fails(auraio_register_buffers(local->engine, &iov, 1), EAGAIN);
    check_fails(auraio_register_files(local->engine, &local->fd, 1), EAGAIN);
    check_that(strstr(auraio_last_error(), "1 rings") != NULL);
    return NULL;
}

Test(selection, a_thread_that_finds_every_ring_taken_is_told_which_option_to_raise)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_THREAD_LOCAL);
    struct local local = {.fd = file_of_pattern(BYTES)};
    char buf[BYTES];
    pthread_t thread;
    options.ring_count = 1;
    local.engine = engine_with(&options);
    check_is(perform_read(local.engine, local.fd, buf, BYTES, 0), BYTES);
    check_is(pthread_create(&thread, NULL, find_no_ring, &local), 0);
    check_is(pthread_join(thread, NULL), 0);
    auraio_destroy(local.engine);
    close(local.fd);
}
