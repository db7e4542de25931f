/* SPDX-License-Identifier: MIT */
/* Driving completions: poll, wait, run, stop, drain, flush and the poll descriptor. */
#include <auraio.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 512 };

static char buf[BYTES];
static char byte;
static outcome_t outcome;

TestSuite(poll, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(wait, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(run, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(drain, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(flush, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(poll_fd, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);

static void submit_pipe_read(void)
{
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome));
}

static void submit_file_read(tally_t *tally)
{
    check_accepted(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, 0, tally_record, tally));
}

static bool poll_completed_one(void *context)
{
    int *completed = context;
    *completed += auraio_poll(engine);
    return *completed > 0;
}

Test(poll, runs_the_callbacks_of_what_completed_and_counts_them)
{
    int completed = 0;
    submit_pipe_read();
    check_is(auraio_poll(engine), 0);
    check_is(outcome.calls, 0);
    fd_write_all(channel.write_fd, "x", 1);
    check_that(await_condition(poll_completed_one, &completed, PATIENCE_MS));
    check_is(completed, 1);
    check_is(outcome.calls, 1);
    check_is(auraio_poll(engine), 0);
}

Test(poll, of_null_is_zero)
{
    check_is(auraio_poll(NULL), 0);
}

Test(wait, returns_at_once_when_nothing_is_pending)
{
    check_is(auraio_wait(engine, -1), 0);
    check_is(auraio_wait(engine, 1000000), 0);
    check_is(auraio_wait(engine, 0), 0);
}

Test(wait, lasts_as_long_as_it_was_told)
{
    submit_pipe_read();
    const int64_t start_ns = now_ns();
    check_is(auraio_wait(engine, 200), 0);
    check_at_least(now_ns() - start_ns, 199000000);
    check_is(outcome.calls, 0);
}

Test(wait, with_zero_does_not_block)
{
    submit_pipe_read();
    check_is(auraio_wait(engine, 0), 0);
    check_is(outcome.calls, 0);
}

Test(wait, returns_how_many_operations_completed)
{
    enum { COUNT = 20 };
    tally_t tally = {0};
    int completed = 0;
    for (int i = 0; i < COUNT; i++)
        submit_file_read(&tally);
    while (completed < COUNT) {
        const int now = auraio_wait(engine, PATIENCE_MS);
        check_at_least(now, 1);
        completed += now;
        check_is(tally.calls, completed);
    }
    check_is(completed, COUNT);
    check_is(auraio_wait(engine, -1), 0);
}

Test(wait, any_negative_timeout_is_for_ever)
{
    tally_t tally = {0};
    submit_file_read(&tally);
    check_is(auraio_wait(engine, -12345), 1);
}

Test(wait, refuses_null)
{
    check_fails(auraio_wait(NULL, 0), EINVAL);
    check_fails(auraio_wait(NULL, -1), EINVAL);
}

static void *run_engine(void *tid)
{
    atomic_store((atomic_int *)tid, thread_id());
    auraio_run(engine);
    return NULL;
}

static bool is_set(void *value)
{
    return atomic_load((atomic_int *)value) != 0;
}

Test(run, serves_until_stopped_from_another_thread)
{
    pthread_t runner;
    atomic_int tid = 0;
    submit_pipe_read();
    check_is(pthread_create(&runner, NULL, run_engine, &tid), 0);
    fd_write_all(channel.write_fd, "x", 1);
    check_that(await_condition(is_set, &outcome.calls, PATIENCE_MS));
    check_is(atomic_load(&outcome.thread), atomic_load(&tid));
    check_that(await_thread_asleep((pid_t)tid, PATIENCE_MS));
    auraio_stop(engine);
    check_is(pthread_join(runner, NULL), 0);
}

Test(run, finishes_what_is_pending_when_it_was_stopped_before)
{
    tally_t tally = {0};
    for (int i = 0; i < 10; i++)
        submit_file_read(&tally);
    auraio_stop(engine);
    auraio_run(engine);
    check_is(tally.calls, 10);
}

Test(run, a_stop_counts_once)
{
    tally_t tally = {0};
    pthread_t runner;
    atomic_int tid = 0;
    auraio_stop(engine);
    auraio_run(engine);
    check_is(pthread_create(&runner, NULL, run_engine, &tid), 0);
    submit_file_read(&tally);
    check_that(await_condition(is_set, &tally.calls, PATIENCE_MS));
    check_that(await_thread_asleep((pid_t)tid, PATIENCE_MS));
    auraio_stop(engine);
    check_is(pthread_join(runner, NULL), 0);
}

Test(run, null_is_harmless)
{
    auraio_run(NULL);
    auraio_stop(NULL);
    check_is(auraio_wait(engine, -1), 0);
}

Test(drain, completes_everything_and_counts_it)
{
    enum { COUNT = 1000 };
    tally_t tally = {0};
    for (int i = 0; i < COUNT; i++)
        submit_file_read(&tally);
    check_is(auraio_drain(engine, PATIENCE_MS), COUNT);
    check_is(tally.calls, COUNT);
    check_is(auraio_drain(engine, -1), 0);
}

Test(drain, times_out_when_something_stays_pending)
{
    submit_pipe_read();
    const int64_t start_ns = now_ns();
    check_fails(auraio_drain(engine, 50), ETIMEDOUT);
    check_at_least(now_ns() - start_ns, 49000000);
    check_is(outcome.calls, 0);
}

Test(drain, with_zero_makes_one_pass_and_does_not_block)
{
    check_is(auraio_drain(engine, 0), 0);
    submit_pipe_read();
    check_below(auraio_drain(engine, 0), 1);
    check_is(outcome.calls, 0);
}

static atomic_int late_drains;

static void *submit_and_drain(void *context)
{
    enum { COUNT = 3000 };
    for (int i = 0; i < COUNT; i++) {
        if (!auraio_read(engine, file_fd, auraio_buf(buf), 1, 0, tally_record, context) ||
            auraio_drain(engine, -1) < 0)
            atomic_fetch_add(&late_drains, 1);
    }
    return NULL;
}

Test(drain, is_not_late_because_another_thread_submits)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    tally_t tally = {0};
    for (int i = 0; i < THREADS; i++)
        check_is(pthread_create(&threads[i], NULL, submit_and_drain, &tally), 0);
    for (int i = 0; i < THREADS; i++)
        check_is(pthread_join(threads[i], NULL), 0);
    check_is(late_drains, 0);
}

Test(drain, refuses_null)
{
    check_fails(auraio_drain(NULL, 0), EINVAL);
}

static bool file_has_grown(void *unused)
{
    (void)unused;
    return file_size(file_fd) == FIXTURE_FILE_BYTES + BYTES;
}

Test(flush, hands_what_the_driving_thread_holds_back_to_the_kernel)
{
    check_is(auraio_poll(engine), 0); /* from here on this thread drives */
    check_accepted(auraio_write(engine, file_fd, auraio_buf(buf), BYTES, FIXTURE_FILE_BYTES, NULL, NULL));
    const int handed_over = auraio_flush(engine);
    check_that(handed_over == 0 || handed_over == 1);
    check_that(await_condition(file_has_grown, NULL, PATIENCE_MS));
    check_is(auraio_flush(engine), 0);
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
}

Test(flush, runs_no_callbacks)
{
    tally_t tally = {0};
    check_is(auraio_poll(engine), 0);
    submit_file_read(&tally);
    check_at_least(auraio_flush(engine), 0);
    check_is(tally.calls, 0);
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
}

Test(flush, refuses_null)
{
    check_fails(auraio_flush(NULL), EINVAL);
}

static int readable(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, timeout_ms);
}

Test(poll_fd, is_always_the_same_one)
{
    const int fd = auraio_get_poll_fd(engine);
    check_at_least(fd, 0);
    submit_pipe_read();
    check_is(auraio_get_poll_fd(engine), fd);
}

Test(poll_fd, is_quiet_while_nothing_completes)
{
    const int fd = auraio_get_poll_fd(engine);
    check_is(readable(fd, 0), 0);
    submit_pipe_read();
    check_is(readable(fd, 0), 0);
}

Test(poll_fd, stays_readable_until_poll_clears_it)
{
    const int fd = auraio_get_poll_fd(engine);
    submit_pipe_read();
    fd_write_all(channel.write_fd, "x", 1);
    check_is(readable(fd, PATIENCE_MS), 1);
    check_is(readable(fd, 0), 1);
    check_is(auraio_poll(engine), 1);
    check_is(readable(fd, 0), 0);
    check_is(outcome.calls, 1);
}

Test(poll_fd, refuses_null)
{
    check_fails(auraio_get_poll_fd(NULL), EINVAL);
}
