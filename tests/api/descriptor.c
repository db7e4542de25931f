/* SPDX-License-Identifier: MIT */
/* The operation descriptor and batches of it: what is accepted, in which part, and what is refused. */
#include <auraio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"

enum { BYTES = 512, COUNT = 32 };

static char bufs[COUNT][BYTES];
static auraio_op_t ops[COUNT];
static auraio_request_t *requests[COUNT];
static tally_t tally;

/* A batch of reads of consecutive blocks. */
static void set_up_batch(void)
{
    set_up();
    for (int i = 0; i < COUNT; i++)
        ops[i] = read_op(file_fd, bufs[i], BYTES, (off_t)i * BYTES);
}

TestSuite(descriptor, .init = set_up_batch, .fini = tear_down, .timeout = 30);
TestSuite(batch, .init = set_up_batch, .fini = tear_down, .timeout = 30);

Test(descriptor, made_by_auraio_op_is_zero_but_for_size_and_opcode)
{
    auraio_op_t zero;
    auraio_op_t op = auraio_op(AURAIO_OP_STATX);
    memset(&zero, 0, sizeof(zero));
    check_is(op.struct_size, sizeof(auraio_op_t));
    check_is(op.opcode, AURAIO_OP_STATX);
    op.struct_size = 0;
    op.opcode = (auraio_opcode_t)0;
    check_is(memcmp(&op, &zero, sizeof(op)), 0);
}

Test(descriptor, buffer_arguments_say_what_they_are)
{
    check_is(auraio_buf(bufs[0]).type, AURAIO_BUF_UNREGISTERED);
    check_that(auraio_buf(bufs[0]).u.ptr == bufs[0]);
    check_is(auraio_buf_fixed(3, 77).type, AURAIO_BUF_REGISTERED);
    check_is(auraio_buf_fixed(3, 77).u.fixed.index, 3);
    check_is(auraio_buf_fixed(3, 77).u.fixed.offset, 77);
    check_is(auraio_buf_fixed_idx(4).u.fixed.index, 4);
    check_is(auraio_buf_fixed_idx(4).u.fixed.offset, 0);
    check_is(auraio_buf_fixed(-1, 0).type, AURAIO_BUF_UNREGISTERED);
    check_that(auraio_buf_fixed(-1, 0).u.ptr == NULL);
}

Test(descriptor, is_copied_at_submission)
{
    outcome_t outcome = {0};
    check_accepted(auraio_submit(engine, &ops[3], outcome_record, &outcome));
    memset(ops, 0xff, sizeof(ops));
    check_is(outcome_await(engine, &outcome), BYTES);
    check_that(pattern_holds(bufs[3], BYTES, 3 * BYTES));
}

Test(descriptor, refuses_what_it_cannot_mean)
{
    auraio_op_t op = ops[0];
    check_refused(auraio_submit(NULL, &op, NULL, NULL), EINVAL);
    check_refused(auraio_submit(engine, NULL, NULL, NULL), EINVAL);
    op.opcode = (auraio_opcode_t)0;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    op.opcode = (auraio_opcode_t)(AURAIO_OP_SYNC_FILE_RANGE + 1);
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    op = ops[0];
    op.flags = 1u << 31;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    op = ops[0];
    op.flags = AURAIO_OP_LINK;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    op = ops[0];
    op.reserved[3] = 1;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
}

/* `known` bytes of a descriptor at the very end of an allocation: reading further is found by sanitizers. */
static ssize_t perform_sized(const auraio_op_t *op, size_t size)
{
    outcome_t outcome = {0};
    char *sized = calloc(1, size);
    memcpy(sized, op, size < sizeof(*op) ? size : sizeof(*op));
    memcpy(sized, &size, sizeof(size));
    check_accepted(auraio_submit(engine, (const auraio_op_t *)(const void *)sized, outcome_record, &outcome));
    free(sized);
    return outcome_await(engine, &outcome);
}

Test(descriptor, of_a_program_built_against_an_older_header_is_accepted)
{
    check_is(perform_sized(&ops[1], offsetof(auraio_op_t, reserved)), BYTES);
    check_that(pattern_holds(bufs[1], BYTES, BYTES));
}

Test(descriptor, of_a_program_built_against_a_newer_header_is_accepted_when_its_tail_is_zero)
{
    check_is(perform_sized(&ops[1], sizeof(auraio_op_t) + 64), BYTES);
    check_that(pattern_holds(bufs[1], BYTES, BYTES));
}

Test(descriptor, with_a_tail_that_is_not_zero_is_refused)
{
    struct {
        auraio_op_t known;
        uint64_t unknown[4];
    } newer = {.known = ops[0], .unknown = {0, 0, 0, 1}};
    newer.known.struct_size = sizeof(newer);
    check_refused(auraio_submit(engine, &newer.known, NULL, NULL), EINVAL);
}

Test(batch, every_operation_completes_and_has_a_handle)
{
    check_is(auraio_submit_batch(engine, ops, COUNT, tally_record, &tally, requests), COUNT);
    for (int i = 0; i < COUNT; i++) {
        check_that(requests[i] != NULL);
        for (int other = 0; other < i; other++)
            check_that(requests[i] != requests[other]);
    }
    check_is(auraio_drain(engine, PATIENCE_MS), COUNT);
    check_is(tally.calls, COUNT);
    check_is(tally.failures, 0);
    check_that(pattern_holds(bufs, sizeof(bufs), 0));
}

Test(batch, handles_and_callbacks_may_be_left_out)
{
    check_is(auraio_submit_batch(engine, ops, COUNT, NULL, NULL, NULL), COUNT);
    check_is(auraio_drain(engine, PATIENCE_MS), COUNT);
    check_that(pattern_holds(bufs, sizeof(bufs), 0));
}

Test(batch, an_operation_may_name_its_own_callback)
{
    outcome_t own = {0};
    ops[2].callback = outcome_record;
    ops[2].user_data = &own;
    check_is(auraio_submit_batch(engine, ops, 4, tally_record, &tally, NULL), 4);
    check_is(auraio_drain(engine, PATIENCE_MS), 4);
    check_is(tally.calls, 3);
    check_is(own.calls, 1);
    check_is(own.result, BYTES);
}

Test(batch, goes_to_one_ring)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = 4;
    auraio_engine_t *rings = engine_with(&options);
    int used = 0;
    check_is(auraio_submit_batch(rings, ops, COUNT, NULL, NULL, NULL), COUNT);
    check_is(auraio_drain(rings, PATIENCE_MS), COUNT);
    for (int ring = 0; ring < 4; ring++) {
        auraio_ring_stats_t stats;
        check_is(auraio_get_ring_stats(rings, ring, &stats), 0);
        used += stats.ops_completed > 0;
    }
    check_is(used, 1);
    auraio_destroy(rings);
}

Test(batch, may_be_as_large_as_the_queue_and_no_larger)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.queue_depth = COUNT - 1;
    auraio_engine_t *small = engine_with(&options);
    check_fails(auraio_submit_batch(small, ops, COUNT, NULL, NULL, NULL), EINVAL);
    check_is(auraio_submit_batch(small, ops, COUNT - 1, NULL, NULL, NULL), COUNT - 1);
    check_is(auraio_drain(small, PATIENCE_MS), COUNT - 1);
    auraio_destroy(small);
}

Test(batch, refuses_what_it_cannot_mean)
{
    check_fails(auraio_submit_batch(NULL, ops, 1, NULL, NULL, NULL), EINVAL);
    check_fails(auraio_submit_batch(engine, NULL, 1, NULL, NULL, NULL), EINVAL);
    check_fails(auraio_submit_batch(engine, ops, 0, NULL, NULL, NULL), EINVAL);
    check_fails(auraio_submit_batch(engine, ops, -1, NULL, NULL, NULL), EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
}

Test(batch, is_accepted_up_to_the_first_operation_that_is_wrong)
{
    ops[5].fd = -1;
    errno = 0;
    check_is(auraio_submit_batch(engine, ops, 10, tally_record, &tally, requests), 5);
    check_is(errno, EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 5);
    check_is(tally.calls, 5);
    ops[0].fd = -1;
    check_fails(auraio_submit_batch(engine, ops, 10, tally_record, &tally, requests), EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
}

Test(batch, is_accepted_up_to_max_pending)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.max_pending = 4;
    auraio_engine_t *small = engine_with(&options);
    errno = 0;
    check_is(auraio_submit_batch(small, ops, 6, tally_record, &tally, NULL), 4);
    check_is(errno, EAGAIN);
    check_is(auraio_drain(small, PATIENCE_MS), 4);
    check_is(tally.calls, 4);
    auraio_destroy(small);
}

Test(batch, a_chain_is_accepted_as_a_whole_or_not_at_all)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.max_pending = 4;
    auraio_engine_t *small = engine_with(&options);
    /* Two alone, then a chain of three that does not fit. */
    ops[2].flags = ops[3].flags = AURAIO_OP_LINK;
    errno = 0;
    check_is(auraio_submit_batch(small, ops, 5, tally_record, &tally, NULL), 2);
    check_is(errno, EAGAIN);
    check_is(auraio_drain(small, PATIENCE_MS), 2);
    auraio_destroy(small);
    /* The same with a chain whose last operation is wrong. */
    ops[4].fd = -1;
    errno = 0;
    check_is(auraio_submit_batch(engine, ops, 5, tally_record, &tally, NULL), 2);
    check_is(errno, EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 2);
    check_is(tally.calls, 4);
}

Test(batch, a_link_on_the_last_operation_is_refused_with_its_chain)
{
    ops[1].flags = ops[2].flags = AURAIO_OP_LINK;
    errno = 0;
    check_is(auraio_submit_batch(engine, ops, 3, tally_record, &tally, NULL), 1);
    check_is(errno, EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
    check_fails(auraio_submit_batch(engine, ops + 1, 2, tally_record, &tally, NULL), EINVAL);
    check_is(auraio_drain(engine, PATIENCE_MS), 0);
    check_is(tally.calls, 1);
}
