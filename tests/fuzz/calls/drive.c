/* SPDX-License-Identifier: MIT */
/* Driving completions. A call without a timeout is made only where something ends it: every operation that
 * waits for a pipe has a deadline, or the call is not made. */
#include "actions.h"
#include "input.h"
#include "world.h"

#include <errno.h>
#include <limits.h>

static int some_timeout(void)
{
    static const int timeouts[] = {0, 1, 100, INT_MAX};
    return timeouts[below(4)];
}

static void check_completed(const char *call, int completed)
{
    if (completed < 0)
        broken("%s returns %d, errno %d (%s)", call, completed, errno, auraio_last_error());
}

static void drain(struct life *life, int timeout_ms)
{
    int completed = auraio_drain(life->engine, timeout_ms);
    if (completed < 0 && (errno != ETIMEDOUT || timeout_ms <= 0))
        check_completed("auraio_drain()", completed);
    if (completed >= 0 && timeout_ms != 0 && !life->doomed && !life->ending && !life->silent &&
        life->pending > life->callbacks)
        broken("%d operations are pending after a drain", life->pending - life->callbacks);
}

/* Something will call auraio_stop(), or has. */
static void run_until_stop(struct life *life)
{
    auraio_stop(life->engine);
    if (!auraio_stop_asked(life->engine))
        broken("a stop was not asked for");
    auraio_run(life->engine);
}

static void wait_for_wake(struct life *life, int timeout_ms)
{
    uint64_t count = auraio_wake_count(life->engine);
    auraio_wake(life->engine);
    check_completed("auraio_wait_wake()", auraio_wait_wake(life->engine, timeout_ms, count));
}

/* Calls that may wait for ever. */
static void drive_unbounded(struct life *life, unsigned how)
{
    if (life->endless > 0)
        return;
    run.unbounded++;
    if (how == 0)
        check_completed("auraio_wait()", auraio_wait(life->engine, -1));
    else if (how == 1)
        drain(life, -1);
    else if (how == 2)
        run_until_stop(life);
    else if (auraio_unregister_buffers(life->engine) < 0)
        broken("auraio_unregister_buffers() fails: %s", auraio_last_error());
    run.unbounded--;
}

void act_drive(struct life *life)
{
    switch (below(10)) {
    case 0:
    case 1:
        check_completed("auraio_poll()", auraio_poll(life->engine));
        break;
    case 2:
        check_completed("auraio_wait()", auraio_wait(life->engine, some_timeout()));
        break;
    case 3:
        drain(life, some_timeout());
        break;
    case 4:
        wait_for_wake(life, below(2) ? -1 : some_timeout());
        break;
    case 5:
        check_completed("auraio_flush()", auraio_flush(life->engine));
        break;
    case 6:
        drive_unbounded(life, 0);
        break;
    case 7:
        drive_unbounded(life, 1);
        break;
    case 8:
        drive_unbounded(life, 2);
        break;
    default:
        drive_unbounded(life, 3);
        break;
    }
    life_settle(life);
}
