/* SPDX-License-Identifier: MIT */
/*
 * The end of threads' own rings (THREAD_LOCAL) while their owners live.
 *
 * Who settles a group needs what other threads have pending. An owner that is inside a call that drives, or
 * comes to one, hands its ring in: as a thread that ends does, it takes its operations out of the kernel and
 * leaves a ring that any thread may drive. An owner that is outside the library has its ring taken: what has
 * completed is delivered, the rest is torn down, for nobody else may enter that ring.
 *
 * Which of the two it is, is told by `inside`, which costs the owner two plain stores a call. Who takes marks
 * the ring `taken` with the ring's lock, has every running thread pass a barrier, and looks; an owner that
 * finds the mark waits for the lock, and then sees whether the ring is still its own.
 */
#include "local.h"
#include "ring-private.h"

#include <assert.h>

bool ring_enter_taken(struct ring *ring, enum inside call)
{
    ring_leave(ring, call);
    ring_mutex_lock(&ring->lock);
    bool ours = atomic_load(&ring->local);
    if (ours) { /* with the lock nobody looks at it */
        int inside = atomic_load_explicit(&ring->inside, memory_order_relaxed);
        atomic_store_explicit(&ring->inside, inside + (int)call, memory_order_relaxed);
    } else {
        ring_thread()->cached_group = 0;
    }
    ring_mutex_unlock(&ring->lock);
    return ours;
}

bool group_must_hand_in(struct ring_group *group)
{
    struct ring *own = own_ring(group, ring_thread());
    return own && ring_pending(own) > 0;
}

void group_hand_in(struct ring_group *group)
{
    struct ring_thread *thread = ring_thread();
    struct ring *own = own_ring(group, thread);
    assert(atomic_load(&own->inside) > 0 && atomic_load(&own->local));
    local_orphan(own);
    thread->cached_group = 0;
}

/* With the lock: it is nobody's ring any more; every operation gets its result. */
static void tear_down(struct ring *ring)
{
    ring_take_completions(ring);
    ring->ops->close(ring->backend);
    ring->backend = NULL;
    for (int i = 0; i < ring->slab_count; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            struct ring_slot *slot = &slots[place];
            slot->flags |= SLOT_SHUT_DOWN; /* what its predecessor releases is stopped, not dispatched */
            if (slot_state(slot) == SLOT_KERNEL)
                ring_left_kernel(ring, slot);
            else if (slot_state(slot) == SLOT_QUEUED)
                ring_dequeue(ring, slot);
            else
                continue;
            ring_finish(ring, slot, slot_stopped_result(slot));
        }
    }
    (void)ring_mark_active(ring);
}

/* Whether nothing was done because its owner is inside and has operations pending, or is just submitting. Who
 * sleeps there for work to come has none, and may stay. */
static bool take_ring(struct ring *ring)
{
    ring_mutex_lock(&ring->lock);
    bool local = atomic_load(&ring->local);
    atomic_store(&ring->taken, true);
    group_barrier(ring->group);
    int inside = atomic_load(&ring->inside);
    bool pending = ring_pending(ring) > 0,
         busy = local && (inside >= INSIDE_SUBMITTING || (inside > 0 && pending));
    if (local && pending && !busy) {
        pthread_mutex_lock(&ring->mail_lock); /* from here on cancels take the lock */
        atomic_store(&ring->owner, 0);
        atomic_store(&ring->local, false);
        ring->mail_count = 0;
        atomic_store(&ring->has_mail, false);
        pthread_mutex_unlock(&ring->mail_lock);
        tear_down(ring);
    } else {
        atomic_store(&ring->taken, false);
    }
    ring_mutex_unlock(&ring->lock);
    return busy;
}

bool group_take_rings(struct ring_group *group)
{
    bool busy = false;
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        uint64_t owner = ring ? atomic_load(&ring->owner) : 0;
        if (owner != 0 && owner != ring_thread()->id)
            busy = take_ring(ring) || busy;
    }
    return busy;
}
