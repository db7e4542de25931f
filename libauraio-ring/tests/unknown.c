/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of which the kernel does not say what they are: fstat() fails for good, as under a filter, and
 * in some of the tests lseek() with it. A read of a pipe must still be one that may never end: it has its
 * deadline, is cancelled, keeps no thread and no file read. A transfer of a file must still be whole.
 */
#include "ring-private.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "files.h"
#include "support.h"

enum { BYTES = 200 * 1000, ENDLESS = 8, LIMIT = 64, LONG_TIME = 1 << 20 };

static const int64_t patience_ns = 20000000000;
static pipe_pair_t pair;
static int file, copy;
static char bytes[ENDLESS];
static unsigned char data[BYTES];

static void set_up(void)
{
    fault_clear();
    pair = pipe_open(0);
    file = file_of_pattern(BYTES);
    copy = file_empty(0);
}

static void tear_down(void)
{
    fault_clear();
    pipe_close(pair);
    close(file);
    close(copy);
}

TestSuite(unknown, .init = set_up, .fini = tear_down, .timeout = 60);

/* Nothing tells what a descriptor is, but maybe its position. */
static void hide_kinds(bool with_positions)
{
    fault_arm(FAULT_FSTAT, 0, LONG_TIME, EPERM);
    if (with_positions)
        fault_arm(FAULT_LSEEK, 0, LONG_TIME, EPERM);
}

/* Run it on each backend that there is here, with positions and without; then destroy the group. */
static void in_each_case(enum ring_select select, int limit, void (*body)(struct ring_group *group))
{
    for (int i = 0; i < 4; i++) {
        struct topology topology = machine(1, 1);
        struct ring_config config = config_small(select);
        struct ring_group *group;
        config.backend = i < 2 ? RING_BACKEND_THREADS : RING_BACKEND_URING;
        config.limit = limit;
        int rc = ring_group_create(&config, &topology, &group);
        check_that(rc == 0 || config.backend == RING_BACKEND_URING);
        if (rc == 0) {
            hide_kinds(i % 2 == 1);
            body(group);
            ring_group_destroy(group);
            fault_clear();
        }
        topology_free(&topology);
    }
}

static struct ring_op endless(int number, struct outcome *outcome)
{
    return op_transfer(RING_OP_READ, pair.read_fd, &bytes[number], 1, -1, outcome);
}

static void end_at_deadline(struct ring_group *group)
{
    struct outcome outcome = {0};
    const struct ring_op_rare deadline = {.timeout_ns = 1000 * 1000};
    struct ring_op op = endless(0, &outcome);
    op.rare = &deadline;
    (void)submit(group, &op);
    check_is(drain(group), 1);
    check_is(outcome.result, -ETIMEDOUT);
}

Test(unknown, a_read_of_a_pipe_ends_at_its_deadline)
{
    in_each_case(RING_SELECT_ADAPTIVE, LIMIT, end_at_deadline);
}

static void end_cancelled(struct ring_group *group)
{
    struct outcome outcome = {0};
    struct ring_op op = endless(0, &outcome);
    ring_handle_t handle = submit(group, &op);
    (void)ring_group_flush(group);
    check_is(ring_group_cancel(group, handle), 0);
    check_is(drain(group), 1);
    check_is(outcome.result, -ECANCELED);
}

Test(unknown, a_read_of_a_pipe_is_cancelled)
{
    in_each_case(RING_SELECT_ADAPTIVE, LIMIT, end_cancelled);
}

static struct outcome left[4];
static int left_count;

static void leave_to_destroy(struct ring_group *group)
{
    struct ring_op op = endless(left_count, &left[left_count]);
    left_count++;
    (void)submit(group, &op);
    (void)ring_group_flush(group);
}

Test(unknown, a_read_of_a_pipe_does_not_keep_destroy)
{
    in_each_case(RING_SELECT_ADAPTIVE, LIMIT, leave_to_destroy);
    check_at_least(left_count, 2);
    for (int i = 0; i < left_count; i++) {
        check_is(left[i].calls, 1);
        check_is(left[i].result, -ECANCELED);
    }
}

static void read_file_beside_endless(struct ring_group *group)
{
    struct outcome outcomes[ENDLESS] = {0}, read = {0};
    for (int i = 0; i < ENDLESS; i++) {
        struct ring_op op = endless(i, &outcomes[i]);
        (void)submit(group, &op);
    }
    struct ring_op op = op_transfer(RING_OP_READ, file, data, BYTES, 0, &read);
    (void)submit(group, &op);
    check_is(ring_group_wait(group, patience_ns, NULL), 1);
    check_is(read.calls, 1);
    check_is(read.result, BYTES);
    fault_clear(); /* destroy, which calls back into this frame, need not be patient */
    ring_group_settle(group);
}

Test(unknown, endless_reads_do_not_keep_a_file_read_from_starting)
{
    in_each_case(RING_SELECT_ADAPTIVE, 2, read_file_beside_endless);
}

/* Of the file only the first page is in the cache, so that what is asked for without waiting is a part. */
static void transfer_whole(struct ring_group *group)
{
    struct outcome read = {0}, write = {0};
    fault_arm(FAULT_LSEEK, 0, 0, 0); /* a file's is there always */
    file_make_cold(file);
    check_is(pread(file, data, 4096, 0), 4096);
    memset(data, 0, sizeof(data));
    check_is(perform(group, op_transfer(RING_OP_READ, file, data, BYTES, 0, &read)), BYTES);
    check_that(pattern_holds(data, BYTES, 0));
    check_is(perform(group, op_transfer(RING_OP_WRITE, copy, data, BYTES, 0, &write)), BYTES);
    memset(data, 0, sizeof(data));
    check_is(pread(copy, data, BYTES, 0), BYTES);
    check_that(pattern_holds(data, BYTES, 0));
}

Test(unknown, a_transfer_of_a_file_is_whole)
{
    in_each_case(RING_SELECT_ADAPTIVE, LIMIT, transfer_whole);
}

struct leaver {
    struct ring_group *group;
    struct ring_op op;
};

static void *read_and_leave(void *context)
{
    struct leaver *leaver = context;
    (void)submit(leaver->group, &leaver->op);
    (void)ring_group_flush(leaver->group);
    return NULL;
}

static void leave_and_read(struct ring_group *group)
{
    struct outcome outcome = {0};
    struct leaver leaver = {.group = group, .op = endless(0, &outcome)};
    pthread_t thread;
    check_is(pthread_create(&thread, NULL, read_and_leave, &leaver), 0);
    check_is(pthread_join(thread, NULL), 0);
    check_is(outcome.calls, 0);
    fd_write_all(pair.write_fd, "x", 1);
    check_is(drain(group), 1);
    check_is(outcome.result, 1);
}

Test(unknown, a_read_of_a_pipe_does_not_keep_a_thread_from_ending)
{
    in_each_case(RING_SELECT_THREAD_LOCAL, LIMIT, leave_and_read);
}
