/* SPDX-License-Identifier: MIT */
/*
 * io_uring_enter() that fails, and submissions changed on their way into the kernel: the real backend's
 * retries, its continuation of short transfers, and links that the kernel itself breaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "files.h"
#include "process.h"
#include "ring-private.h"
#include "support.h"

enum { BYTES = 10000, INJECT_RESULT = 1 /* IORING_NOP_INJECT_RESULT, Linux 6.10 */ };

static const enum ring_select both[] = {RING_SELECT_ADAPTIVE, RING_SELECT_THREAD_LOCAL};
static unsigned char bytes[BYTES];
static int fd;

static void set_up(void)
{
    only_uring();
    fault_clear();
    fd = file_of_pattern(65536);
}

static void tear_down(void)
{
    close(fd);
}

TestSuite(enter, .init = set_up, .fini = tear_down, .timeout = 60);

static struct ring_group *group_of(enum ring_select select)
{
    struct ring_config config = config_small(select);
    return group_new(&config);
}

static struct ring_op reading(struct outcome *outcome)
{
    memset(bytes, 0, BYTES);
    return op_transfer(RING_OP_READ, fd, bytes, BYTES, 100, outcome);
}

static void check_reads(struct ring_group *group)
{
    check_is(perform(group, reading(NULL)), BYTES);
    check_that(pattern_holds(bytes, BYTES, 100));
}

/* ---------------------------------------------------------------- a busy kernel */

Test(enter, whatever_the_kernel_says_for_a_while_nothing_is_lost)
{
    static const int errors[] = {EAGAIN, EBUSY, EINTR, ENOMEM};
    for (int mode = 0; mode < 2; mode++)
        for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
            for (int skip = 0; skip < 6; skip++)
                for (int times = 1; times < 5; times++) {
                    struct ring_group *group = group_of(both[mode]);
                    fault_arm(FAULT_ENTER, skip, times, errors[e]);
                    for (int i = 0; i < 4; i++)
                        check_reads(group);
                    check_that(ring_group_check(group));
                    ring_group_destroy(group);
                }
}

Test(enter, an_interrupted_submission_is_made_again_at_once)
{
    struct ring_group *group = group_of(RING_SELECT_ADAPTIVE);
    struct outcome outcome = {0};
    check_reads(group);              /* the ring exists */
    (void)ring_group_poll_fd(group); /* nothing is held back */
    fault_arm(FAULT_ENTER, 0, 3, EINTR);
    struct ring_op op = reading(&outcome);
    (void)submit(group, &op);
    check_is(fault_calls(FAULT_ENTER), 4);
    check_is(drain(group), 1);
    check_is(outcome.result, BYTES);
    ring_group_destroy(group);
}

Test(enter, a_kernel_whose_completions_have_no_room_is_asked_to_make_some)
{
    struct ring_group *group = group_of(RING_SELECT_ADAPTIVE);
    struct outcome outcome = {0};
    check_reads(group);
    (void)ring_group_poll_fd(group);
    fault_clear();
    fault_arm(FAULT_ENTER, 0, 1, EBUSY);
    struct ring_op op = reading(&outcome);
    (void)submit(group, &op);
    check_is(fault_calls(FAULT_ENTER), 2);
    check_is(fault_enter_flags & IORING_ENTER_GETEVENTS, IORING_ENTER_GETEVENTS);
    check_is(drain(group), 1);
    check_is(outcome.result, BYTES);
    ring_group_destroy(group);
}

/* ------------------------------------------------------------ quick and slow reads */

/* Have the ring, which has been used, believe that its operations take so long. */
static void set_latency(const struct ring_group *group, int64_t latency_ns)
{
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring)
            ring->latency_ns = latency_ns;
    }
}

Test(enter, a_wait_for_quick_reads_hands_over_and_looks_before_it_thinks_of_sleep)
{
    static const int64_t latencies[] = {1000, 1000000000};
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group = group_of(both[mode]);
        check_reads(group); /* from here on this thread drives, and what it submits is held back */
        for (int slow = 0; slow < 2; slow++) {
            struct outcome outcome = {0};
            struct ring_op op = reading(&outcome);
            set_latency(group, latencies[slow]);
            fault_clear();
            (void)submit(group, &op);
            check_is(ring_group_wait(group, -1, NULL), 1);
            check_is(outcome.result, BYTES);
            check_is(fault_calls(FAULT_ENTER), 1);
            check_is((fault_enter_flags & IORING_ENTER_EXT_ARG) != 0, slow);
        }
        ring_group_destroy(group);
    }
}

struct sleeper {
    pid_t tid;
    int fd;
    bool slept;
};

/* However long it takes a thread to fall asleep here: what it waits for comes afterwards. */
static void *write_when_asleep(void *context)
{
    struct sleeper *sleeper = context;
    sleeper->slept = await_thread_asleep(sleeper->tid, 10000);
    if (write(sleeper->fd, "x", 1) != 1)
        sleeper->slept = false;
    return NULL;
}

Test(enter, where_reads_were_quick_a_slow_one_is_slept_for)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group = group_of(both[mode]);
        struct outcome outcome = {0};
        int ends[2];
        pthread_t thread;
        check_reads(group);
        fault_clear();
        set_latency(group, 1);
        check_is(pipe(ends), 0);
        struct sleeper sleeper = {.tid = thread_id(), .fd = ends[1]};
        struct ring_op op = op_transfer(RING_OP_READ, ends[0], bytes, 1, -1, &outcome);
        (void)submit(group, &op);
        check_is(pthread_create(&thread, NULL, write_when_asleep, &sleeper), 0);
        check_is(ring_group_wait(group, -1, NULL), 1);
        check_is(pthread_join(thread, NULL), 0);
        check_that(sleeper.slept);
        check_is(fault_enter_flags & IORING_ENTER_EXT_ARG, IORING_ENTER_EXT_ARG);
        check_is(outcome.result, 1);
        close(ends[0]);
        close(ends[1]);
        ring_group_destroy(group);
    }
}

Test(enter, what_was_interrupted_long_ago_does_not_matter)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group = group_of(both[mode]);
        for (int i = 0; i < 3; i++) {
            struct outcome outcome = {0};
            struct ring_op op = reading(&outcome);
            fault_arm(FAULT_ENTER, 0, 1, EAGAIN);
            errno = EINTR; /* of a call of the program's */
            (void)submit(group, &op);
            errno = ETIME;
            check_is(drain(group), 1);
            check_is(outcome.result, BYTES);
        }
        ring_group_destroy(group);
    }
}

Test(enter, an_interruption_does_not_shorten_a_wait)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group = group_of(both[mode]);
        struct outcome outcome = {0};
        pipe_pair_t pair = pipe_open(0);
        struct ring_op op = op_transfer(RING_OP_READ, pair.read_fd, bytes, 1, -1, &outcome);
        ring_handle_t handle = submit(group, &op);
        int64_t start_ns = now_ns();
        fault_arm(FAULT_ENTER, 0, 5, EINTR);
        check_is(ring_group_wait(group, 20000000, NULL), 0);
        check_at_least(now_ns() - start_ns, 20000000);
        check_is(ring_group_cancel(group, handle), 0);
        check_is(drain(group), 1);
        ring_group_destroy(group);
        pipe_close(pair);
    }
}

Test(enter, a_cancel_is_not_lost_when_the_kernel_takes_nothing)
{
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group = group_of(both[mode]);
        struct outcome outcome = {0};
        pipe_pair_t pair = pipe_open(0);
        struct ring_op op = op_transfer(RING_OP_READ, pair.read_fd, bytes, 1, -1, &outcome);
        ring_handle_t handle = submit(group, &op);
        (void)ring_group_wait(group, 1000, NULL); /* it is in the kernel */
        fault_arm(FAULT_ENTER, 0, 3, EAGAIN);
        check_is(ring_group_cancel(group, handle), 0);
        check_is(drain(group), 1);
        check_is(outcome.result, -ECANCELED);
        ring_group_destroy(group);
        pipe_close(pair);
    }
}

Test(enter, cancels_of_more_than_the_queue_holds_all_reach_the_kernel_in_the_end)
{
    enum { READS = 300 };
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group;
    struct topology topology = machine(1, 1);
    static struct outcome outcomes[READS];
    static ring_handle_t handles[READS];
    pipe_pair_t pair = pipe_open(0);
    config.queue_depth = config.limit = 8;
    check_is(ring_group_create(&config, &topology, &group), 0);
    for (int i = 0; i < READS; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, pair.read_fd, bytes, 1, -1, &outcomes[i]);
        handles[i] = submit(group, &op);
    }
    (void)ring_group_wait(group, 1000, NULL);
    fault_arm(FAULT_ENTER, 0, 200, EAGAIN); /* the queue fills up with cancels */
    for (int i = 0; i < READS; i++)
        check_is(ring_group_cancel(group, handles[i]), 0);
    fault_clear();
    check_is(drain(group), READS);
    for (int i = 0; i < READS; i++) {
        check_is(outcomes[i].calls, 1);
        check_is(outcomes[i].result, -ECANCELED);
    }
    check_that(ring_group_check(group));
    ring_group_destroy(group);
    topology_free(&topology);
    pipe_close(pair);
}

/* --------------------------------------------------------------- short transfers */

static int transfers_seen;

static void shorten(struct io_uring_sqe *sqe)
{
    bool plain = sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_WRITE ||
                 sqe->opcode == IORING_OP_READ_FIXED || sqe->opcode == IORING_OP_WRITE_FIXED;
    bool vectored = sqe->opcode == IORING_OP_READV || sqe->opcode == IORING_OP_WRITEV;
    transfers_seen += plain || vectored;
    if (plain && sqe->len > 1000)
        sqe->len = 1000;
    if (vectored)
        sqe->len = 1; /* one part at a time */
}

static void check_shortened(struct ring_group *group, struct ring_op op, int calls)
{
    bool reads = op.opcode == RING_OP_READ || op.opcode == RING_OP_READV;
    unsigned char found[BYTES];
    pattern_fill(bytes, BYTES, reads ? 0 : 100);
    check_is(pwrite(fd, bytes, reads ? 0 : BYTES, 100), reads ? 0 : BYTES);
    if (!reads) {
        memset(found, 0, BYTES);
        check_is(pwrite(fd, found, BYTES, 100), BYTES);
    }
    transfers_seen = 0;
    check_is(perform(group, op), BYTES);
    check_is(transfers_seen, calls);
    check_is(pread(fd, found, BYTES, 100), BYTES);
    check_that(pattern_holds(found, BYTES, 100));
    check_that(pattern_holds(bytes, BYTES, 100));
}

Test(enter, short_transfers_of_every_kind_are_continued_by_the_kernel_interface_too)
{
    const struct iovec iov[] = {{bytes, 1}, {bytes + 1, 4999}, {bytes + 5000, 5000}};
    const struct iovec buffer = {bytes, BYTES};
    for (int mode = 0; mode < 2; mode++) {
        struct ring_group *group = group_of(both[mode]);
        check_is(ring_group_register_buffers(group, &buffer, 1), 0);
        fault_edit = shorten;
        for (int opcode = RING_OP_READ; opcode <= RING_OP_WRITE; opcode++) {
            struct ring_op op = op_transfer((enum ring_opcode)opcode, fd, bytes, BYTES, 100, NULL);
            check_shortened(group, op, 10);
            op.flags = RING_OP_FIXED;
            op.u.buffer_offset = 0;
            check_shortened(group, op, 10);
        }
        for (int opcode = RING_OP_READV; opcode <= RING_OP_WRITEV; opcode++)
            check_shortened(group, op_vectored((enum ring_opcode)opcode, fd, iov, 3, 100, NULL), 3);
        fault_clear();
        ring_group_destroy(group);
    }
}

/* -------------------------------------------------------------- injected results */

static int injected[8], inject_next, inject_count;

/* Let the kernel answer what is injected, in the place of the next submissions. */
static void inject(struct io_uring_sqe *sqe)
{
    if (sqe->user_data >> 24 == 0 || inject_next >= inject_count) /* not an operation, or no more to inject */
        return;
    int result = injected[inject_next++];
    if (result == 0)
        return;
    sqe->opcode = IORING_OP_NOP;
    sqe->flags &= IOSQE_IO_LINK;
    sqe->fd = -1;
    sqe->len = (unsigned)result;
    sqe->rw_flags = INJECT_RESULT;
    sqe->addr = sqe->off = 0;
    sqe->buf_index = 0;
}

/* 0 stands for an operation that is left alone. */
static void arm_injection(const int *results, int count)
{
    memcpy(injected, results, (size_t)count * sizeof(injected[0]));
    inject_next = 0;
    inject_count = count;
    fault_edit = inject;
}

#define INJECT(...)                                                                                          \
    do {                                                                                                     \
        const int results_[] = {__VA_ARGS__};                                                                \
        arm_injection(results_, (int)(sizeof(results_) / sizeof(results_[0])));                              \
    } while (0)

/* A group, when the kernel lets us inject results. */
static struct ring_group *group_with_injection(void)
{
    struct ring_group *group = group_of(RING_SELECT_ADAPTIVE);
    INJECT(-EIO);
    if (perform(group, reading(NULL)) != -EIO) {
        ring_group_destroy(group);
        skip_because("this kernel cannot inject results (before Linux 6.10)");
    }
    return group;
}

Test(enter, errors_that_pass_are_tried_again_by_the_kernel_interface_too)
{
    struct ring_group *group = group_with_injection();
    INJECT(-EINTR, -EAGAIN, -ECANCELED);
    check_reads(group);
    check_is(inject_next, 3);
    INJECT(-EFAULT);
    check_reads(group);
    check_is(inject_next, 1);
    ring_group_destroy(group);
}

Test(enter, a_stream_that_is_not_ready_is_polled_by_the_kernel_and_tried_again)
{
    struct ring_group *group = group_with_injection();
    pipe_pair_t pair = pipe_open(O_NONBLOCK);
    struct outcome outcome = {0};
    struct ring_op op = op_transfer(RING_OP_READ, pair.read_fd, bytes, BYTES, -1, &outcome);
    INJECT(-EAGAIN);
    (void)submit(group, &op);
    check_is(ring_group_wait(group, 1000000, NULL), 0); /* it waits for data */
    fd_write_all(pair.write_fd, "hello", 5);
    check_is(drain(group), 1);
    check_is(outcome.result, 5);
    INJECT(-EAGAIN);
    check_is(perform(group, op_transfer(RING_OP_WRITE, pair.write_fd, bytes, 5, -1, NULL)), 5);
    check_is(inject_next, 1);
    ring_group_destroy(group);
    pipe_close(pair);
}

Test(enter, a_chain_that_the_kernel_breaks_goes_on_when_the_step_succeeds_after_all)
{
    struct ring_group *group = group_with_injection();
    struct outcome outcomes[3];
    ring_handle_t handles[3];
    int error;
    memset(outcomes, 0, sizeof(outcomes));
    struct ring_op ops[3];
    pattern_fill(bytes, BYTES, 70000);
    for (int i = 0; i < 3; i++) {
        ops[i] = op_transfer(RING_OP_WRITE, fd, bytes + i * 3000, 3000, 70000 + i * 3000, &outcomes[i]);
        ops[i].flags = i < 2 ? RING_OP_LINKED : 0;
    }
    INJECT(0, -EINTR);
    check_is(ring_group_submit(group, ops, 3, handles, &error), 3);
    check_is(drain(group), 3);
    for (int i = 0; i < 3; i++) {
        check_is(outcomes[i].calls, 1);
        check_is(outcomes[i].result, 3000);
    }
    unsigned char found[9000];
    check_is(pread(fd, found, 9000, 70000), 9000);
    check_that(pattern_holds(found, 9000, 70000));
    INJECT(0, -EIO);
    memset(outcomes, 0, sizeof(outcomes));
    check_is(ring_group_submit(group, ops, 3, handles, &error), 3);
    check_is(drain(group), 3);
    check_is(outcomes[0].result, 3000);
    check_is(outcomes[1].result, -EIO);
    check_is(outcomes[2].result, -ECANCELED);
    ring_group_destroy(group);
}

static int syncs_seen;

static void inject_and_count_syncs(struct io_uring_sqe *sqe)
{
    syncs_seen += sqe->opcode == IORING_OP_FSYNC && sqe->fsync_flags == IORING_FSYNC_DATASYNC;
    inject(sqe);
}

Test(enter, a_refused_dsync_is_followed_by_a_data_sync)
{
    struct ring_group *group = group_with_injection();
    struct ring_op op = op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, NULL);
    op.rw_flags = RWF_DSYNC;
    INJECT(-EOPNOTSUPP);
    fault_edit = inject_and_count_syncs;
    check_is(perform(group, op), BYTES);
    check_is(syncs_seen, 1);
    ring_group_destroy(group);
}

/* ------------------------------------------------------------------- descriptors */

Test(enter, a_poll_descriptor_that_cannot_be_had_is_an_error_once)
{
    static const struct {
        enum ring_select select;
        enum fault fault;
        int error;
    } cases[] = {
        {RING_SELECT_ADAPTIVE, FAULT_EPOLL_CREATE, EMFILE},
        {RING_SELECT_ADAPTIVE, FAULT_EPOLL_CTL, ENOSPC},
        {RING_SELECT_THREAD_LOCAL, FAULT_EVENTFD, EMFILE},
        {RING_SELECT_THREAD_LOCAL, FAULT_REGISTER_EVENTFD, ENOMEM},
        {RING_SELECT_THREAD_LOCAL, FAULT_QUEUE_INIT, EMFILE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ring_group *group = group_of(cases[i].select);
        if (cases[i].fault != FAULT_QUEUE_INIT)
            check_reads(group);
        int before = open_fd_count();
        fault_arm(cases[i].fault, 0, 1, cases[i].error);
        check_is(ring_group_poll_fd(group), -cases[i].error);
        check_is(open_fd_count(), before);
        int poll_fd = ring_group_poll_fd(group);
        check_at_least(poll_fd, 0);
        check_is(ring_group_poll_fd(group), poll_fd);
        check_reads(group);
        ring_group_destroy(group);
    }
}

Test(enter, a_ring_that_the_poll_descriptor_cannot_watch_is_replaced_by_one_it_does)
{
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    config.ring_count = 3;
    struct ring_group *group = group_new(&config);
    check_reads(group);
    check_at_least(ring_group_poll_fd(group), 0);
    fault_arm(FAULT_EPOLL_CTL, 0, 100, ENOSPC);
    for (int i = 0; i < 6; i++)
        check_reads(group);
    struct ring_group_info info;
    ring_group_info(group, &info);
    check_is(info.rings_created, 1);
    check_is(info.refused_errno, ENOSPC);
    ring_group_destroy(group);
}

Test(enter, waiting_on_many_rings_works_without_descriptors_to_wake_up_by)
{
    enum { RINGS = 12 };
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    struct outcome outcomes[RINGS];
    pipe_pair_t pairs[RINGS];
    config.ring_count = RINGS;
    memset(outcomes, 0, sizeof(outcomes));
    struct ring_group *group = group_new(&config);
    for (int i = 0; i < RINGS; i++) {
        pairs[i] = pipe_open(0);
        struct ring_op op = op_transfer(RING_OP_READ, pairs[i].read_fd, bytes, 1, -1, &outcomes[i]);
        (void)submit(group, &op);
    }
    fault_arm(FAULT_EVENTFD, 0, 1000000, EMFILE);
    fault_arm(FAULT_EPOLL_CREATE, 0, 1000000, EMFILE);
    check_is(ring_group_wait(group, 1000000, NULL), 0);
    for (int i = 0; i < RINGS; i++)
        fd_write_all(pairs[i].write_fd, "x", 1);
    check_is(drain(group), RINGS);
    for (int i = 0; i < RINGS; i++) {
        check_is(outcomes[i].result, 1);
        pipe_close(pairs[i]);
    }
    ring_group_destroy(group);
}

/* ------------------------------------------------------------------ registration */

Test(enter, a_ring_that_may_not_register_uses_plain_memory_and_descriptors)
{
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    const struct iovec buffer = {bytes, BYTES};
    config.ring_count = 3;
    struct ring_group *group = group_new(&config);
    for (int i = 0; i < 3; i++)
        check_reads(group); /* every ring exists */
    /* The one that is asked first agrees; of those that follow, the first does, too. */
    fault_arm(FAULT_REGISTER_BUFFERS, 2, 100, ENOMEM);
    fault_arm(FAULT_REGISTER_FILES, 2, 100, ENOMEM);
    check_is(ring_group_register_buffers(group, &buffer, 1), 0);
    check_is(ring_group_register_files(group, &fd, 1), 0);
    for (int i = 0; i < 6; i++) {
        struct ring_op op = reading(NULL);
        op.flags = RING_OP_FIXED;
        op.u.buffer_offset = 0;
        check_is(perform(group, op), BYTES);
        check_that(pattern_holds(bytes, BYTES, 100));
    }
    check_is(ring_group_unregister_buffers(group), 0);
    check_is(ring_group_unregister_files(group), 0);
    check_reads(group);
    ring_group_destroy(group);
}

Test(enter, a_registration_that_the_kernel_refuses_leaves_nothing_registered)
{
    const struct iovec buffer = {bytes, BYTES};
    struct ring_group *group = group_of(RING_SELECT_ADAPTIVE);
    fault_arm(FAULT_REGISTER_BUFFERS, 0, 1, ENOMEM);
    fault_arm(FAULT_REGISTER_FILES, 0, 1, ENOMEM);
    check_is(ring_group_register_buffers(group, &buffer, 1), -ENOMEM);
    check_is(ring_group_register_files(group, &fd, 1), -ENOMEM);
    struct ring_op op = reading(NULL);
    op.flags = RING_OP_FIXED;
    check_is(try_submit(group, &op), -ENOENT);
    check_is(ring_group_update_file(group, 0, fd), -ENOENT);
    check_is(ring_group_register_buffers(group, &buffer, 1), 0);
    check_is(ring_group_register_files(group, &fd, 1), 0);
    check_reads(group);
    ring_group_destroy(group);
}

Test(enter, a_slot_that_cannot_be_changed_in_place_is_changed_with_the_whole_table)
{
    struct ring_group *group = group_of(RING_SELECT_ADAPTIVE);
    const int fds[2] = {fd, -1};
    int other = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    check_is(ring_group_register_files(group, fds, 2), 0);
    check_reads(group);
    fault_arm(FAULT_UPDATE_FILES, 0, 1, EINVAL);
    fault_arm(FAULT_REGISTER_FILES, 0, 0, 0);
    check_is(ring_group_update_file(group, 0, other), 0);
    check_is(fault_calls(FAULT_UPDATE_FILES), 1);
    check_is(fault_calls(FAULT_REGISTER_FILES), 1);
    check_reads(group); /* not in the table any more */
    check_is(perform(group, op_transfer(RING_OP_READ, other, bytes, 1, 0, NULL)), 1);
    check_is(bytes[0], 0);
    ring_group_destroy(group);
    close(other);
}
