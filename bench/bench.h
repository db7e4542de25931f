/* SPDX-License-Identifier: MIT */
/*
 * One benchmark run: what was asked for, the file it works on, and the report its cases write into. A case is
 * one file and one line in cases.c.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "duel.h"
#include "report.h"

struct bench {
    const char *self; /* this program, to run it as a child */
    char *path;       /* the data file */
    bool quick;
    struct report *report;
};

struct bench_case {
    const char *name;
    const char *summary;
    bool on_request; /* not run unless it is named */
    int (*run)(struct bench *bench);
};

extern const struct bench_case bench_cases[]; /* ends with a NULL name */

/* The duel every case starts from: this bench's file, one lane, CPU time, as many rounds as asked for. */
struct duel bench_duel(struct bench *bench, unsigned depth);

/* Run it and report the first peer beside each other one; a peer that can't run is reported with its reason.
 * target 0: none. Returns 0, or a negative errno when the first peer could not do it. */
int bench_report_duel(struct bench *bench, struct duel duel, const char *label, double target);

#endif
