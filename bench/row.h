/* SPDX-License-Identifier: MIT */
/*
 * A row: one thing to measure, the goal it shows, and how. Its outcome is plain memory, for it is measured in
 * a process of its own and comes back through a pipe.
 */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include "duel.h"
#include "goal.h"

enum { ROW_NAME = 48, ROW_FIGURES = 4, FIGURE_TEXT = 24, OUTCOME_REASON = 120 };

/* The first figure of a row is the one that is held to a target. */
struct figure {
    char label[FIGURE_TEXT]; /* what it is: "per CPU-second", "p99" */
    char unit[FIGURE_TEXT];  /* of ours and theirs */
    double ours, theirs;     /* theirs: 0 in a row without a peer */
    double value, low, high; /* a ratio with its confidence interval; ours in a row without a peer */
};

enum outcome_state {
    OUTCOME_MEASURED,
    OUTCOME_LEFT_OUT, /* not to be had on this machine */
    OUTCOME_FAILED,
};

struct outcome {
    enum outcome_state state;
    char reason[OUTCOME_REASON]; /* when not measured */
    unsigned count;
    struct figure figures[ROW_FIGURES];
};

struct bench;

struct row {
    char name[ROW_NAME];       /* case/what/..., unique */
    const char *ours, *theirs; /* whose figures; theirs NULL: nobody to compare with */
    enum goal goal;
    bool counted;   /* not timed, and the same in every run: measured once */
    double seconds; /* how long it takes, about, at full effort */
    /* In a process of its own. Returns 0 or a negative errno, or sets the outcome's state itself. */
    int (*measure)(const struct bench *bench, const struct row *row, struct outcome *outcome);

    /* For measure, as it needs them. */
    struct task task; /* path excepted: it is the bench's */
    const struct peer *peers[2];
    enum duel_metric metric;
    unsigned rounds, turn_ms;
    int pattern;
    size_t size_bytes;
};

/* The outcome of something this machine lacks. Returns 0, for measure to return. */
__attribute__((format(printf, 2, 3))) int outcome_leave_out(struct outcome *outcome, const char *format, ...);

/* Add a figure; those beyond ROW_FIGURES are a mistake. A value without a peer. */
void outcome_add_single(struct outcome *outcome, const char *label, const char *unit, double value);
/* Ours against theirs. */
void outcome_add_ratio(struct outcome *outcome, const char *label, const char *unit, double ours,
                       double theirs, struct interval ratio);

/* The rows of a run, in order. Zeroed is empty. */
struct plan {
    struct row *rows;
    unsigned count, room;
};

/* Add a copy of the row under a name of its own; exits with a message when out of memory. */
__attribute__((format(printf, 3, 4))) void plan_add(struct plan *plan, const struct row *row,
                                                    const char *name, ...);

/* Keep the rows that one of the patterns names: a shell pattern of the whole name ("peers/?/lib*"), or its
 * beginning up to a slash ("peers", "peers/4"). Returns the first pattern that names none, or NULL. */
const char *plan_keep(struct plan *plan, char *const *patterns, unsigned count);

void plan_free(struct plan *plan);

#endif
