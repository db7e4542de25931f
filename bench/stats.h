/* SPDX-License-Identifier: MIT */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

/* The q-quantile (0..1) of count > 0 values, interpolated; sorts them in place. */
double stats_quantile(double *values, unsigned count, double q);

#endif
