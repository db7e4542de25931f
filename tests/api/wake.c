/* SPDX-License-Identifier: MIT */
/* Waiting for operations and for what other threads have to say: auraio_wait_wake() and auraio_wake(). */
#include <auraio.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

static char byte;
static outcome_t outcome;

TestSuite(wake, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);

struct sleeper {
    auraio_engine_t *engine;
    uint64_t count;
    atomic_int tid;
    int completed;
};

static void *sleep_for_wake(void *context)
{
    struct sleeper *sleeper = context;
    atomic_store(&sleeper->tid, (int)thread_id());
    sleeper->completed = auraio_wait_wake(sleeper->engine, -1, sleeper->count);
    return NULL;
}

static bool has_started(void *context)
{
    return atomic_load(&((struct sleeper *)context)->tid) != 0;
}

/* Start it, and see it asleep. */
static pthread_t start_sleeper(struct sleeper *sleeper)
{
    pthread_t thread;
    sleeper->count = auraio_wake_count(sleeper->engine);
    check_is(pthread_create(&thread, NULL, sleep_for_wake, sleeper), 0);
    check_that(await_condition(has_started, sleeper, PATIENCE_MS));
    check_that(await_thread_asleep(atomic_load(&sleeper->tid), PATIENCE_MS));
    return thread;
}

static void check_wakes_the_sleeper(auraio_engine_t *target)
{
    struct sleeper sleeper = {.engine = target};
    pthread_t thread = start_sleeper(&sleeper);
    auraio_wake(target);
    check_is(pthread_join(thread, NULL), 0);
    check_is(sleeper.completed, 0);
}

TestEveryMode(wake, ends_a_wait_with_nothing_pending, .timeout = 30)
{
    auraio_engine_t *target = mode_engine(*mode);
    check_wakes_the_sleeper(target);
    auraio_destroy(target);
}

Test(wake, ends_a_wait_for_what_may_never_come)
{
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
    check_wakes_the_sleeper(engine);
    check_is(outcome.calls, 0);
}

Test(wake, before_the_wait_is_not_lost)
{
    const uint64_t count = auraio_wake_count(engine);
    auraio_wake(engine);
    check_that(auraio_wake_count(engine) != count);
    check_is(auraio_wait_wake(engine, -1, count), 0);
}

Test(wake, wait_sees_an_operation_submitted_while_it_slept)
{
    struct sleeper sleeper = {.engine = engine};
    pthread_t thread = start_sleeper(&sleeper);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
    fd_write_all(channel.write_fd, "x", 1);
    check_is(pthread_join(thread, NULL), 0);
    check_is(sleeper.completed, 1);
    check_is(outcome.result, 1);
}

/* A submission wakes sleepers on the library's own account, many times before it completes: that is no end of
 * the wait. */
Test(wake, wait_does_not_end_for_what_the_library_wakes_by_itself)
{
    for (int i = 0; i < 200; i++) {
        struct sleeper sleeper = {.engine = engine};
        outcome = (struct outcome){0};
        pthread_t thread = start_sleeper(&sleeper);
        check_accepted(
            auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
        check_that(await_thread_asleep(atomic_load(&sleeper.tid), PATIENCE_MS));
        fd_write_all(channel.write_fd, "x", 1);
        check_is(pthread_join(thread, NULL), 0);
        check_is(sleeper.completed, 1);
    }
}

Test(wake, wait_ends_when_its_time_has_passed)
{
    check_is(auraio_wait_wake(engine, 1, auraio_wake_count(engine)), 0);
    check_is(auraio_wait_wake(engine, 0, auraio_wake_count(engine)), 0);
}

Test(wake, does_not_end_a_plain_wait_or_a_run_that_was_not_stopped)
{
    auraio_wake(engine);
    check_is(auraio_wait(engine, 0), 0);
    check_that(!auraio_stop_asked(engine));
}

Test(wake, stop_ends_it_and_can_be_seen)
{
    struct sleeper sleeper = {.engine = engine};
    pthread_t thread = start_sleeper(&sleeper);
    auraio_stop(engine);
    check_is(pthread_join(thread, NULL), 0);
    check_that(auraio_stop_asked(engine));
    auraio_run(engine);
    check_that(!auraio_stop_asked(engine));
}

Test(wake, of_null_is_refused)
{
    check_fails(auraio_wait_wake(NULL, 0, 0), EINVAL);
    check_is(auraio_wake_count(NULL), 0);
    check_that(!auraio_stop_asked(NULL));
    auraio_wake(NULL);
}
