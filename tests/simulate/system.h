/* SPDX-License-Identifier: MIT */
/*
 * The system as the library sees it under simulation. The linker sends its calls here (--wrap, see
 * meson.build): locks and yields are places where another fibre may run, the clock is the world's, memory and
 * descriptors run out now and then, and what was allocated is counted.
 */
#ifndef SIMULATE_SYSTEM_H
#define SIMULATE_SYSTEM_H

#include <auraio-ring/world.h>

/* From now on: one of @memory_odds allocations, one of @descriptor_odds descriptors fails inside the library;
 * 0: none. */
void system_begin(const struct world *world, uint64_t seed, unsigned memory_odds, unsigned descriptor_odds);

/* Nothing fails any more. */
void system_be_kind(void);

/* Real time and real threads again. */
void system_end(void);

/* Whether a call was made to fail since system_begin(). */
bool system_has_failed(void);

/* Allocations that were not freed, since the start of the process. */
long system_allocations(void);

/* Run the destructors of a thread's keys. */
void system_end_thread(void **keys);

#endif
