/* policy_ticker.c - the classic ticking controller: every 10 ms, +1 or x0.8.
 *
 * Each tick looks at the p99 of what completed in it, whatever that was: 10,000 completions on a
 * fast drive, one on a slow disk. Over the target the limit falls to 0.8 of itself, otherwise it
 * grows by one. Without a target the guard is ten times the p99 of the first tick that saw enough.
 */
#include "policy.h"

#define TICK_NS INT64_C(10000000)
#define DECREASE 0.8
#define GUARD 10
#define BASELINE_COUNT 20

typedef struct ticker {
    auraio_hist_t window;
    int count;
    int64_t tick_ns; /* the next one; 0: none planned */
    int64_t guard_ns;
    int limit, min, max;
} ticker_t;

static int ticker_init(void *state, const auraio_adapt_options_t *options)
{
    ticker_t *ticker = state;
    ticker->guard_ns = options->p99_target_ns;
    ticker->limit = options->initial_limit;
    ticker->min = options->min_limit;
    ticker->max = options->max_limit;
    return 0;
}

static void tick(ticker_t *ticker)
{
    int64_t p99_ns = auraio_hist_percentile(&ticker->window, 99);
    if (ticker->guard_ns == 0) {
        if (ticker->count < BASELINE_COUNT)
            return;
        ticker->guard_ns = GUARD * p99_ns;
    } else if (p99_ns > ticker->guard_ns) {
        ticker->limit = (int)(ticker->limit * DECREASE);
    } else {
        ticker->limit++;
    }
    ticker->limit = ticker->limit < ticker->min ? ticker->min : ticker->limit;
    ticker->limit = ticker->limit > ticker->max ? ticker->max : ticker->limit;
    auraio_hist_reset(&ticker->window);
    ticker->count = 0;
}

static void ticker_complete(void *state, const auraio_adapt_batch_t *batch)
{
    ticker_t *ticker = state;
    if (ticker->tick_ns == 0)
        ticker->tick_ns = batch->now_ns + TICK_NS;
    if (batch->now_ns >= ticker->tick_ns) {
        tick(ticker);
        ticker->tick_ns = batch->now_ns + TICK_NS;
    }
    for (int i = 0; i < batch->count; i++)
        auraio_hist_record(&ticker->window, batch->samples[i].latency_ns);
    ticker->count += batch->count;
}

static int ticker_limit(const void *state)
{
    const ticker_t *ticker = state;
    return ticker->limit;
}

const auraio_sim_policy_t sim_policy_ticker = {
    .name = "ticker",
    .summary = "+1 every 10 ms, x0.8 over the target or ten times the first p99",
    .state_size = sizeof(ticker_t),
    .init = ticker_init,
    .complete = ticker_complete,
    .limit = ticker_limit,
};
