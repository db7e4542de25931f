/* Cruise at a latency target: as much depth as the promise allows.
 *
 * A debt account grows with every completion over the target and shrinks by the budget with every
 * completion: it sees small violations that no single arm proves, and what a violation cost is
 * repaid before depth is increased again. Decreases are multiplicative and proportionate to the
 * violation, but not below the limit that was last seen to keep the target; each leaves a ceiling
 * that stays the longer the more violations repeat. Increases are additive, under the ceiling, and
 * only when neither the arm nor the account speaks against. While the application is the bottleneck
 * throughput says nothing, but latency still does: then a violation lowers the limit below what was
 * in flight. */
#include "state.h"

#include <assert.h>
#include <math.h>

double adapt_target_debt_cap(const adapt_state_t *state)
{
    return adapt_max(ADAPT_DEBT_PER_LIMIT * state->base_limit, ADAPT_DEBT_CAP_MIN);
}

void adapt_target_begin(adapt_state_t *state)
{
    state->target = (adapt_target_t){.hold_length = 1, .edge_gap = ADAPT_EDGE_GAP};
}

/* Completions, whether they are evidence of throughput or not. What probes and older limits make is
 * owed too, but it is no evidence against the base limit. */
void adapt_target_count(adapt_state_t *state, int64_t samples, int64_t over)
{
    adapt_target_t *target = &state->target;
    double cap = adapt_target_debt_cap(state);
    double owed = (double)over - ADAPT_BUDGET * state->goal.allowed * (double)samples;
    bool of_base = state->limit == state->base_limit && state->settle_left == 0;
    if (state->settle_left == 0)
        adapt_ledger_count(state, samples, over);
    target->debt += owed;
    if (!of_base)
        target->debt_mark += owed;
    target->debt_mark = adapt_clamp(target->debt_mark, 0, ADAPT_DEBT_MAX * cap);
    target->debt = adapt_clamp(target->debt, -cap, target->debt_mark + ADAPT_DEBT_MAX * cap);
    if (target->debt < target->debt_mark)
        target->debt_mark = adapt_max(target->debt, 0);
}

/* What is owed so far was acted upon: it is to be repaid, but asks for nothing more. Of a large violation,
 * which was another limit's, half is forgiven. */
static void mark_debt(adapt_state_t *state, double share)
{
    adapt_target_t *target = &state->target;
    double most = adapt_target_debt_cap(state);
    if (share > ADAPT_VIOLATION_LARGE * state->goal.allowed)
        most *= ADAPT_DEBT_LEFT;
    target->debt = adapt_min(target->debt, most);
    target->debt_mark = adapt_max(target->debt, 0);
}

static void hold_below(adapt_target_t *target, int violating_limit)
{
    target->ceiling = violating_limit;
    target->hold = ADAPT_HOLD_ARMS * target->hold_length;
    if (target->hold_length < ADAPT_HOLD_MAX)
        target->hold_length *= 2;
}

/* Set the base limit to `factor` of `old_limit`. */
void adapt_target_lower(adapt_state_t *state, int old_limit, double factor, double share,
                        auraio_adapt_cause_t cause)
{
    adapt_target_t *target = &state->target;
    assert(factor > 0 && factor < 1);
    if (target->violated_limit < old_limit)
        target->violated_limit = old_limit;
    if (target->fell_from < old_limit)
        target->fell_from = old_limit;
    int limit = (int)ceil(old_limit * factor);
    if (target->good_limit < old_limit && limit < target->good_limit)
        limit = target->good_limit;
    else if (target->good_limit >= old_limit)
        target->good_limit = 0;
    limit = adapt_clamp_limit(state, limit < old_limit ? limit : old_limit - 1);
    adapt_journal_add(state, cause, state->base_limit, limit, 0, 0);
    /* A small violation is repaid, and the account says when to increase again; a large one is not
     * to be repeated soon. */
    if (share > ADAPT_VIOLATION_LARGE * state->goal.allowed)
        hold_below(target, old_limit);
    state->knee.step = 1;
    state->mode = ADAPT_AT_TARGET;
    adapt_cruise_move(state, limit);
    mark_debt(state, share);
}

/* Whether to doubt that less depth helps: still violating at half of where it began, or at the
 * least depth there is. */
static bool is_doubtful(const adapt_state_t *state, int limit)
{
    const adapt_target_t *target = &state->target;
    if (limit <= state->min_limit)
        return true;
    return !target->depth_matters && target->fell_from >= 2 * limit;
}

/* Depth does not make what exceeds the target: less of it would help nobody. What the promise allows in
 * the long run is forgiven; else it is loosened. */
static void forgive(adapt_state_t *state, adapt_share_estimate_t long_run)
{
    bool broken = long_run.share - ADAPT_Z * long_run.error > state->goal.allowed;
    if (broken) {
        adapt_goal_loosen(state, long_run.share, 0);
        adapt_target_begin(state);
    }
    if (state->goal.level == 2) {
        adapt_search_begin(state, state->base_limit);
        return;
    }
    state->target.debt = state->target.debt_mark = 0;
    state->mode = ADAPT_AT_TARGET;
    adapt_cruise_move(state, state->base_limit);
}

/* A violation at `old_limit`, which is the base limit, or what of it was used: decrease, or find
 * out whether that helps. */
static void decrease(adapt_state_t *state, int old_limit, double factor, adapt_share_estimate_t exceedance,
                     auraio_adapt_cause_t cause)
{
    /* An arm that was ended because it was bad says more than is true: the ledger knows better. */
    adapt_share_estimate_t long_run = exceedance;
    bool is_known = adapt_ledger_share(state, old_limit, &long_run);
    if (is_known && adapt_ledger_is_flat(state, old_limit)) {
        forgive(state, long_run);
        return;
    }
    if (!is_doubtful(state, old_limit)) {
        adapt_target_lower(state, old_limit, factor, exceedance.share, cause);
        return;
    }
    double share = adapt_max(long_run.share, state->goal.allowed);
    if (old_limit > state->min_limit) {
        adapt_target_probe_deep(state, share);
        return;
    }
    adapt_goal_loosen(state, share, 0);
    adapt_search_begin(state, old_limit);
}

static bool probe_violated(adapt_state_t *state, adapt_share_estimate_t exceedance)
{
    if (state->arm.count < 5 || exceedance.share - ADAPT_Z_STRICT * exceedance.error <= state->goal.allowed)
        return false;
    hold_below(&state->target, state->limit);
    state->knee.probed_kind = ADAPT_PROBE_NONE;
    state->knee.probe = ADAPT_PROBE_NONE;
    adapt_start_arm(state, state->base_limit, adapt_batch_size_for(state->base_limit));
    return true;
}

/* A debt is a run of bad luck when the ledger, which remembers longer, says that the promise is kept: half
 * of it is forgiven. */
static bool is_kept_in_the_long_run(adapt_state_t *state)
{
    adapt_target_t *target = &state->target;
    if (!adapt_ledger_is_kept(state))
        return false;
    target->debt = adapt_min(target->debt, ADAPT_DEBT_LEFT * adapt_target_debt_cap(state));
    target->debt_mark = adapt_min(target->debt_mark, target->debt);
    return true;
}

/* Look at the arm after each batch. Returns true when a decrease was made (or a violating probe
 * left). */
bool adapt_target_violated(adapt_state_t *state)
{
    const adapt_arm_t *arm = &state->arm;
    const adapt_goal_t *goal = &state->goal;
    adapt_share_estimate_t exceedance = adapt_arm_exceedance(arm);
    if (state->limit != state->base_limit)
        return probe_violated(state, exceedance);

    double gross = adapt_min(ADAPT_GROSS_FACTOR * goal->allowed, ADAPT_GROSS_MAX);
    if (arm->count >= 5 && exceedance.share - ADAPT_Z_STRICT * exceedance.error > gross) {
        double factor = exceedance.share > ADAPT_HALF_OVER ? ADAPT_CUT_HALF : ADAPT_CUT_GROSS;
        decrease(state, state->base_limit, factor, exceedance, AURAIO_ADAPT_CAUSE_VIOLATION);
        return true;
    }
    if (arm->count >= 2 && state->target.debt - state->target.debt_mark > adapt_target_debt_cap(state)) {
        if (is_kept_in_the_long_run(state))
            return false;
        decrease(state, state->base_limit, ADAPT_CUT_DEBT, exceedance, AURAIO_ADAPT_CAUSE_DEBT);
        return true;
    }
    if (arm->samples >= ADAPT_TARGET_SAMPLES && arm->count >= ADAPT_TARGET_BATCHES &&
        exceedance.share - ADAPT_Z_VIOLATION * exceedance.error > goal->allowed) {
        /* By how far the percentile is over, or, where the tail is heavy and tells little of depth,
         * by how often. */
        double by_time = 0.9 * (double)goal->target_ns / adapt_max(adapt_arm_percentile_ns(state), 1);
        double by_share = sqrt(sqrt(goal->allowed / exceedance.share));
        double factor = adapt_clamp(adapt_max(by_time, by_share), ADAPT_CUT_MIN, ADAPT_CUT_MAX);
        decrease(state, state->base_limit, factor, exceedance, AURAIO_ADAPT_CAUSE_VIOLATION);
        return true;
    }
    return false;
}

/* A full batch during which the application was the bottleneck: it says nothing of throughput, but
 * it may violate the target: when bursts fill the device for moments. A limit above what was in
 * flight bounds nothing, so the decrease starts from there. */
bool adapt_target_free_batch(adapt_state_t *state)
{
    adapt_target_t *target = &state->target;
    const adapt_arm_t *arm = &state->arm;
    const adapt_goal_t *goal = &state->goal;
    target->free_samples += arm->batch_samples;
    target->free_over += arm->batch_over;
    if (target->free_samples < ADAPT_TARGET_SAMPLES)
        return false;

    double samples = (double)target->free_samples, share = (double)target->free_over / samples;
    double error = ADAPT_FREE_CLUSTER * sqrt(share * (1 - share) / samples);
    int used = target->free_peak < state->base_limit ? target->free_peak : state->base_limit;
    bool violating = share - ADAPT_Z * error > goal->allowed;
    if (!violating && target->free_samples < ADAPT_TARGET_SAMPLES_FULL)
        return false;
    target->free_samples = target->free_over = 0;
    target->free_peak = 0;
    if (!violating || used < 1)
        return false;
    decrease(state, used, ADAPT_CUT_DEBT, (adapt_share_estimate_t){share, error},
             AURAIO_ADAPT_CAUSE_VIOLATION);
    return true;
}

/* Far under the target with no debt: it isn't what bounds the limit. Returns true when the knee is
 * in charge again. */
bool adapt_target_leave(adapt_state_t *state, double p99_ns, double share)
{
    const adapt_target_t *target = &state->target;
    const adapt_goal_t *goal = &state->goal;
    if (target->hold > 0 || p99_ns >= 0.6 * (double)goal->target_ns || share >= ADAPT_CALM * goal->allowed ||
        target->debt > -0.3 * adapt_target_debt_cap(state))
        return false;
    adapt_target_begin(state);
    state->mode = ADAPT_AT_KNEE;
    adapt_cruise_move(state, state->base_limit);
    return true;
}

/* Whether the increases since the last look brought throughput: looked at with every quarter more.
 * Where they don't the knee is in charge, though the target would allow more. */
static bool increase_paid(adapt_target_t *target, int limit, adapt_estimate_t rate)
{
    if (target->paid_limit > 0 && limit > target->paid_limit && 4 * limit < 5 * target->paid_limit)
        return true;
    double distance = target->paid_limit > 0 ? log((double)limit / target->paid_limit) : 0;
    bool paid = distance <= 0 || rate.mean - target->paid_rate > ADAPT_ELASTICITY_PAID * distance;
    target->paid_limit = limit;
    target->paid_rate = rate.mean;
    return paid;
}

/* A full arm at the target: increase, or stay for another arm. */
void adapt_target_cruise(adapt_state_t *state, adapt_estimate_t rate, double p99_ns, double share)
{
    adapt_target_t *target = &state->target;
    const adapt_goal_t *goal = &state->goal;
    double cap = adapt_target_debt_cap(state), target_ns = (double)goal->target_ns;
    int base = state->base_limit;

    if (target->hold > 0 && --target->hold == 0)
        target->ceiling = 0;
    if (share < goal->allowed)
        target->good_limit = base;
    int highest = target->ceiling > 0 ? (int)(target->ceiling * ADAPT_CEILING) : state->max_limit;
    bool calm = share < ADAPT_CALM * goal->allowed && target->debt <= -ADAPT_CALM_DEBT * cap;
    if (!calm && adapt_target_may_look_high(state, highest)) {
        adapt_target_probe_high(state, highest);
        return;
    }
    if (!calm || base >= highest) {
        adapt_start_arm(state, base, adapt_batch_size_for(base));
        return;
    }
    if (!increase_paid(target, base, rate)) {
        adapt_target_begin(state);
        state->mode = ADAPT_AT_KNEE;
        adapt_cruise_begin(state, base, ADAPT_AT_KNEE);
        return;
    }
    bool near_violation = target->violated_limit > 0 && 5 * base > 4 * target->violated_limit;
    if (near_violation && state->knee.step > base / 32)
        state->knee.step = base >= 32 ? base / 32 : 1;
    else if (p99_ns < 0.6 * target_ns && state->knee.step < base / 4)
        state->knee.step = base / 4;
    if (base >= target->violated_limit)
        target->violated_limit = 0;
    if (base >= target->fell_from)
        target->fell_from = 0;
    adapt_increase(state, highest, AURAIO_ADAPT_CAUSE_HEADROOM);
}
