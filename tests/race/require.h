/* SPDX-License-Identifier: MIT */
/**
 * What race programs share: a requirement that ends the program, and who drives completions.
 *
 * Race programs are plain programs, because Criterion aborts under ThreadSanitizer. They take the name of a
 * ring mode, print nothing when all is well, and end with 1 and a line when it isn't.
 */
#ifndef TEST_RACE_REQUIRE_H
#define TEST_RACE_REQUIRE_H

#include <auraio.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "modes.h"
#include "outcome.h"
#include "process.h"

/** End the program unless the condition holds. */
#define require(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not so: %s%s\n", __FILE__, __LINE__, #condition, mode_note());           \
            _Exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

/** The mode a program was started with. */
static inline auraio_ring_select_t mode_argument(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s ADAPTIVE|CPU_LOCAL|ROUND_ROBIN|THREAD_LOCAL\n", argv[0]);
        exit(2);
    }
    return mode_of_name(argv[1]);
}

/**
 * Let time pass until @p count reaches @p target. With a ring of its own the calling thread has to drive;
 * else others do, and it only gives way.
 */
static inline void require_reached(auraio_engine_t *engine, auraio_ring_select_t mode,
                                   const atomic_int *count, int target)
{
    const int64_t deadline_ms = now_ms() + PATIENCE_MS;
    while (atomic_load(count) < target) {
        if (mode == AURAIO_SELECT_THREAD_LOCAL)
            require(auraio_wait(engine, 10) >= 0);
        else
            sched_yield();
        require(now_ms() < deadline_ms);
    }
}

#endif
