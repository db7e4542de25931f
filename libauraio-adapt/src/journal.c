/* The journal: the newest decisions with the figures they were made on, in a ring. */
#include "state.h"

#include <assert.h>

double adapt_arm_percentile_ns(const adapt_state_t *state)
{
    return state->goal.target_ns > 0 ? (double)auraio_hist_percentile(&state->arm.hist, state->goal.percent)
                                     : 0;
}

/* Note a decision made on the arm under measurement; call it before the next arm starts. */
void adapt_journal_add(adapt_state_t *state, auraio_adapt_cause_t cause, int old_limit, int new_limit,
                       double gain, double gain_error)
{
    adapt_journal_t *journal = &state->journal;
    const adapt_arm_t *arm = &state->arm;
    double time_ns = (double)(arm->last_ns - arm->begin_ns);
    double samples = (double)arm->samples;
    assert(journal->next >= 0 && journal->next < AURAIO_ADAPT_JOURNAL);

    journal->entries[journal->next] = (auraio_adapt_decision_t){
        .now_ns = state->last_ns,
        .old_limit = old_limit,
        .new_limit = new_limit,
        .phase = (int)adapt_phase(state),
        .cause = (int)cause,
        .throughput_ops = time_ns > 0 ? samples * 1e9 / time_ns : 0,
        .p99_ns = adapt_arm_percentile_ns(state),
        .exceedance = samples > 0 ? (double)arm->over / samples : 0,
        .gain = gain,
        .gain_error = gain_error,
        .samples = arm->samples < INT32_MAX ? (int)arm->samples : INT32_MAX,
    };
    journal->next = (journal->next + 1) % AURAIO_ADAPT_JOURNAL;
    if (journal->count < AURAIO_ADAPT_JOURNAL)
        journal->count++;
}

int auraio_adapt_decisions(const auraio_adapt_t *adapt, auraio_adapt_decision_t *out, int max)
{
    const adapt_journal_t *journal = &((const adapt_state_t *)(const void *)adapt)->journal;
    if (!out || max <= 0)
        return 0;
    int copied = max < journal->count ? max : journal->count;
    int from = journal->next - copied + AURAIO_ADAPT_JOURNAL;
    for (int i = 0; i < copied; i++)
        out[i] = journal->entries[(from + i) % AURAIO_ADAPT_JOURNAL];
    return copied;
}

const char *auraio_adapt_cause_name(int cause)
{
    static const char *const names[AURAIO_ADAPT_CAUSE_COUNT] = {
        [AURAIO_ADAPT_CAUSE_START] = "start",
        [AURAIO_ADAPT_CAUSE_SEARCH_UP] = "search up",
        [AURAIO_ADAPT_CAUSE_SEARCH_DOWN] = "search down",
        [AURAIO_ADAPT_CAUSE_REFINE] = "refine",
        [AURAIO_ADAPT_CAUSE_KNEE_FOUND] = "knee found",
        [AURAIO_ADAPT_CAUSE_TARGET_FOUND] = "target found",
        [AURAIO_ADAPT_CAUSE_GAIN] = "gain",
        [AURAIO_ADAPT_CAUSE_SURPLUS] = "surplus",
        [AURAIO_ADAPT_CAUSE_HEADROOM] = "headroom",
        [AURAIO_ADAPT_CAUSE_VIOLATION] = "violation",
        [AURAIO_ADAPT_CAUSE_DEBT] = "debt",
        [AURAIO_ADAPT_CAUSE_CAPACITY_DOWN] = "capacity down",
        [AURAIO_ADAPT_CAUSE_CAPACITY_UP] = "capacity up",
        [AURAIO_ADAPT_CAUSE_EXOGENOUS] = "exogenous latency",
        [AURAIO_ADAPT_CAUSE_RETRY] = "retry",
    };
    return cause >= 0 && cause < AURAIO_ADAPT_CAUSE_COUNT ? names[cause] : "unknown";
}

const char *auraio_adapt_phase_name(int phase)
{
    static const char *const names[] = {
        [AURAIO_ADAPT_BASELINE] = "baseline", [AURAIO_ADAPT_PROBING] = "probing",
        [AURAIO_ADAPT_STEADY] = "steady",     [AURAIO_ADAPT_BACKOFF] = "backoff",
        [AURAIO_ADAPT_SETTLING] = "settling", [AURAIO_ADAPT_CONVERGED] = "converged",
    };
    return phase >= 0 && phase <= AURAIO_ADAPT_CONVERGED ? names[phase] : "unknown";
}
