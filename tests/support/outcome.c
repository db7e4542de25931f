/* SPDX-License-Identifier: MIT */
/*
 * What became of operations: see outcome.h.
 *
 * `calls` is written last and read first: whoever sees the count sees what it counts (sequentially consistent
 * atomics on both sides).
 */
#include "outcome.h"

#include <errno.h>

#include "process.h"

void outcome_record(auraio_request_t *req, ssize_t result, void *user_data)
{
    outcome_t *outcome = user_data;
    atomic_store(&outcome->result, result);
    atomic_store(&outcome->rw_flags, auraio_request_rw_flags(req));
    atomic_store(&outcome->fd, auraio_request_fd(req));
    atomic_store(&outcome->thread, thread_id());
    atomic_fetch_add(&outcome->calls, 1);
}

void tally_record(auraio_request_t *req, ssize_t result, void *user_data)
{
    tally_t *tally = user_data;
    (void)req;
    if (result >= 0) {
        atomic_fetch_add(&tally->bytes, result);
    } else {
        atomic_fetch_add(&tally->failures, 1);
        atomic_fetch_add(&tally->cancelled, result == -ECANCELED);
        atomic_store(&tally->last_error, (int)-result);
    }
    atomic_fetch_add(&tally->calls, 1);
}

void count_call(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)result;
    atomic_fetch_add((atomic_int *)user_data, 1);
}

bool drive_until(auraio_engine_t *engine, const atomic_int *count, int target)
{
    const int64_t deadline_ms = now_ms() + (int64_t)PATIENCE_MS * slowness();
    while (atomic_load(count) < target) {
        if (now_ms() > deadline_ms || auraio_wait(engine, 100) < 0)
            return false;
    }
    return true;
}

ssize_t outcome_await(auraio_engine_t *engine, const outcome_t *outcome)
{
    if (!drive_until(engine, &outcome->calls, 1))
        return OUTCOME_MISSING;
    return (ssize_t)atomic_load(&outcome->result);
}

ssize_t perform(auraio_engine_t *engine, const auraio_op_t *op)
{
    outcome_t outcome = {0};
    if (auraio_submit(engine, op, outcome_record, &outcome) == NULL)
        return OUTCOME_MISSING;
    return outcome_await(engine, &outcome);
}

ssize_t perform_read(auraio_engine_t *engine, int fd, void *buf, size_t len, off_t offset)
{
    const auraio_op_t op = read_op(fd, buf, len, offset);
    return perform(engine, &op);
}

ssize_t perform_write(auraio_engine_t *engine, int fd, const void *buf, size_t len, off_t offset)
{
    const auraio_op_t op = write_op(fd, buf, len, offset);
    return perform(engine, &op);
}

auraio_op_t read_op(int fd, void *buf, size_t len, off_t offset)
{
    auraio_op_t op = auraio_op(AURAIO_OP_READ);
    op.fd = fd;
    op.buf = auraio_buf(buf);
    op.len = len;
    op.offset = offset;
    return op;
}

auraio_op_t write_op(int fd, const void *buf, size_t len, off_t offset)
{
    /* The descriptor serves both directions, so it takes a pointer to writable memory; a write only reads. */
    auraio_op_t op = read_op(fd, (void *)(uintptr_t)buf, len, offset);
    op.opcode = AURAIO_OP_WRITE;
    return op;
}
