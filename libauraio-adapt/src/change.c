/* Change detection: the device became another one when batch after batch leaves the reference on
 * the same side.
 *
 * The reference is the smoothed ln rate of base arms. A row of batches outside a band around it
 * (wide when batches scatter, and wider for a probe by what the probed limit could explain) means a
 * new device: on a fall by a factor f the search starts at f times the limit, for the same depth
 * would queue 1/f as long; on a rise at the limit. A whole arm off the reference by more than its
 * error allows says the same of slow devices, where rows take long. */
#include "state.h"

#include <math.h>

void adapt_change_forget(adapt_state_t *state)
{
    state->change = (adapt_change_t){.known = false};
}

/* Search from where the new device may be: `change` is ln of its rate over the old one. */
void adapt_change_search(adapt_state_t *state, double change)
{
    int from = state->base_limit;
    if (change < 0)
        from = adapt_clamp_limit(state, (int)(from * exp(adapt_max(change, -ADAPT_CHANGE_FALL_MAX)) + 0.5));
    adapt_journal_add(state, change < 0 ? AURAIO_ADAPT_CAUSE_CAPACITY_DOWN : AURAIO_ADAPT_CAUSE_CAPACITY_UP,
                      state->base_limit, from, change, state->change.spread);
    adapt_goal_restore(state, change);
    adapt_ledger_forget(state);
    adapt_change_forget(state);
    adapt_pace_forget(state, change);
    adapt_search_begin(state, from);
}

/* The first arm of a cruise is held against the curve that brought it here: the search may have seen another
 * device. There is no curve when a violation ended the search before it measured any. */
static bool has_reference(const adapt_state_t *state)
{
    return state->change.known || (state->search.fitted && state->mode != ADAPT_SEARCHING);
}

static double reference_of(const adapt_state_t *state)
{
    return state->change.known ? state->change.reference
                               : state->search.best - adapt_curve_deficit(&state->search, state->base_limit);
}

/* Look at the newest batch. Returns true when a search was started. */
bool adapt_change_in_batches(adapt_state_t *state)
{
    adapt_change_t *change = &state->change;
    const adapt_arm_t *arm = &state->arm;
    if (!has_reference(state) || arm->count == 0)
        return false;

    double difference = arm->evidence[arm->count - 1].log_rate - reference_of(state);
    double probed = log((double)state->limit / state->base_limit);
    double width = change->known ? adapt_clamp(ADAPT_CHANGE_SIGMAS * change->spread, ADAPT_CHANGE_WIDTH,
                                               ADAPT_CHANGE_WIDTH_MAX)
                                 : ADAPT_CHANGE_WIDTH_MAX;
    int side = 0;
    if (difference > width + adapt_max(probed, 0))
        side = 1;
    else if (difference < -width + adapt_min(probed, 0))
        side = -1;
    if (side == 0 || side != change->side) {
        change->row = 0;
        change->row_begin_ns = arm->last_ns - (int64_t)arm->evidence[arm->count - 1].time_ns;
    }
    change->row += side != 0;
    change->side = side;

    bool gross = fabs(difference) > ADAPT_CHANGE_GROSS;
    int needed = gross ? ADAPT_CHANGE_BATCHES_GROSS : ADAPT_CHANGE_BATCHES;
    if (arm->pace_ns > ADAPT_PACE_LONG_NS)
        needed = gross ? ADAPT_PACED_ROW_GROSS : ADAPT_PACED_ROW;
    if (change->row < needed || arm->last_ns - change->row_begin_ns < ADAPT_CHANGE_NS)
        return false;
    adapt_change_search(state, difference);
    return true;
}

/* An arm of a few long batches that ends with a row would be the mean of two devices, and the reference for
 * what follows: the row is to be seen to its end. */
bool adapt_change_is_pending(const adapt_state_t *state)
{
    return state->change.row > 0 && state->arm.pace_ns > ADAPT_PACE_LONG_NS;
}

/* Look at a whole base arm. Returns true when a search was started. */
bool adapt_change_in_arm(adapt_state_t *state, adapt_estimate_t rate)
{
    if (!has_reference(state))
        return false;
    double difference = rate.mean - reference_of(state);
    double width = ADAPT_CHANGE_ARM + ADAPT_Z_STRICT * rate.error + state->change.spread;
    if (fabs(difference) <= width)
        return false;
    adapt_change_search(state, difference);
    return true;
}

/* A base arm was measured: the reference follows slowly. */
void adapt_change_learn(adapt_state_t *state, adapt_estimate_t rate)
{
    adapt_change_t *change = &state->change;
    double weight = change->known ? ADAPT_REFERENCE_WEIGHT : 1;
    change->slow = change->known ? change->slow + ADAPT_SHIFT_WEIGHT * (rate.mean - change->slow) : rate.mean;
    change->known = true;
    change->reference += weight * (rate.mean - change->reference);
    change->spread += weight * (rate.spread - change->spread);
}

/* A small shift of base arms, too small to be called another device: worth a look at what lies
 * above. */
bool adapt_change_is_suspected(adapt_state_t *state, adapt_estimate_t rate)
{
    adapt_change_t *change = &state->change;
    if (!change->known)
        return false;
    double deviation =
        adapt_clamp((rate.mean - change->slow) / adapt_max(rate.error, ADAPT_SHIFT_ERROR_MIN), -4, 4);
    change->rise = adapt_max(change->rise + deviation - ADAPT_SHIFT_SLACK, 0);
    change->fall = adapt_max(change->fall - deviation - ADAPT_SHIFT_SLACK, 0);
    if (change->rise < ADAPT_SHIFT_ALARM && change->fall < ADAPT_SHIFT_ALARM)
        return false;
    change->rise = change->fall = 0;
    change->slow = rate.mean;
    return true;
}
