/* SPDX-License-Identifier: MIT */
/*
 * Stopping operations: what waits in a FIFO or for its predecessor finishes at once, what is in the kernel is
 * asked to. The kernel finds its target by handle, generation included, so a late cancel never hits another
 * operation.
 */
#include "local.h"
#include "ring-private.h"

#include <assert.h>
#include <errno.h>

/* Ask the kernel. False: it takes nothing now, and ring_stop_again() has to try later. */
static bool push_stop(struct ring *ring, const struct ring_slot *slot)
{
    if (!ring_make_room(ring, 1))
        return false;
    ring->ops->push_cancel(ring->backend, slot->handle);
    backend_publish(ring->backend);
    return true;
}

void ring_stop_again(struct ring *ring)
{
    ring->stop_owed = false;
    for (int i = 0; i < ring->slab_count; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++)
            if (slot_state(&slots[place]) == SLOT_KERNEL && slots[place].flags & SLOT_STOPPED &&
                !push_stop(ring, &slots[place])) {
                ring->stop_owed = true;
                return;
            }
    }
}

void ring_stop_slot(struct ring *ring, struct ring_slot *slot, uint16_t flag)
{
    slot->flags |= flag;
    switch (slot_state(slot)) {
    case SLOT_QUEUED:
        ring_dequeue(ring, slot);
        ring_finish(ring, slot, slot_stopped_result(slot));
        break;
    case SLOT_HELD:
        ring_finish(ring, slot, slot_stopped_result(slot));
        break;
    default: /* nothing else can be stopped */
        assert(slot_state(slot) == SLOT_KERNEL);
        if (!push_stop(ring, slot))
            ring->stop_owed = true;
        break;
    }
}

int ring_cancel(struct ring *ring, ring_handle_t handle)
{
    enum slot_state state;
    struct ring_slot *slot = slot_find(handle, &state);
    if (!slot || state == SLOT_DONE || state == SLOT_CALLBACK || slot->flags & SLOT_CANCEL_ASKED)
        return -EALREADY;
    ring_stop_slot(ring, slot, SLOT_CANCEL_ASKED);
    return 0;
}

/* With the lock. */
static int cancel_here(struct ring *ring, ring_handle_t handle)
{
    int rc = ring_cancel(ring, handle);
    if (rc == 0) {
        ring_settle(ring);
        ring_stamp(ring);
    }
    return rc;
}

/* A shared ring, or one that was shared a moment ago (-EAGAIN): a thread may take one that another has left.
 */
static int cancel_in_shared(struct ring *ring, ring_handle_t handle)
{
    int rc = -EAGAIN;
    ring_hold(ring);
    ring_mutex_lock(&ring->lock);
    if (!atomic_load(&ring->local))
        rc = cancel_here(ring, handle);
    ring_mutex_unlock(&ring->lock);
    if (rc == 0)
        ring_hand_over(ring);
    ring_release(ring);
    return rc;
}

int ring_group_cancel(struct ring_group *group, ring_handle_t handle)
{
    enum slot_state state;
    struct ring_slot *slot = slot_find(handle, &state);
    if (!slot)
        return slot_was_handle(handle) ? -EALREADY : -EINVAL;
    struct ring *ring = slot->ring;
    if (ring->group != group)
        return -EINVAL;
    int rc = -EAGAIN;
    if (atomic_load(&ring->owner) == ring_thread()->id && ring_enter(ring, INSIDE_CALL)) {
        ring_lock(ring);
        rc = cancel_here(ring, handle);
        ring_unlock(ring);
        if (rc == 0)
            ring_hand_over(ring);
        ring_leave(ring, INSIDE_CALL);
    }
    while (rc == -EAGAIN) /* its owner may end, and another take it, at any moment */
        rc = atomic_load(&ring->local) ? local_post_cancel(ring, handle) : cancel_in_shared(ring, handle);
    return rc;
}
