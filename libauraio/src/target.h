/* SPDX-License-Identifier: MIT */
/*
 * One storage target: the controller that finds its limit, the credits that divide it between rings, and what
 * is known of each ring that uses it.
 *
 * Everything is guarded by the target's lock but for what belongs to one ring (its struct target_user, but
 * for `parked`, and whether it wants credits), which only that ring changes, one call at a time.
 */
#ifndef AURAIO_TARGET_H
#define AURAIO_TARGET_H

#include "control.h"

#include <auraio/adapt.h>
#include <pthread.h>

enum { TARGET_RINGS_MAX = 1024, TARGET_KEPT_MAX = 128 };

/* A ring that uses the target. A cache line of its own: parking is on the way of a ring that works now and
 * then. */
struct target_user {
    _Atomic int parked; /* credits that the ring holds and doesn't need; whoever takes them first has them */
    int in_flight;      /* operations in the kernel, at the last report */
    int kept_count;
    bool kept_late;
    auraio_adapt_sample_t kept[TARGET_KEPT_MAX]; /* samples that found the lock taken */
} __attribute__((aligned(64)));

struct target {
    uint64_t device;
    pthread_mutex_t lock;
    _Atomic bool watched; /* the limit holds operations back, or there is a latency target: rings report */
    _Atomic int *watched_count;
    bool resumed;     /* watched anew: the next batch begins at an unknown time */
    int64_t bound_ns; /* when the limit was last seen to hold something back; 0: not since it is watched */
    int64_t p99_target_ns;
    int in_flight; /* sum over the users */
    int64_t samples, late_samples;
    auraio_adapt_t adapt;
    auraio_adapt_share_t share;
    int user_count; /* entries of the arrays below that may be in use */
    auraio_adapt_share_user_t shares[TARGET_RINGS_MAX];
    _Atomic(struct target_user *) users[TARGET_RINGS_MAX];
};

/* 0 or -ENOMEM. */
int target_create(uint64_t device, const struct control_options *options, _Atomic int *watched_count,
                  struct target **ret_target);
/* NULL ok. */
void target_destroy(struct target *target);

/* The calls of struct ring_control, for one target. */
int target_take(struct target *target, int ring, int want);
void target_give(struct target *target, int ring, int credits);
void target_park(struct target *target, int ring, int credits);
int target_report(struct target *target, int ring, const struct ring_batch *batch);

/* Begin anew with other options, from the limit of now. */
void target_set_options(struct target *target, const struct control_options *options);

bool target_check(struct target *target);

#endif
