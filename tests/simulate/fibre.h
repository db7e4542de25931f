/* SPDX-License-Identifier: MIT */
/*
 * Virtual threads: fibres on one OS thread, which of them runs next drawn from a seed. A fibre gives way
 * where it blocks and at points (system calls, locks, before and after calls of the library). What the
 * library keeps for each thread follows the fibre: at a switch its thread-local variables are exchanged.
 *
 * The idle fibre runs when no other can and nothing will ever happen in the world: whoever sleeps then has
 * missed a wake-up, or was never to be woken.
 */
#ifndef SIMULATE_FIBRE_H
#define SIMULATE_FIBRE_H

#include <auraio-ring/world.h>
#include <stdbool.h>
#include <stdint.h>

enum { FIBRES_MAX = 5, FIBRE_KEYS = 8 };

/* Hooks for the world that fibres live in. */
extern const struct world_hooks fibre_hooks;

/* Forget all fibres; switches are drawn from @seed from now on. */
void fibres_begin(struct world *world, uint64_t seed);

/* A fibre that runs @run(@argument); the first one is the idle one. Returns its number, from 0. */
int fibre_start(void (*run)(void *argument), void *argument);

/* Run them until all have ended. */
void fibres_run(void);

/* The running fibre; -1: none. */
int fibre_current(void);

bool fibre_has_ended(int fibre);

/* Give way now and then, or in any case. */
void fibre_point(void *unused);
void fibre_yield(void);

/* Sleep until @ready(@subject). */
void fibre_block(bool (*ready)(void *subject), void *subject);

/* Sleep until the world stands still: of the idle fibre. */
void fibre_idle(void);

/* Values of thread-specific keys of the running fibre; see system.c. */
void **fibre_key_values(void);

/* Whether calls may fail now: set while the fibre is in the library, not in callbacks. Returns what was. */
bool fibre_set_inside(bool inside);
bool fibre_is_inside(void);

/* The CPU that the fibre is on. */
int fibre_cpu(void);

/* How often fibres were switched since fibres_begin(). */
uint64_t fibre_switches(void);

#endif
