/* The border of the controller: options, completions in, limit and phase out.
 *
 * Every reap passes here. While an arm settles its completions are counted down; then they fill the
 * arm's batch; a full batch is stored if the limit was what held more back, and whoever is in
 * charge looks at the arm. A batch closes at the reap before the present one: reaps come grouped,
 * and a batch must not end inside a group. */
#include "state.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define DEFAULT_MAX_LIMIT 1024
#define DEFAULT_INITIAL_LIMIT 4
#define COUNT_MAX (1 << 30) /* completions in one report: more is a caller's mistake, and counts as this */

static adapt_state_t *state_of(auraio_adapt_t *adapt)
{
    return (adapt_state_t *)(void *)adapt;
}

static const adapt_state_t *const_state_of(const auraio_adapt_t *adapt)
{
    return (const adapt_state_t *)(const void *)adapt;
}

void auraio_adapt_options_init(auraio_adapt_options_t *options)
{
    if (options)
        *options = (auraio_adapt_options_t){.struct_size = sizeof(*options)};
}

static bool options_are_valid(const auraio_adapt_options_t *options)
{
    if (options->struct_size < sizeof(*options) || options->reserved_int != 0)
        return false;
    for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++)
        if (options->reserved[i] != 0)
            return false;
    if (options->p99_target_ns < 0 || options->min_limit < 0 || options->max_limit < 0 ||
        options->initial_limit < 0 || options->max_limit > AURAIO_ADAPT_MAX_LIMIT)
        return false;
    int highest = options->max_limit ? options->max_limit : DEFAULT_MAX_LIMIT;
    return options->min_limit <= highest;
}

int auraio_adapt_init(auraio_adapt_t *adapt, const auraio_adapt_options_t *options)
{
    auraio_adapt_options_t defaults;
    auraio_adapt_options_init(&defaults);
    if (!options)
        options = &defaults;
    if (!options_are_valid(options))
        return -EINVAL;

    adapt_state_t *state = state_of(adapt);
    memset(adapt, 0, sizeof(*adapt));
    state->target_ns = options->p99_target_ns;
    state->min_limit = options->min_limit ? options->min_limit : 1;
    state->max_limit = options->max_limit ? options->max_limit : DEFAULT_MAX_LIMIT;
    adapt_goal_set(state, 0);
    adapt_cost_init(&state->cost);
    adapt_search_begin(state, options->initial_limit ? options->initial_limit : DEFAULT_INITIAL_LIMIT);
    adapt_journal_add(state, AURAIO_ADAPT_CAUSE_START, state->limit, state->limit, 0, 0);
    return 0;
}

void adapt_start_arm(adapt_state_t *state, int limit, int batch_size)
{
    assert(limit >= state->min_limit && limit <= state->max_limit);
    int larger = limit > state->limit ? limit : state->limit;
    state->limit = limit;
    state->settle_left = limit;
    state->settle_bound = 4 * larger;
    state->epoch++;
    adapt_cost_adopt(&state->cost, &state->arm);
    adapt_arm_reset(&state->arm, batch_size, state->pace.pace_ns);
    adapt_arm_begin(&state->arm, state->last_ns);
    state->change.row = 0;
}

/* Count down the operations of older limits. Those in flight above the limit are older for sure. */
static void settle(adapt_state_t *state, int count, int in_flight)
{
    if (in_flight <= state->limit)
        state->settle_left -= count;
    state->settle_bound -= count;
    if (state->settle_left > 0 && state->settle_bound > 0)
        return;
    state->settle_left = 0;
    adapt_arm_begin(&state->arm, state->last_ns);
}

/* The application was the bottleneck: no evidence of throughput, and a probe would show nothing. */
static void application_limited(adapt_state_t *state)
{
    if (state->goal.target_ns > 0 && adapt_target_free_batch(state))
        return;
    adapt_arm_drop_batch(&state->arm, state->arm.last_ns);
    state->arm.unfilled++;
    state->knee.since_wide = 0; /* what it doesn't fill at once it doesn't fill twice */
    state->knee.look_wide = false;
    if (state->mode == ADAPT_SEARCHING)
        adapt_search_unfilled(state);
    bool rarely_bound = state->mode == ADAPT_AT_KNEE &&
                        state->arm.unfilled > ADAPT_UNFILLED_PER_BATCH * (state->arm.count + 1);
    if (state->mode == ADAPT_SEARCHING || (state->limit == state->base_limit && !rarely_bound))
        return;
    state->knee.probe = state->knee.probed_kind = ADAPT_PROBE_NONE;
    adapt_start_arm(state, state->base_limit, adapt_batch_size_for(state->base_limit));
}

static void close_batch(adapt_state_t *state)
{
    adapt_arm_t *arm = &state->arm;
    if (!adapt_arm_batch_was_bound(arm)) {
        application_limited(state);
        return;
    }
    int64_t gap_ns = arm->batch_gap_ns;
    adapt_cost_learn(&state->cost, arm);
    adapt_arm_close_batch(arm);
    if (adapt_pace_has_ended(state, gap_ns)) {
        if (state->mode == ADAPT_SEARCHING)
            adapt_start_arm(state, state->limit, adapt_batch_size_for(state->limit));
        else
            adapt_cruise_move(state, state->base_limit);
        return;
    }
    if (adapt_pace_learn(state)) {
        if (state->mode == ADAPT_SEARCHING)
            adapt_search_begin_down(state,
                                    state->search.count > 0 ? state->search.first.limit : state->limit);
        else
            adapt_cruise_move(state, state->base_limit);
        return;
    }
    /* Batches of two devices scatter too: none are merged while a change may be under way. */
    if (state->change.row == 0 && adapt_arm_merge_if_bursty(arm)) {
        adapt_pace_keep(state);
        state->change.row = 0;
        return;
    }
    if (state->mode == ADAPT_SEARCHING)
        adapt_search_evaluate(state);
    else
        adapt_cruise_evaluate(state);
}

static void add_samples(adapt_state_t *state, const auraio_adapt_batch_t *batch)
{
    adapt_arm_t *arm = &state->arm;
    int64_t target_ns = state->goal.target_ns;
    int64_t bound = 0, over = 0;
    double cost = 0;
    for (int i = 0; i < batch->count; i++) {
        const auraio_adapt_sample_t *sample = &batch->samples[i];
        int class_index = adapt_cost_class(sample->kind, sample->size_bytes);
        arm->batch_classes[class_index]++;
        cost += state->cost.cost[class_index];
        bound += sample->flags & AURAIO_ADAPT_BOUND;
        if (target_ns > 0) {
            auraio_hist_record(&arm->hist, sample->latency_ns);
            over += sample->latency_ns > target_ns;
        }
    }
    if (state->last_ns - arm->last_ns > arm->batch_gap_ns)
        arm->batch_gap_ns = state->last_ns - arm->last_ns;
    arm->batch_samples += batch->count;
    arm->batch_bound += bound;
    arm->batch_over += over;
    arm->batch_cost += cost;
    arm->samples += batch->count;
    arm->over += over;
    arm->last_ns = state->last_ns;
    int in_flight = batch->in_flight < COUNT_MAX ? batch->in_flight + batch->count : 0;
    if (over > 0 && in_flight > state->target.free_peak)
        state->target.free_peak = in_flight;
    if (in_flight > state->search.used)
        state->search.used = in_flight;
}

static void count_debt(adapt_state_t *state, const auraio_adapt_batch_t *batch)
{
    int64_t over = 0;
    for (int i = 0; i < batch->count; i++)
        over += batch->samples[i].latency_ns > state->goal.target_ns;
    adapt_target_count(state, batch->count, over);
}

void auraio_adapt_complete(auraio_adapt_t *adapt, const auraio_adapt_batch_t *batch)
{
    adapt_state_t *state = state_of(adapt);
    adapt_arm_t *arm = &state->arm;
    if (batch->count <= 0 || batch->count > COUNT_MAX)
        return;
    if (batch->now_ns > state->last_ns)
        state->last_ns = batch->now_ns;

    bool late = batch->flags & AURAIO_ADAPT_LATE;
    if (!late && state->goal.target_ns > 0)
        count_debt(state, batch);
    if (state->settle_left > 0) {
        settle(state, batch->count, batch->in_flight);
        return;
    }
    if (late) {
        adapt_arm_skip(arm, state->last_ns);
        return;
    }
    if (adapt_arm_batch_is_full(arm, state->last_ns)) {
        uint32_t epoch = state->epoch;
        close_batch(state);
        if (state->epoch != epoch) {
            settle(state, batch->count, batch->in_flight);
            return;
        }
    }
    add_samples(state, batch);
}

int auraio_adapt_limit(const auraio_adapt_t *adapt)
{
    return const_state_of(adapt)->limit;
}

int auraio_adapt_base_limit(const auraio_adapt_t *adapt)
{
    const adapt_state_t *state = const_state_of(adapt);
    return state->mode == ADAPT_SEARCHING ? state->limit : state->base_limit;
}

auraio_adapt_phase_t adapt_phase(const adapt_state_t *state)
{
    if (state->mode == ADAPT_SEARCHING)
        return state->search.count == 0 ? AURAIO_ADAPT_BASELINE : AURAIO_ADAPT_PROBING;
    if (state->knee.probe != ADAPT_PROBE_NONE)
        return AURAIO_ADAPT_PROBING;
    if (state->settle_left > 0)
        return AURAIO_ADAPT_SETTLING;
    if (state->mode == ADAPT_AT_TARGET)
        return state->target.hold > 0 ? AURAIO_ADAPT_BACKOFF : AURAIO_ADAPT_STEADY;
    return state->knee.gap >= ADAPT_CONVERGED_GAP ? AURAIO_ADAPT_CONVERGED : AURAIO_ADAPT_STEADY;
}

auraio_adapt_phase_t auraio_adapt_phase(const auraio_adapt_t *adapt)
{
    return adapt_phase(const_state_of(adapt));
}

static bool arm_is_valid(const adapt_arm_t *arm)
{
    if (arm->count < 0 || arm->count > ADAPT_ARM_BATCHES || arm->closed < arm->count || arm->batch_size < 1)
        return false;
    if (arm->batch_bound > arm->batch_samples || arm->batch_over > arm->batch_samples ||
        arm->last_ns < arm->batch_begin_ns || arm->batch_begin_ns < arm->begin_ns)
        return false;
    for (int i = 0; i < arm->count; i++) {
        const adapt_evidence_t *evidence = &arm->evidence[i];
        if (!isfinite(evidence->log_rate) || !(evidence->time_ns > 0) || !(evidence->cost > 0) ||
            !(evidence->exceedance >= 0 && evidence->exceedance <= 1))
            return false;
    }
    return true;
}

bool auraio_adapt_is_valid(const auraio_adapt_t *adapt)
{
    const adapt_state_t *state = const_state_of(adapt);
    if (state->min_limit < 1 || state->max_limit < state->min_limit)
        return false;
    if (state->limit < state->min_limit || state->limit > state->max_limit ||
        state->base_limit < state->min_limit || state->base_limit > state->max_limit)
        return false;
    if (!isfinite(state->target.debt) || !isfinite(state->change.reference) ||
        !isfinite(state->knee.up.weighted) || !isfinite(state->knee.down.weighted) ||
        state->search.count < 0 || state->search.count > ADAPT_NODES)
        return false;
    for (int i = 1; i < state->search.count; i++)
        if (state->search.nodes[i - 1].limit >= state->search.nodes[i].limit)
            return false;
    for (int i = 0; i < ADAPT_CLASSES; i++)
        if (!(state->cost.cost[i] > 0) || !isfinite(state->cost.cost[i]))
            return false;
    return arm_is_valid(&state->arm);
}
