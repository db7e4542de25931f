/* SPDX-License-Identifier: MIT */
/* The public side of adaptive control: the latency target, what each storage target is given, and why. */
#include "control.h"
#include "engine.h"

#include <auraio/adapt.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static int refuse_engine(const auraio_engine_t *engine)
{
    const char *reason;
    int error = engine_refuses(engine, &reason);
    return error ? error_int(error, reason, 0, 0) : 0;
}

int engine_check_target(const auraio_engine_t *engine, int target)
{
    int count = engine->control ? control_target_count(engine->control) : 0;
    if (target >= 0 && target < count)
        return 0;
    return error_int(EINVAL, "target is %lld: the engine has %lld", target, count);
}

int auraio_set_target_p99(auraio_engine_t *engine, double target_ms)
{
    if (refuse_engine(engine))
        return -1;
    if (!(target_ms >= 0) || target_ms > ENGINE_TARGET_MAX_MS)
        return error_real(EINVAL, "target_ms is %g: give milliseconds, or 0 for no target", target_ms);
    if (!engine->control)
        return error_int(EOPNOTSUPP, "the engine was created with disable_adaptive", 0, 0);
    control_set_p99_target(engine->control, engine_target_ns(target_ms));
    return 0;
}

int auraio_get_target_count(const auraio_engine_t *engine)
{
    if (!engine || refuse_engine(engine))
        return 0;
    return engine->control ? control_target_count(engine->control) : 0;
}

int auraio_get_target_stats(const auraio_engine_t *engine, int target, auraio_target_stats_t *stats)
{
    if (refuse_engine(engine))
        return -1;
    if (!stats)
        return error_int(EINVAL, "stats is NULL", 0, 0);
    memset(stats, 0, sizeof(*stats));
    if (engine_check_target(engine, target) < 0)
        return -1;
    control_target_stats(engine->control, target, stats);
    return 0;
}

int auraio_get_decisions(const auraio_engine_t *engine, int target, auraio_decision_t *decisions, int max)
{
    if (refuse_engine(engine))
        return -1;
    if (!decisions)
        return error_int(EINVAL, "decisions is NULL", 0, 0);
    if (max < 1)
        return error_int(EINVAL, "max is %lld: give at least 1", max, 0);
    if (engine_check_target(engine, target) < 0)
        return -1;
    return control_decisions(engine->control, target, decisions, max);
}

const char *auraio_cause_name(int cause)
{
    return auraio_adapt_cause_name(cause);
}

_Static_assert((int)AURAIO_PHASE_CONVERGED == (int)AURAIO_ADAPT_CONVERGED, "phases are passed through");
_Static_assert((int)RING_SAMPLE_OTHER == (int)AURAIO_ADAPT_OTHER, "kinds are passed through");
_Static_assert(AURAIO_DECISIONS_MAX == AURAIO_ADAPT_JOURNAL, "the header names what is kept");
