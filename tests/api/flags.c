/* SPDX-License-Identifier: MIT */
/*
 * Flags of reads and writes: honoured, degraded and reported, or insisted on.
 *
 * RWF_ATOMIC and RWF_DONTCACHE are lacking everywhere in an anonymous memory file: an old kernel knows
 * neither, a new one refuses both there. That makes "what the file system lacks" the same on every machine.
 */
#include <auraio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

#ifndef RWF_ATOMIC
#define RWF_ATOMIC 0x40
#endif
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80
#endif

enum { BYTES = 4096 };

static char buf[BYTES];
static outcome_t outcome;

TestSuite(rw_flags, .init = set_up, .fini = tear_down, .timeout = 30);

static int memory_file(void)
{
    const int fd = memfd_create("rw_flags", MFD_CLOEXEC);
    check_at_least(fd, 0);
    return fd;
}

/* Write with flags; the result. What was honoured is in outcome.rw_flags. */
static ssize_t write_with(int fd, off_t offset, int rw_flags, unsigned flags)
{
    auraio_op_t op = write_op(fd, buf, BYTES, offset);
    op.rw_flags = rw_flags;
    op.flags = flags;
    memset(&outcome, 0, sizeof(outcome));
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    return outcome_await(engine, &outcome);
}

Test(rw_flags, none_asked_for_none_reported)
{
    check_is(write_with(file_fd, 0, 0, 0), BYTES);
    check_is(outcome.rw_flags, 0);
}

Test(rw_flags, sync_kinds_are_honoured_and_reported)
{
    check_is(write_with(file_fd, 0, RWF_DSYNC, 0), BYTES);
    check_is(outcome.rw_flags, RWF_DSYNC);
    check_is(write_with(file_fd, 0, RWF_SYNC, AURAIO_OP_STRICT), BYTES);
    check_is(outcome.rw_flags, RWF_SYNC);
}

Test(rw_flags, append_goes_to_the_end_wherever_the_offset_points)
{
    pattern_fill(buf, BYTES, FIXTURE_FILE_BYTES);
    check_is(write_with(file_fd, 0, RWF_APPEND, 0), BYTES);
    check_is(outcome.rw_flags, RWF_APPEND);
    check_is(file_size(file_fd), FIXTURE_FILE_BYTES + BYTES);
    check_is(pread(file_fd, buf, BYTES, 0), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    check_is(pread(file_fd, buf, BYTES, FIXTURE_FILE_BYTES), BYTES);
    check_that(pattern_holds(buf, BYTES, FIXTURE_FILE_BYTES));
}

Test(rw_flags, what_the_file_system_lacks_is_dropped_and_reported)
{
    const int fd = memory_file();
    pattern_fill(buf, BYTES, 0);
    check_is(write_with(fd, 0, RWF_ATOMIC | RWF_DONTCACHE | RWF_DSYNC, 0), BYTES);
    check_is(outcome.rw_flags, RWF_DSYNC);
    check_is(outcome.calls, 1);
    check_is(pread(fd, buf, BYTES, 0), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    close(fd);
}

Test(rw_flags, what_the_file_system_lacks_fails_when_strict)
{
    const int fd = memory_file();
    check_is(write_with(fd, 0, RWF_ATOMIC, AURAIO_OP_STRICT), -EOPNOTSUPP);
    check_is(write_with(fd, 0, RWF_DONTCACHE, AURAIO_OP_STRICT), -EOPNOTSUPP);
    check_is(file_size(fd), 0);
    close(fd);
}

Test(rw_flags, a_vectored_write_degrades_alike)
{
    const int fd = memory_file();
    const struct iovec iov = {buf, BYTES};
    auraio_op_t op = auraio_op(AURAIO_OP_WRITEV);
    op.fd = fd;
    op.iov = &iov;
    op.iovcnt = 1;
    op.rw_flags = RWF_ATOMIC;
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_is(outcome.rw_flags, 0);
    close(fd);
}

Test(rw_flags, a_read_degrades_alike)
{
    const int fd = memory_file();
    pattern_fill(buf, BYTES, 0);
    fd_write_all(fd, buf, BYTES);
    memset(buf, 0, BYTES);
    auraio_op_t op = read_op(fd, buf, BYTES, 0);
    op.rw_flags = RWF_DONTCACHE;
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_is(outcome.rw_flags, 0);
    check_that(pattern_holds(buf, BYTES, 0));
    close(fd);
}

Test(rw_flags, a_hint_that_means_nothing_here_is_dropped)
{
    auraio_op_t op = read_op(file_fd, buf, BYTES, 0);
    op.rw_flags = RWF_HIPRI;
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_that(outcome.rw_flags == 0 || outcome.rw_flags == RWF_HIPRI);
    check_that(pattern_holds(buf, BYTES, 0));
}

Test(rw_flags, nowait_delivers_what_is_cached_whole)
{
    auraio_op_t op = read_op(file_fd, buf, BYTES, 0);
    op.rw_flags = RWF_NOWAIT;
    check_is(pread(file_fd, buf, BYTES, 0), BYTES);
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_is(outcome.rw_flags, RWF_NOWAIT);
}

Test(rw_flags, nowait_delivers_eagain_instead_of_going_to_the_disk)
{
    auraio_op_t op = read_op(file_fd, buf, BYTES, FIXTURE_FILE_BYTES / 2);
    op.rw_flags = RWF_NOWAIT;
    file_make_cold(file_fd);
    const struct iovec iov = {buf, BYTES};
    if (preadv2(file_fd, &iov, 1, op.offset, RWF_NOWAIT) >= 0)
        skip_because("this file system keeps its files in memory");
    file_make_cold(file_fd);
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EAGAIN);
}

Test(rw_flags, nowait_on_an_empty_pipe_is_eagain)
{
    const pipe_pair_t pipe = pipe_open(0);
    auraio_op_t op = read_op(pipe.read_fd, buf, BYTES, -1);
    op.rw_flags = RWF_NOWAIT;
    check_accepted(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EAGAIN);
    pipe_close(pipe);
}
