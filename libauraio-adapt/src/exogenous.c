/* The goal, and its suspension. When less depth costs throughput in proportion and the latency
 * stays, depth is not what makes the latency: another tenant, a garbage collection, a target below
 * what the device can do. Decreasing on would end at a limit of 1 and stay there. So the promise is
 * loosened to what depth can still bound: nine in ten operations; and if that fails too, no bound,
 * but depth only where it pays well. The full promise is tried again after a while that doubles,
 * and whenever the device changes. */
#include "state.h"

#include <assert.h>

void adapt_goal_set(adapt_state_t *state, int level)
{
    adapt_goal_t *goal = &state->goal;
    assert(level >= 0 && level <= 2);
    bool has_target = state->target_ns > 0 && level < 2;

    goal->level = level;
    goal->target_ns = has_target ? state->target_ns : 0;
    goal->allowed = level == 0 ? ADAPT_ALLOWED
                               : adapt_clamp(ADAPT_LOOSEN_FACTOR * goal->share,
                                             ADAPT_LOOSEN_FACTOR * ADAPT_ALLOWED, ADAPT_ALLOWED_LOOSE);
    goal->cap = 0;
    goal->percent = 100 - 100 * goal->allowed;
    goal->elasticity = has_target ? ADAPT_ELASTICITY_TARGET : ADAPT_ELASTICITY;
    goal->doubling_gain = has_target ? ADAPT_DOUBLING_GAIN_TARGET : ADAPT_DOUBLING_GAIN;
    goal->knee_share = has_target ? ADAPT_KNEE_SHARE_TARGET : ADAPT_KNEE_SHARE;
    goal->deficit_allowed = has_target ? ADAPT_DEFICIT_TARGET : ADAPT_DEFICIT;
    if (level == 2) {
        goal->elasticity = ADAPT_ELASTICITY_SUSPENDED;
        goal->doubling_gain = ADAPT_ELASTICITY_SUSPENDED * 0.69; /* ln 2: the gain of a doubling at it */
    }
}

/* One level down: `share` of the completions exceed the target, and less depth doesn't help; nor
 * shall more depth make it worse than at `cap` (0: no matter). */
void adapt_goal_loosen(adapt_state_t *state, double share, int cap)
{
    adapt_goal_t *goal = &state->goal;
    assert(goal->target_ns > 0);
    adapt_journal_add(state, AURAIO_ADAPT_CAUSE_EXOGENOUS, state->base_limit, state->base_limit, 0, 0);
    goal->share = share;
    adapt_goal_set(state, goal->level == 0 && share < ADAPT_ALLOWED_LOOSE / ADAPT_LOOSEN_FACTOR ? 1 : 2);
    if (goal->level == 1)
        goal->cap = cap;
    goal->since_ns = state->last_ns;
    if (goal->suspensions < ADAPT_RETRY_DOUBLINGS + 1)
        goal->suspensions++;
}

/* Ask again, when its time has come, whether depth makes the latency now. Returns true when a new
 * arm was started. */
bool adapt_goal_retry(adapt_state_t *state)
{
    adapt_goal_t *goal = &state->goal;
    if (goal->level == 0)
        return false;
    assert(goal->suspensions > 0);
    if (state->last_ns - goal->since_ns <= ADAPT_RETRY_NS << (goal->suspensions - 1))
        return false;

    adapt_journal_add(state, AURAIO_ADAPT_CAUSE_RETRY, state->base_limit, state->base_limit, 0, 0);
    adapt_goal_set(state, 0);
    adapt_target_begin(state);
    state->target.retrying = true;
    state->mode = ADAPT_AT_TARGET;
    adapt_target_probe_deep(state, goal->share);
    return true;
}

/* The device changed by `change` (ln of the rate): what could not be promised may be possible now.
 */
void adapt_goal_restore(adapt_state_t *state, double change)
{
    adapt_goal_t *goal = &state->goal;
    bool gross = change > ADAPT_CHANGE_GROSS || change < -ADAPT_CHANGE_GROSS;
    if (gross)
        goal->suspensions = 0;
    if (goal->level == 2 || (goal->level == 1 && gross))
        adapt_goal_set(state, 0);
}
