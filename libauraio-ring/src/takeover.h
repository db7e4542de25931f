/* SPDX-License-Identifier: MIT */
/*
 * Threads' own rings (THREAD_LOCAL) while their owners live: that the owner is in a call, and what becomes of
 * them when another thread settles the group. See takeover.c. Included by ring-private.h.
 */
#ifndef AURAIO_RING_TAKEOVER_H
#define AURAIO_RING_TAKEOVER_H

/* Calls that may accept operations are counted apart from others. */
enum inside { INSIDE_CALL = 1, INSIDE_SUBMITTING = 1 << 16 };

bool ring_enter_taken(struct ring *ring, enum inside call);

/*
 * The owner is in a call from here to ring_leave(); calls nest. False: the ring is not the caller's any more.
 * Counted first, looked at second; who takes rings marks first and counts second, with a barrier on every
 * running thread between (or on this one, here): one of them sees the other.
 */
static inline bool ring_enter(struct ring *ring, enum inside call)
{
    if (!ring->of_thread)
        return true;
    int inside = atomic_load_explicit(&ring->inside, memory_order_relaxed);
    atomic_store_explicit(&ring->inside, inside + (int)call, memory_order_relaxed);
    if (ring->group->own_barriers)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    return __builtin_expect(!atomic_load_explicit(&ring->taken, memory_order_relaxed), 1) ||
           ring_enter_taken(ring, call);
}

/* Release: pairs with the look of who takes the ring, which sees all that the owner did. */
static inline void ring_leave(struct ring *ring, enum inside call)
{
    if (!ring->of_thread)
        return;
    int inside = atomic_load_explicit(&ring->inside, memory_order_relaxed);
    atomic_store_explicit(&ring->inside, inside - (int)call, memory_order_release);
}

/* Enter the calling thread's own ring. NULL: it has none. */
static inline struct ring *group_enter(struct ring_group *group)
{
    struct ring *own =
        group->config.select == RING_SELECT_THREAD_LOCAL ? own_ring(group, ring_thread()) : NULL;
    return own && ring_enter(own, INSIDE_CALL) ? own : NULL;
}

static inline void group_leave(struct ring *entered)
{
    if (entered)
        ring_leave(entered, INSIDE_CALL);
}

bool group_must_hand_in(struct ring_group *group);

/* Whether another thread settles the group and waits for the calling one's ring. */
static inline bool group_wants_ring(struct ring_group *group)
{
    uint64_t settler = atomic_load(&group->settler);
    return __builtin_expect(settler != 0, 0) && settler != ring_thread()->id && group_must_hand_in(group);
}

/* The calling thread, which has entered its ring, gives it up for others to drive. */
void group_hand_in(struct ring_group *group);
/* Take the rings whose owners are outside the library. Whether others have operations pending, or may have.
 */
bool group_take_rings(struct ring_group *group);

#endif
