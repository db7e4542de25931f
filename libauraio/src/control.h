/* SPDX-License-Identifier: MIT */
/*
 * How many operations each storage target gets: see control.c. The facade creates one control for each engine
 * and hands its ring_control to the ring group, which must be destroyed first.
 */
#ifndef AURAIO_CONTROL_H
#define AURAIO_CONTROL_H

#include <auraio-ring/ring.h>
#include <auraio.h>

struct control;

struct control_options {
    int min_limit, max_limit, initial_limit; /* operations; 1 <= min, initial <= max */
    int64_t p99_target_ns;                   /* 0: none */
};

/* 0 or -ENOMEM. */
int control_create(const struct control_options *options, struct control **ret_control);
/* NULL ok. */
void control_destroy(struct control *control);

/* What the ring group is configured with; lives as long as the control. */
const struct ring_control *control_of_rings(const struct control *control);

/* The rest from any thread. @target_ns 0: none. */
void control_set_p99_target(struct control *control, int64_t target_ns);
int control_target_count(const struct control *control);
/* @target below the count. */
void control_target_stats(const struct control *control, int target, auraio_target_stats_t *ret_stats);
int control_decisions(const struct control *control, int target, auraio_decision_t *out, int max);

/* What a ring may have in the kernel of the target it uses most, and that target's AURAIO_PHASE_*. */
struct control_share {
    int limit;
    int phase;
};
void control_ring_share(const struct control *control, int ring, struct control_share *ret_share);

/* The limits the controllers believe in, over the targets that have been used. */
int control_optimum(const struct control *control);

/* Invariant walker, for tests. */
bool control_check(const struct control *control);

#endif
