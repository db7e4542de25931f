/* SPDX-License-Identifier: MIT */
/*
 * Lives of groups and of the threads that use them: who gets which ring when threads come and go, what a
 * group that shuts down still does, and who wakes up.
 */
#include "ring-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "process.h"
#include "support.h"

enum { THREADS = 50 };

static pipe_pair_t pair;
static char byte;

static void set_up(void)
{
    pair = pipe_open(0);
}

static void tear_down(void)
{
    pipe_close(pair);
}

TestSuite(life, .init = set_up, .fini = tear_down, .timeout = 60);

static struct ring_op waiting(struct outcome *outcome)
{
    return op_transfer(RING_OP_READ, pair.read_fd, &byte, 1, -1, outcome);
}

static struct ring_group *group_of_threads(int rings)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    config.ring_count = rings;
    return group_new(&config);
}

/* Run to its end. Returns what @run did. */
static intptr_t in_a_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    void *result;
    check_is(pthread_create(&thread, NULL, run, argument), 0);
    check_is(pthread_join(thread, &result), 0);
    return (intptr_t)result;
}

/* ----------------------------------------------------- rings of threads that come and go */

static void *read_once(void *group)
{
    struct outcome outcome = {0};
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct ring_op op = op_transfer(RING_OP_READ, zero, &outcome, 0, 0, &outcome);
    char bytes[16];
    op.u.addr = bytes;
    op.len = sizeof(bytes);
    int64_t handle = try_submit(group, &op);
    if (handle > 0 && (drain(group) != 1 || outcome.result != sizeof(bytes)))
        handle = -EIO;
    close(zero);
    return (void *)(intptr_t)(handle > 0 ? 0 : handle);
}

Test(life, a_ring_that_a_thread_left_is_the_next_ones)
{
    struct ring_group *group = group_of_threads(1);
    check_is(in_a_thread(read_once, group), 0);
    int before = open_fd_count();
    for (int i = 0; i < THREADS; i++)
        check_is(in_a_thread(read_once, group), 0);
    check_is(ring_group_count(group), 1);
    check_is(open_fd_count(), before);
    ring_group_destroy(group);
}

Test(life, more_threads_than_rings_are_told_so)
{
    struct ring_group *group = group_of_threads(1);
    check_is((intptr_t)read_once(group), 0); /* this thread has the ring, and lives */
    check_is(in_a_thread(read_once, group), -EUSERS);
    check_is((intptr_t)read_once(group), 0);
    ring_group_destroy(group);
}

static struct outcome left;

static void *leave_waiting(void *group)
{
    struct ring_op op = waiting(&left);
    return (void *)(intptr_t)(try_submit(group, &op) > 0 ? 0 : -1);
}

Test(life, a_ring_left_with_an_operation_is_free_again_when_that_has_completed)
{
    struct ring_group *group = group_of_threads(1);
    check_is(in_a_thread(leave_waiting, group), 0);
    check_is(in_a_thread(read_once, group), -EUSERS);
    check_is(ring_group_pending(group), 1);
    fd_write_all(pair.write_fd, "x", 1);
    check_is(drain(group), 1);
    check_is(left.result, 1);
    for (int i = 0; i < 2 * IDLE_SCANS; i++) { /* until it counts as idle */
        uint64_t wakes = ring_group_wakes(group);
        (void)ring_group_wait(group, 100000, &wakes);
    }
    check_is(in_a_thread(read_once, group), 0);
    check_is(ring_group_count(group), 1);
    ring_group_destroy(group);
}

static void *ask_for_poll_fd(void *group)
{
    return (void *)(intptr_t)ring_group_poll_fd(group);
}

Test(life, the_poll_descriptor_of_a_thread_ends_with_it)
{
    struct ring_group *group = group_of_threads(4);
    int before = open_fd_count();
    for (int i = 0; i < THREADS; i++)
        check_at_least(in_a_thread(ask_for_poll_fd, group), 0);
    check_is(open_fd_count(), before);
    ring_group_destroy(group);
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

Test(life, a_threads_poll_descriptor_tells_of_what_ends_without_the_kernel)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    config.limit = 1;
    struct ring_group *group = group_new(&config);
    struct outcome outcomes[2] = {{0}, {0}};
    struct ring_op op = op_sync(STDERR_FILENO, &outcomes[0]);
    int fd = ring_group_poll_fd(group);
    check_at_least(fd, 0);
    group_ring(group, 0)->lanes[LANE_STORAGE].in_kernel = 1; /* the limit is taken */
    (void)ring_group_poll(group);
    check_that(!is_readable(fd));
    ring_handle_t handle = submit(group, &op);
    check_that(!is_readable(fd));
    check_is(ring_group_cancel(group, handle), 0);
    check_that(is_readable(fd));
    group_ring(group, 0)->lanes[LANE_STORAGE].in_kernel = 0;
    check_is(ring_group_poll(group), 1);
    check_is(outcomes[0].result, -ECANCELED);
    check_that(!is_readable(fd));
    ring_group_destroy(group);
}

/* ----------------------------------------------------------------- shutting down */

Test(life, a_group_that_shuts_down_accepts_nothing_and_finishes_the_rest)
{
    static const enum ring_select modes[] = {RING_SELECT_ADAPTIVE, RING_SELECT_THREAD_LOCAL};
    for (int mode = 0; mode < 2; mode++) {
        struct ring_config config = config_small(modes[mode]);
        struct ring_group *group = group_new(&config);
        struct outcome outcome = {0}, refused = {0};
        ring_handle_t handles[2];
        int error = 0;
        struct ring_op op = waiting(&outcome);
        (void)submit(group, &op);

        ring_group_shut_down(group);
        struct ring_op more = op_sync(STDERR_FILENO, &refused), chain[2] = {more, more};
        check_is(ring_group_submit_one(group, &more), -ESHUTDOWN);
        chain[0].flags = RING_OP_LINKED;
        check_is(ring_group_submit(group, chain, 2, handles, &error), 0);
        check_is(error, -ESHUTDOWN);
        check_is((intptr_t)read_once(group), -ESHUTDOWN);
        fd_write_all(pair.write_fd, "x", 1);
        check_is(drain(group), 1);
        check_is(outcome.result, 1);
        check_is(refused.calls, 0);
        ring_group_destroy(group);
    }
}

Test(life, a_group_destroyed_with_reads_that_wait_cancels_each_once)
{
    enum { READS = 100 };
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    static struct outcome outcomes[READS];
    config.ring_count = 3;
    config.queue_depth = config.limit = 8;
    struct ring_group *group = group_new(&config);
    for (int i = 0; i < READS; i++) {
        struct ring_op op = waiting(&outcomes[i]);
        (void)submit(group, &op);
    }
    ring_group_destroy(group);
    for (int i = 0; i < READS; i++) {
        check_is(outcomes[i].calls, 1);
        check_is(outcomes[i].result, -ECANCELED);
    }
}

/* -------------------------------------------------------------------- refusals */

Test(life, a_chain_that_is_refused_in_its_middle_gives_back_deadlines_and_buffers)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group = group_new(&config);
    char bytes[64];
    const struct iovec buffer = {bytes, sizeof(bytes)};
    const struct ring_op_rare rare = {.timeout_ns = 1000000000};
    struct outcome outcomes[3];
    ring_handle_t handles[3];
    struct ring_op ops[3];
    int error = 0;
    memset(outcomes, 0, sizeof(outcomes));
    check_is(ring_group_register_buffers(group, &buffer, 1), 0);
    for (int i = 0; i < 3; i++) {
        ops[i] = op_transfer(RING_OP_READ, pair.read_fd, NULL, 1, -1, &outcomes[i]);
        ops[i].flags = RING_OP_FIXED | (i < 2 ? RING_OP_LINKED : 0);
        ops[i].rare = &rare;
    }
    ops[1].u.buffer_offset = sizeof(bytes); /* outside */
    check_is(ring_group_submit(group, ops, 3, handles, &error), 0);
    check_is(error, -EOVERFLOW);
    ops[1].u.buffer_offset = 0;
    ops[1].buf_index = 7;
    check_is(ring_group_submit(group, ops, 3, handles, &error), 0);
    check_is(error, -EINVAL);
    check_that(ring_group_check(group));
    check_is(ring_group_pending(group), 0);
    check_is(group_ring(group, 0)->deadline_count, 0);
    check_is(ring_group_unregister_buffers(group), 0); /* nobody uses them: it returns */
    for (int i = 0; i < 3; i++)
        check_is(outcomes[i].calls, 0);
    ring_group_destroy(group);
}

Test(life, what_is_registered_is_not_registered_again)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group = group_new(&config);
    char bytes[64];
    const struct iovec buffer = {bytes, sizeof(bytes)};
    const int bad = 1 << 20;
    for (int i = 0; i < 2; i++) {
        check_is(ring_group_register_files(group, &bad, 1), -EBADF);
        check_is(ring_group_register_buffers(group, &buffer, 1), 0);
        check_is(ring_group_register_buffers(group, &buffer, 1), -EBUSY);
        check_is(ring_group_register_files(group, &pair.read_fd, 1), 0);
        check_is(ring_group_register_files(group, &pair.read_fd, 1), -EBUSY);
        check_is(ring_group_update_file(group, 1, pair.read_fd), -EINVAL);
        check_is(ring_group_update_file(group, -1, pair.read_fd), -EINVAL);
        check_is(ring_group_update_file(group, 0, bad), -EBADF);
        check_is(ring_group_unregister_buffers(group), 0);
        check_is(ring_group_unregister_files(group), 0);
    }
    ring_group_destroy(group);
}

Test(life, max_pending_is_exact_over_all_rings)
{
    enum { MAX = 37 };
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    static struct outcome outcomes[MAX + 1];
    config.ring_count = 5;
    config.max_pending = MAX;
    struct ring_group *group = group_new(&config);
    for (int i = 0; i < MAX; i++) {
        struct ring_op op = waiting(&outcomes[i]);
        (void)submit(group, &op);
    }
    struct ring_op op = waiting(&outcomes[MAX]);
    for (int i = 0; i < 5; i++)
        check_is(try_submit(group, &op), -EAGAIN);
    fd_write_all(pair.write_fd, "x", 1);
    check_is(ring_group_wait(group, -1, NULL), 1);
    (void)submit(group, &op);
    check_is(try_submit(group, &op), -EAGAIN);
    ring_group_destroy(group);
}

/* ------------------------------------------------------------------- waking up */

struct sleeper {
    struct ring_group *group;
    _Atomic pid_t tid;
};

static void *sleep_on_group(void *argument)
{
    struct sleeper *sleeper = argument;
    atomic_store(&sleeper->tid, thread_id());
    return (void *)(intptr_t)ring_group_wait(sleeper->group, -1, NULL);
}

static bool has_begun(void *sleeper)
{
    return atomic_load(&((struct sleeper *)sleeper)->tid) != 0;
}

Test(life, when_the_last_operation_completes_all_who_wait_return)
{
    enum { SLEEPERS = 3 };
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group = group_new(&config);
    struct sleeper sleepers[SLEEPERS];
    pthread_t threads[SLEEPERS];
    struct outcome outcome = {0};
    struct ring_op op = waiting(&outcome);
    (void)submit(group, &op);
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){.group = group};
        check_is(pthread_create(&threads[i], NULL, sleep_on_group, &sleepers[i]), 0);
        check_that(await_condition(has_begun, &sleepers[i], 10000));
        check_that(await_thread_asleep(atomic_load(&sleepers[i].tid), 10000));
    }
    fd_write_all(pair.write_fd, "x", 1);
    int completed = 0;
    for (int i = 0; i < SLEEPERS; i++) {
        void *result;
        check_is(pthread_join(threads[i], &result), 0);
        completed += (int)(intptr_t)result;
    }
    check_is(completed, 1);
    check_is(outcome.calls, 1);
    ring_group_destroy(group);
}
