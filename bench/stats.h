/* SPDX-License-Identifier: MIT */
/* Order statistics of a handful of measurements: medians and quartiles, which one bad round does not move. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

/* The q-quantile (0..1) of count > 0 values, interpolated; sorts them in place. */
double stats_quantile(double *values, unsigned count, double q);

#endif
