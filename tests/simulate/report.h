/* SPDX-License-Identifier: MIT */
/* What a run says: the trace of a schedule, and the failure that ends it. */
#ifndef SIMULATE_REPORT_H
#define SIMULATE_REPORT_H

#include <auraio-ring/world.h>
#include <stdbool.h>
#include <stdint.h>

extern bool report_trace; /* print every step */

/* A seed begins. */
void report_begin(uint64_t seed, const struct world *world);

/* A step of the schedule; part of the digest. */
void report_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What the world tells: see struct world_hooks. */
void report_event(void *unused, enum world_event event, uint64_t key, int64_t value);

/* An invariant does not hold: say which, with the seed and how to see it again, and end the process. */
_Noreturn void report_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number that two runs of a seed have in common, and different schedules do not. */
uint64_t report_digest(void);

#endif
