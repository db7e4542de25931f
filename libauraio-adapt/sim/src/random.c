/* random.c - devices drawn at random: what nobody tuned a policy for.
 *
 * Each is a sensible device: one that exists, or could. What varies is what differs between devices
 * in the field: how many operations they serve at once, for how long and with what tail, how far
 * away they are, what stands in front of them, and what disturbs them. Figures are drawn evenly on
 * a log scale. A device whose knee would not fit well under the largest limit is drawn again.
 */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <stdio.h>

#include "rng.h"

#define US INT64_C(1000)

#define MAX_LIMIT 1024
#define COMPLETIONS 400000.0 /* of a run: some 20 times what a search takes */

enum { STREAM_RANDOM = 201 };

static double spread(sim_rng_t *rng, double low, double high)
{
    return low * pow(high / low, sim_rng_uniform(rng));
}

static bool chance(sim_rng_t *rng, double share)
{
    return sim_rng_uniform(rng) <= share;
}

static auraio_sim_latency_t draw_latency(sim_rng_t *rng, double median_low_ns, double median_high_ns)
{
    auraio_sim_latency_t latency = {
        .shape = AURAIO_SIM_LOGNORMAL,
        .median_ns = (int64_t)spread(rng, median_low_ns, median_high_ns),
        .sigma = spread(rng, 0.05, 0.8),
    };
    if (chance(rng, 0.5)) {
        latency.tail_share = spread(rng, 0.001, 0.03);
        latency.tail_from = spread(rng, 2, 6);
        latency.tail_shape = spread(rng, 1.5, 3);
        latency.tail_cap = 40;
    }
    return latency;
}

/* The mean of the body; the tail adds a few percent, which doesn't matter for what it is used for.
 */
static double mean_ns(const auraio_sim_latency_t *latency)
{
    return (double)latency->median_ns * exp(0.5 * latency->sigma * latency->sigma);
}

/* Parallel servers, some over a network, some behind a token bucket. Returns the throughput. */
static double draw_servers(sim_rng_t *rng, auraio_sim_model_t *model)
{
    snprintf(model->summary, sizeof(model->summary), "random servers");
    model->station = AURAIO_SIM_SERVERS;
    model->servers = (int)(spread(rng, 1, 128) + 0.5);
    model->read = draw_latency(rng, 20e3, 10e6);
    double ops = model->servers * 1e9 / mean_ns(&model->read);
    if (chance(rng, 0.3)) {
        model->transit_ns = (int64_t)spread(rng, 100e3, 8e6);
        model->transit_jitter = spread(rng, 0.01, 0.2);
    }
    if (chance(rng, 0.2)) {
        model->gate = AURAIO_SIM_BUCKET;
        model->gate_ops = ops * spread(rng, 0.2, 0.9);
        model->gate_burst = 1 + model->gate_ops * spread(rng, 0.001, 0.05);
        ops = model->gate_ops;
    }
    if (chance(rng, 0.3)) {
        model->write = model->read;
        model->write.median_ns = (int64_t)((double)model->read.median_ns * spread(rng, 0.5, 4));
        model->segments[0].write_share = spread(rng, 0.05, 0.5);
    }
    return ops;
}

/* A measured curve: throughput saturates as n / (n + half), the p99 leaves the mean behind near it.
 */
static double draw_curve(sim_rng_t *rng, auraio_sim_model_t *model)
{
    snprintf(model->summary, sizeof(model->summary), "random curve");
    model->station = AURAIO_SIM_CURVE;
    double most = spread(rng, 2e3, 5e5), half = spread(rng, 1, 24);
    double tail = spread(rng, 1.5, 5), sharpness = spread(rng, 1, 4);
    for (int depth = 1; depth <= MAX_LIMIT; depth *= 2) {
        double share = pow(1 + pow(half / depth, sharpness), -1 / sharpness);
        double ratio = 1.2 + (tail - 1.2) * share * share;
        auraio_sim_knot_t *knot = &model->knots[model->knot_count++];
        knot->depth = depth;
        knot->throughput_ops = most * share;
        knot->p99_ns = (int64_t)(ratio * depth / knot->throughput_ops * 1e9);
    }
    return most;
}

static double draw_disk(sim_rng_t *rng, auraio_sim_model_t *model)
{
    snprintf(model->summary, sizeof(model->summary), "random disk");
    model->station = AURAIO_SIM_DISK;
    model->read = (auraio_sim_latency_t){.shape = AURAIO_SIM_FIXED, .median_ns = 20 * US};
    model->rotation_ns = (int64_t)(60e9 / spread(rng, 5400, 15000));
    model->seek_min_ns = (int64_t)spread(rng, 300e3, 1e6);
    model->seek_max_ns = (int64_t)spread(rng, 6e6, 20e6);
    model->disk_queue = (int)spread(rng, 16, 128);
    model->disk_patience_ns = (int64_t)spread(rng, 300e6, 2e9);
    return 150; /* about: it grows with depth */
}

static void draw_disturbances(sim_rng_t *rng, auraio_sim_model_t *model, double ops)
{
    if (chance(rng, 0.2)) {
        model->pause_every_ns = (int64_t)spread(rng, 50e6, 500e6);
        model->pause_ns = (int64_t)((double)model->pause_every_ns * spread(rng, 0.005, 0.05));
    }
    if (model->station == AURAIO_SIM_SERVERS && chance(rng, 0.2)) {
        model->neighbour_ops = ops * spread(rng, 0.05, 0.4);
        model->neighbour_on_ns = model->neighbour_off_ns = (int64_t)spread(rng, 1e6, 10e6);
    }
    if (chance(rng, 0.3))
        model->reap_ns = (int64_t)spread(rng, 1e3, 50e3);
}

/* What an operation takes when it is alone, about. */
static double alone_ns(const auraio_sim_model_t *model)
{
    if (model->station == AURAIO_SIM_CURVE)
        return 1e9 / model->knots[0].throughput_ops;
    if (model->station == AURAIO_SIM_DISK)
        return 13e6;
    return mean_ns(&model->read) + (double)model->transit_ns;
}

int auraio_sim_model_random(uint64_t seed, int index, auraio_sim_model_t *ret_model)
{
    if (index < 0 || !ret_model)
        return -EINVAL;
    sim_rng_t rng;
    sim_rng_seed(&rng, seed, STREAM_RANDOM + (uint64_t)index);
    for (;;) {
        auraio_sim_model_t model = {.max_limit = MAX_LIMIT, .segment_count = 1};
        model.segments[0].small_bytes = 4096;
        double kind = sim_rng_uniform(&rng);
        double ops = kind < 0.7   ? draw_servers(&rng, &model)
                     : kind < 0.9 ? draw_curve(&rng, &model)
                                  : draw_disk(&rng, &model);
        double knee = ops * alone_ns(&model) * 1e-9;
        if (knee > MAX_LIMIT / 4)
            continue;
        draw_disturbances(&rng, &model, ops);
        model.targets_ns[0] = (int64_t)(spread(&rng, 2.5, 12) * alone_ns(&model));
        double duration_ns = COMPLETIONS * 1e9 / ops;
        model.duration_ns = (int64_t)fmin(fmax(duration_ns, 2e9), 400e9);
        snprintf(model.name, sizeof(model.name), "random-%d", index);
        *ret_model = model;
        return 0;
    }
}
