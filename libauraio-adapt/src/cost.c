/* Cost classes: what operations of different kinds and sizes cost the device, relative to each
 * other.
 *
 * Throughput is counted in cost, so that a batch with more large operations than usual does not
 * look like a slower device. What is learned from: within one arm (same limit, same device) some
 * batches take longer than the arm's mean, and some hold more of a class than the arm's mean.
 * Operations are drawn at random, so the covariance of the two is p (w - 1) / n for a class of
 * share p and relative cost w among n operations, and the variance of the share is p (1 - p) / n:
 * hence
 *
 *     w = 1 + (1 - p) covariance / variance
 *
 * Only deviations from the arm's own means teach, so neither the limit nor a change of the device
 * is mistaken for a cost. What was learned is adopted between arms, scaled so that the present mix
 * costs what it did: rates before and after stay comparable. */
#include "state.h"

#include <assert.h>
#include <math.h>

#define FIRST_SIZE_BITS 12 /* up to 4 KiB: one class */
#define MEMORY 0.998       /* a batch: five hundred batches count */
#define PRIOR 0.05 /* variance of a share that is believed already: some ten batches of 32 at even shares */
#define COST_MIN 0.02 /* relative to the mean */
#define COST_MAX 50.0
#define LEARN_FROM_BATCHES 4 /* an arm's mean is not known before */

void adapt_cost_init(adapt_cost_t *cost)
{
    *cost = (adapt_cost_t){.seen = 0};
    for (int i = 0; i < ADAPT_CLASSES; i++)
        cost->cost[i] = 1;
}

int adapt_cost_class(unsigned kind, uint32_t size_bytes)
{
    int kind_index = kind < AURAIO_ADAPT_OTHER ? (int)kind : (int)AURAIO_ADAPT_OTHER;
    int size_index = 0;
    if (size_bytes > 1u << FIRST_SIZE_BITS)
        size_index = 32 - __builtin_clz(size_bytes - 1) - FIRST_SIZE_BITS;
    if (size_index >= ADAPT_SIZE_CLASSES)
        size_index = ADAPT_SIZE_CLASSES - 1;
    return kind_index * ADAPT_SIZE_CLASSES + size_index;
}

static bool is_uniform(const adapt_cost_t *cost)
{
    return (cost->seen & (cost->seen - 1)) == 0;
}

/* Learn from the batch of `arm` that is full and not yet stored. */
void adapt_cost_learn(adapt_cost_t *cost, const adapt_arm_t *arm)
{
    for (int i = 0; i < ADAPT_CLASSES; i++)
        if (arm->batch_classes[i])
            cost->seen |= 1u << i;
    if (arm->count < LEARN_FROM_BATCHES || is_uniform(cost))
        return;

    double arm_ops = 0, arm_ns = 0, batch_ops = (double)arm->batch_samples;
    for (int i = 0; i < ADAPT_CLASSES; i++)
        arm_ops += (double)arm->classes[i];
    for (int i = 0; i < arm->count; i++)
        arm_ns += arm->evidence[i].time_ns;
    assert(arm_ops > 0 && arm_ns > 0 && batch_ops > 0);
    double batch_ns = (double)(arm->last_ns - arm->batch_begin_ns);
    double slowness = adapt_clamp(batch_ns / batch_ops * arm_ops / arm_ns - 1, -1, 1);

    for (int i = 0; i < ADAPT_CLASSES; i++) {
        if ((cost->seen & (1u << i)) == 0)
            continue;
        double share = (double)arm->classes[i] / arm_ops;
        double deviation = (double)arm->batch_classes[i] / batch_ops - share;
        cost->covariance[i] = MEMORY * cost->covariance[i] + slowness * deviation * (1 - share);
        cost->variance[i] = MEMORY * cost->variance[i] + deviation * deviation;
    }
}

/* Adopt what was learned; `arm` tells the present mix. */
void adapt_cost_adopt(adapt_cost_t *cost, const adapt_arm_t *arm)
{
    if (is_uniform(cost))
        return;
    double learned[ADAPT_CLASSES], old_mix = 0, new_mix = 0;
    for (int i = 0; i < ADAPT_CLASSES; i++) {
        learned[i] = 1 + cost->covariance[i] / (cost->variance[i] + PRIOR);
        learned[i] = adapt_clamp(learned[i], COST_MIN, COST_MAX);
        old_mix += (double)arm->classes[i] * cost->cost[i];
        new_mix += (double)arm->classes[i] * learned[i];
    }
    if (new_mix <= 0)
        return;
    for (int i = 0; i < ADAPT_CLASSES; i++)
        cost->cost[i] = learned[i] * old_mix / new_mix;
}

double auraio_adapt_cost(const auraio_adapt_t *adapt, auraio_adapt_kind_t kind, uint32_t size_bytes)
{
    const adapt_cost_t *cost = &((const adapt_state_t *)(const void *)adapt)->cost;
    double cheapest = INFINITY;
    for (int i = 0; i < ADAPT_CLASSES; i++)
        if (cost->seen & (1u << i))
            cheapest = adapt_min(cheapest, cost->cost[i]);
    int class_index = adapt_cost_class((unsigned)kind, size_bytes);
    if ((cost->seen & (1u << class_index)) == 0)
        return 1;
    return cost->cost[class_index] / cheapest;
}
