/* What an arm of the search came to: whether it is known well enough, and whether going on its way pays.
 *
 * Every direction asks its own question of the arm, against the anchor: the last limit that paid. With a
 * target, to say that it is kept takes more samples than to say that it is not. */
#include "state.h"

#include <math.h>

/* Known well, or for a slow device as well as it can be. */
bool adapt_search_is_precise(const adapt_arm_t *arm, double error)
{
    int64_t time_ns = arm->last_ns - arm->begin_ns;
    bool enough = arm->samples >= ADAPT_SEARCH_SAMPLES || time_ns > ADAPT_SEARCH_NS_MAX;
    return (error < ADAPT_SEARCH_ERROR && time_ns > ADAPT_SEARCH_NS_MIN) ||
           (time_ns > ADAPT_SEARCH_NS && enough);
}

/* So long that noise is all that more of it would tell. Counted in completions, for batches that scatter are
 * merged, and then there are few of them. */
static bool is_long(const adapt_state_t *state, int batches, int64_t time_ns)
{
    const adapt_arm_t *arm = &state->arm;
    return arm->samples >= (int64_t)batches * adapt_batch_size_for(state->limit) &&
           arm->last_ns - arm->begin_ns >= time_ns;
}

/* As well as it gets, so that what can't be told is to be decided. */
static bool is_known(const adapt_state_t *state, adapt_estimate_t rate)
{
    return rate.error < ADAPT_SEARCH_ERROR || state->arm.closed >= ADAPT_SEARCH_BATCHES_MAX ||
           is_long(state, ADAPT_SEARCH_BATCHES_MAX, ADAPT_SEARCH_NS_MAX);
}

static adapt_verdict_t judge_first(const adapt_state_t *state, adapt_estimate_t rate, bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    if (violating)
        return ADAPT_CONTINUE;
    bool precise = rate.error < ADAPT_FIRST_ERROR && arm->count >= adapt_pace_batches(state, 6);
    bool noisy = arm->closed >= ADAPT_FIRST_BATCHES_MAX ||
                 is_long(state, ADAPT_FIRST_BATCHES_MAX, ADAPT_SEARCH_NS) ||
                 arm->last_ns - arm->begin_ns >= ADAPT_SEARCH_NS_MAX;
    return precise || noisy ? ADAPT_CONTINUE : ADAPT_UNDECIDED;
}

static adapt_verdict_t judge_up(const adapt_state_t *state, adapt_estimate_t rate, double gain, double error,
                                bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    double wanted = state->goal.doubling_gain;
    if (state->search.failures > 0)
        wanted *= ADAPT_DOUBLING_GAIN_TWICE;
    if (violating)
        return ADAPT_STOP;
    if (gain - ADAPT_Z * error > ADAPT_DOUBLING_STEEP)
        return ADAPT_CONTINUE;
    if (gain - ADAPT_Z_STEEP * error > wanted && arm->last_ns - arm->begin_ns > ADAPT_SEARCH_NS_STRONG)
        return ADAPT_CONTINUE;
    if (!adapt_search_is_precise(arm, rate.error))
        return ADAPT_UNDECIDED;
    if (gain - ADAPT_Z * error > wanted)
        return ADAPT_CONTINUE;
    if (arm->closed >= adapt_pace_batches(state, ADAPT_SEARCH_BATCHES_MIN) &&
        gain + ADAPT_Z_STRICT * error < wanted)
        return ADAPT_STOP;
    if (is_known(state, rate))
        return gain + ADAPT_Z_DOUBT * error > wanted ? ADAPT_CONTINUE : ADAPT_STOP;
    return ADAPT_UNDECIDED;
}

static adapt_verdict_t judge_down(const adapt_state_t *state, adapt_estimate_t rate, double loss,
                                  double error, bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    double allowed = state->goal.doubling_gain;
    adapt_verdict_t verdict = ADAPT_UNDECIDED;
    if (violating)
        return ADAPT_CONTINUE;
    if (loss - ADAPT_Z * error > ADAPT_DOUBLING_STEEP)
        verdict = ADAPT_STOP;
    else if (!adapt_search_is_precise(arm, rate.error))
        verdict = ADAPT_UNDECIDED;
    else if (loss + ADAPT_Z * error < allowed)
        verdict = ADAPT_CONTINUE;
    else if (loss - ADAPT_Z * error > allowed)
        verdict = ADAPT_STOP;
    else if (is_known(state, rate))
        verdict = loss + ADAPT_Z_DOUBT * error < allowed ? ADAPT_CONTINUE : ADAPT_STOP;
    /* Down from a violation, the first limit that keeps the target is the one looked for. */
    if (verdict != ADAPT_UNDECIDED && state->search.anchor.violating && arm->samples >= ADAPT_TAIL_SAMPLES)
        verdict = ADAPT_STOP;
    return verdict;
}

static adapt_verdict_t judge_refined(const adapt_state_t *state, adapt_estimate_t rate, bool violating)
{
    const adapt_arm_t *arm = &state->arm;
    int64_t time_ns = arm->last_ns - arm->begin_ns;
    bool enough = arm->samples >= ADAPT_REFINE_SAMPLES || time_ns > ADAPT_REFINE_NS_MAX;
    bool precise = rate.error < ADAPT_REFINE_ERROR || (time_ns > ADAPT_REFINE_NS && enough);
    bool measured = arm->closed >= adapt_pace_batches(state, ADAPT_SEARCH_BATCHES_MIN) && precise;
    return violating || measured ? ADAPT_STOP : ADAPT_UNDECIDED;
}

adapt_verdict_t adapt_search_judge(const adapt_state_t *state, adapt_estimate_t rate, bool violating)
{
    const adapt_search_t *search = &state->search;
    double gain = rate.mean - search->anchor.rate.mean;
    double error = hypot(rate.error, search->anchor.rate.error);
    adapt_verdict_t verdict = search->count == 0              ? judge_first(state, rate, violating)
                              : search->direction == ADAPT_UP ? judge_up(state, rate, gain, error, violating)
                              : search->direction == ADAPT_DOWN
                                  ? judge_down(state, rate, -gain, error, violating)
                                  : judge_refined(state, rate, violating);
    /* To say that the target is kept takes more samples than to say that it is not. */
    if (state->goal.target_ns > 0 && !violating) {
        int64_t samples = state->arm.samples;
        double slowest_ns = (double)auraio_hist_percentile(&state->arm.hist, 100);
        if (slowest_ns < ADAPT_TAIL_FAR * (double)state->goal.target_ns)
            return verdict;
        /* On the way up it need not be said: the next arm says it louder. */
        double doubt = search->direction == ADAPT_UP && verdict == ADAPT_CONTINUE ? ADAPT_TAIL_DOUBT : 0;
        bool doubtful = (double)state->arm.over > doubt * (double)samples;
        if (samples < ADAPT_TAIL_SAMPLES_CLEAN || (doubtful && samples < ADAPT_TAIL_SAMPLES))
            return ADAPT_UNDECIDED;
    }
    return verdict;
}
