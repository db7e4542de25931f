/* normal.h - normal variates by table: the inverse distribution at 1024 points, linear in between.
 *
 * Service times are drawn once an operation, so a draw must cost a few nanoseconds. The table cuts
 * the distribution at 3.3 standard deviations; a model that wants a heavier tail says so.
 */
#ifndef SIM_NORMAL_H
#define SIM_NORMAL_H

#include <stddef.h>

#include "rng.h"

#define SIM_NORMAL_BITS 10
#define SIM_NORMAL_CELLS (1 << SIM_NORMAL_BITS)

typedef struct sim_normal {
    double at[SIM_NORMAL_CELLS + 1];
} sim_normal_t;

/* The z below which a standard normal variate lies with probability p, 0 < p < 1. */
double sim_normal_quantile(double p);

void sim_normal_init(sim_normal_t *normal);

static inline double sim_normal_draw(const sim_normal_t *normal, sim_rng_t *rng)
{
    uint64_t bits = sim_rng_next(rng);
    size_t cell = bits >> (64 - SIM_NORMAL_BITS);
    double rest = (double)((bits >> 11) & ((1u << 30) - 1)) * 0x1p-30;
    return normal->at[cell] + rest * (normal->at[cell + 1] - normal->at[cell]);
}

#endif
