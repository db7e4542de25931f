/* SPDX-License-Identifier: MIT */
/*
 * Where figures go: a table for people as they come, or one JSON document at the end.
 *
 * A row is a figure, the target it is held to, and whether it was met. Progress goes to the terminal's error
 * stream and nowhere else.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

enum report_target { REPORT_NO_TARGET, REPORT_AT_LEAST, REPORT_AT_MOST };

struct report_row {
    const char *label;                 /* what was measured: "depth 32" */
    const char *subject;               /* whose figure it is */
    const char *against;               /* whom it is compared with; NULL: nobody */
    double value;                      /* a ratio when against is given, else in `unit` */
    const char *unit;                  /* NULL for a ratio */
    double low, high;                  /* quartiles of a ratio */
    double subject_rate, against_rate; /* of a ratio: operations per second */
    enum report_target target_kind;
    double target;
};

struct report;

/* NULL when out of memory. */
struct report *report_new(bool json);
void report_free(struct report *report);

/* A new group of rows; every row belongs to the last one. */
void report_group(struct report *report, const char *name, const char *title);
void report_row(struct report *report, const struct report_row *row);

/* Something was not measured, and why. */
void report_left_out(struct report *report, const char *label, const char *what, const char *reason);

/* A progress line, replaced by whatever comes next. */
void report_progress(struct report *report, const char *what, double done);

/* The summary, or the JSON document. */
void report_finish(struct report *report);

#endif
