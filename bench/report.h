/* SPDX-License-Identifier: MIT */
/* What a run looks like afterwards: a table for people, a JSON document for programs, a chart. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench.h"
#include "results.h"

/* What every form says about the run as a whole. */
struct report {
    const struct bench *bench;
    const struct results *results;
    unsigned runs;
    const char *command; /* how this program was called */
};

extern const char *const report_efforts[]; /* by enum effort */

/* A line of the table, the heading of its case before the first; nothing for a row that has no outcome. Rows
 * come in the plan's order. */
void report_table_row(FILE *out, const struct report *report, unsigned row);

/* Every goal that a row of the plan shows, with the row that is furthest from it. */
void report_table_goals(FILE *out, const struct report *report);

void report_json(FILE *out, const struct report *report);

/* Whether charts can be drawn here. */
bool report_can_draw(void);

/* The ratios by depth, as SVG, drawn by gnuplot. Returns 0 or a negative errno. */
int report_svg(const char *path, const struct report *report);

#endif
