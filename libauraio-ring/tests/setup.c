/* SPDX-License-Identifier: MIT */
/*
 * Kernels that refuse or lack something: which flags are tried in which order, what is made smaller, what is
 * done without, and which errno says that nothing helped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend.h"
#include "check.h"
#include "faults.h"
#include "files.h"
#include "kernel.h"
#include "process.h"
#include "support.h"

enum { BYTES = 8192 };

static const enum ring_select both[] = {RING_SELECT_ADAPTIVE, RING_SELECT_THREAD_LOCAL};
static unsigned char bytes[BYTES];

static void set_up(void)
{
    only_uring();
    fault_clear();
}

TestSuite(setup, .init = set_up, .timeout = 60);

static int try_create(const struct ring_config *config, struct ring_group **ret_group)
{
    struct topology topology = machine(2, 2);
    int rc = ring_group_create(config, &topology, ret_group);
    topology_free(&topology);
    return rc;
}

static struct ring_group_info info_of(struct ring_group *group)
{
    struct ring_group_info info;
    ring_group_info(group, &info);
    return info;
}

/* Reads of a file, many at once, all come back right. */
static void check_works(struct ring_group *group)
{
    enum { READS = 200 };
    static unsigned char places[READS][512];
    struct outcome outcomes[READS];
    int fd = file_of_pattern(READS * 512);
    memset(outcomes, 0, sizeof(outcomes));
    for (int i = 0; i < READS; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, fd, places[i], 512, i * 512, &outcomes[i]);
        (void)submit(group, &op);
    }
    check_is(drain(group), READS);
    for (int i = 0; i < READS; i++) {
        check_is(outcomes[i].calls, 1);
        check_is(outcomes[i].result, 512);
        check_that(pattern_holds(places[i], 512, i * 512));
    }
    check_that(ring_group_check(group));
    close(fd);
}

/* ------------------------------------------------------------------ refusals */

Test(setup, what_no_flag_helps_against_is_reported_as_it_is)
{
    static const int errors[] = {ENOSYS, EPERM, EMFILE, ENFILE, EINVAL, EACCES};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        for (int mode = 0; mode < 2; mode++) {
            struct ring_config config = config_small(both[mode]);
            struct ring_group *group = NULL;
            fault_arm(FAULT_QUEUE_INIT, 0, 100, errors[i]);
            check_is(try_create(&config, &group), -errors[i]);
            check_that(group == NULL);
        }
}

Test(setup, an_error_that_flags_do_not_cause_is_not_tried_again)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group;
    fault_arm(FAULT_QUEUE_INIT, 0, 100, EPERM);
    check_is(try_create(&config, &group), -EPERM);
    check_is(fault_calls(FAULT_QUEUE_INIT), 1);
}

Test(setup, a_kernel_without_task_run_flags_gets_plain_rings)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_config config = config_small(both[mode]);
        struct ring_group *group;
        fault_refused_flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN;
        fault_refused_errno = EINVAL;
        check_is(try_create(&config, &group), 0);
        check_works(group);
        check_is(info_of(group).kernel_features & (RING_FEATURE_COOP_TASKRUN | RING_FEATURE_DEFER_TASKRUN),
                 0);
        check_is(fault_setup_flags & (fault_refused_flags | IORING_SETUP_SINGLE_ISSUER), 0);
        ring_group_destroy(group);
    }
}

Test(setup, a_kernel_without_deferred_task_run_falls_back_to_cooperative)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    struct ring_group *group;
    fault_refused_flags = IORING_SETUP_DEFER_TASKRUN;
    fault_refused_errno = EINVAL;
    check_is(try_create(&config, &group), 0);
    check_works(group);
    check_is(info_of(group).kernel_features & (RING_FEATURE_COOP_TASKRUN | RING_FEATURE_DEFER_TASKRUN),
             RING_FEATURE_COOP_TASKRUN);
    ring_group_destroy(group);
}

Test(setup, sqpoll_that_is_refused_is_done_without)
{
    static const int errors[] = {EPERM, EINVAL};
    for (int i = 0; i < 4; i++) {
        struct ring_config config = config_small(both[i / 2]);
        struct ring_group *group;
        config.sqpoll = true;
        config.sqpoll_idle_ms = 10;
        fault_refused_flags = IORING_SETUP_SQPOLL;
        fault_refused_errno = errors[i % 2];
        check_is(try_create(&config, &group), 0);
        check_works(group);
        check_is(info_of(group).kernel_features & RING_FEATURE_SQPOLL, 0);
        ring_group_destroy(group);
    }
}

Test(setup, sqpoll_that_is_granted_works)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_config config = config_small(both[mode]);
        struct ring_group *group;
        config.sqpoll = true;
        config.sqpoll_idle_ms = 1;
        check_is(try_create(&config, &group), 0);
        if (!(info_of(group).kernel_features & RING_FEATURE_SQPOLL)) {
            ring_group_destroy(group);
            skip_because("no privilege for SQPOLL here");
        }
        for (int i = 0; i < 3; i++)
            check_works(group);
        ring_group_destroy(group);
    }
}

/* On a machine of four CPUs. */
static struct ring_group *group_of_nodes(int per_node, enum ring_select select, bool sqpoll)
{
    struct ring_config config = config_small(select);
    struct topology topology = machine(4, per_node);
    struct ring_group *group;
    config.ring_count = 0;
    config.sqpoll = sqpoll;
    config.sqpoll_idle_ms = 1;
    check_is(ring_group_create(&config, &topology, &group), 0);
    topology_free(&topology);
    return group;
}

Test(setup, sqpoll_on_several_nodes_polls_on_the_node_of_the_ring)
{
    struct ring_group *group = group_of_nodes(2, RING_SELECT_ROUND_ROBIN, true);
    if (!(info_of(group).kernel_features & RING_FEATURE_SQPOLL)) {
        ring_group_destroy(group);
        skip_because("no privilege for SQPOLL here");
    }
    for (unsigned ring = 0; ring < 2; ring++) {
        fault_clear();
        (void)perform(group, op_sync(2, NULL)); /* on the next ring */
        check_that(fault_setup_flags & IORING_SETUP_SQPOLL);
        if (fault_setup_flags & IORING_SETUP_SQ_AFF) /* the CPU may be none of this machine's */
            check_is(fault_setup_cpu, 1 - ring);
        check_is(fault_workers_cpu, 1);
    }
    (void)perform(group, op_sync(2, NULL));
    check_is(fault_workers_cpu, 3);
    check_works(group);
    ring_group_destroy(group);
}

Test(setup, workers_stay_on_the_node_of_a_thread_that_is_bound_to_it)
{
    cpu_set_t first, before;
    for (int bound = 0; bound < 2; bound++) {
        fault_clear();
        check_is(sched_getaffinity(0, sizeof(before), &before), 0);
        if (!bound && CPU_COUNT(&before) < 2)
            continue;
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        if (bound && sched_setaffinity(0, sizeof(first), &first) < 0)
            skip_because("this process may not use CPU 0");
        struct ring_group *group = group_of_nodes(1, RING_SELECT_THREAD_LOCAL, false);
        check_works(group);
        check_is(fault_workers_cpu, bound ? 0 : -1);
        ring_group_destroy(group);
        check_is(sched_setaffinity(0, sizeof(before), &before), 0);
    }
}

Test(setup, a_shared_rings_workers_go_where_the_kernel_likes)
{
    struct ring_group *group = group_of_nodes(2, RING_SELECT_ROUND_ROBIN, false);
    check_works(group);
    check_is(fault_workers_cpu, -1);
    ring_group_destroy(group);
}

Test(setup, a_kernel_older_than_extended_waits_is_no_kernel_for_us)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group;
    fault_hidden_features = IORING_FEAT_EXT_ARG;
    check_is(try_create(&config, &group), -ENOSYS);
}

/* -------------------------------------------------------------------- memory */

Test(setup, a_ring_that_does_not_fit_into_the_memory_limit_gets_smaller)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_config config = config_small(both[mode]);
        struct ring_group *group;
        fault_entries_max = 16;
        check_is(try_create(&config, &group), 0);
        check_works(group); /* 200 at once, through 16 entries */
        check_is(info_of(group).entries, 16);
        ring_group_destroy(group);
    }
}

Test(setup, rings_are_not_made_smaller_than_eight_entries)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group;
    check_is(try_create(&config, &group), 0); /* the probe has one entry */
    fault_entries_max = 7;
    struct ring_op op = op_sync(STDERR_FILENO, NULL);
    check_is(try_submit(group, &op), -ENOMEM);
    check_is(fault_setup_entries, 8);
    check_is(ring_group_pending(group), 0);
    fault_clear();
    check_works(group);
    ring_group_destroy(group);
}

Test(setup, a_second_ring_that_is_refused_is_replaced_by_the_first)
{
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    struct ring_group *group;
    config.ring_count = 4;
    check_is(try_create(&config, &group), 0);
    fault_arm(FAULT_QUEUE_INIT, 1, 100, EMFILE);
    check_works(group);
    check_is(info_of(group).rings_created, 1);
    check_is(info_of(group).refused_errno, EMFILE);
    struct ring_status status;
    ring_group_status(group, 0, &status);
    check_is(status.ops_completed, 200);
    ring_group_destroy(group);
}

Test(setup, a_thread_whose_ring_is_refused_is_told_and_may_try_again)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    struct ring_group *group;
    check_is(try_create(&config, &group), 0);
    fault_arm(FAULT_QUEUE_INIT, 0, 1, EMFILE);
    struct ring_op op = op_sync(STDERR_FILENO, NULL);
    check_is(try_submit(group, &op), -EMFILE);
    fault_arm(FAULT_EVENTFD, 0, 1, EMFILE);
    check_is(try_submit(group, &op), -EMFILE);
    fault_arm(FAULT_KEY_CREATE, 0, 1, EAGAIN); /* made already: not asked for again */
    check_works(group);
    check_is(info_of(group).rings_created, 1);
    ring_group_destroy(group);
}

Test(setup, a_thread_that_cannot_be_watched_gets_no_ring)
{
    if (is_instrumented())
        skip_because("a sanitizer makes the call that is to fail, too");
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    struct ring_group *group;
    check_is(try_create(&config, &group), 0);
    fault_arm(FAULT_KEY_CREATE, 0, 1, EAGAIN);
    struct ring_op op = op_sync(STDERR_FILENO, NULL);
    check_is(try_submit(group, &op), -EAGAIN);
    check_works(group);
    ring_group_destroy(group);
}

Test(setup, a_ring_without_a_registered_descriptor_works)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    struct ring_group *group;
    fault_arm(FAULT_REGISTER_RING_FD, 0, 100, EINVAL);
    check_is(try_create(&config, &group), 0);
    check_works(group);
    check_is(fault_enter_flags & IORING_ENTER_REGISTERED_RING, 0);
    ring_group_destroy(group);
}

/* --------------------------------------------------------------- older kernels */

Test(setup, without_asynchronous_truncation_it_runs_in_the_call)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_config config = config_small(both[mode]);
        struct ring_group *group;
        struct outcome outcome = {0};
        fault_no_probe = true;
        check_is(try_create(&config, &group), 0);
        check_is(info_of(group).kernel_features & RING_FEATURE_FTRUNCATE, 0);
        int fd = file_of_pattern(BYTES);
        struct ring_op op = op_transfer(RING_OP_FTRUNCATE, fd, NULL, 0, 1234, &outcome);
        (void)submit(group, &op);
        check_is(file_size(fd), 1234);
        check_is(outcome.calls, 0); /* never inside the submission */
        check_is(drain(group), 1);
        check_is(outcome.calls, 1);
        check_is(outcome.result, 0);
        int read_only = open("/dev/null", O_RDONLY | O_CLOEXEC);
        op.fd = read_only;
        check_is(perform(group, op), -EINVAL);
        ring_group_destroy(group);
        close(read_only);
        close(fd);
    }
}

Test(setup, a_truncation_in_the_middle_of_a_chain_keeps_its_place_on_any_kernel)
{
    for (int old = 0; old < 2; old++) {
        struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
        struct ring_group *group;
        struct outcome outcomes[3];
        ring_handle_t handles[3];
        int error;
        memset(outcomes, 0, sizeof(outcomes));
        fault_no_probe = old;
        check_is(try_create(&config, &group), 0);
        int fd = file_empty(0);
        struct ring_op ops[3] = {
            op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, &outcomes[0]),
            op_transfer(RING_OP_FTRUNCATE, fd, NULL, 0, 100, &outcomes[1]),
            op_transfer(RING_OP_WRITE, fd, bytes, 1, 200, &outcomes[2]),
        };
        ops[0].flags = ops[1].flags = RING_OP_LINKED;
        check_is(ring_group_submit(group, ops, 3, handles, &error), 3);
        check_is(drain(group), 3);
        check_is(outcomes[0].result, BYTES);
        check_is(outcomes[1].result, 0);
        check_is(outcomes[2].result, 1);
        check_is(file_size(fd), 201);
        ring_group_destroy(group);
        close(fd);
    }
}

/* Cold reads, so that a waiter has to wait for some of many. */
static void check_waits(struct ring_group *group)
{
    enum { READS = 64 };
    static unsigned char places[READS][4096];
    struct outcome outcomes[READS];
    int fd = file_of_pattern(READS * 65536);
    file_make_cold(fd);
    memset(outcomes, 0, sizeof(outcomes));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < READS; i++) {
            struct ring_op op = op_transfer(RING_OP_READ, fd, places[i], 4096, i * 65536, &outcomes[i]);
            (void)submit(group, &op);
        }
        check_is(drain(group), READS);
    }
    for (int i = 0; i < READS; i++) {
        check_is(outcomes[i].calls, 3);
        check_that(pattern_holds(places[i], 4096, i * 65536));
    }
    close(fd);
}

Test(setup, without_coalesced_waits_in_the_kernel_it_waits_for_one)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_config config = config_small(both[mode]);
        struct ring_group *group;
        fault_hidden_features = KERNEL_FEAT_MIN_TIMEOUT;
        check_is(try_create(&config, &group), 0);
        check_is(info_of(group).kernel_features & RING_FEATURE_MIN_WAIT, 0);
        check_waits(group);
        ring_group_destroy(group);
    }
}

/* The wait itself, on a backend without anything around it. */
Test(setup, a_coalesced_wait_gives_up_its_number_and_then_its_time)
{
    const struct backend_config wanted = {.entries = 8, .completions = 64, .workers = 1};
    const struct backend_wait bounded = {.min_events = 4, .min_wait_ns = 2000000, .timeout_ns = 1000000};
    const struct backend_wait patient = {.min_events = 4, .min_wait_ns = 1000000, .timeout_ns = 3000000};
    for (int hidden = 0; hidden < 2; hidden++) {
        struct backend *backend;
        fault_hidden_features = hidden ? KERNEL_FEAT_MIN_TIMEOUT : 0;
        check_is(backend_uring.open(&wanted, &backend), 0);
        check_is(backend_uring.wait(backend, &bounded), -ETIME);
        check_is(backend_uring.wait(backend, &patient), -ETIME);
        backend_uring.push_doorbell(backend); /* one completion, where four were hoped for */
        backend_publish(backend);
        int rc = backend_uring.wait(backend, &patient);
        check_that(rc == 0 || rc == -ETIME);
        check_is(backend_completions(backend), 1);
        backend_uring.close(backend);
    }
}

/* The timer is longer than the minimum, whose end is none of the wait, nor a system call of ours. */
Test(setup, a_coalesced_wait_without_a_limit_ends_with_a_completion_only)
{
    const struct backend_config wanted = {.entries = 8, .completions = 64, .workers = 1};
    const struct backend_wait endless = {.min_events = 4, .min_wait_ns = 1000000, .timeout_ns = -1};
    const struct itimerspec later = {.it_value.tv_nsec = 50 * 1000 * 1000};
    for (int hidden = 0; hidden < 2; hidden++) {
        struct backend *backend;
        int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        fault_hidden_features = hidden ? KERNEL_FEAT_MIN_TIMEOUT : 0;
        check_is(backend_uring.open(&wanted, &backend), 0);
        backend_uring.push_bell(backend, timer);
        backend_publish(backend);
        check_is(backend_uring.submit(backend), 1); /* else that is what the kernel tells of */
        check_is(timerfd_settime(timer, 0, &later, NULL), 0);
        int calls = fault_calls(FAULT_ENTER);
        check_is(backend_uring.wait(backend, &endless), 0);
        check_is(fault_calls(FAULT_ENTER), calls + 1);
        check_is(backend_completions(backend), 1);
        backend_uring.close(backend);
        close(timer);
    }
}

Test(setup, without_barriers_on_other_threads_users_pass_their_own)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group;
    fault_arm(FAULT_SYSCALL, 0, 100, ENOSYS);
    check_is(try_create(&config, &group), 0);
    struct iovec iov = {bytes, BYTES};
    int fd = file_of_pattern(BYTES);
    for (int i = 0; i < 3; i++) {
        check_is(ring_group_register_buffers(group, &iov, 1), 0);
        struct ring_op op = op_transfer(RING_OP_READ, fd, NULL, BYTES, 0, NULL);
        op.flags = RING_OP_FIXED;
        check_is(perform(group, op), BYTES);
        check_that(pattern_holds(bytes, BYTES, 0));
        check_is(ring_group_unregister_buffers(group), 0);
    }
    ring_group_destroy(group);
    close(fd);
}
