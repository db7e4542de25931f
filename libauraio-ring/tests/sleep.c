/* SPDX-License-Identifier: MIT */
/*
 * Threads that sleep on several rings at once, where the kernel refuses what they need for it: they may wake
 * more often than they would, but neither miss what completes nor return before their time.
 */
#include "ring-private.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "files.h"
#include "process.h"
#include "support.h"

/* More rings than a sleeper lists. */
enum { RINGS = 12, ENTERS = 8, LONG_TIME = 1 << 20, PATIENCE_MS = 20000, SHORT_MS = 100 };

static pipe_pair_t silent, pair;
static struct outcome outcomes[RINGS];
static char bytes[RINGS];
static char byte;

static void set_up(void)
{
    fault_clear();
    silent = pipe_open(0);
    pair = pipe_open(0);
}

static void tear_down(void)
{
    fault_clear();
    pipe_close(silent);
    pipe_close(pair);
}

TestSuite(sleep, .init = set_up, .fini = tear_down, .timeout = 120);

/* Each ring but the last has a read that never ends; the next submission is the last one's. */
static struct ring_group *busy_group(void)
{
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    config.ring_count = RINGS;
    struct ring_group *group = group_new(&config);
    for (int i = 0; i < RINGS - 1; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, silent.read_fd, &bytes[i], 1, -1, &outcomes[i]);
        (void)submit(group, &op);
    }
    check_is(ring_group_poll(group), 0); /* from here on this thread drives, and hands over when it waits */
    return group;
}

/* Whichever of the calls by which a waiter hands over: the one before it sleeps has none after it. */
Test(sleep, a_ring_beyond_those_listed_is_handed_over_again_when_the_kernel_refused)
{
    int file = file_of_pattern(1);
    only_uring();
    for (int skip = 0; skip < ENTERS; skip++) {
        struct outcome outcome = {0};
        struct ring_group *group = busy_group();
        struct ring_op op = op_transfer(RING_OP_READ, file, &byte, 1, 0, &outcome);
        (void)submit(group, &op);
        fault_arm(FAULT_ENTER, skip, 1, EAGAIN);
        check_is(ring_group_wait(group, (int64_t)PATIENCE_MS * 1000000, NULL), 1);
        check_is(outcome.result, 1);
        fault_clear();
        ring_group_destroy(group);
    }
    close(file);
}

Test(sleep, without_a_descriptor_for_all_rings_a_wait_has_its_whole_time)
{
    struct ring_group *group = busy_group();
    fault_arm(FAULT_EPOLL_CREATE, 0, LONG_TIME, EMFILE);
    int64_t start_ms = now_ms();
    check_is(ring_group_wait(group, (int64_t)SHORT_MS * 1000000, NULL), 0);
    check_at_least(now_ms() - start_ms, SHORT_MS);
    check_at_least(fault_calls(FAULT_EPOLL_CREATE), 1);
    ring_group_destroy(group);
}

static void *read_and_leave(void *group)
{
    struct ring_op op = op_transfer(RING_OP_READ, silent.read_fd, &bytes[0], 1, -1, &outcomes[0]);
    (void)submit(group, &op);
    return NULL;
}

static void *write_when_asleep(void *sleeper)
{
    bool asleep = await_thread_asleep(*(pid_t *)sleeper, PATIENCE_MS);
    fd_write_all(pair.write_fd, "x", 1);
    return asleep ? sleeper : NULL;
}

/* A ring of its own and one that a thread has left, with no eventfd to be had for the first. */
Test(sleep, on_a_ring_of_its_own_without_an_eventfd_a_thread_looks_again)
{
    static const enum fault faults[] = {FAULT_EVENTFD, FAULT_REGISTER_EVENTFD};
    for (int i = 0; i < 2; i++) {
        struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
        config.ring_count = 4;
        struct ring_group *group = group_new(&config);
        struct outcome outcome = {0};
        struct ring_op op = op_transfer(RING_OP_READ, pair.read_fd, &byte, 1, -1, &outcome);
        pthread_t thread;
        pid_t self = thread_id();
        void *asleep;
        check_is(pthread_create(&thread, NULL, read_and_leave, group), 0);
        check_is(pthread_join(thread, NULL), 0);
        (void)submit(group, &op);
        fault_arm(faults[i], 0, LONG_TIME, ENOMEM);
        check_is(pthread_create(&thread, NULL, write_when_asleep, &self), 0);
        check_is(ring_group_wait(group, -1, NULL), 1);
        check_is(outcome.result, 1);
        check_is(pthread_join(thread, &asleep), 0);
        check_that(asleep != NULL);
        fault_clear();
        ring_group_destroy(group);
    }
}

/* A queue of one: the bell may take the room that the read was to have. */
Test(sleep, what_found_no_room_in_the_queue_is_handed_over_when_there_is)
{
    int file = file_of_pattern(1);
    char unread;
    only_uring();
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    config.queue_depth = config.limit = 1;
    for (int refusals = 1; refusals < ENTERS; refusals++) {
        struct outcome waiting = {0}, outcome = {0};
        struct ring_group *group = group_new(&config);
        struct ring_op endless = op_transfer(RING_OP_READ, silent.read_fd, &unread, 1, -1, &waiting);
        struct ring_op op = op_transfer(RING_OP_READ, file, &byte, 1, 0, &outcome);
        fault_arm(FAULT_ENTER, 0, refusals, EAGAIN);
        (void)submit(group, &endless);
        (void)submit(group, &op);
        check_is(ring_group_wait(group, (int64_t)PATIENCE_MS * 1000000, NULL), 1);
        check_is(outcome.result, 1);
        fault_clear();
        ring_group_destroy(group);
    }
    close(file);
}
