/* policy_aimd.c - additive increase, multiplicative decrease on a measured p99.
 *
 * The textbook controller (Chiu and Jain, 1989) with the p99 of a window in the place of a lost
 * packet: a window of 256 completions over the target multiplies the limit by 0.8, one under it
 * adds
 * 1. Without a target it promises three times the p99 of its first windows, which saw a limit of 4:
 * without a queue, as far as it can tell.
 */
#include "policy.h"

#define WINDOW 256
#define DECREASE 0.8
#define PROMISE 3
#define BASELINE_WINDOWS 4

typedef struct aimd {
    auraio_hist_t window;
    int count;
    int windows;
    bool bound;          /* the limit was what held the application back, in this window */
    int64_t baseline_ns; /* the largest p99 of the first windows */
    int64_t promise_ns;  /* 0: still learning the baseline */
    double limit;
    int min, max;
} aimd_t;

static int aimd_init(void *state, const auraio_adapt_options_t *options)
{
    aimd_t *aimd = state;
    aimd->promise_ns = options->p99_target_ns;
    aimd->limit = options->initial_limit;
    aimd->min = options->min_limit;
    aimd->max = options->max_limit;
    return 0;
}

static void close_window(aimd_t *aimd)
{
    int64_t p99_ns = auraio_hist_percentile(&aimd->window, 99);
    aimd->windows++;
    if (aimd->promise_ns == 0) {
        aimd->baseline_ns = p99_ns > aimd->baseline_ns ? p99_ns : aimd->baseline_ns;
        if (aimd->windows == BASELINE_WINDOWS)
            aimd->promise_ns = PROMISE * aimd->baseline_ns;
    } else if (p99_ns > aimd->promise_ns) {
        aimd->limit *= DECREASE;
    } else if (aimd->bound) {
        aimd->limit += 1;
    }
    aimd->limit = aimd->limit < aimd->min ? aimd->min : aimd->limit;
    aimd->limit = aimd->limit > aimd->max ? aimd->max : aimd->limit;
    auraio_hist_reset(&aimd->window);
    aimd->count = 0;
    aimd->bound = false;
}

static void aimd_complete(void *state, const auraio_adapt_batch_t *batch)
{
    aimd_t *aimd = state;
    if (batch->flags & AURAIO_ADAPT_LATE)
        return;
    for (int i = 0; i < batch->count; i++) {
        auraio_hist_record(&aimd->window, batch->samples[i].latency_ns);
        aimd->bound = aimd->bound || (batch->samples[i].flags & AURAIO_ADAPT_BOUND);
        if (++aimd->count == WINDOW)
            close_window(aimd);
    }
}

static int aimd_limit(const void *state)
{
    const aimd_t *aimd = state;
    return (int)aimd->limit;
}

const auraio_sim_policy_t sim_policy_aimd_p99 = {
    .name = "aimd-p99",
    .summary = "plain AIMD: +1 a window under the target, x0.8 over it",
    .state_size = sizeof(aimd_t),
    .init = aimd_init,
    .complete = aimd_complete,
    .limit = aimd_limit,
};
