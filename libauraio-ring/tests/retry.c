/* SPDX-License-Identifier: MIT */
/*
 * What a completion means: transfers that fall short are continued, interruptions are tried again, flags that
 * are refused are given up one by one, and nothing is tried for ever. Against a backend that answers as told.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fake.h"
#include "files.h"
#include "kernel.h"
#include "support.h"

enum { BYTES = 10000, FILE_BYTES = 16384, TRIES = 1 + TRIES_MAX };

#define SCRIPT(...)                                                                                          \
    do {                                                                                                     \
        static const struct fake_answer script_[] = {__VA_ARGS__};                                           \
        fake_script(script_, (int)(sizeof(script_) / sizeof(script_[0])));                                   \
    } while (0)

static struct ring_group *group;
static struct outcome outcome;
static unsigned char bytes[BYTES];
static int fd;

static void set_up(void)
{
    group = fake_group(RING_SELECT_ADAPTIVE, 64);
    fd = file_of_pattern(FILE_BYTES);
    fake_script(NULL, 0);
}

static void tear_down(void)
{
    check_that(ring_group_check(group));
    ring_group_destroy(group);
    close(fd);
}

TestSuite(retry, .init = set_up, .fini = tear_down, .timeout = 60);

static struct ring_op reading(void)
{
    return op_transfer(RING_OP_READ, fd, bytes, BYTES, 100, &outcome);
}

static struct ring_op writing(void)
{
    pattern_fill(bytes, BYTES, 20000);
    return op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 20000, &outcome);
}

static void check_written(void)
{
    unsigned char found[BYTES];
    check_is(pread(fd, found, BYTES, 20000), BYTES);
    check_that(pattern_holds(found, BYTES, 20000));
}

/* Run with every answer the same, more often than anything is tried. */
static ssize_t perform_against(struct ring_op op, int result)
{
    static struct fake_answer same[64];
    for (int i = 0; i < 64; i++)
        same[i] = (struct fake_answer){FAKE_ANSWER, result};
    fake_script(same, 64);
    return perform(group, op);
}

/* ---------------------------------------------------------- short transfers */

Test(retry, a_short_read_is_continued_where_it_stopped)
{
    SCRIPT({FAKE_SHORT, 1}, {FAKE_SHORT, 4096}, {FAKE_SHORT, 3000});
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 4);
    check_is(fake.calls[1].offset, 101);
    check_is(fake.calls[3].offset, 100 + 7097);
    check_is(fake.calls[3].len, BYTES - 7097);
    check_that(pattern_holds(bytes, BYTES, 100));
}

Test(retry, a_short_write_is_continued_where_it_stopped)
{
    SCRIPT({FAKE_SHORT, 4096}, {FAKE_SHORT, 17});
    check_is(perform(group, writing()), BYTES);
    check_is(fake.calls_made, 3);
    check_written();
}

Test(retry, a_short_vectored_transfer_goes_on_inside_or_between_its_parts)
{
    for (int first = 1; first < BYTES; first += 499) {
        const struct fake_answer script[] = {{FAKE_SHORT, first}, {FAKE_SHORT, 600}};
        const struct iovec iov[] = {
            {bytes, 998}, {NULL, 0}, {bytes + 998, 2}, {bytes + 1000, 6000}, {bytes + 7000, 3000}};
        memset(bytes, 0, BYTES);
        fake_script(script, 2);
        struct ring_op op = op_vectored(RING_OP_READV, fd, iov, 5, 100, &outcome);
        cr_assert_eq(perform(group, op), BYTES, "cut at %d", first);
        cr_assert(pattern_holds(bytes, BYTES, 100), "cut at %d", first);
        pattern_fill(bytes, BYTES, 20000);
        check_is(ftruncate(fd, FILE_BYTES), 0);
        fake_script(script, 2);
        op = op_vectored(RING_OP_WRITEV, fd, iov, 5, 20000, &outcome);
        cr_assert_eq(perform(group, op), BYTES, "cut at %d", first);
        check_written();
    }
}

Test(retry, a_read_over_the_end_of_the_file_does_not_ask_again)
{
    struct ring_op op = reading();
    op.offset = FILE_BYTES - 1000;
    check_is(perform(group, op), 1000);
    check_is(fake.calls_made, 1);
    op.offset = FILE_BYTES;
    check_is(perform(group, op), 0);
    check_is(fake.calls_made, 2);
}

Test(retry, a_transfer_that_stops_at_nothing_ends_with_what_it_has)
{
    SCRIPT({FAKE_SHORT, 1000}, {FAKE_ANSWER, 0});
    check_is(perform(group, reading()), 1000);
    check_is(fake.calls_made, 2);
}

Test(retry, bytes_so_far_win_over_a_later_error)
{
    SCRIPT({FAKE_SHORT, 1000}, {FAKE_ANSWER, -EIO});
    check_is(perform(group, reading()), 1000);
    SCRIPT({FAKE_SHORT, 1000}, {FAKE_ANSWER, -ENOSPC});
    check_is(perform(group, writing()), 1000);
    SCRIPT({FAKE_ANSWER, -ENOSPC});
    check_is(perform(group, writing()), -ENOSPC);
}

Test(retry, at_the_files_own_position_what_one_call_moves_is_the_result)
{
    SCRIPT({FAKE_SHORT, 1000});
    struct ring_op op = reading();
    op.offset = -1;
    check_is(perform(group, op), 1000);
    check_is(fake.calls_made, 1);
}

Test(retry, with_nowait_a_short_transfer_is_delivered_as_it_is)
{
    SCRIPT({FAKE_SHORT, 1000});
    struct ring_op op = reading();
    op.rw_flags = RWF_NOWAIT;
    check_is(perform(group, op), 1000);
    check_is(fake.calls_made, 1);
}

Test(retry, a_pipe_delivers_what_one_call_moves_even_under_the_number_of_a_file)
{
    check_is(perform(group, reading()), BYTES); /* the number is remembered as a file's */
    pipe_pair_t pair = pipe_open(0);
    check_is(dup2(pair.read_fd, fd), fd);
    SCRIPT({FAKE_ANSWER, 4});
    check_is(perform(group, reading()), 4);
    check_is(fake.calls_made, 1);
    pipe_close(pair);
}

/* --------------------------------------------------------------- interruptions */

Test(retry, an_interrupted_operation_is_tried_until_it_is_not)
{
    static struct fake_answer many[100];
    for (int i = 0; i < 100; i++)
        many[i] = (struct fake_answer){FAKE_ANSWER, -EINTR};
    fake_script(many, 100);
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 101);
    fake_script(many, 100);
    check_is(perform(group, op_sync(fd, &outcome)), 0);
    check_is(fake.calls_made, 101);
}

Test(retry, a_file_that_would_block_is_left_to_a_worker)
{
    SCRIPT({FAKE_ANSWER, -EAGAIN});
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 2);
    check_that(!fake.calls[0].worker);
    check_that(fake.calls[1].worker);
}

Test(retry, a_file_that_blocks_for_ever_is_given_up)
{
    check_is(perform_against(reading(), -EAGAIN), -EAGAIN);
    check_is(fake.calls_made, TRIES);
}

Test(retry, progress_renews_the_patience)
{
    static struct fake_answer script[21];
    for (int i = 0; i < 21; i++)
        script[i] = i == 6 || i == 13 ? (struct fake_answer){FAKE_SHORT, 1000}
                                      : (struct fake_answer){FAKE_ANSWER, -ECANCELED};
    fake_script(script, 20);
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 21);
}

Test(retry, with_nowait_eagain_is_the_answer)
{
    SCRIPT({FAKE_ANSWER, -EAGAIN});
    struct ring_op op = reading();
    op.rw_flags = RWF_NOWAIT;
    check_is(perform(group, op), -EAGAIN);
    check_is(fake.calls_made, 1);
}

Test(retry, eagain_of_what_is_no_transfer_is_the_answer)
{
    SCRIPT({FAKE_ANSWER, -EAGAIN});
    check_is(perform(group, op_sync(fd, &outcome)), -EAGAIN);
    check_is(fake.calls_made, 1);
}

Test(retry, nowait_on_a_pipe_that_does_not_know_it_is_eagain_or_what_is_there)
{
    pipe_pair_t pair = pipe_open(0);
    struct ring_op op = op_transfer(RING_OP_READ, pair.read_fd, bytes, BYTES, -1, &outcome);
    op.rw_flags = RWF_NOWAIT;
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP});
    check_is(perform(group, op), -EAGAIN);
    check_is(fake.calls_made, 1);
    fd_write_all(pair.write_fd, "hello", 5);
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP});
    check_is(perform(group, op), 5);
    check_is(fake.calls[1].rw_flags, 0);
    op.flags = RING_OP_STRICT;
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP});
    check_is(perform(group, op), -EOPNOTSUPP);
    pipe_close(pair);
}

Test(retry, a_pipe_that_is_not_ready_is_polled_and_read_again)
{
    pipe_pair_t pair = pipe_open(O_NONBLOCK);
    fd_write_all(pair.write_fd, "hello", 5);
    SCRIPT({FAKE_ANSWER, -EAGAIN}, {FAKE_ANSWER, 1 /* POLLIN */});
    check_is(perform(group, op_transfer(RING_OP_READ, pair.read_fd, bytes, BYTES, -1, &outcome)), 5);
    check_is(fake.calls_made, 3);
    check_is(fake.calls[0].kind, FAKE_TRANSFER);
    check_is(fake.calls[1].kind, FAKE_POLL);
    check_is(fake.calls[2].kind, FAKE_TRANSFER);
    pipe_close(pair);
}

Test(retry, a_cancel_that_nobody_asked_for_is_made_good_a_few_times)
{
    SCRIPT({FAKE_ANSWER, -ECANCELED});
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 2);
    check_is(perform_against(reading(), -ECANCELED), -ECANCELED);
    check_is(fake.calls_made, TRIES);
}

Test(retry, a_fault_is_the_address_the_second_time)
{
    SCRIPT({FAKE_ANSWER, -EFAULT});
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 2);
    check_is(perform_against(reading(), -EFAULT), -EFAULT);
    check_is(fake.calls_made, 2);
}

Test(retry, a_fault_after_a_wait_for_data_is_tried_once_more)
{
    SCRIPT({FAKE_ANSWER, -EAGAIN}, {FAKE_ANSWER, -EFAULT});
    check_is(perform(group, reading()), BYTES);
    check_is(fake.calls_made, 3);
}

static void *submit_and_end(void *op)
{
    (void)submit(group, op);
    (void)ring_group_poll(group); /* sees the first fault, and tries again */
    return op;
}

Test(retry, each_thread_that_ends_may_cause_one_more_fault)
{
    pthread_t thread;
    struct outcome seen = {0};
    struct ring_op op = reading();
    SCRIPT({FAKE_ANSWER, -EFAULT}, {FAKE_ANSWER, -EFAULT});
    op.user_data = &seen;
    check_is(pthread_create(&thread, NULL, submit_and_end, &op), 0);
    check_is(pthread_join(thread, NULL), 0);
    check_is(fake.calls_made, 2);
    check_is(drain(group), 1);
    check_is(seen.result, BYTES);
    check_is(fake.calls_made, 3);
}

Test(retry, other_errors_are_delivered_at_once)
{
    static const int errors[] = {-EIO,   -ENOSPC, -EBADF,  -EFBIG,     -EDQUOT,
                                 -EROFS, -ENXIO,  -EINVAL, -EOPNOTSUPP};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        check_is(perform_against(reading(), errors[i]), errors[i]);
        check_is(fake.calls_made, 1);
        check_is(perform_against(op_sync(fd, &outcome), errors[i]), errors[i]);
        check_is(fake.calls_made, 1);
    }
}

/* --------------------------------------------------------------- degraded flags */

Test(retry, hints_that_are_refused_are_dropped_the_least_valuable_first)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP}, {FAKE_ANSWER, -EOPNOTSUPP}, {FAKE_ANSWER, -EOPNOTSUPP});
    struct ring_op op = writing();
    op.rw_flags = RWF_DONTCACHE | RWF_ATOMIC | RWF_NOWAIT | RWF_APPEND;
    struct outcome seen = {0};
    op.user_data = &seen;
    (void)submit(group, &op);
    check_is(drain(group), 1);
    check_is(seen.result, BYTES);
    check_is(seen.rw_flags, RWF_APPEND);
    check_is(fake.calls_made, 4);
    check_is(fake.calls[1].rw_flags, RWF_ATOMIC | RWF_NOWAIT | RWF_APPEND);
    check_is(fake.calls[2].rw_flags, RWF_ATOMIC | RWF_APPEND);
    check_is(fake.calls[3].rw_flags, RWF_APPEND);
}

Test(retry, a_flag_that_cannot_be_given_up_fails_the_operation)
{
    struct ring_op op = writing();
    op.rw_flags = RWF_APPEND;
    check_is(perform_against(op, -EOPNOTSUPP), -EOPNOTSUPP);
    check_is(fake.calls_made, 1);
}

Test(retry, a_strict_operation_gives_up_no_flag)
{
    struct ring_op op = writing();
    op.flags = RING_OP_STRICT;
    op.rw_flags = RWF_DSYNC | RWF_HIPRI;
    check_is(perform_against(op, -EOPNOTSUPP), -EOPNOTSUPP);
    check_is(fake.calls_made, 1);
    check_is(perform_against(op, -EINVAL), -EINVAL);
    check_is(fake.calls_made, 1);
}

Test(retry, polling_is_dropped_when_the_ring_is_not_made_for_it)
{
    SCRIPT({FAKE_ANSWER, -EINVAL});
    struct ring_op op = reading();
    op.rw_flags = RWF_HIPRI | RWF_NOWAIT;
    check_is(perform(group, op), BYTES);
    check_is(fake.calls_made, 2);
    check_is(fake.calls[1].rw_flags, RWF_NOWAIT);
}

Test(retry, an_invalid_operation_keeps_its_other_flags_and_fails)
{
    struct ring_op op = writing();
    op.rw_flags = RWF_DSYNC;
    check_is(perform_against(op, -EINVAL), -EINVAL);
    check_is(fake.calls_made, 1);
}

Test(retry, a_refused_dsync_becomes_a_data_sync_after_the_whole_write)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP}, {FAKE_SHORT, 5000});
    struct outcome seen = {0};
    struct ring_op op = writing();
    op.rw_flags = RWF_DSYNC;
    op.user_data = &seen;
    (void)submit(group, &op);
    check_is(drain(group), 1);
    check_is(seen.calls, 1);
    check_is(seen.result, BYTES);
    check_is(seen.rw_flags, 0);
    check_is(fake.calls_made, 4);
    check_is(fake.calls[2].kind, FAKE_TRANSFER);
    check_is(fake.calls[3].kind, FAKE_SYNC);
    check_that(!fake.calls[3].whole_sync);
    check_written();
}

Test(retry, a_refused_sync_becomes_a_whole_sync)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP});
    struct ring_op op = writing();
    op.rw_flags = RWF_SYNC;
    check_is(perform(group, op), BYTES);
    check_is(fake.calls_made, 3);
    check_is(fake.calls[2].kind, FAKE_SYNC);
    check_that(fake.calls[2].whole_sync);
}

Test(retry, a_sync_that_fails_fails_the_write)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP}, {FAKE_DO, 0}, {FAKE_ANSWER, -EIO});
    struct ring_op op = writing();
    op.rw_flags = RWF_DSYNC;
    check_is(perform(group, op), -EIO);
}

Test(retry, a_sync_that_is_interrupted_is_tried_again)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP}, {FAKE_DO, 0}, {FAKE_ANSWER, -EINTR}, {FAKE_ANSWER, -ECANCELED});
    struct ring_op op = writing();
    op.rw_flags = RWF_DSYNC;
    check_is(perform(group, op), BYTES);
    check_is(fake.calls_made, 5);
}

Test(retry, a_write_that_moved_nothing_is_not_synced)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP}, {FAKE_ANSWER, -ENOSPC});
    struct ring_op op = writing();
    op.rw_flags = RWF_DSYNC;
    check_is(perform(group, op), -ENOSPC);
    check_is(fake.calls_made, 2);
}

Test(retry, a_read_without_its_dsync_is_not_followed_by_a_sync)
{
    SCRIPT({FAKE_ANSWER, -EOPNOTSUPP});
    struct ring_op op = reading();
    op.rw_flags = RWF_DSYNC;
    check_is(perform(group, op), BYTES);
    check_is(fake.calls_made, 2);
}

/* --------------------------------------------------------------- with a cancel */

Test(retry, a_cancelled_operation_is_not_tried_again)
{
    SCRIPT({FAKE_HOLD, 0});
    struct outcome seen = {0};
    struct ring_op op = reading();
    op.user_data = &seen;
    ring_handle_t handle = submit(group, &op);
    (void)ring_group_flush(group);
    check_is(ring_group_cancel(group, handle), 0);
    check_is(ring_group_cancel(group, handle), -EALREADY);
    check_is(drain(group), 1);
    check_is(seen.result, -ECANCELED);
    check_is(fake.calls_made, 1);
}

Test(retry, a_cancelled_operation_that_moved_something_says_so)
{
    SCRIPT({FAKE_SHORT, 1000}, {FAKE_HOLD, 0});
    struct outcome seen = {0};
    struct ring_op op = reading();
    op.user_data = &seen;
    ring_handle_t handle = submit(group, &op);
    check_is(ring_group_wait(group, 1000, NULL), 0); /* the first part is in, the second is held */
    check_is(fake.calls_made, 2);
    check_is(ring_group_cancel(group, handle), 0);
    check_is(drain(group), 1);
    check_is(seen.result, 1000);
}

Test(retry, a_cancel_that_comes_too_late_leaves_the_result)
{
    SCRIPT({FAKE_HOLD, 0});
    struct outcome seen = {0};
    struct ring_op op = reading();
    op.user_data = &seen;
    ring_handle_t handle = submit(group, &op);
    (void)ring_group_flush(group);
    fake_release(group, BYTES);
    check_is(ring_group_cancel(group, handle), 0);
    check_is(drain(group), 1);
    check_is(seen.result, BYTES);
}

Test(retry, a_cancelled_transfer_that_falls_short_is_not_continued)
{
    SCRIPT({FAKE_HOLD, 0});
    struct outcome seen = {0};
    struct ring_op op = reading();
    op.user_data = &seen;
    ring_handle_t handle = submit(group, &op);
    (void)ring_group_flush(group);
    fake_release(group, 1000);
    check_is(ring_group_cancel(group, handle), 0);
    check_is(drain(group), 1);
    check_is(seen.result, 1000);
    check_is(fake.calls_made, 1);
}

Test(retry, a_deadline_stops_what_is_in_the_kernel_and_what_waits_for_it)
{
    struct ring_group *narrow = fake_group(RING_SELECT_ADAPTIVE, 1);
    SCRIPT({FAKE_HOLD, 0});
    struct outcome seen[2] = {{0}, {0}};
    const struct ring_op_rare rare = {.timeout_ns = 1};
    for (int i = 0; i < 2; i++) {
        struct ring_op op = reading();
        op.user_data = &seen[i];
        op.rare = &rare;
        (void)submit(narrow, &op);
    }
    check_is(fake.calls_made, 1); /* the other is over the limit */
    fake_fire_timer(narrow);
    check_is(drain(narrow), 2);
    for (int i = 0; i < 2; i++) {
        check_is(seen[i].calls, 1);
        check_is(seen[i].result, -ETIMEDOUT);
    }
    check_is(fake.calls_made, 1);
    check_that(ring_group_check(narrow));
    ring_group_destroy(narrow);
}

/* ------------------------------------------------------------ a busy kernel */

Test(retry, what_the_kernel_does_not_take_at_once_goes_with_the_next_drive)
{
    struct outcome seen = {0};
    struct ring_op op = reading();
    op.user_data = &seen;
    fake.submit_failures = 3;
    fake.submit_error = -EAGAIN;
    (void)submit(group, &op);
    check_is(fake.calls_made, 0);
    check_is(drain(group), 1);
    check_is(seen.result, BYTES);
    check_is(fake.submit_failures, 0);
}

/* As if the file system got to the close only now. */
static void open_ended(struct auraio_request *request, ssize_t result, void *user_data)
{
    outcome_record(request, result, user_data);
    fake_release(group, 0);
}

/* An open may wait for the other end of a FIFO; a close that is cancelled is a descriptor that leaks. */
Test(retry, a_group_that_settles_cancels_opens_that_last_and_no_close)
{
    SCRIPT({FAKE_HOLD, 0}, {FAKE_HOLD, 0});
    struct outcome closed = {0}, opened = {0};
    struct ring_op close_op = {.callback = outcome_record, .user_data = &closed};
    struct ring_op open_op = {.u.path = "/", .callback = open_ended, .user_data = &opened};
    close_op.opcode = RING_OP_CLOSE;
    close_op.fd = fd;
    open_op.opcode = RING_OP_OPENAT;
    open_op.fd = AT_FDCWD;
    (void)submit(group, &close_op);
    (void)submit(group, &open_op);
    (void)ring_group_flush(group);
    ring_group_settle(group);
    check_is(opened.result, -ECANCELED);
    check_is(closed.result, 0);
}
