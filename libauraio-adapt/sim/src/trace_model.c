/* trace_model.c - what a trace says of its device, and a policy shown a trace.
 *
 * A trace taken while the depth varied is a measurement: at depth n, counted at completion with the
 * operations that completed, operations took W(n) on average, so by Little's law the device did
 * n / W(n) a second. Depths are gathered in steps of 1/8; with the p99 of each that makes a curve,
 * and the curve station runs it. What the device did over time (pauses, changes) is averaged away.
 */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "curve.h"

#define STEPS 96        /* of 1/8 from 16, up to a depth of a million */
#define SAMPLES_MIN 200 /* of a step: two beyond its p99 */

typedef struct step {
    auraio_hist_t latency;
    double depth_sum, latency_sum;
    uint64_t count;
} step_t;

/* 1 to 15 each on its own, then by the top four bits. */
static int step_of(int depth)
{
    int shift = 0;
    while (depth >> shift >= 16)
        shift++;
    int step = shift == 0 ? depth : 8 * shift + (depth >> shift);
    return step < STEPS ? step : STEPS - 1;
}

static void gather(const auraio_sim_trace_t *trace, step_t *steps)
{
    const auraio_adapt_sample_t *sample = trace->samples;
    for (size_t i = 0; i < trace->reap_count; i++) {
        const sim_reap_t *reap = &trace->reaps[i];
        int depth = reap->in_flight + reap->count;
        step_t *step = &steps[step_of(depth)];
        for (int k = 0; k < reap->count; k++, sample++) {
            if (reap->flags & AURAIO_ADAPT_LATE)
                continue;
            auraio_hist_record(&step->latency, sample->latency_ns);
            step->depth_sum += depth;
            step->latency_sum += (double)sample->latency_ns;
            step->count++;
        }
    }
}

/* Add the step to the curve when it holds enough, and a depth over the last one's. */
static void add_knot(auraio_sim_model_t *model, const step_t *step)
{
    if (step->count < SAMPLES_MIN || step->latency_sum <= 0 || model->knot_count == AURAIO_SIM_KNOTS)
        return;
    double count = (double)step->count;
    int depth = (int)(step->depth_sum / count + 0.5);
    double mean_ns = step->latency_sum / count;
    int previous = model->knot_count > 0 ? model->knots[model->knot_count - 1].depth : 0;
    int64_t p99_ns = auraio_hist_percentile(&step->latency, 99);
    double ops = depth * 1e9 / mean_ns;
    if (depth <= previous || p99_ns < 1 || ops > 1e8 || ops < 0.001)
        return;
    model->knots[model->knot_count++] = (auraio_sim_knot_t){depth, ops, p99_ns};
}

int auraio_sim_trace_model(const auraio_sim_trace_t *trace, auraio_sim_model_t *ret_model)
{
    if (!trace || !ret_model)
        return -EINVAL;
    step_t *steps = calloc(STEPS, sizeof(*steps));
    if (!steps)
        return -ENOMEM;
    gather(trace, steps);
    auraio_sim_model_t model = {.name = "trace", .summary = "the device of a recorded trace"};
    for (int i = 0; i < STEPS; i++)
        add_knot(&model, &steps[i]);
    free(steps);
    if (model.knot_count == 0)
        return -ENODATA;
    sim_curve_model_complete(&model);
    *ret_model = model;
    return 0;
}

int auraio_sim_trace_replay(const auraio_sim_trace_t *trace, const auraio_sim_policy_t *policy,
                            const auraio_adapt_options_t *options, auraio_sim_replayed_t replayed,
                            void *argument)
{
    if (!trace || !policy || !options)
        return -EINVAL;
    void *state = calloc(1, policy->state_size + 1);
    if (!state)
        return -ENOMEM;
    int error = policy->init(state, options);
    const auraio_adapt_sample_t *samples = trace->samples;
    for (size_t i = 0; i < trace->reap_count && !error; i++) {
        const sim_reap_t *reap = &trace->reaps[i];
        auraio_adapt_batch_t batch = {
            .now_ns = reap->now_ns,
            .in_flight = reap->in_flight,
            .count = reap->count,
            .flags = reap->flags,
            .samples = samples,
        };
        policy->complete(state, &batch);
        samples += reap->count;
        if (replayed)
            replayed(argument, &batch, policy->limit(state), policy->phase ? policy->phase(state) : -1);
    }
    free(state);
    return error;
}
