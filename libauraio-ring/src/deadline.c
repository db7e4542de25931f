/* SPDX-License-Identifier: MIT */
/*
 * Timeouts of operations: a heap by deadline, and one kernel timer set to the earliest, whose completion
 * wakes whoever waits and makes the poll descriptor readable. It covers the time in the FIFO as well as the
 * time in the kernel.
 */
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void put(struct ring *ring, uint32_t place, struct ring_slot *slot)
{
    ring->deadlines[place] = slot;
    slot->heap_place = place + 1;
}

static void sift_up(struct ring *ring, uint32_t place, struct ring_slot *slot)
{
    while (place > 0 && ring->deadlines[(place - 1) / 2]->deadline_ns > slot->deadline_ns) {
        put(ring, place, ring->deadlines[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(ring, place, slot);
}

static void sift_down(struct ring *ring, uint32_t place, struct ring_slot *slot)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= ring->deadline_count)
            break;
        if (child + 1 < ring->deadline_count &&
            ring->deadlines[child + 1]->deadline_ns < ring->deadlines[child]->deadline_ns)
            child++;
        if (ring->deadlines[child]->deadline_ns >= slot->deadline_ns)
            break;
        put(ring, place, ring->deadlines[child]);
        place = child;
    }
    put(ring, place, slot);
}

int deadline_add(struct ring *ring, struct ring_slot *slot)
{
    if (ring->deadline_count == ring->deadline_room) {
        uint32_t room = ring->deadline_room ? 2 * ring->deadline_room : 64;
        struct ring_slot **grown = realloc(ring->deadlines, room * sizeof(struct ring_slot *));
        if (!grown)
            return -ENOMEM;
        ring->deadlines = grown;
        ring->deadline_room = room;
    }
    sift_up(ring, ring->deadline_count++, slot);
    return 0;
}

void deadline_remove(struct ring *ring, struct ring_slot *slot)
{
    assert(slot->heap_place > 0 && ring->deadlines[slot->heap_place - 1] == slot);
    uint32_t place = slot->heap_place - 1;
    struct ring_slot *last = ring->deadlines[--ring->deadline_count];
    slot->heap_place = 0;
    if (last == slot)
        return;
    if (place > 0 && ring->deadlines[(place - 1) / 2]->deadline_ns > last->deadline_ns)
        sift_up(ring, place, last);
    else
        sift_down(ring, place, last);
}

void deadline_arm(struct ring *ring)
{
    if (ring->deadline_count == 0 || ring->closing)
        return;
    int64_t earliest = ring->deadlines[0]->deadline_ns;
    if (ring->timer_ns && ring->timer_ns <= earliest)
        return;
    if (!ring_make_room(ring, 1))
        return; /* the queue is full of operations: the next completion arms it */
    ring->ops->push_timer(ring->backend, earliest, ring->timer_ns != 0);
    backend_publish(ring->backend);
    ring->timer_ns = earliest;
}

void deadline_expire(struct ring *ring, int64_t now_ns)
{
    while (ring->deadline_count > 0 && ring->deadlines[0]->deadline_ns <= now_ns) {
        struct ring_slot *slot = ring->deadlines[0];
        deadline_remove(ring, slot);
        ring_stop_slot(ring, slot, SLOT_EXPIRED);
    }
}
