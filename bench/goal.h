/* SPDX-License-Identifier: MIT */
/* What the project has promised to reach: each goal is shown by one row of measurements or more. */
#ifndef BENCH_GOAL_H
#define BENCH_GOAL_H

enum goal {
    GOAL_NONE,
    GOAL_CACHED,
    GOAL_CACHED_1,
    GOAL_ZERO,
    GOAL_ZERO_1,
    GOAL_INSTRUCTIONS,
    GOAL_INSTRUCTIONS_1,
    GOAL_ENTERS,
    GOAL_DIRECT,
    GOAL_THREADS,
    GOAL_PEERS,
    GOAL_FALLBACK,
    GOAL_POOL,
    GOAL_IDLE,
    GOAL_CREATE,
    GOALS,
};

enum target { TARGET_NONE, TARGET_AT_LEAST, TARGET_AT_MOST };

struct goal_text {
    const char *name; /* for programs */
    const char *what; /* for people */
    enum target kind;
    double target;
};

extern const struct goal_text goals[GOALS]; /* by number; GOAL_NONE's is empty */

#endif
