/* SPDX-License-Identifier: MIT */
/*
 * Measures the rows of a plan, each in a process of its own: memory, thread pools and rings of one leave
 * nothing behind for the next, and a peer that dies or hangs costs its row only.
 */
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

#include <stdio.h>

#include "bench.h"
#include "results.h"

struct runner {
    const struct bench *bench;
    struct results *results;
    unsigned runs;                                   /* of every row that is timed, earlier ones included */
    unsigned limit_s;                                /* begin no row after that; 0: no limit */
    FILE *journal;                                   /* NULL: none */
    void (*row_done)(void *user_data, unsigned row); /* all its runs */
    void *user_data;
};

/* How long it will take, about. */
double runner_seconds(const struct runner *runner);

/* Measure what is missing, run by run, with a progress bar; an interrupt (SIGINT) stops it between rows and
 * gives up the one under way. Returns how many measurements are still missing, or a negative errno. */
int runner_go(struct runner *runner);

#endif
