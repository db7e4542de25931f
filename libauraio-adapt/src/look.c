/* Looks at another depth, to see whether depth is what makes the latency.
 *
 * A deep look goes down to a quarter of a limit that keeps violating the target: if the exceedances stay,
 * decreasing would end at a limit of 1, and the promise is loosened instead. A high look goes a third above a
 * limit at the edge of the target where throughput still grows: if no more exceed it there, depth is free. */
#include "state.h"

#include <math.h>

/* What a probe came to. */
typedef enum verdict { UNKNOWN, KEPT, VIOLATED } verdict_t;

/* Look far below the base limit, where `share` of the completions exceed the target, to see whether depth
 * is what makes the latency. */
void adapt_target_probe_deep(adapt_state_t *state, double share)
{
    adapt_target_t *target = &state->target;
    if (target->fell_from < state->base_limit)
        target->fell_from = state->base_limit;
    target->violated_share =
        share < ADAPT_VIOLATION_LARGE * state->goal.allowed ? state->goal.allowed : share;
    state->knee.probe = ADAPT_PROBE_DEEP;
    int limit = adapt_clamp_limit(state, state->base_limit / ADAPT_DEEP_DIVISOR);
    adapt_start_arm(state, limit, adapt_batch_size_for(limit));
}

/* What the deep probe shows so far: whether the target can be kept there. */
static verdict_t deep_verdict(const adapt_state_t *state)
{
    const adapt_target_t *target = &state->target;
    const adapt_arm_t *arm = &state->arm;
    double samples = (double)arm->samples, allowed = state->goal.allowed;
    if (arm->last_ns - arm->begin_ns > ADAPT_DEEP_NS)
        return KEPT;
    if (samples * target->violated_share < ADAPT_DEEP_EXPECTED)
        return UNKNOWN;
    double share = (double)arm->over / samples;
    double error = ADAPT_FREE_CLUSTER * sqrt(adapt_max(share, allowed) / samples);
    if (share < ADAPT_DEEP_SHARE * target->violated_share || share + ADAPT_Z * error < allowed)
        return KEPT;
    if (share - ADAPT_Z * error > allowed)
        return VIOLATED;
    if (samples * allowed < ADAPT_DEEP_EXPECTED_MAX)
        return UNKNOWN;
    return share > allowed ? VIOLATED : KEPT;
}

/* The deep probe, after each batch. */
void adapt_target_judge_deep(adapt_state_t *state)
{
    adapt_target_t *target = &state->target;
    verdict_t verdict = deep_verdict(state);
    if (verdict == UNKNOWN)
        return;

    double share = (double)state->arm.over / (double)state->arm.samples;
    int from = target->fell_from;
    state->knee.probe = ADAPT_PROBE_NONE;
    if (verdict == KEPT) {
        target->depth_matters = true;
        if (target->retrying)
            adapt_search_begin(state, state->limit);
        else
            adapt_target_lower(state, state->base_limit, ADAPT_CUT_DEBT, target->violated_share,
                               AURAIO_ADAPT_CAUSE_VIOLATION);
        return;
    }
    adapt_goal_loosen(state, share, from);
    if (state->goal.level == 2) {
        adapt_search_begin(state, from);
        return;
    }
    /* As much depth as brings throughput, but not more than was found wanting. */
    double lowest = 0, knee = adapt_curve_knee(&state->search, ADAPT_KNEE_SHARE_TARGET, &lowest);
    adapt_target_begin(state);
    state->mode = ADAPT_AT_TARGET;
    adapt_cruise_move(state, knee < from ? (int)ceil(knee) : from);
}

/* At the edge of the target for long, where more depth would bring throughput: perhaps the latency has
 * another cause than depth. */
bool adapt_target_may_look_high(adapt_state_t *state, int highest)
{
    adapt_target_t *target = &state->target;
    int base = state->base_limit;
    if (target->hold > 0 || base >= highest || state->goal.level > 0)
        return false;
    if (++target->edge_arms < target->edge_gap ||
        adapt_curve_elasticity(&state->search, base) < ADAPT_HIGH_ELASTICITY)
        return false;
    adapt_share_estimate_t long_run;
    return adapt_ledger_share(state, base, &long_run) && long_run.share < state->goal.allowed;
}

void adapt_target_probe_high(adapt_state_t *state, int highest)
{
    adapt_target_t *target = &state->target;
    target->edge_arms = 0;
    if (target->edge_gap < ADAPT_EDGE_GAP_MAX)
        target->edge_gap *= 2;
    int limit = (int)(ADAPT_HIGH_FACTOR * state->base_limit + 0.5);
    state->knee.probe = ADAPT_PROBE_HIGH;
    limit = adapt_clamp_limit(state, limit < highest ? limit : highest);
    adapt_start_arm(state, limit, adapt_batch_size_for(limit));
}

/* The look far above, after each batch: left as soon as it is clearly worse; taken when it is no worse. */
void adapt_target_judge_high(adapt_state_t *state)
{
    const adapt_arm_t *arm = &state->arm;
    adapt_share_estimate_t long_run = {.share = state->goal.allowed};
    adapt_ledger_share(state, state->base_limit, &long_run);
    double expected = long_run.share * (double)arm->samples, over = (double)arm->over;
    bool worse = over >= ADAPT_HIGH_OVER && over > ADAPT_HIGH_WORSE * expected;
    if (!worse && expected < ADAPT_HIGH_EXPECTED && arm->last_ns - arm->begin_ns < ADAPT_DEEP_NS)
        return;
    state->knee.probe = ADAPT_PROBE_NONE;
    double distance = log((double)state->limit / state->base_limit);
    double gain = adapt_arm_rate(arm).mean - state->change.reference;
    bool same = !worse && over < ADAPT_HIGH_SAME * expected && gain > ADAPT_HIGH_ELASTICITY * distance;
    if (!same) {
        adapt_start_arm(state, state->base_limit, adapt_batch_size_for(state->base_limit));
        return;
    }
    state->target.edge_gap = 1;
    state->target.violated_limit = 0;
    adapt_journal_add(state, AURAIO_ADAPT_CAUSE_HEADROOM, state->base_limit, state->limit, gain, 0);
    adapt_cruise_move(state, state->limit);
}
