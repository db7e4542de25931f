/* SPDX-License-Identifier: MIT */
/* The thread backend where the system has no threads, descriptors or memory to give. */
#include "ring-private.h"

#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "files.h"
#include "process.h"
#include "support.h"

enum { BYTES = 512, READS = 300 };

static struct topology topology;
static unsigned char blocks[READS][BYTES];

/* So many threads may be started. */
static void leave_threads(int count)
{
    fault_arm(FAULT_THREAD, count, 1 << 20, EAGAIN);
}

static void set_up(void)
{
    fault_clear();
    topology = machine(2, 2);
}

static void tear_down(void)
{
    topology_free(&topology);
}

TestSuite(threads, .init = set_up, .fini = tear_down, .timeout = 60);

static int create(enum ring_select select, struct ring_group **ret_group)
{
    struct ring_config config = config_small(select);
    config.backend = RING_BACKEND_THREADS;
    return ring_group_create(&config, &topology, ret_group);
}

static void check_reads(struct ring_group *group)
{
    struct outcome outcomes[READS] = {0};
    int fd = file_of_pattern(READS * BYTES);
    file_make_cold(fd);
    for (int i = 0; i < READS; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, fd, blocks[i], BYTES, i * BYTES, &outcomes[i]);
        (void)submit(group, &op);
    }
    check_is(drain(group), READS);
    check_that(pattern_holds(blocks, sizeof(blocks), 0));
    check_that(ring_group_check(group));
    close(fd);
}

Test(threads, without_any_thread_there_is_no_group_and_nothing_left_of_it)
{
    struct ring_group *group = NULL;
    int before = open_fd_count();
    for (int threads = 0; threads < 2; threads++) {
        leave_threads(threads);
        check_is(create(RING_SELECT_ADAPTIVE, &group), -EAGAIN);
        check_is(open_fd_count(), before);
    }
}

Test(threads, one_worker_does_it_all_when_no_more_can_be_had)
{
    static const enum ring_select modes[] = {RING_SELECT_ADAPTIVE, RING_SELECT_THREAD_LOCAL};
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group;
        leave_threads(2);
        check_is(create(modes[mode], &group), 0);
        check_reads(group);
        ring_group_destroy(group);
    }
}

Test(threads, each_thing_that_is_refused_at_creation_is_told_and_leaves_nothing)
{
    struct ring_group *group = NULL;
    int before = open_fd_count();
    static const struct {
        enum fault fault;
        int error;
    } cases[] = {{FAULT_EPOLL_CREATE, EMFILE}, {FAULT_EPOLL_CTL, ENOSPC}, {FAULT_EVENTFD, EMFILE}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fault_arm(cases[i].fault, 0, 1, cases[i].error);
        check_is(create(RING_SELECT_ADAPTIVE, &group), -cases[i].error);
        check_is(open_fd_count(), before);
    }
    for (int skip = 0, rc = -ENOMEM; rc < 0; skip++) {
        fault_arm(FAULT_MEMORY, skip, 1, ENOMEM);
        rc = create(RING_SELECT_ADAPTIVE, &group);
        check_that(rc == 0 || rc == -ENOMEM);
        cr_assert(skip < 100);
        fault_clear();
        if (rc < 0)
            check_is(open_fd_count(), before);
    }
    check_reads(group);
    ring_group_destroy(group);
    check_is(open_fd_count(), before);
}

/* io_uring that is refused, for whatever reason, is replaced; when it was forced the reason is told. */
Test(threads, take_the_place_of_io_uring_whatever_it_says)
{
    static const int errors[] = {EPERM, ENOSYS, ENOMEM, EACCES, EMFILE, EOPNOTSUPP, EINVAL};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
        struct ring_group_info info;
        struct ring_group *group;
        config.backend = RING_BACKEND_AUTO;
        fault_arm(FAULT_QUEUE_INIT, 0, 1 << 20, errors[i]);
        group = group_new(&config);
        ring_group_info(group, &info);
        check_is(info.backend, RING_BACKEND_THREADS);
        check_is(info.fallback_errno, errors[i]);
        check_reads(group);
        ring_group_destroy(group);
    }
}

/* Refused later: the ring of this thread runs on threads, and the engine is the one it was. */
Test(threads, take_the_place_of_a_single_ring_that_is_refused)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    struct ring_group_info info;
    only_uring();
    config.backend = RING_BACKEND_AUTO;
    struct ring_group *group = group_new(&config);
    fault_arm(FAULT_QUEUE_INIT, 0, 1 << 20, ENOMEM);
    check_reads(group);
    ring_group_info(group, &info);
    check_is(info.backend, RING_BACKEND_URING);
    check_is(info.fallback_errno, ENOMEM);
    ring_group_destroy(group);
}
