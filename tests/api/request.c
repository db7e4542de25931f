/* SPDX-License-Identifier: MIT */
/* Handles: what they tell while an operation is pending, how it is cancelled, and what is left afterwards. */
#include <auraio.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"

static char byte;
static outcome_t outcome;

TestSuite(request, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);
TestSuite(cancel, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 30);

/* A read of an empty pipe: it stays pending for as long as a test wants. */
static auraio_request_t *submit_pending(void)
{
    auraio_request_t *req =
        auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome);
    check_that(req != NULL);
    return req;
}

Test(request, tells_its_descriptor_and_user_data_while_pending)
{
    auraio_request_t *req = submit_pending();
    check_that(auraio_request_pending(req));
    check_is(auraio_request_fd(req), channel.read_fd);
    check_that(auraio_request_user_data(req) == &outcome);
}

Test(request, null_is_never_pending_and_has_nothing)
{
    check_that(!auraio_request_pending(NULL));
    check_fails(auraio_request_fd(NULL), EINVAL);
    check_refused(auraio_request_user_data(NULL), EINVAL);
    check_fails(auraio_request_rw_flags(NULL), EINVAL);
}

Test(request, a_stale_handle_is_never_pending_and_has_nothing)
{
    auraio_request_t *req = submit_pending();
    fd_write_all(channel.write_fd, "x", 1);
    check_is(outcome_await(engine, &outcome), 1);
    check_that(!auraio_request_pending(req));
    check_fails(auraio_request_fd(req), EINVAL);
    check_refused(auraio_request_user_data(req), EINVAL);
    check_fails(auraio_request_rw_flags(req), EINVAL);
}

Test(request, a_stale_handle_stays_stale_when_its_slot_is_used_again)
{
    auraio_request_t *stale = submit_pending();
    fd_write_all(channel.write_fd, "x", 1);
    check_is(outcome_await(engine, &outcome), 1);
    for (int i = 0; i < 1000; i++) {
        outcome_t next = {0};
        auraio_request_t *req = auraio_read(engine, file_fd, auraio_buf(&byte), 1, i, outcome_record, &next);
        check_that(req != NULL && req != stale);
        check_that(!auraio_request_pending(stale));
        check_fails(auraio_cancel(engine, stale), EALREADY);
        check_is(outcome_await(engine, &next), 1);
    }
}

Test(request, survives_its_engine)
{
    auraio_engine_t *other = engine_with(NULL);
    auraio_request_t *req =
        auraio_read(other, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &outcome);
    check_that(req != NULL);
    auraio_destroy(other);
    check_is(outcome.calls, 1);
    check_that(!auraio_request_pending(req));
    check_fails(auraio_request_fd(req), EINVAL);
}

struct seen {
    auraio_request_t *handed_out;
    bool same, pending;
    int fd, calls;
    void *user_data;
};

static void look_at_request(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct seen *seen = user_data;
    (void)result;
    seen->same = req == seen->handed_out;
    seen->pending = auraio_request_pending(req);
    seen->fd = auraio_request_fd(req);
    seen->user_data = auraio_request_user_data(req);
    seen->calls++;
}

Test(request, in_its_callback_it_still_tells_but_is_not_pending)
{
    struct seen seen = {.pending = true};
    seen.handed_out = auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, look_at_request, &seen);
    fd_write_all(channel.write_fd, "x", 1);
    check_is(auraio_wait(engine, PATIENCE_MS), 1);
    check_is(seen.calls, 1);
    check_that(seen.same);
    check_that(!seen.pending);
    check_is(seen.fd, channel.read_fd);
    check_that(seen.user_data == &seen);
}

Test(cancel, ends_a_pending_operation_with_ecanceled)
{
    auraio_request_t *req = submit_pending();
    check_is(auraio_cancel(engine, req), 0);
    check_is(outcome_await(engine, &outcome), -ECANCELED);
    check_is(outcome.calls, 1);
    fd_write_all(channel.write_fd, "x", 1);
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
    check_is(outcome.calls, 1);
}

Test(cancel, is_no_operation_of_the_users)
{
    auraio_stats_t stats;
    auraio_request_t *req = submit_pending();
    check_is(auraio_cancel(engine, req), 0);
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
    auraio_get_stats(engine, &stats);
    check_is(stats.ops_completed, 1);
}

Test(cancel, asked_twice_is_ealready)
{
    auraio_request_t *req = submit_pending();
    check_is(auraio_cancel(engine, req), 0);
    check_fails(auraio_cancel(engine, req), EALREADY);
    check_is(outcome_await(engine, &outcome), -ECANCELED);
}

Test(cancel, of_what_has_completed_is_ealready)
{
    auraio_request_t *req = submit_pending();
    fd_write_all(channel.write_fd, "x", 1);
    check_is(outcome_await(engine, &outcome), 1);
    check_fails(auraio_cancel(engine, req), EALREADY);
}

Test(cancel, of_what_is_done_but_not_reaped_gives_one_callback)
{
    outcome_t done = {0};
    auraio_request_t *req = auraio_read(engine, file_fd, auraio_buf(&byte), 1, 0, outcome_record, &done);
    check_that(req != NULL);
    check_is(auraio_cancel(engine, req), 0);
    const ssize_t result = outcome_await(engine, &done);
    check_that(result == 1 || result == -ECANCELED);
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
    check_is(done.calls, 1);
}

Test(cancel, never_lacks_room)
{
    enum { COUNT = 2000 };
    static char bytes[COUNT];
    static auraio_request_t *requests[COUNT];
    tally_t tally = {0};
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.queue_depth = 1;
    auraio_engine_t *tiny = engine_with(&options);
    for (int i = 0; i < COUNT; i++) {
        requests[i] = auraio_read(tiny, channel.read_fd, auraio_buf(&bytes[i]), 1, -1, tally_record, &tally);
        check_that(requests[i] != NULL);
    }
    for (int i = 0; i < COUNT; i++)
        check_is(auraio_cancel(tiny, requests[i]), 0);
    check_is(auraio_drain(tiny, PATIENCE_MS), COUNT);
    check_is(tally.calls, COUNT);
    check_is(tally.cancelled, COUNT);
    auraio_destroy(tiny);
}

Test(cancel, refuses_null_and_handles_of_no_engine_or_of_another)
{
    auraio_engine_t *other = engine_with(NULL);
    auraio_request_t *req = submit_pending();
    check_fails(auraio_cancel(NULL, req), EINVAL);
    check_fails(auraio_cancel(engine, NULL), EINVAL);
    check_fails(auraio_cancel(other, req), EINVAL);
    check_fails(auraio_cancel(engine, (auraio_request_t *)(uintptr_t)16), EINVAL);
    check_that(auraio_request_pending(req));
    auraio_destroy(other);
}
