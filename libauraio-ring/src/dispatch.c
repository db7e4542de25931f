/* SPDX-License-Identifier: MIT */
/*
 * From accepted to the kernel: what is within the limit is pushed at once, the rest waits in a FIFO and
 * follows as completions come in. Everything here runs with the ring's lock.
 */
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <unistd.h>

/*
 * Give every operation that was pushed since the last time its dispatch time: one clock read for all of them.
 * Another thread may have handed some over already. Then one of these may even have completed, without a
 * time, and its slot have been given to another operation; that is given the time when it is pushed itself.
 */
void ring_stamp(struct ring *ring)
{
    struct backend_queue *queue = backend_queue(ring->backend);
    unsigned first = queue->stamped, behind = queue->tail;
    if (first == behind)
        return;
    queue->stamped = behind;
    PROBE4(dispatch, ring->group, ring->index, first, behind);
    int64_t now_ns = ring_now_ns(ring);
    for (int i = 0; i < ring->unstamped_count; i++)
        ring->unstamped[i]->dispatch_ns = now_ns;
    ring->unstamped_count = 0;
}

bool ring_make_room(struct ring *ring, unsigned count)
{
    if (__builtin_expect(backend_room(ring->backend) >= count, 1))
        return true;
    ring_stamp(ring);
    backend_publish(ring->backend);
    (void)ring->ops->submit(ring->backend);
    return backend_room(ring->backend) >= count;
}

void ring_doorbell_again(struct ring *ring)
{
    if (!ring->doorbell && ring_make_room(ring, 1)) {
        ring->doorbell = true;
        ring->ops->push_doorbell(ring->backend);
        backend_publish(ring->backend);
    }
    /* Without room there are submissions whose completions wake as well. But the kernel must have taken them:
     * who sleeps would not try it again. */
    while (backend_is_short(ring->ops->submit(ring->backend)))
        group_pause(ring->group);
}

void ring_doorbell(struct ring *ring)
{
    sleepers_wake(&ring->sleepers);
    ring_doorbell_again(ring);
}

/* Linux before 6.9 has no asynchronous ftruncate: it runs here. */
static bool runs_inline(struct ring *ring, struct ring_slot *slot)
{
    if (ring->group->kernel_features & RING_FEATURE_FTRUNCATE)
        return false;
    int rc = ftruncate(slot->op.fd, slot->op.offset);
    ring_finish(ring, slot, rc < 0 ? -errno : 0);
    return true;
}

void ring_push(struct ring *ring, struct ring_slot *slot, unsigned how)
{
    if (slot->op.opcode == RING_OP_FTRUNCATE && runs_inline(ring, slot))
        return;
    if (ring->unstamped_count == BATCH_MAX)
        ring_stamp(ring);
    ring->ops->push(ring->backend, slot, ring_registered(ring, slot), how);
    slot_set_state(slot, SLOT_KERNEL);
    ring_note_push(ring, slot);
    lane_count_in_kernel(&ring->lanes[slot->lane], 1);
    if (slot->slot_class == SLOT_STORAGE && slot->flags & SLOT_CLASS_SURE)
        ring->sure++;
}

/*
 * Whether the kernel may run the chain in order by itself. It forgets links at the end of what one call hands
 * over, so not while a call under way could stop in the middle of the chain (a sleeper that hands over what
 * it counted before, the SQPOLL thread, a full queue); and it does not let go of a member that has not
 * started, so not when one of them may wait for ever, or has a deadline, or runs here.
 */
static bool goes_whole(struct ring *ring, const struct ring_slot *first, int count)
{
    if (ring->group->config.sqpoll || (!ring->local && atomic_load(&ring->group->sleepers) > 0))
        return false;
    for (const struct ring_slot *slot = first; slot; slot = slot->chain)
        if (slot->slot_class != SLOT_STORAGE || slot->heap_place || slot->op.opcode == RING_OP_FTRUNCATE)
            return false;
    return ring_make_room(ring, (unsigned)count);
}

/* Push a chain whole, or its first member: the others then follow from here, step by step. */
static void push_chain(struct ring *ring, struct ring_slot *first, int count)
{
    if (!goes_whole(ring, first, count)) {
        ring_push(ring, first, 0);
        return;
    }
    struct ring_slot *next;
    for (struct ring_slot *slot = first; slot; slot = next) {
        next = slot->chain;
        ring_push(ring, slot, next ? BACKEND_PUSH_LINK : 0);
    }
}

/* A chain longer than the limit goes when nothing else is there, and so do operations for which there are no
 * credits, one by one: so none starves, and its completion has the ring ask again. */
static bool fits(struct ring *ring, struct ring_lane *lane, int count)
{
    if (lane_in_kernel(lane) + count > lane->limit && lane != &ring->lanes[LANE_STREAM])
        ring_take_credits(ring, lane, count);
    return lane_in_kernel(lane) + count <= lane->limit || lane_in_kernel(lane) == 0;
}

static void push_admitted(struct ring *ring, struct ring_slot *first, int count)
{
    if (count > 1)
        push_chain(ring, first, count);
    else
        ring_push(ring, first, 0);
    backend_publish(ring->backend);
}

void ring_admit(struct ring *ring, struct ring_slot *first, int count)
{
    struct ring_lane *lane = &ring->lanes[first->lane];
    for (struct ring_slot *slot = first->chain; slot; slot = slot->chain) {
        slot_set_state(slot, SLOT_HELD);
        if (slot->lane != LANE_STREAM && first->lane != LANE_STREAM)
            slot->lane = first->lane; /* a chain is admitted as a whole */
    }
    bool may_go = !ring->closing && !lane->queued.head && fits(ring, lane, count);
    if (may_go && ring_make_room(ring, 1)) {
        push_admitted(ring, first, count);
        return;
    }
    if (may_go)
        ring->owed = true;
    first->room = (uint16_t)count;
    ring_enqueue(ring, first, false);
    /* The limit may be taken by operations that only look like storage because their descriptor number was
     * that of a file before. Looking costs a system call each, so it is spread over as many completions. */
    if (first->lane != LANE_STREAM && ring_unsure(ring) > 0 &&
        ring->completions_since_look >= lane_in_kernel(lane)) {
        ring_verify_classes(ring);
        ring_dispatch_queued(ring);
    }
}

void ring_again(struct ring *ring, struct ring_slot *slot)
{
    slot->flags &= (uint16_t)~SLOT_DIRECT;
    if (slot->flags & SLOT_STOPPED) {
        ring_finish(ring, slot, slot_stopped_result(slot));
        return;
    }
    if (!ring->closing && ring_make_room(ring, 1)) {
        ring_push(ring, slot, 0);
        backend_publish(ring->backend);
        return;
    }
    slot->room = 1;
    ring_enqueue(ring, slot, true);
}

void ring_settle(struct ring *ring)
{
    if (!ring->done.head)
        return;
    /* Full barrier between the mark and the look at the sleepers: pairs with the one in ring_group_wait()
     * between counting itself and looking for marks. */
    atomic_exchange(&ring->has_done, true);
    if (ring->local) { /* its only sleeper is who runs this, but for its poll descriptor */
        uint64_t one = 1;
        if (ring->notify_fd >= 0)
            (void)!write(ring->notify_fd, &one, sizeof(one));
        return;
    }
    if (atomic_load(&ring->group->sleepers) > 0 || atomic_load(&ring->group->poll_fd_used))
        ring_doorbell(ring);
}

void ring_dispatch_queued(struct ring *ring)
{
    if (ring->closing || ring->queued_count == 0)
        return;
    for (int i = 0; i < ring->lanes_used; i++) {
        struct ring_lane *lane = &ring->lanes[i];
        struct ring_slot *first;
        lane->bound = lane->bound || lane->queued_count > 0;
        while ((first = lane->queued.head) && fits(ring, lane, (int)first->room)) {
            if (!ring_make_room(ring, 1)) {
                ring->owed = true; /* no completion has to come that would go on with it */
                return;
            }
            ring_dequeue(ring, first);
            push_admitted(ring, first, (int)first->room);
        }
    }
}
