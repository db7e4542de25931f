/* Cruise where throughput bounds the limit.
 *
 * Probes above and below the base limit alternate with runs of base arms. A probe is compared with the
 * mean of the runs before and after it, so that drift cancels; the differences of up and of down probes
 * add up, fading. Arms are short, so that a change shows soon; what a single probe cannot tell many do.
 * How large their errors really are is learned from base arms that follow each other. More depth is taken
 * when the gain is significantly above what an elasticity of 0.05 would bring, less when significantly
 * nothing more than that is lost. While nothing moves probes become rare; now and then a wide one looks
 * at twice the limit, for a plateau may hide what lies beyond. Probes that suddenly tell another story
 * (a cumulative sum) speak of another device: what was gathered is forgotten, and a wide probe decides
 * whether to search. */
#include "state.h"

#include <assert.h>
#include <math.h>

static void forget_probes(adapt_knee_t *knee)
{
    knee->probe = knee->probed_kind = ADAPT_PROBE_NONE;
    knee->have_base = false;
    knee->run = knee->base = (adapt_estimate_t){0};
    knee->run_samples = knee->probed_samples = 0;
    knee->up = knee->down = (adapt_paired_t){0};
    knee->turn = 0;
    knee->gap = 1;
    knee->repeat_up = knee->look_wide = false;
}

void adapt_cruise_begin(adapt_state_t *state, int limit, adapt_mode_t mode)
{
    adapt_knee_t *knee = &state->knee;
    assert(mode != ADAPT_SEARCHING);
    state->mode = mode;
    knee->wide_gap = ADAPT_WIDE_GAP;
    knee->since_wide = 0;
    knee->bold = true;
    knee->noise = 1;
    knee->noise_weight = ADAPT_NOISE_PRIOR;
    adapt_cruise_move(state, limit);
    knee->step = state->base_limit / 16 > 1 ? state->base_limit / 16 : 1;
}

/* What was learned at the old limit doesn't hold at the new one. */
void adapt_cruise_move(adapt_state_t *state, int limit)
{
    state->base_limit = adapt_clamp_limit(state, limit);
    adapt_ledger_move(state);
    forget_probes(&state->knee);
    state->knee.deficit = adapt_curve_deficit(&state->search, state->base_limit);
    adapt_change_forget(state);
    adapt_start_arm(state, state->base_limit, adapt_batch_size_for(state->base_limit));
}

/* Additive increase, by a step that doubles up to an eighth of the limit. */
void adapt_increase(adapt_state_t *state, int highest, auraio_adapt_cause_t cause)
{
    adapt_knee_t *knee = &state->knee;
    int base = state->base_limit;
    int limit = base + knee->step;
    if (limit > highest)
        limit = highest;
    limit = adapt_clamp_limit(state, limit);
    if (knee->step < base / 8)
        knee->step *= 2;
    if (limit <= base) {
        adapt_start_arm(state, base, adapt_batch_size_for(base));
        return;
    }
    adapt_journal_add(state, cause, base, limit, 0, 0);
    adapt_cruise_move(state, limit);
}

static int limit_above(const adapt_state_t *state)
{
    int step = state->base_limit / ADAPT_PROBE_UP_DIVISOR;
    return adapt_clamp_limit(state, state->base_limit + (step > 1 ? step : 1));
}

static int limit_below(const adapt_state_t *state)
{
    int step = state->base_limit / (state->knee.bold ? ADAPT_PROBE_BOLD_DIVISOR : ADAPT_PROBE_DOWN_DIVISOR);
    return adapt_clamp_limit(state, state->base_limit - (step > 1 ? step : 1));
}

static void start(adapt_state_t *state, adapt_probe_t probe)
{
    int base = state->base_limit, limit = base;
    if (probe == ADAPT_PROBE_UP)
        limit = limit_above(state);
    else if (probe == ADAPT_PROBE_DOWN)
        limit = limit_below(state);
    else if (probe == ADAPT_PROBE_WIDE)
        limit = adapt_clamp_limit(state, 2 * base);
    state->knee.probe = probe;
    if (probe != ADAPT_PROBE_NONE) {
        state->knee.base = state->knee.run;
        state->knee.run = (adapt_estimate_t){0};
        state->knee.run_samples = 0;
    }
    /* Paired arms use the same batches, those of the larger limit. */
    adapt_start_arm(state, limit, adapt_batch_size_for(limit_above(state)));
}

/* What the base limit lacks of the best, and its error: what the curve said, and what the gain
 * above leaves room for, weighted by their errors. The elasticity of a saturating device falls with
 * depth, so all that lies above is some three times the gain of a quarter more; that rule has an
 * error of its own. */
static adapt_estimate_t deficit_of(const adapt_state_t *state)
{
    const adapt_knee_t *knee = &state->knee;
    adapt_estimate_t curve = {.mean = knee->deficit, .error = state->search.best_error};
    if (knee->up.cycles < 2 || curve.error <= 0)
        return curve;
    double room = ADAPT_GAIN_BEYOND * adapt_max(adapt_paired_mean(&knee->up), 0);
    double room_error = hypot(ADAPT_GAIN_BEYOND * adapt_paired_error(&knee->up), ADAPT_GAIN_BEYOND_ERROR);
    double a = 1 / (curve.error * curve.error), b = 1 / (room_error * room_error);
    return (adapt_estimate_t){.mean = (a * curve.mean + b * room) / (a + b), .error = 1 / sqrt(a + b)};
}

/* Whether it is known that less depth would lose too much. */
static bool is_settled(const adapt_state_t *state)
{
    const adapt_knee_t *knee = &state->knee;
    if (limit_below(state) >= state->base_limit)
        return true;
    adapt_estimate_t deficit = deficit_of(state);
    double missing = deficit.mean - adapt_paired_mean(&knee->down);
    double error = hypot(adapt_paired_error(&knee->down), deficit.error);
    return knee->down.cycles >= 2 && missing - error > knee->deficit_allowed;
}

static void search_here(adapt_state_t *state, double gain, double error)
{
    adapt_journal_add(state, AURAIO_ADAPT_CAUSE_GAIN, state->base_limit, state->base_limit, gain, error);
    adapt_search_begin(state, state->base_limit);
}

/* Act on what the probes above showed. */
static bool gain_above(adapt_state_t *state)
{
    adapt_knee_t *knee = &state->knee;
    int above = limit_above(state);
    if (knee->up.cycles < 1 || above <= state->base_limit)
        return false;
    double gain = adapt_paired_mean(&knee->up), error = adapt_paired_error(&knee->up);
    double distance = log((double)above / state->base_limit);
    if (gain - ADAPT_Z_STEEP * error > ADAPT_ELASTICITY_STEEP * distance) {
        search_here(state, gain, error);
        return true;
    }
    bool promising = gain - error > ADAPT_GAIN_SHARE * knee->deficit_allowed;
    bool worth_it = gain - ADAPT_Z_PROBE * error > ADAPT_GAIN_SHARE * knee->deficit_allowed;
    adapt_estimate_t deficit = deficit_of(state);
    bool short_of_best =
        gain - error > 0 && deficit.mean - ADAPT_Z_DOWN * deficit.error > knee->deficit_allowed;
    if (knee->up.cycles < 2 || !(worth_it || short_of_best)) {
        knee->repeat_up |= promising;
        return false;
    }
    adapt_increase(state, above, AURAIO_ADAPT_CAUSE_GAIN);
    return true;
}

/* Act on what the probes below showed. */
static bool surplus_below(adapt_state_t *state)
{
    adapt_knee_t *knee = &state->knee;
    int below = limit_below(state);
    if (knee->down.cycles < 2 || below >= state->base_limit)
        return false;
    double gain = adapt_paired_mean(&knee->down), error = adapt_paired_error(&knee->down);
    adapt_estimate_t deficit = deficit_of(state);
    double missing = adapt_max(deficit.mean - gain, 0);
    if (missing + ADAPT_Z_DOWN * hypot(error, deficit.error) >= knee->deficit_allowed) {
        if (knee->bold && is_settled(state)) {
            knee->bold = false;
            knee->down = (adapt_paired_t){.cycles = 0};
        }
        return false;
    }
    adapt_journal_add(state, AURAIO_ADAPT_CAUSE_SURPLUS, state->base_limit, below, gain, error);
    knee->step = 1;
    adapt_cruise_move(state, below);
    knee->deficit = missing;
    return true;
}

/* The base arm after a probe: pair them, and act if the evidence suffices. */
static bool judge_probe(adapt_state_t *state)
{
    adapt_knee_t *knee = &state->knee;
    adapt_estimate_t after = knee->run;
    adapt_probe_t kind = knee->probed_kind;
    double difference = knee->probed.mean - 0.5 * (knee->base.mean + after.mean);
    double variance = knee->probed.error * knee->probed.error +
                      0.25 * (knee->base.error * knee->base.error + after.error * after.error);
    variance *= adapt_noise(knee);
    knee->probed_kind = ADAPT_PROBE_NONE;

    if (kind == ADAPT_PROBE_WIDE) {
        if (difference - ADAPT_Z_STEEP * sqrt(variance) <= knee->deficit_allowed)
            return false;
        knee->wide_gap = ADAPT_WIDE_GAP;
        search_here(state, difference, sqrt(variance));
        return true;
    }
    bool surprised =
        adapt_pair(kind == ADAPT_PROBE_UP ? &knee->up : &knee->down, difference, variance, state->last_ns);
    double distance = log((double)limit_above(state) / state->base_limit);
    knee->look_wide = surprised && kind == ADAPT_PROBE_UP && difference > ADAPT_ELASTICITY_STEEP * distance;
    /* One promising probe is nothing, but worth another look at once. */
    knee->repeat_up = kind == ADAPT_PROBE_UP &&
                      difference - ADAPT_Z_STRICT * sqrt(variance) > ADAPT_GAIN_SHARE * knee->deficit_allowed;
    return !knee->look_wide && (gain_above(state) || surplus_below(state));
}

/* Completions of a probe, about, judged by the present arm. */
static int64_t probe_length(const adapt_arm_t *arm)
{
    return arm->samples * ADAPT_KNEE_BATCHES / arm->closed;
}

/* Completions between wide probes: so many that the probe is less than one in a hundred. */
static int64_t wide_interval(const adapt_state_t *state)
{
    int64_t by_length = ADAPT_WIDE_SHARE * probe_length(&state->arm);
    int64_t by_limit = (int64_t)state->knee.wide_gap * state->base_limit;
    return by_limit > by_length ? by_limit : by_length;
}

/* What the next arm is. */
static adapt_probe_t next_probe(adapt_state_t *state, double p99_ns, double share)
{
    adapt_knee_t *knee = &state->knee;
    const adapt_goal_t *goal = &state->goal;
    double target_ns = (double)goal->target_ns;
    bool has_target = goal->target_ns > 0;
    bool can_up =
        limit_above(state) > state->base_limit &&
        !(has_target && (p99_ns > 0.85 * target_ns || share > 0.6 * goal->allowed || state->target.debt > 0));
    bool can_down = limit_below(state) < state->base_limit;
    bool can_wide =
        can_up && 2 * state->base_limit <= state->max_limit && !(has_target && p99_ns > 0.4 * target_ns);

    /* On the edge of the target neither direction is of use. */
    if (has_target && p99_ns > ADAPT_TARGET_AIM * target_ns && share < 1.15 * goal->allowed)
        return ADAPT_PROBE_NONE;
    knee->since_wide += state->arm.samples;
    if (knee->probed_kind != ADAPT_PROBE_NONE)
        return ADAPT_PROBE_NONE;
    if (knee->look_wide || (can_wide && knee->since_wide >= wide_interval(state))) {
        knee->look_wide = false;
        knee->since_wide = 0;
        if (knee->wide_gap < ADAPT_WIDE_GAP_MAX)
            knee->wide_gap *= 2;
        return ADAPT_PROBE_WIDE;
    }
    if (can_up && knee->repeat_up) {
        knee->repeat_up = false;
        return ADAPT_PROBE_UP;
    }
    int64_t length = probe_length(&state->arm);
    if (length < knee->probed_samples)
        length = knee->probed_samples;
    if (knee->run_samples < knee->gap * length)
        return ADAPT_PROBE_NONE;
    bool settled = is_settled(state);
    int gap_max = settled ? ADAPT_PROBE_GAP_MAX : ADAPT_PROBE_GAP_UNSETTLED;
    if (knee->turn >= ADAPT_PROBE_TURN && knee->gap < gap_max)
        knee->gap *= 2;
    bool first_of_turn = ++knee->turn % ADAPT_PROBE_TURN == 1;
    bool prefer_up = settled ? !first_of_turn : first_of_turn;
    if (can_up && (prefer_up || !can_down))
        return ADAPT_PROBE_UP;
    return can_down && (!prefer_up || !settled) ? ADAPT_PROBE_DOWN : ADAPT_PROBE_NONE;
}

/* A probe that loses far more than is allowed need not be measured to the end. */
static bool probe_is_hopeless(const adapt_state_t *state)
{
    if (state->knee.probe != ADAPT_PROBE_DOWN)
        return false;
    adapt_estimate_t rate = adapt_arm_rate(&state->arm);
    double loss = state->knee.base.mean - rate.mean;
    return loss - ADAPT_Z_STEEP * hypot(rate.error, state->knee.base.error) > state->knee.deficit_allowed;
}

/* A probe that is measured well enough, or gains so much that it need not be. */
static bool probe_is_known(const adapt_state_t *state)
{
    const adapt_knee_t *knee = &state->knee;
    adapt_estimate_t rate = adapt_arm_rate(&state->arm);
    if (sqrt(adapt_noise(knee)) * rate.error < ADAPT_KNEE_ERROR)
        return true;
    double gain = rate.mean - knee->base.mean, error = hypot(rate.error, knee->base.error);
    double distance = log((double)state->limit / state->base_limit);
    return gain - ADAPT_Z_STEEP * error > ADAPT_ELASTICITY_STEEP * adapt_max(distance, 0);
}

static bool arm_is_complete(const adapt_state_t *state)
{
    const adapt_arm_t *arm = &state->arm;
    if (probe_is_hopeless(state))
        return true;
    int needed = state->mode == ADAPT_AT_TARGET ? ADAPT_TARGET_BATCHES : ADAPT_KNEE_BATCHES;
    if (arm->closed < adapt_pace_batches(state, needed))
        return false;
    bool is_probe = state->knee.probe == ADAPT_PROBE_UP || state->knee.probe == ADAPT_PROBE_DOWN;
    if (is_probe && !is_settled(state) && arm->last_ns - arm->begin_ns < ADAPT_SEARCH_NS &&
        !probe_is_known(state))
        return false;
    if (state->goal.target_ns == 0)
        return true;
    if (arm->samples < ADAPT_TARGET_SAMPLES)
        return false;
    /* A base arm also decides about latency: that takes more samples, where they come quickly. */
    bool enough =
        arm->samples >= ADAPT_TARGET_SAMPLES_FULL || arm->last_ns - arm->begin_ns > ADAPT_TARGET_ARM_NS;
    bool clean = state->mode == ADAPT_AT_TARGET && arm->over == 0;
    if (state->limit != state->base_limit || enough || clean)
        return true;
    /* Far from the target the tail needn't be known well. The percentile takes a walk over the
     * histogram: not with every batch. */
    return arm->closed % ADAPT_FAR_BATCHES == 0 &&
           adapt_arm_percentile_ns(state) < ADAPT_TAIL_FAR * (double)state->goal.target_ns;
}

/* A batch was stored while cruising. */
void adapt_cruise_evaluate(adapt_state_t *state)
{
    adapt_knee_t *knee = &state->knee;
    const adapt_arm_t *arm = &state->arm;
    if (knee->probe == ADAPT_PROBE_DEEP) {
        adapt_target_judge_deep(state);
        return;
    }
    if (knee->probe == ADAPT_PROBE_HIGH) {
        adapt_target_judge_high(state);
        return;
    }
    if (state->goal.target_ns > 0 && adapt_target_violated(state))
        return;
    if (adapt_change_in_batches(state))
        return;
    int batches_min = knee->probe != ADAPT_PROBE_NONE ? ADAPT_PACED_BATCHES : 6;
    if (arm->count < adapt_pace_batches(state, batches_min) || !arm_is_complete(state) ||
        adapt_change_is_pending(state))
        return;

    adapt_estimate_t rate = adapt_arm_rate(arm);
    if (knee->probe != ADAPT_PROBE_NONE) {
        knee->probed = rate;
        knee->probed_samples = arm->samples;
        knee->probed_kind = knee->probe;
        start(state, ADAPT_PROBE_NONE);
        return;
    }
    if (adapt_change_in_arm(state, rate))
        return;
    bool suspected = adapt_change_is_suspected(state, rate);
    adapt_change_learn(state, rate);
    adapt_pace_fade(state, rate);
    if (adapt_goal_retry(state))
        return;

    double p99_ns = adapt_arm_percentile_ns(state);
    double share = arm->samples > 0 ? (double)arm->over / (double)arm->samples : 0;
    if (state->mode == ADAPT_AT_TARGET) {
        if (!adapt_target_leave(state, p99_ns, share))
            adapt_target_cruise(state, rate, p99_ns, share);
        return;
    }
    if (knee->have_base)
        adapt_noise_learn(knee, rate);
    knee->last = rate;
    knee->have_base = true;
    adapt_run_add(knee, rate, arm->samples);
    if (knee->probed_kind != ADAPT_PROBE_NONE && knee->run_samples >= knee->probed_samples &&
        judge_probe(state))
        return;
    if (suspected) {
        knee->gap = 1;
        knee->repeat_up = true;
    }
    start(state, next_probe(state, p99_ns, share));
}
