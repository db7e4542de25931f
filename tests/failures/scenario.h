/* SPDX-License-Identifier: MIT */
/**
 * What a program does with an engine, written so that any call of the library may be refused at any moment.
 *
 * A scenario runs through with the plan of inject.h armed, and holds the library to what must be so whatever
 * failed: a refusal has a documented errno and a sentence; an accepted operation calls back exactly once,
 * with the right bytes or with an error that is explained by the failure; waiting works; destroying works.
 * Once the plan is disarmed the same engine must be as good as new.
 */
#ifndef TEST_FAILURES_SCENARIO_H
#define TEST_FAILURES_SCENARIO_H

#include <auraio.h>
#include <stdbool.h>

#include "files.h"

/** What scenarios work on; made once, before the first call is made to fail. */
struct world {
    auraio_ring_select_t mode;
    int source;      /**< a file of the pattern */
    int sink;        /**< a file to write to */
    pipe_pair_t dry; /**< nobody ever writes to it */
};

enum { SOURCE_BYTES = 256 * 1024 };

struct scenario {
    const char *name;
    /** Use @p engine; leave nothing of the own behind. */
    void (*use)(const struct world *world, auraio_engine_t *engine);
};

/** Ends with an entry whose name is NULL. */
extern const struct scenario scenarios[];

/** Create an engine, use it, destroy it. When something was made to fail, or @p twice, it is used once more,
 * with the plan disarmed. */
void scenario_run(const struct scenario *scenario, const struct world *world, bool twice);

#endif
