/* SPDX-License-Identifier: MIT */
/* One benchmark run: the file it works on, how much effort it makes, and the cases that plan its rows. A case
 * is one file and one line in cases.c. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "row.h"

enum effort {
    EFFORT_FULL,
    EFFORT_QUICK, /* a third of the time, less exact */
    EFFORT_SMOKE, /* everything once, as short as it goes: the figures mean nothing */
};

struct bench {
    const char *self; /* this program, to run it as a child */
    const char *path; /* the data file */
    enum effort effort;
};

struct bench_case {
    const char *name;
    const char *title;
    void (*plan)(struct plan *plan);
};

extern const struct bench_case bench_cases[]; /* ends with a NULL name */

/* The case a row belongs to. */
const struct bench_case *bench_case_of(const struct row *row);

/* A share of `full`, a time or a count, that the effort leaves, `least` at least. */
unsigned bench_scaled(const struct bench *bench, unsigned full, unsigned least);

/* What a row takes, in seconds, at this effort. */
double bench_seconds(const struct bench *bench, const struct row *row);

/*
 * The row of a duel between two peers: by CPU time when the file is cached, by the clock when it is read from
 * the disk. More rounds where a promise is close.
 */
enum precision { PRECISION_ROUGH, PRECISION_FINE };
struct row bench_duel_row(const struct peer *ours, const struct peer *theirs, struct task task,
                          enum goal goal, enum precision precision);

/* Have the file in the page cache, or out of it. Returns 0 or a negative errno. */
int bench_prepare_file(const struct bench *bench, const struct row *row);

#endif
