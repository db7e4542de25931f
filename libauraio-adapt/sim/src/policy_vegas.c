/* policy_vegas.c - the delay-based limit of TCP Vegas (Brakmo and Peterson, 1995).
 *
 * The least latency ever seen is what the device takes without a queue; what an average of recent
 * ones exceeds it by is the queue: limit * (1 - least / average) operations. Under 3 of them the
 * limit grows by one, over 6 it falls by one, once for each limit's worth of completions. The least
 * latency is forgotten after 30 seconds, or a device that became slower would be starved for ever.
 * With a target: an average that exceeds it halves the limit.
 */
#include "policy.h"

#define QUEUE_LOW 3
#define QUEUE_HIGH 6
#define FORGET_NS INT64_C(30000000000)

typedef struct vegas {
    int limit, min, max;
    int64_t target_ns;
    int64_t least_ns, least_at_ns;
    double sum_ns;
    int count;
    bool bound;
} vegas_t;

static int vegas_init(void *state, const auraio_adapt_options_t *options)
{
    vegas_t *vegas = state;
    vegas->limit = options->initial_limit;
    vegas->min = options->min_limit;
    vegas->max = options->max_limit;
    vegas->target_ns = options->p99_target_ns;
    vegas->least_ns = INT64_MAX;
    return 0;
}

static void round_trip_over(vegas_t *vegas)
{
    double average_ns = vegas->sum_ns / vegas->count;
    double queue = vegas->limit * (1 - (double)vegas->least_ns / average_ns);
    if (vegas->target_ns > 0 && average_ns > (double)vegas->target_ns)
        vegas->limit /= 2;
    else if (queue < QUEUE_LOW && vegas->bound)
        vegas->limit++;
    else if (queue > QUEUE_HIGH)
        vegas->limit--;
    vegas->limit = vegas->limit < vegas->min ? vegas->min : vegas->limit;
    vegas->limit = vegas->limit > vegas->max ? vegas->max : vegas->limit;
    vegas->sum_ns = 0;
    vegas->count = 0;
    vegas->bound = false;
}

static void vegas_complete(void *state, const auraio_adapt_batch_t *batch)
{
    vegas_t *vegas = state;
    if (batch->flags & AURAIO_ADAPT_LATE)
        return;
    if (batch->now_ns - vegas->least_at_ns > FORGET_NS)
        vegas->least_ns = INT64_MAX;
    for (int i = 0; i < batch->count; i++) {
        int64_t latency_ns = batch->samples[i].latency_ns;
        if (latency_ns < vegas->least_ns) {
            vegas->least_ns = latency_ns;
            vegas->least_at_ns = batch->now_ns;
        }
        vegas->sum_ns += (double)latency_ns;
        vegas->count++;
        vegas->bound = vegas->bound || (batch->samples[i].flags & AURAIO_ADAPT_BOUND);
        if (vegas->count >= vegas->limit)
            round_trip_over(vegas);
    }
}

static int vegas_limit(const void *state)
{
    const vegas_t *vegas = state;
    return vegas->limit;
}

const auraio_sim_policy_t sim_policy_vegas = {
    .name = "vegas",
    .summary = "keeps 3 to 6 operations queued, judged by the least latency seen",
    .state_size = sizeof(vegas_t),
    .init = vegas_init,
    .complete = vegas_complete,
    .limit = vegas_limit,
};
