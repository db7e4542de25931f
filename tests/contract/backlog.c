/* SPDX-License-Identifier: MIT */
/* More operations than the kernel is given at a time: all accepted, all completed, none kept from starting.
 */
#include <auraio.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { COUNT = 10000, BYTES = 512 };

static char (*bufs)[BYTES];

static void set_up_bufs(void)
{
    bufs = calloc(COUNT, BYTES);
}

static void tear_down_bufs(void)
{
    free(bufs);
}

TestEveryMode(backlog, ten_thousand_reads_in_a_row_at_depth_64_all_complete, .timeout = 60,
              .init = set_up_bufs, .fini = tear_down_bufs)
{
    tally_t tally = {0};
    const int fd = file_of_pattern((size_t)COUNT * BYTES);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 64;
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < COUNT; i++)
        check_accepted(
            auraio_read(engine, fd, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES, tally_record, &tally));
    check_is(auraio_drain(engine, PATIENCE_MS), COUNT);
    check_is(tally.calls, COUNT);
    check_is(tally.bytes, COUNT * BYTES);
    check_that(pattern_holds(bufs, (size_t)COUNT * BYTES, 0));
    auraio_destroy(engine);
    close(fd);
}

/* Reads every block, all submitted in a row, on the calling thread. */
struct reader {
    auraio_engine_t *engine;
    int fd;
    int accepted;
    tally_t tally;
};

static void *submit_all(void *context)
{
    struct reader *reader = context;
    for (int i = 0; i < COUNT; i++)
        reader->accepted += auraio_read(reader->engine, reader->fd, auraio_buf(bufs[i]), BYTES,
                                        (off_t)i * BYTES, tally_record, &reader->tally) != NULL;
    return NULL;
}

TestSharedModes(backlog, the_same_submitted_by_a_thread_that_never_drives, .timeout = 60, .init = set_up_bufs,
                .fini = tear_down_bufs)
{
    pthread_t thread;
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 64;
    struct reader reader = {.engine = engine_with(&options), .fd = file_of_pattern((size_t)COUNT * BYTES)};
    check_is(pthread_create(&thread, NULL, submit_all, &reader), 0);
    check_that(drive_until(reader.engine, &reader.tally.calls, COUNT));
    check_is(pthread_join(thread, NULL), 0);
    check_is(reader.accepted, COUNT);
    check_is(reader.tally.bytes, COUNT * BYTES);
    check_that(pattern_holds(bufs, (size_t)COUNT * BYTES, 0));
    auraio_destroy(reader.engine);
    close(reader.fd);
}

TestEveryMode(backlog, at_max_pending_64_the_65th_is_eagain, .timeout = 60)
{
    enum { LIMIT = 64, ROUNDS = 20 };
    char byte;
    int accepted = 0;
    tally_t tally = {0};
    const pipe_pair_t pipe = pipe_open(0);
    auraio_options_t options = mode_options(*mode);
    options.max_pending = LIMIT;
    auraio_engine_t *engine = engine_with(&options);
    for (int round = 0; round < ROUNDS; round++) {
        for (; accepted < LIMIT + round; accepted++)
            check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, tally_record, &tally));
        for (int i = 0; i < 100; i++)
            check_refused(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, tally_record, &tally),
                          EAGAIN);
        fd_write_all(pipe.write_fd, "x", 1);
        check_is(auraio_wait(engine, PATIENCE_MS), 1);
        check_is(tally.calls, round + 1);
    }
    auraio_destroy(engine);
    check_is(tally.calls, accepted);
    check_is(tally.cancelled, accepted - ROUNDS);
    pipe_close(pipe);
}

TestEveryMode(backlog, the_limit_is_that_of_the_engine_whatever_the_rings, .timeout = 60)
{
    char byte;
    int accepted = 0;
    const pipe_pair_t pipe = pipe_open(0);
    auraio_options_t options = mode_options(*mode);
    options.max_pending = 100;
    options.ring_count = 4;
    auraio_engine_t *engine = engine_with(&options);
    while (accepted < 1000 && auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL) != NULL)
        accepted++;
    check_is(accepted, 100);
    auraio_destroy(engine);
    pipe_close(pipe);
}

TestEveryMode(backlog, idle_pipes_never_keep_a_file_read_from_starting, .timeout = 60)
{
    enum { PIPE_READS = 3000 };
    static char sink[PIPE_READS];
    char block[BYTES];
    tally_t tally = {0};
    const pipe_pair_t pipe = pipe_open(0);
    const int fd = file_of_pattern(100 * BYTES);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 4;
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < PIPE_READS; i++)
        check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&sink[i]), 1, -1, tally_record, &tally));
    for (int i = 0; i < 100; i++) {
        check_is(perform_read(engine, fd, block, BYTES, (off_t)i * BYTES), BYTES);
        check_that(pattern_holds(block, BYTES, (off_t)i * BYTES));
    }
    check_is(tally.calls, 0);
    auraio_destroy(engine);
    check_is(tally.calls, PIPE_READS);
    check_is(tally.cancelled, PIPE_READS);
    pipe_close(pipe);
    close(fd);
}

/* What a descriptor is may be remembered; that it became another thing under the same number must be seen. */
TestEveryMode(backlog, a_number_that_was_a_file_and_became_a_pipe_holds_nothing_up, .timeout = 60)
{
    enum { PIPE_READS = 500 };
    static char sink[PIPE_READS];
    char block[BYTES];
    tally_t tally = {0};
    const pipe_pair_t pipe = pipe_open(0);
    const int fd = file_of_pattern(BYTES), changing = dup(fd);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 4;
    auraio_engine_t *engine = engine_with(&options);
    check_is(perform_read(engine, changing, block, BYTES, 0), BYTES);
    check_is(dup2(pipe.read_fd, changing), changing);
    for (int i = 0; i < PIPE_READS; i++)
        check_accepted(auraio_read(engine, changing, auraio_buf(&sink[i]), 1, -1, tally_record, &tally));
    check_is(perform_read(engine, fd, block, BYTES, 0), BYTES);
    check_is(tally.calls, 0);
    auraio_destroy(engine);
    check_is(tally.cancelled, PIPE_READS);
    pipe_close(pipe);
    close(changing);
    close(fd);
}

TestEveryMode(backlog, a_number_that_was_a_pipe_and_became_a_file_is_read_whole, .timeout = 60,
              .init = set_up_bufs, .fini = tear_down_bufs)
{
    enum { FILE_BYTES = COUNT * BYTES };
    char byte;
    const pipe_pair_t pipe = pipe_open(0);
    const int fd = file_of_pattern(FILE_BYTES), changing = dup(pipe.read_fd);
    auraio_engine_t *engine = mode_engine(*mode);
    fd_write_all(pipe.write_fd, "x", 1);
    check_is(perform_read(engine, changing, &byte, 1, -1), 1);
    check_is(dup2(fd, changing), changing);
    check_is(perform_read(engine, changing, bufs, FILE_BYTES, 0), FILE_BYTES);
    check_that(pattern_holds(bufs, FILE_BYTES, 0));
    auraio_destroy(engine);
    pipe_close(pipe);
    close(changing);
    close(fd);
}

TestEveryMode(backlog, idle_sockets_and_a_backlog_of_reads_do_not_block_each_other, .timeout = 60,
              .init = set_up_bufs, .fini = tear_down_bufs)
{
    enum { SOCKET_READS = 500, FILE_READS = 2000 };
    static char sink[SOCKET_READS];
    tally_t sockets = {0}, files = {0};
    const pipe_pair_t pair = socket_open();
    const int fd = file_of_pattern((size_t)FILE_READS * BYTES);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 8;
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < FILE_READS; i++) {
        if (i % 4 == 0)
            check_accepted(
                auraio_read(engine, pair.read_fd, auraio_buf(&sink[i / 4]), 1, -1, tally_record, &sockets));
        check_accepted(
            auraio_read(engine, fd, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES, tally_record, &files));
    }
    check_that(drive_until(engine, &files.calls, FILE_READS));
    check_that(pattern_holds(bufs, (size_t)FILE_READS * BYTES, 0));
    check_is(sockets.calls, 0);
    fd_write_all(pair.write_fd, bufs, SOCKET_READS);
    check_that(drive_until(engine, &sockets.calls, SOCKET_READS));
    check_is(sockets.bytes, SOCKET_READS);
    auraio_destroy(engine);
    pipe_close(pair);
    close(fd);
}
