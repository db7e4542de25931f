/* SPDX-License-Identifier: MIT */
/* The targets. A row that shows a goal takes its target from here: no figure is written twice. */
#include "goal.h"

const struct goal_text goals[GOALS] = {
    [GOAL_CACHED] = {"cached", "cached reads, tuned, depth 32 and 128: share of raw", TARGET_AT_LEAST, 0.97},
    [GOAL_CACHED_1] = {"cached-1", "cached reads, tuned, depth 1: share of raw", TARGET_AT_LEAST, 0.93},
    [GOAL_ZERO] = {"zero", "nothing configured, depth 32: share of raw-shared", TARGET_AT_LEAST, 0.95},
    [GOAL_ZERO_1] = {"zero-1", "nothing configured, depth 1: share of raw-shared", TARGET_AT_LEAST, 0.92},
    [GOAL_INSTRUCTIONS] = {"instructions", "user instructions per operation, depth 32", TARGET_AT_MOST, 250},
    [GOAL_INSTRUCTIONS_1] = {"instructions-1", "user instructions per operation, depth 1", TARGET_AT_MOST,
                             420},
    [GOAL_ENTERS] = {"enters", "io_uring_enter calls per operation, cached, depth 32", TARGET_AT_MOST,
                     1.0 / 16},
    [GOAL_DIRECT] = {"direct", "O_DIRECT, depth 32, by the clock: over raw that waits for one",
                     TARGET_AT_LEAST, 1.10},
    [GOAL_THREADS] = {"threads", "two threads with a ring each, depth 32: share of two raw rings",
                      TARGET_AT_LEAST, 0.95},
    [GOAL_PEERS] = {"peers", "over libaio, a thread pool, libuv and POSIX AIO, from depth 4 on",
                    TARGET_AT_LEAST, 1.0},
    [GOAL_FALLBACK] = {"fallback", "where io_uring is refused, depth 32: over a thread pool and libuv",
                       TARGET_AT_LEAST, 1.0},
    [GOAL_POOL] = {"pool", "buffer allocated and freed: time over that of the best allocator", TARGET_AT_MOST,
                   1.0},
    [GOAL_IDLE] = {"idle", "idle engine: wake-ups per second", TARGET_AT_MOST, 0},
    [GOAL_CREATE] = {"create", "create and destroy, 256 rings: microseconds", TARGET_AT_MOST, 1000},
};
