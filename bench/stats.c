/* SPDX-License-Identifier: MIT */
/* Order statistics of a handful of measurements. */
#include "stats.h"

#include <assert.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(double *values, unsigned count, double q)
{
    assert(count > 0 && q >= 0 && q <= 1);
    qsort(values, count, sizeof(values[0]), compare);
    double place = q * (count - 1);
    unsigned below = (unsigned)place;
    unsigned above = below + 1 < count ? below + 1 : below;
    return values[below] + (place - below) * (values[above] - values[below]);
}
