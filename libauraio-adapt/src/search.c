/* Search: from a limit, double while it pays, or halve while nothing is lost; then choose, and
 * measure what was chosen.
 *
 * Every arm ends as a node (limit, rate, exceedance). An arm going up is compared with the anchor:
 * the last node that paid. One doubling that does not pay may be a plateau before the knee: only
 * two in a row end the way up, and together they are held to what two should bring. If no doubling
 * paid, the knee is at or below the start: the way goes down. With a target, an arm that violates
 * it ends the way up, or continues the way down. The limit chosen is interpolated between nodes; if
 * none was measured near it, it is measured, and the choice made again. A limit that the application does
 * not fill can't be measured: then the choice is made among those that were. */
#include "state.h"

#include <assert.h>
#include <math.h>

static void start_arm(adapt_state_t *state, int limit, auraio_adapt_cause_t cause, double gain, double error)
{
    adapt_journal_add(state, cause, state->limit, limit, gain, error);
    adapt_change_forget(state);
    state->search.unfilled = state->search.used = 0;
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

/* Two measurements of one limit, weighted by their errors. */
static adapt_estimate_t combine(adapt_estimate_t a, adapt_estimate_t b)
{
    double weight_a = 1 / (a.error * a.error), weight_b = 1 / (b.error * b.error);
    b.mean = (weight_a * a.mean + weight_b * b.mean) / (weight_a + weight_b);
    b.error = 1 / sqrt(weight_a + weight_b);
    return b;
}

/* Nodes stay sorted by limit; a limit measured again is known better. Returns what is known of it. */
static adapt_node_t add_node(adapt_search_t *search, adapt_node_t node)
{
    int at = 0;
    while (at < search->count && search->nodes[at].limit < node.limit)
        at++;
    if (at < search->count && search->nodes[at].limit == node.limit) {
        node.rate = combine(search->nodes[at].rate, node.rate);
    } else {
        assert(search->count < ADAPT_NODES);
        for (int i = search->count; i > at; i--)
            search->nodes[i] = search->nodes[i - 1];
        search->count++;
    }
    search->nodes[at] = node;
    return node;
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

/* The best throughput decides which limit is the knee: measure it well, at the least limit that may
 * have it. Returns true when an arm was started. */
static bool refine_best(adapt_state_t *state)
{
    adapt_search_t *search = &state->search;
    if (search->best_error < ADAPT_BEST_ERROR || search->best_refined)
        return false;
    int at = 0;
    while (at < search->count - 1 && search->nodes[at].fitted < search->best - ADAPT_BEST_NEAR)
        at++;
    if (search->nodes[at].violating)
        return false;
    search->best_refined = true;
    search->direction = ADAPT_REFINE;
    state->base_limit = search->nodes[at].limit;
    start_arm(state, state->base_limit, AURAIO_ADAPT_CAUSE_REFINE, 0, 0);
    return true;
}

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
    if (refine_best(state))
        return;
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
    /* With a target depth is cheap: the knee is taken to be where it is at most. */
    double chosen = ceil((goal->target_ns > 0 ? highest : sqrt(lowest * highest)) - 0.1);
    /* Nothing speaks against what the application has in flight by itself. */
    if (search->unfilled > 0 && chosen >= ADAPT_UNFILLED_SHARE * search->nodes[search->count - 1].limit)
        chosen = adapt_max(chosen, adapt_min(search->used, state->limit));
    cruise(state, adapt_clamp_limit(state, nearest_int(chosen)), ADAPT_AT_KNEE);
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

static void after_up(adapt_state_t *state, const adapt_node_t *node, adapt_verdict_t verdict, double gain,
                     double error)
{
    adapt_search_t *search = &state->search;
    bool can_grow = node->limit < state->max_limit && !node->violating;
    bool first = search->count == 1;
    if (can_grow && (verdict == ADAPT_CONTINUE || first)) {
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

/* A doubling failed against an anchor that was measured only well enough to go on: an anchor that was
 * lucky would end the way up. Measure it again. Returns false when it is known well. */
static bool doubt_anchor(adapt_state_t *state, const adapt_node_t *node)
{
    adapt_search_t *search = &state->search;
    if (node->violating || search->anchor.precise || search->count < 2)
        return false;
    search->doubted = *node;
    search->direction = ADAPT_ANCHOR;
    start_arm(state, search->anchor.limit, AURAIO_ADAPT_CAUSE_REFINE, 0, 0);
    return true;
}

/* The anchor is known well: judge again what failed against it. */
static void after_anchor(adapt_state_t *state, const adapt_node_t *anchor)
{
    adapt_search_t *search = &state->search;
    adapt_node_t doubted = search->doubted;
    search->anchor = *anchor;
    search->anchor.precise = true;
    search->direction = ADAPT_UP;
    double gain = doubted.rate.mean - anchor->rate.mean;
    double error = hypot(doubted.rate.error, anchor->rate.error);
    double wanted = state->goal.doubling_gain * (search->failures > 0 ? ADAPT_DOUBLING_GAIN_TWICE : 1);
    after_up(state, &doubted, gain + ADAPT_Z_DOUBT * error > wanted ? ADAPT_CONTINUE : ADAPT_STOP, gain,
             error);
}

static void after_down(adapt_state_t *state, const adapt_node_t *node, adapt_verdict_t verdict, double gain,
                       double error)
{
    if (verdict == ADAPT_CONTINUE && node->limit > state->min_limit) {
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

/* An arm that only makes something known better takes long, and the device may become another one
 * meanwhile: then its batches leave what the first of them showed, or they contradict the curve. Returns
 * true when the search began anew. */
static bool device_changed(adapt_state_t *state, adapt_estimate_t rate)
{
    adapt_search_t *search = &state->search;
    if (search->direction != ADAPT_REFINE && search->direction != ADAPT_ANCHOR)
        return false;
    state->base_limit = state->limit;
    if (state->change.known)
        return adapt_change_in_batches(state);
    if (state->arm.closed < adapt_pace_batches(state, ADAPT_SEARCH_BATCHES_MIN))
        return false;
    adapt_curve_fit(search);
    double expected = search->best - adapt_curve_deficit(search, state->limit);
    double difference = rate.mean - expected;
    if (fabs(difference) > ADAPT_CHANGE_ARM + ADAPT_Z_STRICT * rate.error + rate.spread) {
        adapt_change_search(state, difference);
        return true;
    }
    adapt_change_learn(state, rate);
    return false;
}

/* A batch during which the application was the bottleneck: when it stays that, the limit that is being tried
 * is more than it fills, and would never be judged. */
void adapt_search_unfilled(adapt_state_t *state)
{
    adapt_search_t *search = &state->search;
    search->unfilled++;
    if (search->count == 0 || search->unfilled < adapt_pace_batches(state, ADAPT_SEARCH_BATCHES_MIN))
        return;
    search->tried_up = search->tried_down = search->best_refined = true;
    search->refinements = ADAPT_REFINE_MAX;
    choose(state);
}

void adapt_search_evaluate(adapt_state_t *state)
{
    adapt_search_t *search = &state->search;
    const adapt_arm_t *arm = &state->arm;
    search->unfilled = search->used = 0;
    if (adapt_faster_in_row(state) || arm->count < adapt_pace_batches(state, 5))
        return;

    adapt_estimate_t rate = adapt_arm_rate(arm);
    if (device_changed(state, rate) || adapt_faster_in_arm(state, rate))
        return;
    adapt_share_estimate_t exceedance = adapt_arm_exceedance(arm);
    bool has_target = state->goal.target_ns > 0;
    bool violating = has_target && exceedance.share - ADAPT_Z * exceedance.error > state->goal.allowed;
    adapt_verdict_t verdict = adapt_search_judge(state, rate, violating);
    if (verdict == ADAPT_UNDECIDED)
        return;

    adapt_node_t node = {
        .limit = state->limit,
        .violating = has_target && (violating || exceedance.share - exceedance.error > state->goal.allowed),
        .precise = adapt_search_is_precise(arm, rate.error),
        .rate = rate,
        .p99_ns = adapt_arm_percentile_ns(state),
        .exceedance = exceedance,
    };
    double gain = search->count > 0 ? rate.mean - search->anchor.rate.mean : 0;
    double error = search->count > 0 ? hypot(rate.error, search->anchor.rate.error) : 0;
    node = add_node(search, node);
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
    else if (search->direction == ADAPT_ANCHOR)
        after_anchor(state, &node);
    else if (search->direction == ADAPT_UP && verdict == ADAPT_STOP && doubt_anchor(state, &node))
        return;
    else if (search->direction == ADAPT_UP)
        after_up(state, &node, verdict, gain, error);
    else
        after_down(state, &node, verdict, gain, error);
}
