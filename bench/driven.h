/* SPDX-License-Identifier: MIT */
/*
 * Many submitters, one driver: each lane submits, one more thread takes the completions of all and hands the
 * slots back. What the two peers of this kind have in common.
 */
#ifndef BENCH_DRIVEN_H
#define BENCH_DRIVEN_H

#include <pthread.h>

#include "mailbox.h"
#include "peer.h"

enum { DRIVEN_SLOTS = 256 }; /* a lane's, at most */

struct driven_lane;

struct driven_slot {
    struct driven_lane *lane;
    unsigned number;
    unsigned bytes; /* of the read in flight */
};

/* What a peer of this kind shares begins with the lanes: the driver may still be about to look whether a lane
 * sleeps when that has got all its slots back, so they live until the driver has ended. */
struct driven {
    pthread_mutex_t lock;
    struct driven_lane *lanes; /* under the lock */
    pthread_t driver;
};

struct driven_lane {
    struct driven_lane *next;
    struct lane *lane;
    struct driven *driven;
    struct mailbox mailbox;
    atomic_int error; /* the first a completion told */
    struct driven_slot slots[DRIVEN_SLOTS];
};

/* Submit a read for each of these slots, together. Returns 0 or a negative errno. */
typedef int (*driven_submit_t)(struct driven_lane *lane, const unsigned *slots, unsigned count);

void driven_init(struct driven *driven);
/* Waits for the driver, which has been told to end, and frees the lanes. */
void driven_finish(struct driven *driven);

/* A peer's open and close. */
int driven_open(struct lane *lane, void *shared, void **ret_state);
void driven_close(void *state);

int driven_run(struct driven_lane *lane, uint64_t ops, driven_submit_t submit);

/* The driver's side: a completion. */
void driven_complete(struct driven_slot *slot, long result);

#endif
