/* SPDX-License-Identifier: MIT */
/* A ring's object: its slots, its backend, its invariants. */
#include "fds.h"
#include "numa.h"
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int ring_new(struct ring_group *group, int index, int node, struct ring **ret_ring)
{
    /* In pages of its own, which may have been used before. */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (sizeof(struct ring) + page - 1) / page * page;
    struct ring *ring = aligned_alloc(page, bytes);
    if (!ring)
        return -ENOMEM;
    ring_numa_place(ring, bytes, node);
    *ring = (struct ring){.group = group, .index = index, .node = node, .lanes_used = LANE_STORAGE + 1};
    static const _Atomic int never;
    ring->clock.system = group->config.system;
    ring->watched = group->config.control ? group->config.control->watched : &never;
    for (int i = LANE_STORAGE; i < LANES; i++)
        ring->lanes[i].limit = group->config.control ? 1 : group->config.limit;
    ring->bell_fd = ring->notify_fd = -1;
    for (int i = 0; i < CLASS_CACHE; i++)
        ring->classes[i].fd = -1;
    pthread_mutex_init(&ring->mail_lock, NULL);
    *ret_ring = ring;
    return 0;
}

/*
 * Completions that may wait to be reaped at a time: one and one cancel for each operation in the kernel.
 */
static int completions_for(int queue_depth)
{
    int wanted = COMPLETIONS_MIN;
    while (wanted < 8 * queue_depth && wanted < COMPLETIONS_MAX)
        wanted *= 2;
    return wanted;
}

/*
 * How many of those are for storage: a full queue of one target, or with control, which keeps targets apart,
 * of four, when that leaves the streams half. Streams get what storage leaves.
 */
static int storage_room(const struct ring_config *config, int completions)
{
    int depth = config->queue_depth, room = 4 * depth;
    if (!config->control)
        return depth;
    if (room > completions / 4)
        room = completions / 4;
    return room > depth + RING_TARGETS ? room : depth + RING_TARGETS;
}

/*
 * The kernel's workers belong to the thread that submits, or to that which polls the submissions. So the
 * poller's are told to stay on the ring's node, and those of a thread with a ring of its own when it is bound
 * to that; a shared ring's other submitters have workers of their own, where the kernel puts them.
 */
static void place_threads(const struct ring *ring, bool local, struct backend_config *config,
                          struct placement_mask *cpus)
{
    const struct topology *topology = &ring->group->topology;
    config->poller_cpu = -1;
    if (topology->node_count < 2)
        return;
    if (config->sqpoll)
        config->poller_cpu = placement_poller(topology, local ? topology_place_of(topology, sched_getcpu())
                                                              : group_ring_cpu(ring->group, ring->index));
    if (config->sqpoll || (local && placement_is_bound(topology, ring->node))) {
        placement_node(topology, ring->node, cpus);
        config->workers_cpus = cpus;
    }
}

static int open_with(struct ring *ring, const struct backend_ops *ops, bool local)
{
    const struct ring_config *config = &ring->group->config;
    struct backend_config wanted = {
        .entries = config->queue_depth,
        .completions = completions_for(config->queue_depth),
        .owned = local,
        .sqpoll = config->sqpoll,
        .sqpoll_idle_ms = config->sqpoll_idle_ms,
        .workers = config->queue_depth < 64 ? config->queue_depth : 64,
        .context = config->system ? config->system->context : NULL,
    };
    struct placement_mask cpus;
    place_threads(ring, local, &wanted, &cpus);
    int rc = group_share(ring->group, ops, &wanted.shared);
    if (rc < 0)
        return rc;
    struct ring_numa_policy before;
    ring_numa_prefer(ring->node, &before);
    rc = ops->open(&wanted, &ring->backend);
    ring_numa_restore(&before);
    if (rc < 0)
        return rc;
    ring->ops = ops;
    ring->unstamped_count = 0;
    PROBE4(ring_create, ring->group, ring->index, wanted.entries, local);
    int room = wanted.completions / 2, storage = storage_room(config, wanted.completions);
    ring->credits_max = storage - RING_TARGETS; /* one of each target needs no credit */
    if (ring->credits_max < config->queue_depth)
        ring->credits_max = config->queue_depth;
    ring->lanes[LANE_STREAM].limit = room - storage > 64 ? room - storage : 64;
    return 0;
}

int ring_open_backend(struct ring *ring, bool local)
{
    return open_with(ring, ring->group->ops, local);
}

int ring_open_fallback(struct ring *ring, bool local, int error)
{
    struct ring_group *group = ring->group;
    if (group->config.backend != RING_BACKEND_AUTO || group->ops != &backend_uring)
        return error;
    int rc = open_with(ring, &backend_threads, local);
    if (rc == 0)
        atomic_store(&group->fallback_errno, -error);
    return rc < 0 ? error : 0;
}

void ring_free(struct ring *ring, bool in_child)
{
    if (!ring)
        return;
    if (ring->backend && in_child)
        ring->ops->abandon(ring->backend);
    else if (ring->backend)
        ring->ops->close(ring->backend);
    if (ring->bell_fd >= 0)
        fd_close(ring->bell_fd);
    if (ring->notify_fd >= 0)
        fd_close(ring->notify_fd);
    run_queue_close(&ring->run_queue);
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

/* Counters of the lanes agree with their lists and with each other. */
static bool lanes_are_valid(const struct ring *ring, int *ret_count)
{
    int queued = 0, credits = 0;
    for (int i = 0; i < LANES; i++) {
        const struct ring_lane *lane = &ring->lanes[i];
        int listed = 0;
        if (!list_is_valid(&lane->queued, SLOT_QUEUED, &listed) || listed != lane->queued_count ||
            lane_in_kernel(lane) < 0 || lane->credits < 0)
            return false;
        if (ring->group->config.control && i != LANE_STREAM &&
            (lane->kept > lane->credits || lane->limit != (lane->kept > 1 ? lane->kept : 1)))
            return false;
        if ((lane->credits > 0 || lane->wanting) && !ring->parkable)
            return false;
        if (i >= ring->lanes_used && (listed > 0 || lane->credits > 0 || lane_in_kernel(lane) > 0))
            return false;
        queued += listed;
        credits += lane->credits;
    }
    *ret_count += queued;
    return queued == ring->queued_count && credits == ring->credits && credits <= ring->credits_max;
}

/* Counters agree with the lists and with the slots' states. Between batches only: no callback of this ring
 * runs. */
bool ring_check(struct ring *ring)
{
    ring_lock(ring);
    int listed = 0, in_kernel = 0, held = 0, free = 0, sure = 0;
    bool valid = deadlines_are_valid(ring) && lanes_are_valid(ring, &listed) &&
                 list_is_valid(&ring->done, SLOT_DONE, &listed);
    for (int i = 0; valid && i < ring->slab_count; i++) {
        for (uint32_t place = 0; place < SLAB_SLOTS; place++) {
            uint32_t index = ring->slabs[i] << SLAB_SLOT_BITS | place;
            struct ring_slot *slot = slot_at(index);
            if ((slot->handle & ((1u << SLOT_INDEX_BITS) - 1)) != index || slot->ring != ring)
                valid = false;
            in_kernel += slot_state(slot) == SLOT_KERNEL;
            valid = valid && slot->lane < ring->lanes_used;
            bool is_sure = slot->slot_class == SLOT_STORAGE && slot->flags & SLOT_CLASS_SURE;
            valid = valid && !(slot_state(slot) == SLOT_KERNEL && slot->plain &&
                               (is_sure || slot->lane == LANE_STREAM));
            sure += slot_state(slot) == SLOT_KERNEL && is_sure;
            held += slot_state(slot) == SLOT_HELD;
            free += slot_state(slot) == SLOT_FREE;
        }
    }
    valid = valid && sure == ring->sure &&
            in_kernel == lane_in_kernel(&ring->lanes[LANE_STREAM]) + ring_storage_in_kernel(ring) &&
            listed + in_kernel + held == ring_pending(ring) &&
            free + ring_pending(ring) == ring->slab_count * SLAB_SLOTS;
    ring_unlock(ring);
    return valid;
}
