/* SPDX-License-Identifier: MIT */
/* auraio-bench's command line. */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include "bench.h"

enum { ARGUMENTS_PATTERNS = 64 };

struct arguments {
    const char *dir, *journal, *svg;
    enum effort effort;
    bool json;
    unsigned runs, limit_s;
    char *patterns[ARGUMENTS_PATTERNS];
    unsigned pattern_count;
};

/* Exits with a message when the line is wrong, and after --help, --list and --version. */
struct arguments arguments_parse(int argc, char **argv);

/* Every case's rows. */
struct plan arguments_plan(void);

/* The whole line again, allocated; NULL: out of memory. */
char *arguments_join(int argc, char **argv);

#endif
