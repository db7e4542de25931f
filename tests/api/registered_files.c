/* SPDX-License-Identifier: MIT */
/* Registered descriptors: submissions keep naming the plain one, and nothing but the cost may change. */
#include <auraio.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"

enum { BYTES = 4096 };

static char buf[BYTES];
static outcome_t outcome;

TestSuite(registered_files, .init = set_up, .fini = tear_down, .timeout = 60);

static void expect_pattern_at(int fd, off_t offset)
{
    memset(buf, 0, BYTES);
    check_is(perform_read(engine, fd, buf, BYTES, offset), BYTES);
    check_that(pattern_holds(buf, BYTES, offset));
}

/* A file whose bytes at 0 are those of the pattern at `shift`. */
static int shifted_file(off_t shift)
{
    const int fd = file_empty(0);
    pattern_fill(buf, BYTES, shift);
    fd_write_all(fd, buf, BYTES);
    return fd;
}

static void expect_shifted(int fd, off_t shift)
{
    memset(buf, 0, BYTES);
    check_is(perform_read(engine, fd, buf, BYTES, 0), BYTES);
    check_that(pattern_holds(buf, BYTES, shift));
}

Test(registered_files, operations_name_the_plain_descriptor)
{
    const int other = shifted_file(9000);
    const int fds[] = {file_fd, -1, other};
    check_is(auraio_register_files(engine, fds, 3), 0);
    expect_pattern_at(file_fd, 4096);
    expect_shifted(other, 9000);
    pattern_fill(buf, BYTES, 50000);
    check_is(perform_write(engine, other, buf, BYTES, 0), BYTES);
    expect_shifted(other, 50000);
    close(other);
}

Test(registered_files, a_descriptor_that_is_not_registered_works_as_before)
{
    const int other = shifted_file(100);
    check_is(auraio_register_files(engine, &file_fd, 1), 0);
    expect_shifted(other, 100);
    close(other);
}

Test(registered_files, an_update_changes_what_a_slot_holds)
{
    const int first = shifted_file(100), second = shifted_file(200);
    check_is(auraio_register_files(engine, &first, 1), 0);
    expect_shifted(first, 100);
    check_is(auraio_update_file(engine, 0, second), 0);
    expect_shifted(second, 200);
    expect_shifted(first, 100);
    close(first);
    close(second);
}

Test(registered_files, a_cleared_slot_is_not_used_when_its_number_names_another_file)
{
    const int fd = shifted_file(100), other = shifted_file(200);
    check_is(auraio_register_files(engine, &fd, 1), 0);
    expect_shifted(fd, 100);
    check_is(auraio_update_file(engine, 0, -1), 0);
    check_is(dup2(other, fd), fd);
    expect_shifted(fd, 200);
    close(fd);
    close(other);
}

Test(registered_files, after_unregistering_a_number_may_name_another_file)
{
    const int fd = shifted_file(100), other = shifted_file(200);
    check_is(auraio_register_files(engine, &fd, 1), 0);
    expect_shifted(fd, 100);
    check_is(auraio_unregister_files(engine), 0);
    check_is(dup2(other, fd), fd);
    expect_shifted(fd, 200);
    close(fd);
    close(other);
}

Test(registered_files, an_empty_table_can_be_filled_later)
{
    const int empty[] = {-1, -1};
    check_is(auraio_register_files(engine, empty, 2), 0);
    check_is(auraio_update_file(engine, 1, file_fd), 0);
    expect_pattern_at(file_fd, 777);
}

Test(registered_files, unregistering_does_not_disturb_what_is_in_flight)
{
    char byte = 0;
    const pipe_pair_t pipe = pipe_open(0);
    check_is(auraio_register_files(engine, &pipe.read_fd, 1), 0);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
    check_is(auraio_unregister_files(engine), 0);
    fd_write_all(pipe.write_fd, "x", 1);
    check_is(outcome_await(engine, &outcome), 1);
    check_is(byte, 'x');
    pipe_close(pipe);
}

/* Operations on a file whose slot is about to change: a read, a vectored read and a sync. */
static void submit_to_registered(int fd, char (*bufs)[BYTES], struct iovec *iov, outcome_t *outcomes)
{
    *iov = (struct iovec){bufs[1], BYTES};
    check_accepted(auraio_read(engine, fd, auraio_buf(bufs[0]), BYTES, 0, outcome_record, &outcomes[0]));
    check_accepted(auraio_readv(engine, fd, iov, 1, 0, outcome_record, &outcomes[1]));
    check_accepted(auraio_fsync(engine, fd, outcome_record, &outcomes[2]));
}

static void expect_updates_do_not_disturb(bool driving, int replacement)
{
    const int fd = shifted_file(100);
    for (int round = 0; round < 300; round++) {
        char bufs[2][BYTES];
        struct iovec iov;
        outcome_t outcomes[3] = {0};
        check_is(auraio_register_files(engine, &fd, 1), 0);
        if (driving)
            check_is(auraio_poll(engine), 0); /* then submissions may be held back until the next call */
        submit_to_registered(fd, bufs, &iov, outcomes);
        check_is(auraio_update_file(engine, 0, replacement), 0);
        check_is(outcome_await(engine, &outcomes[0]), BYTES);
        check_is(outcome_await(engine, &outcomes[1]), BYTES);
        check_is(outcome_await(engine, &outcomes[2]), 0);
        check_that(pattern_holds(bufs[0], BYTES, 100) && pattern_holds(bufs[1], BYTES, 100));
        check_is(auraio_unregister_files(engine), 0);
    }
    close(fd);
}

Test(registered_files, clearing_a_slot_does_not_disturb_what_was_submitted_before)
{
    expect_updates_do_not_disturb(false, -1);
    expect_updates_do_not_disturb(true, -1);
}

Test(registered_files, replacing_a_descriptor_does_not_disturb_what_was_submitted_before)
{
    expect_updates_do_not_disturb(false, file_fd);
    expect_updates_do_not_disturb(true, file_fd);
}

Test(registered_files, registering_refuses_what_it_cannot_mean)
{
    static int many[32769];
    const int below[] = {file_fd, -2};
    for (int i = 0; i < 32769; i++)
        many[i] = -1;
    check_fails(auraio_register_files(NULL, &file_fd, 1), EINVAL);
    check_fails(auraio_register_files(engine, NULL, 1), EINVAL);
    check_fails(auraio_register_files(engine, &file_fd, 0), EINVAL);
    check_fails(auraio_register_files(engine, &file_fd, -1), EINVAL);
    check_fails(auraio_register_files(engine, many, 32769), EINVAL);
    check_fails(auraio_register_files(engine, below, 2), EINVAL);
}

Test(registered_files, a_descriptor_that_is_not_open_is_ebadf_and_leaves_nothing_registered)
{
    const int closed = dup(file_fd);
    close(closed);
    const int fds[] = {file_fd, closed};
    check_fails(auraio_register_files(engine, fds, 2), EBADF);
    check_fails(auraio_update_file(engine, 0, file_fd), ENOENT);
    check_is(auraio_register_files(engine, &file_fd, 1), 0);
}

Test(registered_files, registering_twice_is_ebusy)
{
    check_is(auraio_register_files(engine, &file_fd, 1), 0);
    check_fails(auraio_register_files(engine, &file_fd, 1), EBUSY);
    check_is(auraio_unregister_files(engine), 0);
    check_is(auraio_register_files(engine, &file_fd, 1), 0);
}

Test(registered_files, an_update_refuses_what_it_cannot_mean)
{
    const int closed = dup(file_fd);
    close(closed);
    check_fails(auraio_update_file(engine, 0, file_fd), ENOENT);
    check_is(auraio_register_files(engine, &file_fd, 1), 0);
    check_fails(auraio_update_file(NULL, 0, file_fd), EINVAL);
    check_fails(auraio_update_file(engine, 1, file_fd), EINVAL);
    check_fails(auraio_update_file(engine, -1, file_fd), EINVAL);
    check_fails(auraio_update_file(engine, 0, -2), EINVAL);
    check_fails(auraio_update_file(engine, 0, closed), EBADF);
    expect_pattern_at(file_fd, 0);
}

Test(registered_files, unregistering_nothing_is_fine_and_null_is_refused)
{
    check_is(auraio_unregister_files(engine), 0);
    check_fails(auraio_unregister_files(NULL), EINVAL);
}
