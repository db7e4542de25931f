/* Search: from a limit, double while it pays, or halve while nothing is lost; then choose, and
 * measure what was chosen.
 *
 * Every arm ends as a node (limit, rate, exceedance). An arm going up is compared with the anchor:
 * the last node that paid. One doubling that does not pay may be a plateau before the knee: only
 * two in a row end the way up, and together they are held to what two should bring. If no doubling
 * paid, the knee is at or below the start: the way goes down. With a target, an arm that violates
 * it ends the way up, or continues the way down. The limit chosen is interpolated between nodes; if
 * none was measured near it, it is measured, and the choice made again. */
#include "state.h"

#include <assert.h>
#include <math.h>

/* What an arm came to. */
typedef enum verdict { UNDECIDED, CONTINUE, STOP } verdict_t;

static void start_arm(adapt_state_t *state, int limit, auraio_adapt_cause_t cause, double gain, double error)
{
    adapt_journal_add(state, cause, state->limit, limit, gain, error);
    adapt_start_arm(state, limit, adapt_batch_size_for(limit));
}

void adapt_search_begin(adapt_state_t *state, int from)
{
    state->mode = ADAPT_SEARCHING;
    state->search = (adapt_search_t){.direction = ADAPT_UP};
    state->base_limit = adapt_clamp_limit(state, from);
    adapt_target_begin(state);
    adapt_start_arm(state, state->base_limit, adapt_batch_size_for(state->base_limit));
}

/* Where more depth is not expected to pay: down first. */
void adapt_search_begin_down(adapt_state_t *state, int from)
{
    adapt_search_begin(state, from);
    state->search.direction = ADAPT_DOWN;
}

/* Nodes stay sorted by limit; measuring a limit again replaces its node. */
static void add_node(adapt_search_t *search, adapt_node_t node)
{
    int at = 0;
    while (at < search->count && search->nodes[at].limit < node.limit)
        at++;
    if (at == search->count || search->nodes[at].limit != node.limit) {
        assert(search->count < ADAPT_NODES);
        for (int i = search->count; i > at; i--)
            search->nodes[i] = search->nodes[i - 1];
        search->count++;
    }
    search->nodes[at] = node;
}

static int nearest_int(double limit)
{
    return (int)(limit + 0.5);
}

/* A limit that was measured, or has a measured one next to it, needs no arm of its own. */
static bool is_measured(const adapt_search_t *search, int limit)
{
    for (int i = 0; i < search->count; i++)
        if (search->nodes[i].limit == limit)
            return true;
    return false;
}

static void cruise(adapt_state_t *state, int limit, adapt_mode_t mode)
{
    bool at_knee = mode == ADAPT_AT_KNEE;
    double deficit = adapt_curve_deficit(&state->search, limit);
    adapt_journal_add(state, at_knee ? AURAIO_ADAPT_CAUSE_KNEE_FOUND : AURAIO_ADAPT_CAUSE_TARGET_FOUND,
                      state->limit, limit, -deficit, state->search.best_error);
    state->knee.deficit_allowed = state->goal.deficit_allowed;
    if (state->goal.level == 2)
        state->knee.deficit_allowed = adapt_max(deficit, ADAPT_DEFICIT);
    adapt_cruise_begin(state, limit, mode);
    state->target.debt = state->target.debt_mark = 0;
    for (int i = state->search.count - 1; i >= 0 && state->search.nodes[i].limit > limit; i--)
        if (state->search.nodes[i].violating)
            state->target.violated_limit = state->search.nodes[i].limit;
}

static void go_down(adapt_state_t *state, const adapt_node_t *from, double gain, double error);

static void choose(adapt_state_t *state)
{
    adapt_search_t *search = &state->search;
    const adapt_goal_t *goal = &state->goal;
    adapt_curve_fit(search);
    double bound = goal->target_ns > 0 ? adapt_curve_target_limit(search, (double)goal->target_ns) : INFINITY;
    if (bound < search->nodes[search->count - 1].limit)
        adapt_curve_bound(search, adapt_max(bound, state->min_limit));
    double lowest = 0;
    double highest = adapt_curve_knee(search, goal->knee_share, &lowest);
    if (goal->level == 2)
        lowest = highest = adapt_curve_utility_peak(search, goal->elasticity);
    if (bound <= highest * ADAPT_REFINE_RATIO) {
        cruise(state, adapt_clamp_limit(state, nearest_int(bound)), ADAPT_AT_TARGET);
        return;
    }
    /* The least limit measured is good enough: so may be less. */
    if (highest <= search->nodes[0].limit && search->nodes[0].limit > state->min_limit &&
        !search->tried_down) {
        adapt_node_t from = search->nodes[0];
        search->tried_up = true;
        go_down(state, &from, 0, 0);
        return;
    }
    int middle = adapt_clamp_limit(state, nearest_int(sqrt(lowest * highest)));
    int doubtful = adapt_curve_doubtful(search, goal->knee_share);
    if (doubtful > 0)
        middle = doubtful;
    if ((doubtful > 0 || highest > lowest * ADAPT_REFINE_RATIO) && search->refinements < ADAPT_REFINE_MAX &&
        (doubtful > 0 || !is_measured(search, middle))) {
        search->refinements++;
        search->direction = ADAPT_REFINE;
        state->base_limit = middle;
        start_arm(state, middle, AURAIO_ADAPT_CAUSE_REFINE, 0, 0);
        return;
    }
    double chosen = ceil(sqrt(lowest * highest) - 0.1);
    cruise(state, adapt_clamp_limit(state, nearest_int(chosen)), ADAPT_AT_KNEE);
}

/* ---- judging an arm */

/* Known well, or for a slow device as well as it can be. */
static bool is_precise(const adapt_arm_t *arm, double error)
{
    int64_t time_ns = arm->last_ns - arm->begin_ns;
    return (error < ADAPT_SEARCH_ERROR && time_ns > ADAPT_SEARCH_NS_MIN) || time_ns > ADAPT_SEARCH_NS;
}

static verdict_t judge_first(const adapt_state_t *state, adapt_estimate_t rate, bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    if (violating)
        return CONTINUE;
    bool precise = rate.error < ADAPT_FIRST_ERROR && arm->count >= adapt_pace_batches(state, 6);
    return precise || arm->closed >= ADAPT_FIRST_BATCHES_MAX ? CONTINUE : UNDECIDED;
}

static verdict_t judge_up(const adapt_state_t *state, adapt_estimate_t rate, double gain, double error,
                          bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    double wanted = state->goal.doubling_gain;
    if (state->search.failures > 0)
        wanted *= ADAPT_DOUBLING_GAIN_TWICE;
    if (violating)
        return STOP;
    if (gain - ADAPT_Z * error > ADAPT_DOUBLING_STEEP)
        return CONTINUE;
    if (gain - ADAPT_Z_STEEP * error > wanted && arm->last_ns - arm->begin_ns > ADAPT_SEARCH_NS_STRONG)
        return CONTINUE;
    if (!is_precise(arm, rate.error))
        return UNDECIDED;
    if (gain - ADAPT_Z * error > wanted)
        return CONTINUE;
    if (arm->closed >= adapt_pace_batches(state, ADAPT_SEARCH_BATCHES_MIN) &&
        gain + ADAPT_Z_STRICT * error < wanted)
        return STOP;
    if (rate.error < ADAPT_SEARCH_ERROR || arm->closed >= ADAPT_SEARCH_BATCHES_MAX)
        return gain > wanted ? CONTINUE : STOP;
    return UNDECIDED;
}

static verdict_t judge_down(const adapt_state_t *state, adapt_estimate_t rate, double loss, double error,
                            bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    double allowed = state->goal.doubling_gain;
    verdict_t verdict = UNDECIDED;
    if (violating)
        return CONTINUE;
    if (loss - ADAPT_Z * error > ADAPT_DOUBLING_STEEP)
        verdict = STOP;
    else if (!is_precise(arm, rate.error))
        verdict = UNDECIDED;
    else if (loss + ADAPT_Z * error < allowed)
        verdict = CONTINUE;
    else if (loss - ADAPT_Z * error > allowed)
        verdict = STOP;
    else if (rate.error < ADAPT_SEARCH_ERROR || arm->closed >= ADAPT_SEARCH_BATCHES_MAX)
        verdict = loss < allowed ? CONTINUE : STOP;
    /* Down from a violation, the first limit that keeps the target is the one looked for. */
    if (verdict != UNDECIDED && state->search.anchor.violating && arm->samples >= ADAPT_TAIL_SAMPLES)
        verdict = STOP;
    return verdict;
}

static verdict_t judge_refined(const adapt_state_t *state, adapt_estimate_t rate, bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    int64_t time_ns = arm->last_ns - arm->begin_ns;
    bool precise = rate.error < ADAPT_REFINE_ERROR || time_ns > ADAPT_REFINE_NS;
    bool measured = arm->closed >= adapt_pace_batches(state, ADAPT_SEARCH_BATCHES_MIN) && precise;
    return violating || measured ? STOP : UNDECIDED;
}

static verdict_t judge(const adapt_state_t *state, adapt_estimate_t rate, bool violating)
{
    const adapt_search_t *search = &state->search;
    double gain = rate.mean - search->anchor.rate.mean;
    double error = hypot(rate.error, search->anchor.rate.error);
    verdict_t verdict = search->count == 0                ? judge_first(state, rate, violating)
                        : search->direction == ADAPT_UP   ? judge_up(state, rate, gain, error, violating)
                        : search->direction == ADAPT_DOWN ? judge_down(state, rate, -gain, error, violating)
                                                          : judge_refined(state, rate, violating);
    /* To say that the target is kept takes more samples than to say that it is not. */
    if (state->goal.target_ns > 0 && !violating) {
        int64_t samples = state->arm.samples;
        double slowest_ns = (double)auraio_hist_percentile(&state->arm.hist, 100);
        if (slowest_ns < ADAPT_TAIL_FAR * (double)state->goal.target_ns)
            return verdict;
        if (samples < ADAPT_TAIL_SAMPLES_CLEAN || (state->arm.over > 0 && samples < ADAPT_TAIL_SAMPLES))
            return UNDECIDED;
    }
    return verdict;
}

/* ---- moving */

static void go_down(adapt_state_t *state, const adapt_node_t *from, double gain, double error)
{
    state->search.direction = ADAPT_DOWN;
    state->search.tried_down = true;
    state->search.anchor = *from;
    start_arm(state, adapt_clamp_limit(state, from->limit / 2), AURAIO_ADAPT_CAUSE_SEARCH_DOWN, gain, error);
}

static void go_up(adapt_state_t *state, const adapt_node_t *from, int limit, double gain, double error)
{
    state->search.direction = ADAPT_UP;
    state->search.anchor = *from;
    start_arm(state, adapt_clamp_limit(state, limit), AURAIO_ADAPT_CAUSE_SEARCH_UP, gain, error);
}

static void after_up(adapt_state_t *state, const adapt_node_t *node, verdict_t verdict, double gain,
                     double error)
{
    adapt_search_t *search = &state->search;
    bool can_grow = node->limit < state->max_limit && !node->violating;
    bool first = search->count == 1;
    if (can_grow && (verdict == CONTINUE || first)) {
        search->failures = 0;
        go_up(state, node, node->limit * 2, gain, error);
        return;
    }
    bool is_slow = state->arm.last_ns - state->arm.begin_ns > ADAPT_PLATEAU_NS;
    if (can_grow && search->failures == 0 && !is_slow) {
        search->failures = 1;
        adapt_node_t anchor = search->anchor;
        go_up(state, &anchor, node->limit * 2, gain, error);
        return;
    }
    search->tried_up = true;
    bool nothing_paid = first || search->anchor.limit == search->first.limit;
    if (nothing_paid && !search->tried_down && search->first.limit > state->min_limit) {
        adapt_node_t from = search->first;
        go_down(state, &from, gain, error);
        return;
    }
    choose(state);
}

static void after_down(adapt_state_t *state, const adapt_node_t *node, verdict_t verdict, double gain,
                       double error)
{
    if (verdict == CONTINUE && node->limit > state->min_limit) {
        state->search.tried_up |= node->limit < state->search.first.limit; /* nothing was lost with less */
        go_down(state, node, gain, error);
        return;
    }
    adapt_search_t *search = &state->search;
    if (!search->tried_up && node->limit * 2 >= search->first.limit &&
        search->first.limit < state->max_limit) {
        adapt_node_t from = search->first;
        search->failures = 0;
        go_up(state, &from, from.limit * 2, gain, error);
        return;
    }
    choose(state);
}

/* Halving lost throughput in proportion and the exceedance stayed: depth is not what makes the
 * latency. */
static bool latency_is_exogenous(const adapt_search_t *search, const adapt_node_t *node)
{
    const adapt_node_t *above = &search->anchor;
    if (search->direction != ADAPT_DOWN || !node->violating || !above->violating ||
        node->limit >= above->limit)
        return false;
    double in_proportion = log((double)above->limit / node->limit);
    return above->rate.mean - node->rate.mean > 0.6 * in_proportion &&
           node->exceedance.share > 0.7 * above->exceedance.share;
}

void adapt_search_evaluate(adapt_state_t *state)
{
    adapt_search_t *search = &state->search;
    const adapt_arm_t *arm = &state->arm;
    if (arm->count < adapt_pace_batches(state, 5))
        return;

    adapt_estimate_t rate = adapt_arm_rate(arm);
    adapt_share_estimate_t exceedance = adapt_arm_exceedance(arm);
    bool has_target = state->goal.target_ns > 0;
    bool violating = has_target && exceedance.share - ADAPT_Z * exceedance.error > state->goal.allowed;
    verdict_t verdict = judge(state, rate, violating);
    if (verdict == UNDECIDED)
        return;

    adapt_node_t node = {
        .limit = state->limit,
        .violating = has_target && (violating || exceedance.share - exceedance.error > state->goal.allowed),
        .precise = is_precise(arm, rate.error),
        .rate = rate,
        .p99_ns = adapt_arm_percentile_ns(state),
        .exceedance = exceedance,
    };
    double gain = search->count > 0 ? rate.mean - search->anchor.rate.mean : 0;
    double error = search->count > 0 ? hypot(rate.error, search->anchor.rate.error) : 0;
    add_node(search, node);
    if (search->count == 1)
        search->first = search->anchor = node;
    if (latency_is_exogenous(search, &node)) {
        adapt_goal_loosen(state, node.exceedance.share, 0);
        adapt_search_begin(state, search->nodes[search->count - 1].limit);
        return;
    }
    /* More depth does not make a device that much slower: it is another one since the search began.
     */
    if (search->direction == ADAPT_UP && gain + ADAPT_Z * error < -ADAPT_CHANGE_GROSS && !search->restarted) {
        adapt_search_begin(state, search->first.limit);
        search->restarted = true;
        return;
    }
    if (search->count >= ADAPT_NODES - 2 || search->direction == ADAPT_REFINE)
        choose(state);
    else if (search->direction == ADAPT_UP)
        after_up(state, &node, verdict, gain, error);
    else
        after_down(state, &node, verdict, gain, error);
}
