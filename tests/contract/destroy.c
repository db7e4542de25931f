/* SPDX-License-Identifier: MIT */
/* Destroying an engine with operations that would wait for ever, and from within its own callbacks. */
#include <auraio.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, PROMISE_MS = 1000 };

TestEveryMode(destroying, with_a_read_on_an_empty_pipe_takes_less_than_a_second, .timeout = 30)
{
    char byte;
    outcome_t outcome = {0};
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = mode_engine(*mode);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
    check_is(auraio_poll(engine), 0);
    const int64_t start_ms = now_ms();
    auraio_destroy(engine);
    check_below(now_ms() - start_ms, PROMISE_MS * slowness());
    check_is(outcome.calls, 1);
    check_is(outcome.result, -ECANCELED);
    pipe_close(pipe);
}

TestEveryMode(destroying, with_many_endless_reads_and_a_backlog_tells_every_one_once, .timeout = 30)
{
    enum { COUNT = 500 };
    static char bytes[2 * COUNT];
    static char blocks[COUNT][BYTES];
    tally_t endless = {0}, files = {0};
    const pipe_pair_t pipe = pipe_open(0), socket = socket_open();
    const int fd = file_of_pattern(COUNT * BYTES);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 16;
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < COUNT; i++) {
        check_accepted(
            auraio_read(engine, pipe.read_fd, auraio_buf(&bytes[i]), 1, -1, tally_record, &endless));
        check_accepted(auraio_read(engine, socket.read_fd, auraio_buf(&bytes[COUNT + i]), 1, -1, tally_record,
                                   &endless));
        check_accepted(
            auraio_read(engine, fd, auraio_buf(blocks[i]), BYTES, (off_t)i * BYTES, tally_record, &files));
    }
    auraio_destroy(engine);
    check_is(endless.calls, 2 * COUNT);
    check_is(endless.cancelled, 2 * COUNT);
    check_is(files.calls, COUNT);
    check_is(files.failures, 0);
    check_that(pattern_holds(blocks, sizeof(blocks), 0));
    pipe_close(pipe);
    pipe_close(socket);
    close(fd);
}

TestSharedModes(destroying, runs_the_callbacks_on_the_thread_that_calls_it, .timeout = 30)
{
    char byte;
    outcome_t outcome = {0};
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = mode_engine(*mode);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
    auraio_destroy(engine);
    check_is(outcome.thread, thread_id());
    pipe_close(pipe);
}

/* A thread that submits on a ring of its own and then lives on without using the library. */
struct idler {
    auraio_engine_t *engine;
    int pipe_fd, file;
    char byte, blocks[16][BYTES];
    tally_t endless, files;
    atomic_bool submitted, may_end;
    bool accepted;
};

static void *submit_and_linger(void *context)
{
    struct idler *idler = context;
    idler->accepted = auraio_read(idler->engine, idler->pipe_fd, auraio_buf(&idler->byte), 1, -1,
                                  tally_record, &idler->endless) != NULL;
    for (int i = 0; i < 16; i++)
        idler->accepted &= auraio_read(idler->engine, idler->file, auraio_buf(idler->blocks[i]), BYTES,
                                       (off_t)i * BYTES, tally_record, &idler->files) != NULL;
    atomic_store(&idler->submitted, true);
    while (!atomic_load(&idler->may_end))
        sched_yield();
    return NULL;
}

static bool has_submitted(void *context)
{
    return atomic_load(&((struct idler *)context)->submitted);
}

TestEveryMode(destroying, tells_what_a_thread_left_that_lives_but_does_not_drive, .timeout = 30)
{
    static struct idler idler;
    pthread_t thread;
    const pipe_pair_t pipe = pipe_open(0);
    idler.engine = mode_engine(*mode);
    idler.pipe_fd = pipe.read_fd;
    idler.file = file_of_pattern(sizeof(idler.blocks));
    check_is(pthread_create(&thread, NULL, submit_and_linger, &idler), 0);
    check_that(await_condition(has_submitted, &idler, PATIENCE_MS));
    check_that(idler.accepted);
    auraio_destroy(idler.engine);
    check_is(idler.endless.calls, 1);
    check_is(idler.endless.cancelled, 1);
    check_is(idler.files.calls, 16);
    check_is(idler.files.failures, idler.files.cancelled);
    check_is(idler.files.bytes, (16 - idler.files.failures) * BYTES);
    check_that(*mode == AURAIO_SELECT_THREAD_LOCAL || idler.files.failures == 0);
    /* Nothing may arrive in memory that was given back. */
    fd_write_all(pipe.write_fd, "x", 1);
    atomic_store(&idler.may_end, true);
    check_is(pthread_join(thread, NULL), 0);
    check_is(idler.byte, 0);
    pipe_close(pipe);
    close(idler.file);
}

/* Calls auraio_destroy() from a callback; further operations are pending then. */
struct suicide {
    auraio_engine_t *engine;
    tally_t others;
    int calls, others_before;
    int trigger_fd; /* a byte written here completes the read whose callback destroys */
    bool outlived;
};

static void destroy_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct suicide *suicide = user_data;
    (void)req;
    (void)result;
    suicide->calls++;
    auraio_destroy(suicide->engine);
    suicide->others_before = suicide->others.calls;
}

/* An engine with endless reads and one file read whose callback destroys it. */
static struct suicide *submit_suicide(auraio_ring_select_t mode, pipe_pair_t pipe, int fd)
{
    static char bytes[11];
    static struct suicide suicide;
    suicide.engine = mode_engine(mode);
    for (int i = 0; i < 10; i++)
        check_accepted(auraio_read(suicide.engine, pipe.read_fd, auraio_buf(&bytes[i]), 1, -1, tally_record,
                                   &suicide.others));
    check_accepted(
        auraio_read(suicide.engine, fd, auraio_buf(&bytes[10]), 1, 0, destroy_in_callback, &suicide));
    return &suicide;
}

static void expect_all_told(const struct suicide *suicide)
{
    check_is(suicide->calls, 1);
    check_is(suicide->others_before, 0);
    check_is(suicide->others.calls, 10);
    check_is(suicide->others.cancelled, 10);
}

TestEveryMode(destroying, from_a_callback_takes_effect_when_wait_returns, .timeout = 30)
{
    const pipe_pair_t pipe = pipe_open(0);
    const int fd = file_of_pattern(1), fds_before = open_fd_count();
    struct suicide *suicide = submit_suicide(*mode, pipe, fd);
    check_at_least(auraio_wait(suicide->engine, PATIENCE_MS), 1);
    expect_all_told(suicide);
    check_is(open_fd_count(), fds_before);
    pipe_close(pipe);
    close(fd);
}

TestEveryMode(destroying, from_a_callback_ends_run, .timeout = 30)
{
    const pipe_pair_t pipe = pipe_open(0);
    const int fd = file_of_pattern(1), fds_before = open_fd_count();
    struct suicide *suicide = submit_suicide(*mode, pipe, fd);
    auraio_run(suicide->engine);
    expect_all_told(suicide);
    check_is(open_fd_count(), fds_before);
    pipe_close(pipe);
    close(fd);
}

TestEveryMode(destroying, from_a_callback_ends_drain, .timeout = 30)
{
    const pipe_pair_t pipe = pipe_open(0);
    const int fd = file_of_pattern(1), fds_before = open_fd_count();
    struct suicide *suicide = submit_suicide(*mode, pipe, fd);
    (void)auraio_drain(suicide->engine, -1);
    expect_all_told(suicide);
    check_is(open_fd_count(), fds_before);
    pipe_close(pipe);
    close(fd);
}

static void wait_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct suicide *suicide = user_data;
    (void)req;
    (void)result;
    /* The nested wait meets the callback that destroys; the engine has to outlive this callback. */
    fd_write_all(suicide->trigger_fd, "x", 1);
    while (suicide->calls == 0) {
        if (auraio_wait(suicide->engine, PATIENCE_MS) < 1)
            break;
    }
    suicide->outlived = suicide->calls == 1 && suicide->others.calls == 0;
}

TestEveryMode(destroying, from_a_nested_wait_takes_effect_when_the_outermost_returns, .timeout = 30)
{
    static char bytes[3];
    const pipe_pair_t pipe = pipe_open(0), outer = pipe_open(0), nested = pipe_open(0);
    struct suicide suicide = {.engine = mode_engine(*mode), .trigger_fd = nested.write_fd};
    for (int i = 0; i < 10; i++)
        check_accepted(auraio_read(suicide.engine, pipe.read_fd, auraio_buf(&bytes[0]), 1, -1, tally_record,
                                   &suicide.others));
    check_accepted(auraio_read(suicide.engine, nested.read_fd, auraio_buf(&bytes[1]), 1, -1,
                               destroy_in_callback, &suicide));
    check_accepted(
        auraio_read(suicide.engine, outer.read_fd, auraio_buf(&bytes[2]), 1, -1, wait_in_callback, &suicide));
    fd_write_all(outer.write_fd, "x", 1);
    check_at_least(auraio_wait(suicide.engine, PATIENCE_MS), 1);
    expect_all_told(&suicide);
    check_that(suicide.outlived);
    pipe_close(outer);
    pipe_close(nested);
    pipe_close(pipe);
}
