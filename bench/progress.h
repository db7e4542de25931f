/* SPDX-License-Identifier: MIT */
/* A progress bar on standard error: redrawn in place on a terminal, one plain line per task elsewhere. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal;
    bool drawn;        /* a bar stands on the current line */
    uint64_t drawn_ns; /* when */
    char what[64];     /* the last task named on a plain line */
};

void progress_init(struct progress *progress);

/* done: 0 to 1. Cheap when called too often: it draws at most 20 times a second. */
void progress_show(struct progress *progress, const char *what, double done);

/* Take the bar away, before something else is printed. */
void progress_clear(struct progress *progress);

#endif
