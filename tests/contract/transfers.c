/* SPDX-License-Identifier: MIT */
/* How many bytes a transfer delivers: whole on files, one kernel call's worth on everything else. */
#include <auraio.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 8192 };

static char buf[BYTES];
static auraio_engine_t *engine;
static int file;

static void set_up_file(void)
{
    engine = engine_with(NULL);
    file = file_of_pattern(3 * BYTES);
}

static void tear_down_file(void)
{
    auraio_destroy(engine);
    close(file);
}

TestSuite(transfer, .timeout = 60, .init = set_up_file, .fini = tear_down_file);

Test(transfer, a_read_across_the_end_of_a_file_is_short)
{
    check_is(perform_read(engine, file, buf, BYTES, 3 * BYTES - 100), 100);
    check_that(pattern_holds(buf, 100, 3 * BYTES - 100));
}

Test(transfer, a_read_at_the_end_of_a_file_is_zero)
{
    check_is(perform_read(engine, file, buf, BYTES, 3 * BYTES), 0);
    check_is(perform_read(engine, file, buf, BYTES, 1000 * BYTES), 0);
}

Test(transfer, a_vectored_read_across_the_end_of_a_file_is_short)
{
    outcome_t outcome = {0};
    const struct iovec iov[] = {{buf, 50}, {buf + 50, 1000}, {buf + 1050, 1000}};
    check_accepted(auraio_readv(engine, file, iov, 3, 3 * BYTES - 70, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 70);
    check_that(pattern_holds(buf, 70, 3 * BYTES - 70));
}

/* The kernel stops a read at memory that is not mapped: bytes so far win over the EFAULT that follows. */
Test(transfer, bytes_so_far_win_over_a_later_error)
{
    outcome_t outcome = {0};
    const struct iovec iov[] = {{buf, 4096}, {(void *)(uintptr_t)4096, 4096}};
    check_accepted(auraio_readv(engine, file, iov, 2, 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), 4096);
    check_that(pattern_holds(buf, 4096, 0));
}

Test(transfer, offset_minus_one_is_the_files_own_position)
{
    check_is(lseek(file, 1000, SEEK_SET), 1000);
    check_is(perform_read(engine, file, buf, 500, -1), 500);
    check_that(pattern_holds(buf, 500, 1000));
    check_is(lseek(file, 0, SEEK_CUR), 1500);
    check_is(perform_read(engine, file, buf, 500, 0), 500);
    check_is(lseek(file, 0, SEEK_CUR), 1500);
    pattern_fill(buf, 100, 7);
    check_is(perform_write(engine, file, buf, 100, -1), 100);
    check_is(lseek(file, 0, SEEK_CUR), 1600);
    check_is(pread(file, buf, 100, 1500), 100);
    check_that(pattern_holds(buf, 100, 7));
}

Test(transfer, a_file_opened_for_append_grows_wherever_the_offset_points)
{
    const int fd = file_empty(O_APPEND);
    pattern_fill(buf, BYTES, 0);
    check_is(perform_write(engine, fd, buf, 5000, 0), 5000);
    check_is(perform_write(engine, fd, buf + 5000, BYTES - 5000, 100), BYTES - 5000);
    check_is(file_size(fd), BYTES);
    memset(buf, 0, BYTES);
    check_is(perform_read(engine, fd, buf, BYTES, 0), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    close(fd);
}

/* Reading is the same at offset 0, which programs pass without thinking, as at -1. */
static void expect_stream_delivers_what_is_there(auraio_engine_t *moded, pipe_pair_t pair, off_t offset)
{
    outcome_t outcome = {0};
    fd_write_all(pair.write_fd, "12345", 5);
    check_is(perform_read(moded, pair.read_fd, buf, BYTES, offset), 5);
    check_is(memcmp(buf, "12345", 5), 0);
    check_accepted(
        auraio_read(moded, pair.read_fd, auraio_buf(buf), BYTES, offset, outcome_record, &outcome));
    check_is(auraio_wait(moded, 0), 0);
    check_is(outcome.calls, 0);
    fd_write_all(pair.write_fd, "67", 2);
    check_is(outcome_await(moded, &outcome), 2);
    check_is(memcmp(buf, "67", 2), 0);
    check_is(perform_write(moded, pair.write_fd, "890", 3, offset), 3);
    check_is(read(pair.read_fd, buf, BYTES), 3);
    check_is(memcmp(buf, "890", 3), 0);
}

TestEveryMode(stream, a_pipe_delivers_what_is_there, .timeout = 60)
{
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *moded = mode_engine(*mode);
    expect_stream_delivers_what_is_there(moded, pipe, -1);
    expect_stream_delivers_what_is_there(moded, pipe, 0);
    auraio_destroy(moded);
    pipe_close(pipe);
}

TestEveryMode(stream, a_socket_delivers_what_is_there, .timeout = 60)
{
    const pipe_pair_t pair = socket_open();
    auraio_engine_t *moded = mode_engine(*mode);
    expect_stream_delivers_what_is_there(moded, pair, -1);
    expect_stream_delivers_what_is_there(moded, pair, 0);
    auraio_destroy(moded);
    pipe_close(pair);
}

TestEveryMode(stream, a_pipe_that_does_not_block_delivers_what_comes, .timeout = 60)
{
    const pipe_pair_t pipe = pipe_open(O_NONBLOCK);
    auraio_engine_t *moded = mode_engine(*mode);
    expect_stream_delivers_what_is_there(moded, pipe, -1);
    auraio_destroy(moded);
    pipe_close(pipe);
}

TestEveryMode(stream, a_socket_that_does_not_block_delivers_what_comes, .timeout = 60)
{
    const pipe_pair_t pair = socket_open();
    auraio_engine_t *moded = mode_engine(*mode);
    check_is(fcntl(pair.read_fd, F_SETFL, O_NONBLOCK), 0);
    expect_stream_delivers_what_is_there(moded, pair, -1);
    auraio_destroy(moded);
    pipe_close(pair);
}

TestEveryMode(stream, an_event_counter_that_does_not_block_delivers_its_count, .timeout = 60)
{
    uint64_t count = 0;
    outcome_t outcome = {0};
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    auraio_engine_t *moded = mode_engine(*mode);
    check_accepted(auraio_read(moded, fd, auraio_buf(&count), sizeof(count), -1, outcome_record, &outcome));
    check_is(auraio_wait(moded, 20), 0);
    check_is(eventfd_write(fd, 7), 0);
    check_is(outcome_await(moded, &outcome), sizeof(count));
    check_is(count, 7);
    auraio_destroy(moded);
    close(fd);
}

TestEveryMode(stream, a_full_pipe_that_does_not_block_is_written_once_there_is_room, .timeout = 60)
{
    static char full[4096];
    outcome_t outcome = {0};
    const pipe_pair_t pipe = pipe_open(O_NONBLOCK);
    auraio_engine_t *moded = mode_engine(*mode);
    check_is(fcntl(pipe.write_fd, F_SETPIPE_SZ, 4096), 4096);
    check_is(write(pipe.write_fd, full, sizeof(full)), sizeof(full));
    check_accepted(auraio_write(moded, pipe.write_fd, auraio_buf(full), 10, -1, outcome_record, &outcome));
    check_is(auraio_wait(moded, 20), 0);
    check_is(outcome.calls, 0);
    check_is(read(pipe.read_fd, full, sizeof(full)), sizeof(full));
    check_is(outcome_await(moded, &outcome), 10);
    auraio_destroy(moded);
    pipe_close(pipe);
}

Test(stream, waiting_for_a_pipe_that_does_not_block_does_not_spin, .timeout = 60)
{
    auraio_engine_t *quiet = engine_with(NULL);
    const pipe_pair_t pipe = pipe_open(O_NONBLOCK);
    check_accepted(auraio_read(quiet, pipe.read_fd, auraio_buf(buf), 1, -1, NULL, NULL));
    check_is(auraio_wait(quiet, 0), 0);
    const int64_t cpu_before_ns = process_cpu_ns();
    check_is(auraio_wait(quiet, 1000), 0);
    check_below((process_cpu_ns() - cpu_before_ns) / 1000, 50000 * slowness());
    auraio_destroy(quiet);
    pipe_close(pipe);
}

Test(stream, the_end_of_a_pipe_is_zero_and_its_reader_gone_is_epipe, .timeout = 60)
{
    auraio_engine_t *plain = engine_with(NULL);
    pipe_pair_t pipe = pipe_open(0);
    check_that(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    close(pipe.write_fd);
    check_is(perform_read(plain, pipe.read_fd, buf, BYTES, -1), 0);
    close(pipe.read_fd);
    pipe = pipe_open(0);
    close(pipe.read_fd);
    check_is(perform_write(plain, pipe.write_fd, buf, 1, -1), -EPIPE);
    close(pipe.write_fd);
    auraio_destroy(plain);
}
