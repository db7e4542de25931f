/* SPDX-License-Identifier: MIT */
/* A ring's object: its slots, its backend, its invariants. */
#include "numa.h"
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int ring_new(struct ring_group *group, int index, int node, struct ring **ret_ring)
{
    struct ring *ring = aligned_alloc(64, (sizeof(*ring) + 63) / 64 * 64);
    if (!ring)
        return -ENOMEM;
    *ring = (struct ring){.group = group, .index = index, .node = node, .limit = group->config.limit};
    ring->bell_fd = ring->notify_fd = -1;
    for (int i = 0; i < CLASS_CACHE; i++)
        ring->classes[i].fd = -1;
    pthread_mutex_init(&ring->mail_lock, NULL);
    *ret_ring = ring;
    return 0;
}

/*
 * Completions that may wait to be reaped at a time: one and one cancel for each operation in the kernel.
 * Streams get what storage leaves of it.
 */
static int completions_for(int queue_depth)
{
    int wanted = COMPLETIONS_MIN;
    while (wanted < 8 * queue_depth && wanted < COMPLETIONS_MAX)
        wanted *= 2;
    return wanted;
}

int ring_open_backend(struct ring *ring, bool local)
{
    const struct ring_config *config = &ring->group->config;
    struct backend_config wanted = {
        .entries = config->queue_depth,
        .completions = completions_for(config->queue_depth),
        .owned = local,
        .sqpoll = config->sqpoll,
        .sqpoll_idle_ms = config->sqpoll_idle_ms,
        .workers = config->queue_depth < 64 ? config->queue_depth : 64,
    };
    struct ring_numa_policy before;
    ring_numa_prefer(ring->node, &before);
    int rc = ring->group->ops->open(&wanted, &ring->backend);
    ring_numa_restore(&before);
    if (rc < 0)
        return rc;
    int streams = wanted.completions / 2 - config->queue_depth;
    ring->stream_limit = streams > 64 ? streams : 64;
    return 0;
}

void ring_free(struct ring *ring, bool in_child)
{
    if (!ring)
        return;
    if (in_child)
        ring->group->ops->abandon(ring->backend);
    else
        ring->group->ops->close(ring->backend);
    if (ring->bell_fd >= 0)
        close(ring->bell_fd);
    if (ring->notify_fd >= 0)
        close(ring->notify_fd);
    ring_drop_tables(ring);
    for (int i = 0; i < ring->slab_count; i++)
        slab_retire(ring->slabs[i]);
    pthread_mutex_destroy(&ring->mail_lock);
    free(ring->slabs);
    free(ring->deadlines);
    free(ring->mail);
    free(ring);
}

/* Room in the mailbox for a cancel of every slot, so that a cancel never fails for lack of memory. */
static int grow_mail(struct ring *ring, int slots)
{
    int rc = 0;
    pthread_mutex_lock(&ring->mail_lock);
    ring_handle_t *mail = realloc(ring->mail, (size_t)slots * sizeof(*mail));
    if (mail) {
        ring->mail = mail;
        ring->mail_room = slots;
    } else {
        rc = -ENOMEM;
    }
    pthread_mutex_unlock(&ring->mail_lock);
    return rc;
}

static int add_slab(struct ring *ring)
{
    uint32_t *slabs = realloc(ring->slabs, (size_t)(ring->slab_count + 1) * sizeof(*slabs));
    if (!slabs)
        return -ENOMEM;
    ring->slabs = slabs;
    if (ring->local) {
        int rc = grow_mail(ring, (ring->slab_count + 1) * SLAB_SLOTS);
        if (rc < 0)
            return rc;
    }
    struct ring_slot *slots;
    int rc = slab_acquire(ring, ring->node, &slots, &ring->slabs[ring->slab_count]);
    if (rc < 0)
        return rc;
    ring->slab_count++;
    for (int i = SLAB_SLOTS - 1; i >= 0; i--) {
        slots[i].next = ring->free;
        ring->free = &slots[i];
    }
    return 0;
}

int ring_take_slots(struct ring *ring, int count, struct ring_slot **ret_slots)
{
    for (int i = 0; i < count; i++) {
        int rc = ring->free ? 0 : add_slab(ring);
        if (rc < 0) {
            while (i-- > 0)
                ring_give_slot(ring, ret_slots[i]);
            return rc;
        }
        ret_slots[i] = ring->free;
        ring->free = ring->free->next;
    }
    return 0;
}

static bool list_is_valid(const struct slot_list *list, enum slot_state state, int *ret_count)
{
    const struct ring_slot *before = NULL;
    for (const struct ring_slot *slot = list->head; slot; before = slot, slot = slot->next) {
        if (slot->prev != before || slot_state(slot) != state)
            return false;
        ++*ret_count;
    }
    return list->tail == before;
}

static bool deadlines_are_valid(const struct ring *ring)
{
    for (uint32_t i = 0; i < ring->deadline_count; i++) {
        if (ring->deadlines[i]->heap_place != i + 1)
            return false;
        if (i > 0 && ring->deadlines[(i - 1) / 2]->deadline_ns > ring->deadlines[i]->deadline_ns)
            return false;
    }
    return true;
}

/* Counters agree with the lists and with the slots' states. Between batches only: no callback of this ring
 * runs. */
bool ring_check(struct ring *ring)
{
    ring_lock(ring);
    int listed = 0, in_kernel = 0, held = 0, free = 0, unsure = 0;
    bool valid = deadlines_are_valid(ring) && list_is_valid(&ring->queued[0], SLOT_QUEUED, &listed) &&
                 list_is_valid(&ring->queued[1], SLOT_QUEUED, &listed) &&
                 list_is_valid(&ring->done, SLOT_DONE, &listed);
    for (int i = 0; valid && i < ring->slab_count; i++) {
        for (uint32_t place = 0; place < SLAB_SLOTS; place++) {
            uint32_t index = ring->slabs[i] << SLAB_SLOT_BITS | place;
            struct ring_slot *slot = slot_at(index);
            if ((slot->handle & ((1u << SLOT_INDEX_BITS) - 1)) != index || slot->ring != ring)
                valid = false;
            in_kernel += slot_state(slot) == SLOT_KERNEL;
            unsure += slot_state(slot) == SLOT_KERNEL && slot->slot_class == SLOT_STORAGE &&
                      !(slot->flags & SLOT_CLASS_SURE);
            held += slot_state(slot) == SLOT_HELD;
            free += slot_state(slot) == SLOT_FREE;
        }
    }
    valid = valid && unsure == ring->unsure &&
            in_kernel == ring_in_kernel(ring, 0) + ring_in_kernel(ring, 1) &&
            listed + in_kernel + held == ring_pending(ring) &&
            free + ring_pending(ring) == ring->slab_count * SLAB_SLOTS && ring_in_kernel(ring, 0) >= 0 &&
            ring_in_kernel(ring, 1) >= 0;
    ring_unlock(ring);
    return valid;
}
