/* SPDX-License-Identifier: MIT */
/* Reads, writes, their vectored forms and fsync: what they do and what they refuse. */
#include <auraio.h>
#include <limits.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"

enum { BYTES = 4096 };

static char buf[2 * BYTES];
static outcome_t outcome;

TestSuite(read, .init = set_up, .fini = tear_down, .timeout = 30);
TestSuite(write, .init = set_up, .fini = tear_down, .timeout = 30);
TestSuite(vectored, .init = set_up, .fini = tear_down, .timeout = 30);
TestSuite(fsync, .init = set_up, .fini = tear_down, .timeout = 30);
TestSuite(submission, .init = set_up, .fini = tear_down, .timeout = 30);

Test(read, delivers_the_bytes_at_the_offset)
{
    check_accepted(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, 12345, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_that(pattern_holds(buf, BYTES, 12345));
}

Test(read, of_a_descriptor_not_open_for_reading_completes_with_ebadf)
{
    const pipe_pair_t pipe = pipe_open(0);
    check_accepted(auraio_read(engine, pipe.write_fd, auraio_buf(buf), BYTES, 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EBADF);
    pipe_close(pipe);
}

Test(read, of_a_closed_descriptor_completes_with_ebadf)
{
    const int closed = dup(file_fd);
    close(closed);
    check_accepted(auraio_read(engine, closed, auraio_buf(buf), BYTES, 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EBADF);
}

Test(read, into_memory_that_is_not_there_completes_with_efault)
{
    void *nowhere = (void *)(uintptr_t)BYTES;
    check_accepted(auraio_read(engine, file_fd, auraio_buf(nowhere), BYTES, 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EFAULT);
}

Test(read, refuses_what_it_cannot_mean)
{
    auraio_buf_t unknown = auraio_buf(buf);
    unknown.type = (auraio_buf_type_t)7;
    check_refused(auraio_read(NULL, file_fd, auraio_buf(buf), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, -1, auraio_buf(buf), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, auraio_buf(buf), 0, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, auraio_buf(NULL), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, -2, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, unknown, BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, auraio_buf_fixed(-1, 0), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, auraio_buf_fixed_idx(-1), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_read(engine, file_fd, auraio_buf_fixed(0, 0), BYTES, 0, NULL, NULL), ENOENT);
}

Test(write, puts_the_bytes_at_the_offset)
{
    const int fd = file_empty(0);
    pattern_fill(buf, BYTES, 0);
    check_accepted(auraio_write(engine, fd, auraio_buf(buf), BYTES, 100, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_is(file_size(fd), 100 + BYTES);
    memset(buf, 0, sizeof(buf));
    check_is(pread(fd, buf, BYTES, 100), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    close(fd);
}

Test(write, refuses_what_it_cannot_mean)
{
    auraio_buf_t unknown = auraio_buf(buf);
    unknown.type = (auraio_buf_type_t)-1;
    check_refused(auraio_write(NULL, file_fd, auraio_buf(buf), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_write(engine, -1, auraio_buf(buf), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_write(engine, file_fd, auraio_buf(buf), 0, 0, NULL, NULL), EINVAL);
    check_refused(auraio_write(engine, file_fd, auraio_buf(NULL), BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_write(engine, file_fd, auraio_buf(buf), BYTES, -2, NULL, NULL), EINVAL);
    check_refused(auraio_write(engine, file_fd, unknown, BYTES, 0, NULL, NULL), EINVAL);
    check_refused(auraio_write(engine, file_fd, auraio_buf_fixed(0, 0), BYTES, 0, NULL, NULL), ENOENT);
}

Test(vectored, readv_scatters_in_order)
{
    char first[100], second[1], third[3000];
    const struct iovec iov[] = {{first, sizeof(first)}, {second, sizeof(second)}, {third, sizeof(third)}};
    check_accepted(auraio_readv(engine, file_fd, iov, 3, 777, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), sizeof(first) + sizeof(second) + sizeof(third));
    check_that(pattern_holds(first, sizeof(first), 777));
    check_that(pattern_holds(second, sizeof(second), 777 + sizeof(first)));
    check_that(pattern_holds(third, sizeof(third), 777 + sizeof(first) + sizeof(second)));
}

Test(vectored, writev_gathers_in_order)
{
    const int fd = file_empty(0);
    pattern_fill(buf, BYTES, 0);
    const struct iovec iov[] = {{buf, 10}, {buf + 10, 1000}, {buf + 1010, BYTES - 1010}};
    check_accepted(auraio_writev(engine, fd, iov, 3, 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    memset(buf, 0, sizeof(buf));
    check_is(pread(fd, buf, sizeof(buf), 0), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    close(fd);
}

Test(vectored, iov_max_pieces_are_accepted)
{
    static char pieces[IOV_MAX];
    static struct iovec iov[IOV_MAX];
    for (int i = 0; i < IOV_MAX; i++)
        iov[i] = (struct iovec){&pieces[i], 1};
    check_accepted(auraio_readv(engine, file_fd, iov, IOV_MAX, 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), IOV_MAX);
    check_that(pattern_holds(pieces, IOV_MAX, 0));
}

Test(vectored, both_refuse_what_they_cannot_mean)
{
    static struct iovec iov[IOV_MAX + 1];
    for (int i = 0; i <= IOV_MAX; i++)
        iov[i] = (struct iovec){buf, 1};
    check_refused(auraio_readv(NULL, file_fd, iov, 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_readv(engine, -1, iov, 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_readv(engine, file_fd, NULL, 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_readv(engine, file_fd, iov, 0, 0, NULL, NULL), EINVAL);
    check_refused(auraio_readv(engine, file_fd, iov, -1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_readv(engine, file_fd, iov, IOV_MAX + 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_readv(engine, file_fd, iov, 1, -2, NULL, NULL), EINVAL);
    check_refused(auraio_writev(NULL, file_fd, iov, 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_writev(engine, -1, iov, 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_writev(engine, file_fd, NULL, 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_writev(engine, file_fd, iov, 0, 0, NULL, NULL), EINVAL);
    check_refused(auraio_writev(engine, file_fd, iov, IOV_MAX + 1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_writev(engine, file_fd, iov, 1, -2, NULL, NULL), EINVAL);
}

Test(fsync, completes_with_zero)
{
    check_is(perform_write(engine, file_fd, buf, BYTES, 0), BYTES);
    check_accepted(auraio_fsync(engine, file_fd, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
}

Test(fsync, both_kinds_are_known_by_the_extended_form)
{
    outcome_t data = {0};
    check_accepted(auraio_fsync_ex(engine, file_fd, AURAIO_FSYNC_DEFAULT, outcome_record, &outcome));
    check_accepted(auraio_fsync_ex(engine, file_fd, AURAIO_FSYNC_DATASYNC, outcome_record, &data));
    check_is(outcome_await(engine, &outcome), 0);
    check_is(outcome_await(engine, &data), 0);
}

Test(fsync, of_a_pipe_completes_with_einval)
{
    const pipe_pair_t pipe = pipe_open(0);
    check_accepted(auraio_fsync(engine, pipe.write_fd, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EINVAL);
    pipe_close(pipe);
}

Test(fsync, refuses_what_it_cannot_mean)
{
    check_refused(auraio_fsync(NULL, file_fd, NULL, NULL), EINVAL);
    check_refused(auraio_fsync(engine, -1, NULL, NULL), EINVAL);
    check_refused(auraio_fsync_ex(NULL, file_fd, AURAIO_FSYNC_DATASYNC, NULL, NULL), EINVAL);
    check_refused(auraio_fsync_ex(engine, -1, AURAIO_FSYNC_DATASYNC, NULL, NULL), EINVAL);
    check_refused(auraio_fsync_ex(engine, file_fd, (auraio_fsync_flags_t)2, NULL, NULL), EINVAL);
}

Test(submission, what_was_refused_leaves_nothing_pending)
{
    check_refused(auraio_read(engine, -1, auraio_buf(buf), BYTES, 0, count_call, &outcome.calls), EINVAL);
    check_is(auraio_drain(engine, -1), 0);
    check_is(outcome.calls, 0);
}

Test(submission, a_callback_may_be_null)
{
    check_accepted(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, 0, NULL, NULL));
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
    check_that(pattern_holds(buf, BYTES, 0));
}

Test(submission, beyond_max_pending_is_eagain_until_something_completes)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.max_pending = 2;
    auraio_engine_t *small = engine_with(&options);
    const pipe_pair_t pipe = pipe_open(0);
    const struct iovec iov = {buf, 1};
    for (int i = 0; i < 2; i++)
        check_accepted(auraio_read(small, pipe.read_fd, auraio_buf(buf + i), 1, -1, NULL, NULL));
    check_refused(auraio_read(small, file_fd, auraio_buf(buf), 1, 0, NULL, NULL), EAGAIN);
    check_refused(auraio_write(small, file_fd, auraio_buf(buf), 1, 0, NULL, NULL), EAGAIN);
    check_refused(auraio_readv(small, file_fd, &iov, 1, 0, NULL, NULL), EAGAIN);
    check_refused(auraio_writev(small, file_fd, &iov, 1, 0, NULL, NULL), EAGAIN);
    check_refused(auraio_fsync(small, file_fd, NULL, NULL), EAGAIN);
    fd_write_all(pipe.write_fd, "x", 1);
    check_is(auraio_wait(small, PATIENCE_MS), 1);
    check_accepted(auraio_read(small, file_fd, auraio_buf(buf), 1, 0, NULL, NULL));
    auraio_destroy(small);
    pipe_close(pipe);
}
