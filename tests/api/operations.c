/* SPDX-License-Identifier: MIT */
/* Operations on files other than moving bytes: open, close, statx, fallocate, truncate, range sync. */
#include <auraio.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"

static outcome_t outcome;

TestSuite(openat, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(close, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(statx, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(fallocate, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(ftruncate, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(sync_file_range, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);

static int open_path(const char *path, int flags, mode_t mode)
{
    outcome_t opened = {0};
    check_accepted(auraio_openat(engine, AT_FDCWD, path, flags, mode, outcome_record, &opened));
    return (int)outcome_await(engine, &opened);
}

Test(openat, creates_a_file_with_its_mode_and_delivers_the_descriptor)
{
    char path[PATH_MAX];
    struct stat status;
    file_unique_path(path, sizeof(path), "openat");
    umask(0);
    const int fd = open_path(path, O_RDWR | O_CREAT | O_EXCL, 0640);
    check_at_least(fd, 0);
    check_is(unlink(path), 0);
    check_is(fstat(fd, &status), 0);
    check_is(status.st_mode & 07777, 0640);
    check_is(write(fd, "x", 1), 1);
    close(fd);
}

Test(openat, is_relative_to_the_directory_named)
{
    const int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    check_at_least(root, 0);
    check_accepted(auraio_openat(engine, root, "proc/self/status", O_RDONLY, 0, outcome_record, &outcome));
    const int fd = (int)outcome_await(engine, &outcome);
    check_at_least(fd, 0);
    close(fd);
    close(root);
}

Test(openat, closes_on_exec_only_when_asked)
{
    const int kept = open_path("/dev/null", O_RDONLY, 0);
    const int closing = open_path("/dev/null", O_RDONLY | O_CLOEXEC, 0);
    check_is(fcntl(kept, F_GETFD) & FD_CLOEXEC, 0);
    check_is(fcntl(closing, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(kept);
    close(closing);
}

Test(openat, reports_what_the_kernel_refuses)
{
    check_is(open_path("/nowhere/at/all", O_RDONLY, 0), -ENOENT);
    check_is(open_path("/", O_WRONLY, 0), -EISDIR);
    check_is(open_path("/dev/null", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
}

Test(openat, refuses_what_it_cannot_mean)
{
    check_refused(auraio_openat(NULL, AT_FDCWD, "/", O_RDONLY, 0, NULL, NULL), EINVAL);
    check_refused(auraio_openat(engine, AT_FDCWD, NULL, O_RDONLY, 0, NULL, NULL), EINVAL);
    check_refused(auraio_openat(engine, -1, "x", O_RDONLY, 0, NULL, NULL), EINVAL);
}

Test(close, closes_the_descriptor)
{
    const int fd = dup(file_fd);
    check_accepted(auraio_close(engine, fd, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
    check_fails(fcntl(fd, F_GETFD), EBADF);
}

Test(close, of_what_is_not_open_completes_with_ebadf)
{
    const int fd = dup(file_fd);
    close(fd);
    check_accepted(auraio_close(engine, fd, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EBADF);
}

Test(close, does_not_disturb_what_is_in_flight)
{
    char byte = 0;
    outcome_t read = {0};
    const int copy = dup(channel.read_fd);
    check_accepted(auraio_read(engine, copy, auraio_buf(&byte), 1, -1, outcome_record, &read));
    check_is(auraio_poll(engine), 0);
    check_accepted(auraio_close(engine, copy, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
    check_is(read.calls, 0);
    fd_write_all(channel.write_fd, "x", 1);
    check_is(outcome_await(engine, &read), 1);
    check_is(byte, 'x');
}

Test(close, refuses_what_it_cannot_mean)
{
    check_refused(auraio_close(NULL, file_fd, NULL, NULL), EINVAL);
    check_refused(auraio_close(engine, -1, NULL, NULL), EINVAL);
}

Test(statx, tells_about_a_path)
{
    struct statx found = {0};
    struct stat expected;
    check_is(stat("/proc/self/exe", &expected), 0);
    check_accepted(auraio_statx(engine, AT_FDCWD, "/proc/self/exe", 0, STATX_BASIC_STATS, &found,
                                outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
    check_is(found.stx_size, expected.st_size);
    check_is(found.stx_ino, expected.st_ino);
}

Test(statx, tells_about_an_open_file)
{
    struct statx found = {0};
    check_accepted(
        auraio_statx(engine, file_fd, "", AT_EMPTY_PATH, STATX_SIZE, &found, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
    check_is(found.stx_size, FIXTURE_FILE_BYTES);
}

Test(statx, of_a_path_that_is_not_there_completes_with_enoent)
{
    struct statx found;
    check_accepted(
        auraio_statx(engine, AT_FDCWD, "/nowhere", 0, STATX_SIZE, &found, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -ENOENT);
}

Test(statx, refuses_what_it_cannot_mean)
{
    struct statx found;
    check_refused(auraio_statx(NULL, AT_FDCWD, "/", 0, STATX_SIZE, &found, NULL, NULL), EINVAL);
    check_refused(auraio_statx(engine, AT_FDCWD, NULL, 0, STATX_SIZE, &found, NULL, NULL), EINVAL);
    check_refused(auraio_statx(engine, AT_FDCWD, "/", 0, STATX_SIZE, NULL, NULL, NULL), EINVAL);
    check_refused(auraio_statx(engine, -1, "x", 0, STATX_SIZE, &found, NULL, NULL), EINVAL);
}

Test(fallocate, grows_the_file)
{
    const int fd = file_empty(0);
    check_accepted(auraio_fallocate(engine, fd, 0, 1000, 5000, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
    check_is(file_size(fd), 6000);
    close(fd);
}

Test(fallocate, keeps_the_size_when_told)
{
    struct stat status;
    const int fd = file_empty(0);
    check_accepted(auraio_fallocate(engine, fd, FALLOC_FL_KEEP_SIZE, 0, 65536, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
    check_is(fstat(fd, &status), 0);
    check_is(status.st_size, 0);
    check_at_least(status.st_blocks, 65536 / 512);
    close(fd);
}

Test(fallocate, of_a_pipe_completes_with_espipe)
{
    check_accepted(auraio_fallocate(engine, channel.write_fd, 0, 0, 1, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -ESPIPE);
}

Test(fallocate, refuses_what_it_cannot_mean)
{
    check_refused(auraio_fallocate(NULL, file_fd, 0, 0, 1, NULL, NULL), EINVAL);
    check_refused(auraio_fallocate(engine, -1, 0, 0, 1, NULL, NULL), EINVAL);
    check_refused(auraio_fallocate(engine, file_fd, 0, 0, 0, NULL, NULL), EINVAL);
    check_refused(auraio_fallocate(engine, file_fd, 0, 0, -1, NULL, NULL), EINVAL);
    check_refused(auraio_fallocate(engine, file_fd, 0, -2, 1, NULL, NULL), EINVAL);
}

static ssize_t truncate_to(int fd, off_t length)
{
    outcome_t truncated = {0};
    check_accepted(auraio_ftruncate(engine, fd, length, outcome_record, &truncated));
    return outcome_await(engine, &truncated);
}

Test(ftruncate, shrinks_and_grows_a_file)
{
    char byte = 'x';
    check_is(truncate_to(file_fd, 100), 0);
    check_is(file_size(file_fd), 100);
    check_is(truncate_to(file_fd, 5000), 0);
    check_is(file_size(file_fd), 5000);
    check_is(pread(file_fd, &byte, 1, 4999), 1);
    check_is(byte, 0);
    check_is(truncate_to(file_fd, 0), 0);
    check_is(file_size(file_fd), 0);
}

Test(ftruncate, of_a_descriptor_not_open_for_writing_completes_with_an_error)
{
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const ssize_t result = truncate_to(fd, 0);
    check_that(result == -EINVAL || result == -EBADF);
    close(fd);
}

Test(ftruncate, refuses_what_it_cannot_mean)
{
    check_refused(auraio_ftruncate(NULL, file_fd, 0, NULL, NULL), EINVAL);
    check_refused(auraio_ftruncate(engine, -1, 0, NULL, NULL), EINVAL);
    check_refused(auraio_ftruncate(engine, file_fd, -2, NULL, NULL), EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
    check_is(file_size(file_fd), FIXTURE_FILE_BYTES);
}

Test(sync_file_range, completes_with_zero)
{
    const unsigned flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    check_accepted(auraio_sync_file_range(engine, file_fd, 0, 4096, flags, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
}

Test(sync_file_range, length_zero_means_to_the_end)
{
    check_accepted(
        auraio_sync_file_range(engine, file_fd, 4096, 0, SYNC_FILE_RANGE_WRITE, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 0);
}

Test(sync_file_range, of_a_pipe_completes_with_espipe)
{
    check_accepted(auraio_sync_file_range(engine, channel.write_fd, 0, 1, SYNC_FILE_RANGE_WRITE,
                                          outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -ESPIPE);
}

Test(sync_file_range, refuses_what_it_cannot_mean)
{
    const unsigned flags = SYNC_FILE_RANGE_WRITE;
    check_refused(auraio_sync_file_range(NULL, file_fd, 0, 1, flags, NULL, NULL), EINVAL);
    check_refused(auraio_sync_file_range(engine, -1, 0, 1, flags, NULL, NULL), EINVAL);
    check_refused(auraio_sync_file_range(engine, file_fd, -2, 1, flags, NULL, NULL), EINVAL);
    check_refused(auraio_sync_file_range(engine, file_fd, 0, -1, flags, NULL, NULL), EINVAL);
    check_refused(auraio_sync_file_range(engine, file_fd, 0, (off_t)1 << 32, flags, NULL, NULL), EINVAL);
}
