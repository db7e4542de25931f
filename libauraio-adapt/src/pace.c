/* Pace: how long a batch must be to mean something. A throttled volume serves in slices: some
 * hundred operations at once, then nothing until the next slice. Batches shorter than a slice see
 * either the burst or the stall, and a search would compare bursts with stalls. A batch much longer
 * than the others is a stall; when stalls take a good part of the time, batches are made to last as
 * long as they: each then holds a whole burst with its stall, and closes in the next burst, for
 * nothing completes before. When batches as long hold no stall any more, the slices are over. */
#include "state.h"

#include <assert.h>

/* Look at the newest batch. Returns true when the pace grew: what the arm holds is worthless. */
bool adapt_pace_learn(adapt_state_t *state)
{
    const adapt_arm_t *arm = &state->arm;
    adapt_pace_t *pace = &state->pace;
    if (arm->count < ADAPT_PACED_BATCHES)
        return false;

    double times_ns[ADAPT_ARM_BATCHES];
    for (int i = 0; i < arm->count; i++)
        times_ns[i] = arm->evidence[i].time_ns;
    double newest_ns = times_ns[arm->count - 1];
    adapt_sort(times_ns, arm->count);
    double median_ns = times_ns[arm->count / 2];
    if (newest_ns < ADAPT_STALL_FACTOR * median_ns || newest_ns > ADAPT_PACE_MAX_NS)
        return false;

    double since_ns = (double)(state->last_ns - pace->last_stall_ns);
    pace->last_stall_ns = state->last_ns;
    if (newest_ns < ADAPT_STALL_SHARE * since_ns || newest_ns <= (double)pace->pace_ns)
        return false;
    pace->pace_ns = (int64_t)newest_ns;
    pace->stalled = true;
    pace->calm = 0;
    return true;
}

/* The batch that was closed had a longest time without a completion: slices that are over would make every
 * arm of a search as long as they were. Only once until the device changes: at little depth a throttle may
 * not show. Returns true when the pace is over: the arm is to begin anew. */
bool adapt_pace_has_ended(adapt_state_t *state, int64_t gap_ns)
{
    adapt_pace_t *pace = &state->pace;
    int64_t pace_ns = state->arm.pace_ns;
    if (!pace->stalled || pace->ended || pace_ns < ADAPT_PACE_LONG_NS)
        return false;
    pace->calm = (double)gap_ns * ADAPT_STALL_FACTOR < (double)pace_ns ? pace->calm + 1 : 0;
    if (pace->calm < ADAPT_PACE_ENDED)
        return false;
    *pace = (adapt_pace_t){.last_stall_ns = pace->last_stall_ns, .ended = true};
    return true;
}

/* The device became another one; `change` is ln of its rate over the old one. One that is much faster is
 * hardly throttled still; if it is, the next stall tells. */
void adapt_pace_forget(adapt_state_t *state, double change)
{
    state->pace.pace_ns = change > ADAPT_CHANGE_GROSS ? 0 : state->pace.pace_ns / ADAPT_PACE_DISTRUST;
    state->pace.calm = 0;
    state->pace.ended = false;
}

/* The arm merged its batches because they were too short for the device: later arms begin with
 * batches as long. */
void adapt_pace_keep(adapt_state_t *state)
{
    const adapt_arm_t *arm = &state->arm;
    assert(arm->count > 0);
    int64_t time_ns = (arm->last_ns - arm->begin_ns) / arm->count;
    if (time_ns > state->pace.pace_ns && (double)time_ns < ADAPT_PACE_MAX_NS)
        state->pace = (adapt_pace_t){
            .pace_ns = time_ns, .last_stall_ns = state->pace.last_stall_ns, .ended = state->pace.ended};
}

/* Slices may end; a pace that is no longer needed fades, and one that is needed comes back with the
 * next stall. */
void adapt_pace_fade(adapt_state_t *state, adapt_estimate_t rate)
{
    if (rate.spread < ADAPT_PACE_CALM)
        state->pace.pace_ns = (int64_t)((double)state->pace.pace_ns * ADAPT_PACE_FADE);
}

/* How many batches do where `batches` would without a pace. */
int adapt_pace_batches(const adapt_state_t *state, int batches)
{
    return state->arm.pace_ns > ADAPT_PACE_LONG_NS && batches > ADAPT_PACED_BATCHES ? ADAPT_PACED_BATCHES
                                                                                    : batches;
}
