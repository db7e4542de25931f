/* SPDX-License-Identifier: MIT */
/*
 * Lists of slots, and lanes: what enters the kernel against one limit, and the FIFO of what waits for it.
 *
 * A ring has one lane for streams, bounded by what its completion queue can hold, and one for each storage
 * target. The limit of those is fixed, or with control the credits that the ring holds of the target less
 * what it was asked to give back, and at least one: so an operation by itself asks nobody.
 */
#ifndef AURAIO_RING_LANE_H
#define AURAIO_RING_LANE_H

#include "slot.h"

struct slot_list {
    struct ring_slot *head, *tail;
};

enum { LANE_STREAM = 0, LANE_STORAGE = 1, LANES = LANE_STORAGE + RING_TARGETS };

/* What enters the kernel against one limit. Invariant: with control, kept <= credits, limit is kept or 1. */
struct ring_lane {
    struct slot_list queued; /* the FIFO */
    int queued_count;
    _Atomic int in_kernel; /* any: written by the ring alone */
    int limit;             /* operations that may be in the kernel, at least 1 */
    int credits;           /* taken from the controller and not given back */
    int kept;              /* of those, what it was not asked to give back */
    bool bound;            /* the limit has held operations back since the last report */
    bool wanting;          /* the controller was asked for more than it gave */
} __attribute__((aligned(64)));

static inline void slot_list_append(struct slot_list *list, struct ring_slot *slot)
{
    slot->next = NULL;
    slot->prev = list->tail;
    if (list->tail)
        list->tail->next = slot;
    else
        list->head = slot;
    list->tail = slot;
}

static inline void slot_list_prepend(struct slot_list *list, struct ring_slot *slot)
{
    slot->prev = NULL;
    slot->next = list->head;
    if (list->head)
        list->head->prev = slot;
    else
        list->tail = slot;
    list->head = slot;
}

static inline void slot_list_remove(struct slot_list *list, struct ring_slot *slot)
{
    if (slot->prev)
        slot->prev->next = slot->next;
    else
        list->head = slot->next;
    if (slot->next)
        slot->next->prev = slot->prev;
    else
        list->tail = slot->prev;
}

/* The lane of a class; META goes with the streams: it does not count either. */
static inline uint8_t lane_of(enum slot_class slot_class, int target)
{
    return (uint8_t)(slot_class == SLOT_STORAGE ? LANE_STORAGE + target : LANE_STREAM);
}

static inline int lane_in_kernel(const struct ring_lane *lane)
{
    return atomic_load_explicit(&lane->in_kernel, memory_order_relaxed);
}

static inline void lane_count_in_kernel(struct ring_lane *lane, int by)
{
    atomic_store_explicit(&lane->in_kernel, lane_in_kernel(lane) + by, memory_order_relaxed);
}

#endif
