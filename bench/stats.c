/* SPDX-License-Identifier: MIT */
/* Order statistics of a handful of measurements. */
#include "stats.h"

#include <assert.h>
#include <math.h>
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

/* The greatest index such that the median lies below the value there in at most 2.5 % of all cases. */
static unsigned low_index(unsigned count)
{
    double at_most_k_below = 0;
    unsigned low = 0;
    for (unsigned k = 0; k < count / 2; k++) {
        /* The probability of exactly k: count over k, times a half to the power of count. */
        at_most_k_below +=
            exp(lgamma(count + 1.0) - lgamma(k + 1.0) - lgamma(count - k + 1.0) - count * log(2));
        if (at_most_k_below > 0.025)
            break;
        low = k;
    }
    return low;
}

struct interval stats_median(double *values, unsigned count)
{
    double middle = stats_quantile(values, count, 0.5);
    unsigned low = low_index(count);
    return (struct interval){values[low], middle, values[count - 1 - low]};
}
