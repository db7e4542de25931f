/* SPDX-License-Identifier: MIT */
/* What the thread backend adds to the contract: its threads, what may wait for ever, what is closed. */
#include <auraio.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, PROMISE_MS = 1000 };

static auraio_engine_t *engine;

static void set_up(void)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.backend = AURAIO_BACKEND_THREADS;
    options.queue_depth = 8;
    engine = engine_with(&options);
}

static void tear_down(void)
{
    auraio_destroy(engine);
}

TestSuite(threads, .init = set_up, .fini = tear_down, .timeout = 60);

static int thread_count(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    check_that(tasks != NULL);
    while (readdir(tasks))
        count++;
    closedir(tasks);
    return count - 2; /* "." and ".." */
}

struct load {
    tally_t tally;
    int fd;
    int most_threads;
};

/* Every read that completes starts another, of a file that is not in memory. */
static void count_threads(auraio_request_t *request, ssize_t result, void *user_data)
{
    struct load *load = user_data;
    const int threads = thread_count();
    tally_record(request, result, &load->tally);
    if (threads > load->most_threads)
        load->most_threads = threads;
}

Test(threads, are_no_more_than_the_queue_depth_and_one_that_polls)
{
    enum { READS = 500 };
    static char blocks[READS][BYTES];
    struct load load = {.fd = file_of_pattern(READS * BYTES)};
    const int before = thread_count();
    file_make_cold(load.fd);
    for (int i = 0; i < READS; i++)
        check_accepted(auraio_read(engine, load.fd, auraio_buf(blocks[i]), BYTES, (off_t)i * BYTES,
                                   count_threads, &load));
    check_is(auraio_drain(engine, PATIENCE_MS), READS);
    check_is(load.tally.failures, 0);
    check_that(pattern_holds(blocks, sizeof(blocks), 0));
    check_below(load.most_threads, before + 8);
    close(load.fd);
}

static bool two_are_left(void *before)
{
    return thread_count() <= *(int *)before;
}

Test(threads, that_are_idle_end)
{
    enum { WRITES = 200 };
    static char block[BYTES];
    int before = thread_count();
    tally_t tally = {0};
    const int fd = file_empty(0);
    for (int i = 0; i < WRITES; i++)
        check_accepted(
            auraio_write(engine, fd, auraio_buf(block), BYTES, (off_t)i * BYTES, tally_record, &tally));
    check_is(auraio_drain(engine, PATIENCE_MS), WRITES);
    check_that(await_condition(two_are_left, &before, PATIENCE_MS));
    close(fd);
}

Test(threads, take_no_signal_of_the_application)
{
    sigset_t usr1, pending;
    char bytes[BYTES];
    const int fd = file_of_pattern(BYTES);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1); /* whose default ends the process */
    check_is(sigprocmask(SIG_BLOCK, &usr1, NULL), 0);
    check_is(kill(getpid(), SIGUSR1), 0);
    file_make_cold(fd);
    check_is(perform_read(engine, fd, bytes, BYTES, 0), BYTES);
    check_is(sigpending(&pending), 0);
    check_is(sigismember(&pending, SIGUSR1), 1);
    close(fd);
}

Test(threads, writing_to_nobody_is_epipe_and_no_signal)
{
    outcome_t outcome = {0};
    const pipe_pair_t pipe = pipe_open(0);
    close(pipe.read_fd);
    check_accepted(auraio_write(engine, pipe.write_fd, auraio_buf("x"), 1, -1, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), -EPIPE);
    close(pipe.write_fd);
}

Test(threads, any_number_of_idle_pipes_leaves_files_alone)
{
    enum { PIPES = 300 };
    static char bytes[PIPES];
    char block[BYTES];
    static pipe_pair_t pipes[PIPES];
    tally_t endless = {0};
    const int fd = file_of_pattern(BYTES);
    for (int i = 0; i < PIPES; i++) {
        pipes[i] = pipe_open(0);
        check_accepted(
            auraio_read(engine, pipes[i].read_fd, auraio_buf(&bytes[i]), 1, -1, tally_record, &endless));
    }
    for (int round = 0; round < 10; round++) {
        file_make_cold(fd);
        check_is(perform_read(engine, fd, block, BYTES, 0), BYTES);
    }
    check_is(endless.calls, 0);
    for (int i = 0; i < PIPES; i++)
        fd_write_all(pipes[i].write_fd, "x", 1);
    check_is(auraio_drain(engine, PATIENCE_MS), PIPES);
    check_is(endless.bytes, PIPES);
    for (int i = 0; i < PIPES; i++)
        pipe_close(pipes[i]);
    close(fd);
}

Test(threads, a_read_that_was_submitted_before_a_close_reads_its_file)
{
    enum { ROUNDS = 200 };
    const int fd = file_of_pattern(BYTES);
    for (int round = 0; round < ROUNDS; round++) {
        char block[BYTES];
        outcome_t read = {0}, closed = {0};
        const int copy = dup(fd);
        if (round % 2)
            file_make_cold(fd);
        check_accepted(auraio_read(engine, copy, auraio_buf(block), BYTES, 0, outcome_record, &read));
        check_accepted(auraio_close(engine, copy, outcome_record, &closed));
        check_is(auraio_drain(engine, PATIENCE_MS), 2);
        check_is(read.result, BYTES);
        check_is(closed.result, 0);
        check_that(pattern_holds(block, BYTES, 0));
        check_fails(fcntl(copy, F_GETFD), EBADF);
    }
    close(fd);
}

/* A FIFO that nobody has open, and an open of it that waits for a writer. */
static auraio_request_t *open_fifo(char *path, outcome_t *outcome)
{
    check_is(mkfifo(path, 0600), 0);
    auraio_request_t *request =
        auraio_openat(engine, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, outcome_record, outcome);
    check_accepted(request);
    return request;
}

static char *fifo_path(void)
{
    static char path[4096];
    const char *dir = getenv("AURAIO_TEST_DIR");
    (void)snprintf(path, sizeof(path), "%s/fifo-%d", dir ? dir : ".", (int)getpid());
    return path;
}

Test(threads, opening_a_fifo_waits_for_its_other_end_and_keeps_nobody_from_working)
{
    char block[BYTES];
    char *path = fifo_path();
    outcome_t outcome = {0};
    const int fd = file_of_pattern(BYTES);
    (void)open_fifo(path, &outcome);
    check_is(perform_read(engine, fd, block, BYTES, 0), BYTES);
    check_is(outcome.calls, 0);
    const int writer = open(path, O_WRONLY | O_CLOEXEC);
    check_at_least(writer, 0);
    const int reader = (int)outcome_await(engine, &outcome);
    check_at_least(reader, 0);
    fd_write_all(writer, "x", 1);
    check_is(read(reader, block, 1), 1);
    close(reader);
    close(writer);
    close(fd);
    unlink(path);
}

static bool fds_are(void *count)
{
    return open_fd_count() == *(int *)count;
}

Test(threads, an_open_of_a_fifo_that_is_cancelled_ends_at_once_and_keeps_no_descriptor)
{
    char *path = fifo_path();
    outcome_t outcome = {0};
    auraio_request_t *request = open_fifo(path, &outcome);
    check_is(auraio_poll(engine), 0);
    int before = open_fd_count();
    check_is(auraio_cancel(engine, request), 0);
    check_is(outcome_await(engine, &outcome), -ECANCELED);
    /* The thread that was left behind sees a writer now, or has never begun to wait. */
    const int writer = open(path, O_RDWR | O_CLOEXEC);
    check_at_least(writer, 0);
    close(writer);
    check_that(await_condition(fds_are, &before, PATIENCE_MS));
    unlink(path);
}

Test(threads, destroy_does_not_wait_for_the_other_end_of_a_fifo)
{
    char *path = fifo_path();
    outcome_t outcome = {0};
    (void)open_fifo(path, &outcome);
    const int64_t start_ms = now_ms();
    auraio_destroy(engine);
    engine = NULL;
    check_below(now_ms() - start_ms, 2 * PROMISE_MS * slowness());
    check_is(outcome.calls, 1);
    check_is(outcome.result, -ECANCELED);
    unlink(path);
}

Test(threads, a_thousand_readers_of_one_socket_share_what_comes)
{
    enum { READERS = 1000 };
    static char bytes[READERS];
    tally_t tally = {0};
    const pipe_pair_t socket = socket_open();
    for (int i = 0; i < READERS; i++)
        check_accepted(
            auraio_read(engine, socket.read_fd, auraio_buf(&bytes[i]), 1, -1, tally_record, &tally));
    for (int i = 0; i < READERS; i++)
        fd_write_all(socket.write_fd, "x", 1);
    check_is(auraio_drain(engine, PATIENCE_MS), READERS);
    check_is(tally.bytes, READERS);
    pipe_close(socket);
}
