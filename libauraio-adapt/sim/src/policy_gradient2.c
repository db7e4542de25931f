/* policy_gradient2.c - a limit moved by the ratio of a long to a short average of the latency.
 *
 * The method of Netflix's concurrency-limits library (Gradient2Limit), with its constants: each
 * window the limit becomes limit * gradient + sqrt(limit), smoothed by 0.2, where gradient is 1.5 *
 * long / short kept in 0.5 to 1. The long average takes 600 windows; when it stands over twice the
 * short one it falls by 5 %, to recover from an overload. With a target: the target takes the place
 * of 1.5 * long when it is less.
 */
#include "policy.h"

#include <math.h>

#define TOLERANCE 1.5
#define SMOOTHING 0.2
#define LONG_WINDOWS 600
#define WARM_UP 10
#define WINDOW 100

typedef struct gradient2 {
    double limit;
    int min, max;
    double target_ns;
    double long_ns;
    int windows;
    double sum_ns;
    int count, in_flight_max;
} gradient2_t;

static int gradient2_init(void *state, const auraio_adapt_options_t *options)
{
    gradient2_t *gradient = state;
    gradient->limit = options->initial_limit;
    gradient->min = options->min_limit;
    gradient->max = options->max_limit;
    gradient->target_ns = (double)options->p99_target_ns;
    return 0;
}

/* The mean of the first windows, then an exponential average. */
static void update_long(gradient2_t *gradient, double short_ns)
{
    gradient->windows++;
    double weight = gradient->windows <= WARM_UP ? 1.0 / gradient->windows : 2.0 / (LONG_WINDOWS + 1);
    gradient->long_ns += weight * (short_ns - gradient->long_ns);
    if (gradient->long_ns > 2 * short_ns)
        gradient->long_ns *= 0.95;
}

static void close_window(gradient2_t *gradient)
{
    double short_ns = fmax(1, gradient->sum_ns / gradient->count);
    update_long(gradient, short_ns);
    double base_ns = TOLERANCE * gradient->long_ns;
    if (gradient->target_ns > 0 && gradient->target_ns < base_ns)
        base_ns = gradient->target_ns;
    /* Less than half used: the application, not the limit, decides; keep it. */
    if (gradient->in_flight_max * 2 >= (int)gradient->limit) {
        double ratio = fmax(0.5, fmin(1, base_ns / short_ns));
        double wanted = gradient->limit * ratio + sqrt(gradient->limit);
        gradient->limit += SMOOTHING * (wanted - gradient->limit);
        gradient->limit = fmax(gradient->min, fmin(gradient->max, gradient->limit));
    }
    gradient->sum_ns = 0;
    gradient->count = gradient->in_flight_max = 0;
}

static void gradient2_complete(void *state, const auraio_adapt_batch_t *batch)
{
    gradient2_t *gradient = state;
    if (batch->flags & AURAIO_ADAPT_LATE)
        return;
    int in_flight = batch->in_flight + batch->count;
    if (in_flight > gradient->in_flight_max)
        gradient->in_flight_max = in_flight;
    for (int i = 0; i < batch->count; i++) {
        gradient->sum_ns += (double)batch->samples[i].latency_ns;
        if (++gradient->count == WINDOW)
            close_window(gradient);
    }
}

static int gradient2_limit(const void *state)
{
    const gradient2_t *gradient = state;
    return (int)gradient->limit;
}

const auraio_sim_policy_t sim_policy_gradient2 = {
    .name = "gradient2",
    .summary = "ratio of a long to a short latency average, as in concurrency-limits",
    .state_size = sizeof(gradient2_t),
    .init = gradient2_init,
    .complete = gradient2_complete,
    .limit = gradient2_limit,
};
