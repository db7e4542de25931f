/* SPDX-License-Identifier: MIT */
/* Order statistics of a handful of measurements: medians and their confidence, which one bad round does not
 * move and which assume nothing about how the noise is distributed. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

/* The q-quantile (0..1) of count > 0 values, interpolated; sorts them in place. */
double stats_quantile(double *values, unsigned count, double q);

struct interval {
    double low, middle, high;
};

/*
 * The median of count > 0 values and an interval that holds the true one with at least 95 % probability,
 * between two order statistics: each value is as likely above the true median as below it, whatever else is
 * unknown, so how many are follows the binomial distribution (Conover, Practical Nonparametric Statistics,
 * 3.2). With fewer than six values the whole range, which then promises less. Sorts them in place.
 */
struct interval stats_median(double *values, unsigned count);

#endif
