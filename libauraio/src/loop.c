/* SPDX-License-Identifier: MIT */
/* Driving completions. */
#include "engine.h"

#include <errno.h>

static const int64_t ns_per_ms = 1000 * 1000;

int auraio_get_poll_fd(const auraio_engine_t *engine)
{
    if (engine_check(engine) < 0)
        return -1;
    int fd = ring_group_poll_fd(engine->group);
    if (fd == -EUSERS)
        return error_int(EAGAIN, error_no_ring, auraio_get_ring_count(engine), 0);
    return fd < 0 ? error_int(-fd, "no poll descriptor could be made", 0, 0) : fd;
}

int auraio_poll(auraio_engine_t *engine)
{
    if (!engine)
        return 0;
    if (engine_check(engine) < 0)
        return -1;
    int completed = ring_group_poll(engine->group);
    if (completed == 0)
        pool_tick(engine->pool); /* there is time */
    engine_unwind(engine);
    return completed;
}

int auraio_wait(auraio_engine_t *engine, int timeout_ms)
{
    if (engine_check(engine) < 0)
        return -1;
    int completed = ring_group_wait(engine->group, timeout_ms < 0 ? -1 : timeout_ms * ns_per_ms, NULL);
    if (completed == 0)
        pool_tick(engine->pool);
    engine_unwind(engine);
    return completed;
}

/* Sleep for work until a stop or a destroy. */
static void run_until_stopped(auraio_engine_t *engine)
{
    for (;;) {
        uint64_t wakes = ring_group_wakes(engine->group);
        if (atomic_load(&engine->stop_asked) || atomic_load(&engine->shut_down))
            return;
        (void)ring_group_wait(engine->group, -1, &wakes);
    }
}

uint64_t auraio_wake_count(const auraio_engine_t *engine)
{
    return engine_check(engine) < 0 ? 0 : ring_group_wakes(engine->group);
}

void auraio_wake(auraio_engine_t *engine)
{
    if (engine_check(engine) == 0)
        ring_group_wake(engine->group);
}

int auraio_wait_wake(auraio_engine_t *engine, int timeout_ms, uint64_t wake_count)
{
    if (engine_check(engine) < 0)
        return -1;
    int completed = ring_group_wait(engine->group, timeout_ms < 0 ? -1 : timeout_ms * ns_per_ms, &wake_count);
    engine_unwind(engine);
    return completed;
}

void auraio_run(auraio_engine_t *engine)
{
    if (engine_check(engine) < 0)
        return;
    atomic_fetch_add(&engine->runners, 1);
    run_until_stopped(engine);
    while (!atomic_load(&engine->shut_down) && ring_group_pending(engine->group) > 0)
        (void)ring_group_wait(engine->group, -1, NULL);
    if (atomic_fetch_sub(&engine->runners, 1) == 1)
        atomic_store(&engine->stop_asked, false); /* one stop ends every run there is */
    engine_unwind(engine);
}

void auraio_stop(auraio_engine_t *engine)
{
    if (engine_check(engine) < 0)
        return;
    atomic_store(&engine->stop_asked, true);
    ring_group_wake(engine->group);
}

bool auraio_stop_asked(const auraio_engine_t *engine)
{
    return engine_check(engine) == 0 && (atomic_load(&engine->stop_asked) || atomic_load(&engine->shut_down));
}

int auraio_drain(auraio_engine_t *engine, int timeout_ms)
{
    if (engine_check(engine) < 0)
        return -1;
    int completed = 0;
    if (timeout_ms == 0) {
        completed = ring_group_poll(engine->group);
        engine_unwind(engine);
        return completed;
    }
    int64_t until_ns = timeout_ms > 0 ? ring_group_now_ns(engine->group) + timeout_ms * ns_per_ms : 0,
            left_ns = -1;
    bool timed_out = false; /* not to be told from what is pending afterwards: others may submit meanwhile */
    while (!timed_out && ring_group_pending(engine->group) > 0 && !engine_must_unwind(engine)) {
        if (timeout_ms > 0 && (left_ns = until_ns - ring_group_now_ns(engine->group)) <= 0)
            timed_out = true;
        else
            completed += ring_group_wait(engine->group, left_ns, NULL);
    }
    engine_unwind(engine);
    if (timed_out)
        return error_int(ETIMEDOUT, "operations are still pending after %lld ms; %lld completed", timeout_ms,
                         completed);
    return completed;
}

int auraio_flush(auraio_engine_t *engine)
{
    return engine_check(engine) < 0 ? -1 : ring_group_flush(engine->group);
}
