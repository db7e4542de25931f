/* SPDX-License-Identifier: MIT */
/*
 * What the rows of a plan came to. A row may be measured in several runs; its figures are then the medians of
 * the runs' and the interval is their range, which shows more of a machine's moods than one run can.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "row.h"

enum { RESULTS_RUNS = 25 };

struct result {
    unsigned runs;            /* outcomes so far */
    struct outcome *outcomes; /* room for RESULTS_RUNS */
};

struct results {
    const struct plan *plan;
    struct result *rows; /* one for each of the plan's */
};

/* Returns 0 or -ENOMEM. */
int results_init(struct results *results, const struct plan *plan);
void results_free(struct results *results);

/* One more outcome of the row; one above RESULTS_RUNS is dropped. */
void results_add(struct results *results, unsigned row, const struct outcome *outcome);

/* The row's outcome over all its runs. False: it has none yet. Left out or failed when its last run was. */
bool results_of(const struct results *results, unsigned row, struct outcome *ret_outcome);

enum verdict { VERDICT_NONE, VERDICT_MET, VERDICT_CLOSE_MET, VERDICT_CLOSE_MISSED, VERDICT_MISSED };

/* Close: the target lies within the interval, so that another run may say otherwise. */
enum verdict results_verdict(enum goal goal, const struct outcome *outcome);
extern const char *const verdict_names[];

/* A goal over the rows that show it. */
struct goal_result {
    unsigned rows, measured; /* in the plan; of these, with figures */
    unsigned worst;          /* the row furthest from the target; valid when measured > 0 */
    struct figure figure;    /* its figure */
    enum verdict verdict;    /* the worst row's */
};

struct goal_result results_of_goal(const struct results *results, enum goal goal);

#endif
