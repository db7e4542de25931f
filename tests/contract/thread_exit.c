/* SPDX-License-Identifier: MIT */
/*
 * A thread that submits and ends loses none of its operations.
 *
 * The kernel fails what an ending thread has in flight: a buffered read that waits for the disk with EFAULT,
 * a read that waits for a pipe with ECANCELED. None of that may reach a callback. The file is dropped from
 * the page cache before each round, so that reads do wait.
 */
#include <auraio.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { READS = 128, BYTES = 65536, PIPE_READS = 100, ROUNDS = 8 };

static char (*bufs)[BYTES];
static char bytes[PIPE_READS];
static pipe_pair_t channel;
static int file;

static void set_up_file(void)
{
    bufs = aligned_alloc(BYTES, (size_t)READS * BYTES);
    memset(bufs, 0, (size_t)READS * BYTES);
    channel = pipe_open(0);
    file = file_of_pattern((size_t)READS * BYTES);
}

static void tear_down_file(void)
{
    free(bufs);
    pipe_close(channel);
    close(file);
}

struct leaver {
    auraio_engine_t *engine;
    int accepted;
    uint64_t timeout_ns;
    tally_t tally;
};

static void *read_file_and_leave(void *context)
{
    struct leaver *leaver = context;
    for (int i = 0; i < READS; i++)
        leaver->accepted += auraio_read(leaver->engine, file, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES,
                                        tally_record, &leaver->tally) != NULL;
    return NULL;
}

static void *read_pipe_and_leave(void *context)
{
    struct leaver *leaver = context;
    for (int i = 0; i < PIPE_READS; i++) {
        auraio_op_t op = read_op(channel.read_fd, &bytes[i], 1, -1);
        op.timeout_ns = leaver->timeout_ns;
        leaver->accepted += auraio_submit(leaver->engine, &op, tally_record, &leaver->tally) != NULL;
    }
    return NULL;
}

static void submit_and_leave(void *(*body)(void *), struct leaver *leaver)
{
    pthread_t thread;
    check_is(pthread_create(&thread, NULL, body, leaver), 0);
    check_is(pthread_join(thread, NULL), 0);
}

/* Cold reads by threads that end at once, completed by this one. */
static void expect_cold_reads_survive(const auraio_options_t *options)
{
    auraio_engine_t *engine = engine_with(options);
    for (int round = 0; round < ROUNDS; round++) {
        struct leaver leaver = {.engine = engine};
        memset(bufs, 0, (size_t)READS * BYTES);
        file_make_cold(file);
        submit_and_leave(read_file_and_leave, &leaver);
        check_is(leaver.accepted, READS);
        check_that(drive_until(engine, &leaver.tally.calls, READS));
        check_is(leaver.tally.failures, 0);
        check_is(leaver.tally.bytes, READS * BYTES);
        check_that(pattern_holds(bufs, (size_t)READS * BYTES, 0));
    }
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
    auraio_destroy(engine);
}

TestEveryMode(leaving_thread, loses_no_cold_read, .timeout = 120, .init = set_up_file, .fini = tear_down_file)
{
    const auraio_options_t options = mode_options(*mode);
    expect_cold_reads_survive(&options);
}

TestEveryMode(leaving_thread, loses_nothing_above_the_limit, .timeout = 120, .init = set_up_file,
              .fini = tear_down_file)
{
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 4;
    expect_cold_reads_survive(&options);
}

/* An idle ring is looked at for a while. */
static void look_around(auraio_engine_t *engine)
{
    enum { LOOKS = 64 };
    for (int look = 0; look < LOOKS; look++)
        check_is(auraio_poll(engine), 0);
}

static void *sleep_for_work(void *engine)
{
    const uint64_t wakes = auraio_wake_count(engine);
    while (!auraio_stop_asked(engine))
        check_at_least(auraio_wait_wake(engine, -1, wakes), 0);
    return NULL;
}

/* Rings that threads leave are taken by the next ones, though somebody sleeps all the time. */
Test(leaving_thread, leaves_its_ring_to_the_next_beside_one_that_sleeps, .timeout = 60, .init = set_up_file,
     .fini = tear_down_file)
{
    enum { LEAVERS = 40, RINGS_ENOUGH = 10 };
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_THREAD_LOCAL);
    pthread_t sleeper;
    check_is(pthread_create(&sleeper, NULL, sleep_for_work, engine), 0);
    for (int i = 0; i < LEAVERS; i++) {
        struct leaver leaver = {.engine = engine};
        file_make_cold(file);
        submit_and_leave(read_file_and_leave, &leaver);
        check_that(drive_until(engine, &leaver.tally.calls, READS));
        look_around(engine);
    }
    check_below(auraio_get_ring_count(engine), RINGS_ENOUGH);
    auraio_stop(engine);
    check_is(pthread_join(sleeper, NULL), 0);
    auraio_destroy(engine);
}

/* So many threads at once leave reads, which are completed here. */
static void leave_together(auraio_engine_t *engine, int count)
{
    enum { TOGETHER_MAX = 16 };
    static struct leaver leavers[TOGETHER_MAX];
    pthread_t threads[TOGETHER_MAX];
    file_make_cold(file);
    for (int i = 0; i < count; i++) {
        leavers[i] = (struct leaver){.engine = engine};
        check_is(pthread_create(&threads[i], NULL, read_file_and_leave, &leavers[i]), 0);
    }
    for (int i = 0; i < count; i++) {
        check_is(pthread_join(threads[i], NULL), 0);
        check_that(drive_until(engine, &leavers[i].tally.calls, READS));
    }
    look_around(engine);
}

/* Many that leave at once leave nothing open when what they left is done, not even for the next ones. */
Test(leaving_thread, leaves_no_descriptor, .timeout = 60, .init = set_up_file, .fini = tear_down_file)
{
    enum { ENGINES_OWN = 4 }; /* that it opens when more than one ring, and more than a few, have work */
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_THREAD_LOCAL);
    leave_together(engine, 2);
    const int before = open_fd_count();
    for (int round = 0; round < ROUNDS; round++) {
        leave_together(engine, 16);
        check_below(open_fd_count(), before + ENGINES_OWN);
    }
    auraio_destroy(engine);
}

TestEveryMode(leaving_thread, loses_no_read_of_a_pipe, .timeout = 60, .init = set_up_file,
              .fini = tear_down_file)
{
    static const char sent[PIPE_READS];
    auraio_engine_t *engine = mode_engine(*mode);
    for (int round = 0; round < ROUNDS; round++) {
        struct leaver leaver = {.engine = engine};
        submit_and_leave(read_pipe_and_leave, &leaver);
        check_is(leaver.accepted, PIPE_READS);
        check_is(auraio_poll(engine), 0);
        fd_write_all(channel.write_fd, sent, PIPE_READS);
        check_that(drive_until(engine, &leaver.tally.calls, PIPE_READS));
        check_is(leaver.tally.failures, 0);
        check_is(leaver.tally.bytes, PIPE_READS);
    }
    auraio_destroy(engine);
}

static void *poll_and_leave(void *context)
{
    (void)auraio_poll(((struct leaver *)context)->engine);
    return NULL;
}

/*
 * What is tried again belongs to the thread that drove then. That one may leave as well, and so may the next:
 * each byte wakes every read, and all but one have to wait again, on behalf of a thread that has gone.
 */
TestSharedModes(leaving_thread, loses_no_read_of_a_pipe_when_those_that_drive_leave_too, .timeout = 60,
                .init = set_up_file, .fini = tear_down_file)
{
    auraio_engine_t *engine = mode_engine(*mode);
    struct leaver leaver = {.engine = engine};
    const int64_t deadline_ms = now_ms() + PATIENCE_MS;
    submit_and_leave(read_pipe_and_leave, &leaver);
    for (int sent = 1; sent <= PIPE_READS; sent++) {
        fd_write_all(channel.write_fd, "x", 1);
        while (leaver.tally.calls < sent && now_ms() < deadline_ms)
            submit_and_leave(poll_and_leave, &leaver);
        check_is(leaver.tally.failures, 0);
        check_is(leaver.tally.calls, sent);
    }
    auraio_destroy(engine);
}

TestSharedModes(leaving_thread, loses_no_cold_read_when_those_that_drive_leave_too, .timeout = 120,
                .init = set_up_file, .fini = tear_down_file)
{
    auraio_engine_t *engine = mode_engine(*mode);
    for (int round = 0; round < ROUNDS; round++) {
        struct leaver leaver = {.engine = engine};
        memset(bufs, 0, (size_t)READS * BYTES);
        file_make_cold(file);
        submit_and_leave(read_file_and_leave, &leaver);
        const int64_t deadline_ms = now_ms() + PATIENCE_MS;
        while (leaver.tally.calls < READS && now_ms() < deadline_ms)
            submit_and_leave(poll_and_leave, &leaver);
        check_is(leaver.tally.calls, READS);
        check_is(leaver.tally.failures, 0);
        check_that(pattern_holds(bufs, (size_t)READS * BYTES, 0));
    }
    auraio_destroy(engine);
}

/* The kernel goes on speaking of work that a thread left there, when that has long been done. */
Test(leaving_thread, leaves_no_descriptor_when_those_that_drive_leave_too, .timeout = 60, .init = set_up_file,
     .fini = tear_down_file)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_THREAD_LOCAL);
    options.queue_depth = 4; /* the others are handed over by threads that leave */
    auraio_engine_t *engine = engine_with(&options);
    (void)fcntl(file, F_SETFL, O_DIRECT); /* else what fails with its thread is tried again here */
    look_around(engine);
    const int before = open_fd_count();
    struct leaver leaver = {.engine = engine};
    submit_and_leave(read_file_and_leave, &leaver);
    const int64_t deadline_ms = now_ms() + PATIENCE_MS;
    while (leaver.tally.calls < READS && now_ms() < deadline_ms)
        submit_and_leave(poll_and_leave, &leaver);
    check_is(leaver.tally.failures, 0);
    check_is(leaver.tally.calls, READS);
    look_around(engine);
    check_is(open_fd_count(), before);
    auraio_destroy(engine);
}

TestEveryMode(leaving_thread, leaves_its_deadlines_in_force, .timeout = 60, .init = set_up_file,
              .fini = tear_down_file)
{
    auraio_engine_t *engine = mode_engine(*mode);
    struct leaver leaver = {.engine = engine, .timeout_ns = 200000000};
    submit_and_leave(read_pipe_and_leave, &leaver);
    check_is(leaver.accepted, PIPE_READS);
    check_that(drive_until(engine, &leaver.tally.calls, PIPE_READS));
    check_is(leaver.tally.failures, PIPE_READS);
    check_is(leaver.tally.cancelled, 0);
    check_is(leaver.tally.last_error, ETIMEDOUT);
    auraio_destroy(engine);
}

TestEveryMode(leaving_thread, can_still_be_cancelled_for, .timeout = 60, .init = set_up_file,
              .fini = tear_down_file)
{
    auraio_engine_t *engine = mode_engine(*mode);
    struct leaver leaver = {.engine = engine};
    submit_and_leave(read_pipe_and_leave, &leaver);
    check_is(auraio_poll(engine), 0);
    auraio_destroy(engine);
    check_is(leaver.tally.calls, PIPE_READS);
    check_is(leaver.tally.cancelled, PIPE_READS);
}
