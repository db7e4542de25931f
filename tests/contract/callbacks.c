/* SPDX-License-Identifier: MIT */
/* What callbacks may do: submit, cancel, stop, wait, drain, and all of that nested. */
#include <auraio.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 512, BLOCKS = 64 };

/* Shared by the callbacks of one test. */
static struct {
    auraio_engine_t *engine;
    int file;
    pipe_pair_t pipe;
    char buf[BYTES];
    int wanted; /* operations left to submit */
    int calls, wrong, depth, deepest;
    auraio_request_t *victim;
    int returned, error;
    outcome_t other;
} play;

static void set_up_play(void)
{
    play.file = file_of_pattern(BLOCKS * BYTES);
    play.pipe = pipe_open(0);
}

static void tear_down_play(void)
{
    auraio_destroy(play.engine);
    pipe_close(play.pipe);
    close(play.file);
}

static void submit(auraio_callback_t callback)
{
    if (auraio_read(play.engine, play.file, auraio_buf(play.buf), BYTES, 0, callback, NULL) == NULL)
        play.wrong++;
}

/* Leave a read of the empty pipe pending. */
static auraio_request_t *submit_endless(void)
{
    static char byte;
    return auraio_read(play.engine, play.pipe.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &play.other);
}

static void submit_next(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.calls++;
    play.wrong += result != BYTES;
    if (play.wanted-- > 0)
        submit(submit_next);
}

TestEveryMode(callback, may_submit_the_next_operation, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    play.wanted = 5000;
    submit(submit_next);
    check_is(auraio_drain(play.engine, PATIENCE_MS), 5001);
    check_is(play.calls, 5001);
    check_is(play.wrong, 0);
}

static void submit_two(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.calls++;
    play.wrong += result != BYTES;
    for (int i = 0; i < 2 && play.wanted > 0; i++, play.wanted--)
        submit(submit_two);
}

TestEveryMode(callback, may_submit_more_than_the_limit, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 4;
    play.engine = engine_with(&options);
    play.wanted = 5000;
    submit(submit_two);
    check_is(auraio_drain(play.engine, PATIENCE_MS), 5001);
    check_is(play.calls, 5001);
    check_is(play.wrong, 0);
}

static void cancel_victim(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.calls++;
    play.wrong += result != BYTES;
    play.returned = auraio_cancel(play.engine, play.victim);
}

TestEveryMode(callback, may_cancel_another_operation, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    play.victim = submit_endless();
    check_that(play.victim != NULL);
    submit(cancel_victim);
    check_is(auraio_drain(play.engine, PATIENCE_MS), 2);
    check_is(play.calls, 1);
    check_is(play.returned, 0);
    check_is(play.other.calls, 1);
    check_is(play.other.result, -ECANCELED);
}

static void cancel_itself(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)user_data;
    play.calls++;
    play.wrong += result != BYTES;
    errno = 0;
    play.returned = auraio_cancel(play.engine, req);
    play.error = errno;
}

TestEveryMode(callback, cancelling_its_own_operation_is_ealready, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    submit(cancel_itself);
    check_is(auraio_drain(play.engine, PATIENCE_MS), 1);
    check_is(play.calls, 1);
    check_is(play.returned, -1);
    check_is(play.error, EALREADY);
}

static void stop_on_third(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.wrong += result != BYTES;
    if (++play.calls == 3)
        auraio_stop(play.engine);
}

TestEveryMode(callback, may_stop_run_which_still_finishes_what_is_pending, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    for (int i = 0; i < 5; i++)
        submit(stop_on_third);
    auraio_run(play.engine);
    check_is(play.calls, 5);
    check_is(play.wrong, 0);
}

/* Each level submits one read and waits for it before it returns. */
static void wait_for_next(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.wrong += result != BYTES;
    play.depth++;
    play.deepest = play.depth > play.deepest ? play.depth : play.deepest;
    if (play.wanted-- > 0) {
        const int calls_before = play.calls;
        submit(wait_for_next);
        while (play.calls == calls_before && auraio_wait(play.engine, PATIENCE_MS) > 0)
            ;
        play.wrong += play.calls == calls_before;
    }
    play.depth--;
    play.calls++;
}

TestEveryMode(callback, may_wait_and_waits_may_nest, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    play.wanted = 20;
    submit(wait_for_next);
    check_at_least(auraio_wait(play.engine, PATIENCE_MS), 1);
    check_is(play.calls, 21);
    check_is(play.deepest, 21);
    check_is(play.wrong, 0);
    check_is(auraio_drain(play.engine, PATIENCE_MS), 0);
}

static void wait_for_all_others(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.wrong += result != BYTES;
    play.depth++;
    play.deepest = play.depth > play.deepest ? play.depth : play.deepest;
    while (play.depth == 1 && play.calls < play.wanted) {
        if (auraio_wait(play.engine, PATIENCE_MS) < 1) {
            play.wrong++;
            break;
        }
    }
    play.depth--;
    play.calls++;
}

/* All complete in one batch; the first callback waits for the others of that same batch. */
TestEveryMode(callback, a_nested_wait_serves_the_rest_of_its_own_batch, .timeout = 60, .init = set_up_play,
              .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    play.wanted = 31;
    for (int i = 0; i < 32; i++)
        submit(wait_for_all_others);
    while (play.calls < 32 && auraio_wait(play.engine, PATIENCE_MS) > 0)
        ;
    check_is(play.calls, 32);
    check_is(play.deepest, 2);
    check_is(play.wrong, 0);
}

static void drain_here(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.wrong += result != BYTES;
    for (int i = 0; i < 100; i++)
        submit(submit_next);
    play.returned = auraio_drain(play.engine, PATIENCE_MS);
    play.depth = play.calls;
}

TestEveryMode(callback, may_drain, .timeout = 60, .init = set_up_play, .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    submit(drain_here);
    check_at_least(auraio_wait(play.engine, PATIENCE_MS), 1);
    check_is(play.returned, 100);
    check_is(play.depth, 100);
    check_is(play.calls, 100);
    check_is(play.wrong, 0);
}

static void poll_here(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.wrong += result != BYTES;
    play.returned = auraio_poll(play.engine);
    play.calls++;
}

TestEveryMode(callback, may_poll, .timeout = 60, .init = set_up_play, .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    for (int i = 0; i < 100; i++)
        submit(poll_here);
    check_that(submit_endless() != NULL);
    while (play.calls < 100 && auraio_wait(play.engine, PATIENCE_MS) > 0)
        ;
    check_is(play.calls, 100);
    check_at_least(play.returned, 0);
    check_is(play.wrong, 0);
}

static void run_here(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    play.wrong += result != BYTES;
    for (int i = 0; i < 5; i++)
        submit(stop_on_third);
    auraio_run(play.engine);
    play.depth = play.calls;
}

TestEveryMode(callback, may_run, .timeout = 60, .init = set_up_play, .fini = tear_down_play)
{
    play.engine = mode_engine(*mode);
    submit(run_here);
    check_at_least(auraio_wait(play.engine, PATIENCE_MS), 1);
    check_is(play.depth, 5);
    check_is(play.wrong, 0);
}
