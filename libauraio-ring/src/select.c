/* SPDX-License-Identifier: MIT */
/*
 * Which ring a submission goes to, and creating it on first use. Where a ring cannot be created (descriptors,
 * memory), one that exists takes its place.
 */
#include "ring-private.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

void group_note_ring(struct ring_group *group, const struct ring *ring)
{
    int entries = (int)backend_queue(ring->backend)->entries, smallest = atomic_load(&group->entries);
    if (smallest == 0 || entries < smallest)
        atomic_store(&group->entries, entries);
}

/* A ring that exists, of the nearest node that has one; NULL: none. */
static struct ring *substitute(struct ring_group *group, int node)
{
    struct ring *nearest = NULL;
    int least = INT_MAX;
    for (int i = 0; i < group->ring_count; i++) {
        struct ring *ring = group_ring(group, i);
        int away = ring ? topology_distance(&group->topology, node, ring->node) : INT_MAX;
        if (away < least) {
            nearest = ring;
            least = away;
        }
    }
    return nearest;
}

/* Fewer rings before worse ones: threads only where no ring exists that could do the work. */
static int create_shared(struct ring_group *group, int index, struct ring **ret_ring)
{
    struct ring *ring = NULL, *other = NULL;
    int node = group_ring_node(group, index), rc = ring_new(group, index, node, &ring);
    if (rc == 0)
        rc = ring_open_backend(ring, false);
    if (rc < 0) {
        other = substitute(group, node);
        if (ring && !other)
            rc = ring_open_fallback(ring, false, rc);
    }
    if (rc == 0 && group->epoll_fd >= 0)
        rc = group_watch_ring(group, ring);
    if (rc == 0) {
        group_note_ring(group, ring);
        atomic_store_explicit(&group->rings[index], ring, memory_order_release);
        *ret_ring = ring;
        return 0;
    }
    ring_free(ring, false);
    atomic_store(&group->refused_errno, -rc);
    other = substitute(group, node);
    if (!other)
        return rc;
    atomic_store(&group->route[index], other->index);
    *ret_ring = other;
    return 0;
}

static int shared_ring(struct ring_group *group, int index, struct ring **ret_ring)
{
    index = atomic_load_explicit(&group->route[index], memory_order_relaxed);
    struct ring *ring = group_ring(group, index);
    if (ring) {
        *ret_ring = ring;
        return 0;
    }
    pthread_mutex_lock(&group->rings_lock);
    ring = group_ring(group, index);
    int rc = 0;
    if (ring)
        *ret_ring = ring;
    else
        rc = create_shared(group, index, ret_ring);
    pthread_mutex_unlock(&group->rings_lock);
    return rc;
}

static bool is_full(const struct ring *ring)
{
    return ring && ring_pending(ring) >= ring->group->config.queue_depth;
}

/* A ring that has room, of those as far from @index as @distance says, starting after it; -1: none of a few.
 * The next distance there is goes into *ret_further. */
static int spill_to(const struct ring_group *group, int index, int distance, int *ret_further)
{
    enum { LOOKS = 8 };
    int looks = 0, node = group_ring_node(group, index);
    *ret_further = INT_MAX;
    for (int i = 1; i < group->ring_count; i++) {
        int other = (index + i) % group->ring_count;
        int away = topology_distance(&group->topology, node, group_ring_node(group, other));
        if (away > distance && away < *ret_further)
            *ret_further = away;
        if (away != distance || looks++ >= LOOKS)
            continue;
        if (atomic_load(&group->route[other]) == other && !is_full(group_ring(group, other)))
            return other;
    }
    return -1;
}

/*
 * The ring of this CPU is full: look at a few others, first on its node, then on the nearest ones and so on.
 * A bounded look: when everything is full, the FIFO of the own ring is as good as any.
 */
static int spill_from(struct ring_group *group, int index)
{
    int further;
    for (int distance = TOPOLOGY_NEAR; distance != INT_MAX; distance = further) {
        int other = spill_to(group, index, distance, &further);
        if (other < 0)
            continue;
        atomic_fetch_add_explicit(&group->spills, 1, memory_order_relaxed);
        return other;
    }
    return index;
}

static int ring_of_this_cpu(const struct ring_group *group)
{
    int cpu = sched_getcpu();
    if (cpu < 0)
        cpu = 0;
    return cpu < group->ring_of_cpu_count ? group->ring_of_cpu[cpu] : cpu % group->ring_count;
}

static int select_adaptive(struct ring_group *group, struct ring **ret_ring)
{
    int index = ring_of_this_cpu(group);
    if (__builtin_expect(is_full(group_ring(group, index)), 0))
        index = spill_from(group, index);
    return shared_ring(group, index, ret_ring);
}

/* Inside a callback, and unless it is full: the ring whose batch this thread runs, which is that of its CPU
 * and warm. */
static struct ring *ring_of_frame(const struct ring_group *group)
{
    const struct frame *frame = ring_thread()->frames;
    if (!frame || frame->group != group || is_full(frame->ring))
        return NULL;
    return frame->ring;
}

int group_select(struct ring_group *group, struct ring **ret_ring)
{
    int rc;
    switch (group->config.select) {
    case RING_SELECT_THREAD_LOCAL:
        do
            rc = local_ring(group, true, ret_ring);
        while (rc == 0 && !ring_enter(*ret_ring, INSIDE_SUBMITTING)); /* taken from us: the next one is new */
        return rc;
    case RING_SELECT_ROUND_ROBIN: {
        uint32_t turn = atomic_fetch_add_explicit(&group->next_ring, 1, memory_order_relaxed);
        return shared_ring(group, (int)(turn % (uint32_t)group->ring_count), ret_ring);
    }
    case RING_SELECT_CPU_LOCAL:
        return shared_ring(group, ring_of_this_cpu(group), ret_ring);
    default:
        *ret_ring = ring_of_frame(group);
        return *ret_ring ? 0 : select_adaptive(group, ret_ring);
    }
}
