/* SPDX-License-Identifier: MIT */
/* What others need of local.c, and who holds a ring that a thread has left. */
#ifndef AURAIO_RING_LOCAL_H
#define AURAIO_RING_LOCAL_H

#include "ring-private.h"

void local_registry_lock(void);
void local_registry_unlock(void);

/* Make the calling thread's ring one that any thread may drive. */
void local_orphan(struct ring *ring);
void local_group_born(struct ring_group *group);
void local_group_gone(struct ring_group *group);
void local_read_mail(struct ring *ring);

/* Orphans that have left the bitmap, completed, keep no descriptors. Called without locks. */
void local_clean_up(struct ring_group *group);
static inline void local_clean_up_if_needed(struct ring_group *group)
{
    if (__builtin_expect(atomic_load_explicit(&group->has_idle_orphans, memory_order_relaxed), 0))
        local_clean_up(group);
}

int local_post_cancel(struct ring *ring, ring_handle_t handle);
void local_ring_bell(struct ring *ring);

/* A thread left it, others drive it: not to be another thread's own for now. See clean_up(). */
static inline void ring_hold(struct ring *ring)
{
    atomic_fetch_add(&ring->holders, 1);
}

static inline void ring_release(struct ring *ring)
{
    atomic_fetch_sub(&ring->holders, 1);
}

#endif
