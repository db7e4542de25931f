/* Cost classes: what operations of different kinds and sizes cost the device, relative to each
 * other.
 *
 * Throughput is counted in cost, so that a batch with more large operations than usual does not
 * look like a slower device. What is learned: within one arm (same limit, same device) the batches
 * that took longer than the arm's mean, and had more of some class than the arm's mean, raise the
 * cost of that class. Only deviations from the arm's own means teach, so neither the limit nor a
 * change of the device is mistaken for a cost. The steps of a batch sum to zero over the classes:
 * costs are relative, and rates before and after a step stay comparable. */
#include "state.h"

#include <assert.h>
#include <math.h>

#define FIRST_SIZE_BITS 12   /* up to 4 KiB: one class */
#define LEARNING_RATE 0.1    /* of the least-squares step: ten batches that agree are believed */
#define LEARNING_RIDGE 0.01  /* composition variance below this is noise */
#define LOG_COST_MAX 7.0     /* 1 to 1000 */
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

static double share_of(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* Learn from the batch of `arm` that is full and not yet stored. */
void adapt_cost_learn(adapt_cost_t *cost, const adapt_arm_t *arm)
{
    double batch_total = (double)arm->batch_samples, arm_total = 0;
    for (int i = 0; i < ADAPT_CLASSES; i++) {
        arm_total += (double)arm->classes[i];
        if (arm->batch_classes[i])
            cost->seen |= 1u << i;
    }
    if (arm->count < LEARN_FROM_BATCHES || (cost->seen & (cost->seen - 1)) == 0)
        return;

    double deviation[ADAPT_CLASSES], variance = 0;
    for (int i = 0; i < ADAPT_CLASSES; i++) {
        deviation[i] = share_of(arm->batch_classes[i], batch_total) -
                       share_of((double)arm->classes[i], arm_total);
        variance += deviation[i] * deviation[i];
    }

    double mean = 0;
    for (int i = 0; i < arm->count; i++)
        mean += arm->evidence[i].log_rate;
    mean /= arm->count;
    double time_ns = (double)(arm->last_ns - arm->batch_begin_ns);
    double slowness = adapt_clamp(mean - log(arm->batch_cost / time_ns), -1, 1);

    for (int i = 0; i < ADAPT_CLASSES; i++) {
        double step = LEARNING_RATE * slowness * deviation[i] / (variance + LEARNING_RIDGE);
        cost->log_cost[i] = adapt_clamp(cost->log_cost[i] + step, -LOG_COST_MAX, LOG_COST_MAX);
        cost->cost[i] = exp(cost->log_cost[i]);
    }
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
