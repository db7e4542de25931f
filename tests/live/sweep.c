/* SPDX-License-Identifier: MIT */
/* Fixed depths, and the best of them. */
#include "live.h"

#include <stdlib.h>

#define KNEE 0.95

static const int64_t settling_ns = 100 * 1000 * 1000; /* the throttle lets a burst pass at first */

static double measure(const struct live_disk *disk, struct live_access access, int depth, int64_t each_ns)
{
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_ADAPTIVE, depth, 0);
    struct live_load *load = live_load_create(engine, disk, access, depth);
    live_load_start(load);
    live_load_drive(&load, 1, settling_ns + each_ns);
    const double rate = live_load_rate(load, settling_ns, settling_ns + each_ns);
    live_load_stop(&load, 1);
    live_load_destroy(load);
    auraio_destroy(engine);
    return rate;
}

void live_sweep_add(struct live_sweep *sweep, const struct live_disk *disk, struct live_access access,
                    int64_t each_ns)
{
    for (int row = 0; row < LIVE_ROWS; row++)
        sweep->rates[row] += measure(disk, access, 1 << row, each_ns);
    sweep->times++;
}

int live_sweep_oracle(const struct live_sweep *sweep, double *ret_rate)
{
    double most = 0;
    int row = 0;
    for (int i = 0; i < LIVE_ROWS; i++)
        most = sweep->rates[i] > most ? sweep->rates[i] : most;
    while (sweep->rates[row] < KNEE * most)
        row++;
    *ret_rate = sweep->rates[row] / sweep->times;
    return 1 << row;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double live_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(values[0]), compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
