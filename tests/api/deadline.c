/* SPDX-License-Identifier: MIT */
/* Operations with a deadline of their own. */
#include <auraio.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096 };
static const uint64_t ms = 1000000;

static char buf[BYTES];
static outcome_t outcome;

TestSuite(deadline, .init = set_up_pipe, .fini = tear_down_pipe, .timeout = 60);

static auraio_op_t pipe_read_within(uint64_t timeout_ns)
{
    auraio_op_t op = read_op(channel.read_fd, buf, 1, -1);
    op.timeout_ns = timeout_ns;
    return op;
}

TestEveryMode(deadline_modes, passing_it_completes_the_operation_with_etimedout, .init = set_up_pipe,
              .fini = tear_down_pipe, .timeout = 60)
{
    const auraio_op_t op = pipe_read_within(100 * ms);
    auraio_engine_t *moded = mode_engine(*mode);
    const int64_t start_ns = now_ns();
    check_is(perform(moded, &op), -ETIMEDOUT);
    check_at_least(now_ns() - start_ns, 100 * ms);
    auraio_destroy(moded);
}

Test(deadline, one_not_reached_leaves_the_result_alone)
{
    auraio_op_t op = read_op(file_fd, buf, BYTES, 0);
    op.timeout_ns = 3600 * 1000 * ms;
    check_is(perform(engine, &op), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    check_is(auraio_wait(engine, -1), 0);
}

Test(deadline, is_no_operation_of_the_users)
{
    auraio_stats_t stats;
    const auraio_op_t late = pipe_read_within(10 * ms), early = pipe_read_within(3600 * 1000 * ms);
    check_accepted(auraio_submit(engine, &late, outcome_record, &outcome));
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
    check_is(outcome.calls, 1);
    check_is(outcome.result, -ETIMEDOUT);
    fd_write_all(channel.write_fd, "x", 1);
    check_is(perform(engine, &early), 1);
    auraio_get_stats(engine, &stats);
    check_is(stats.ops_completed, 2);
}

Test(deadline, a_cancel_before_it_is_a_cancel)
{
    const auraio_op_t op = pipe_read_within(3600 * 1000 * ms);
    auraio_request_t *req = auraio_submit(engine, &op, outcome_record, &outcome);
    check_that(req != NULL);
    check_is(auraio_cancel(engine, req), 0);
    check_is(outcome_await(engine, &outcome), -ECANCELED);
    check_is(auraio_wait(engine, -1), 0);
}

Test(deadline, many_expire_each_with_its_own_operation)
{
    enum { COUNT = 500 };
    tally_t tally = {0};
    auraio_op_t op = pipe_read_within(0);
    for (unsigned i = 0; i < COUNT; i++) {
        op.timeout_ns = (1 + i % 50) * ms;
        check_accepted(auraio_submit(engine, &op, tally_record, &tally));
    }
    check_is(auraio_drain(engine, PATIENCE_MS), COUNT);
    check_is(tally.calls, COUNT);
    check_is(tally.failures, COUNT);
    check_is(tally.cancelled, 0);
    check_is(tally.last_error, ETIMEDOUT);
}

Test(deadline, destroying_the_engine_does_not_wait_for_it)
{
    auraio_engine_t *other = engine_with(NULL);
    const auraio_op_t op = pipe_read_within(3600 * 1000 * ms);
    check_accepted(auraio_submit(other, &op, outcome_record, &outcome));
    const int64_t start_ms = now_ms();
    auraio_destroy(other);
    check_below(now_ms() - start_ms, PATIENCE_MS);
    check_is(outcome.calls, 1);
    check_is(outcome.result, -ECANCELED);
}
