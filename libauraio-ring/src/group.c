/* SPDX-License-Identifier: MIT */
/*
 * The table of rings: which ring a submission goes to, creating it on first use, accepting operations, and
 * the end of it all.
 */
#include "annotate.h"
#include "fds.h"
#include "numa.h"
#include "local.h"
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static _Atomic uint64_t group_ids;

/* ------------------------------------------------------------------ create */

/* Not more rings than descriptors allow: half of what the limit leaves. */
static int rings_for(const struct ring_config *config, const struct topology *topology)
{
    int count = config->ring_count;
    if (count == 0)
        count = config->select == RING_SELECT_THREAD_LOCAL ? RINGS_MAX : topology_parallelism(topology);
    struct rlimit files;
    if (config->ring_count == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur / 2 < (rlim_t)count)
        count = (int)(files.rlim_cur / 2);
    if (count > RINGS_MAX)
        count = RINGS_MAX;
    return count > 0 ? count : 1;
}

/* CPUs share rings evenly, neighbours of a node together. */
static int map_cpus(struct ring_group *group)
{
    const struct topology *topology = &group->topology;
    int highest = 0;
    for (int i = 0; i < topology->cpu_count; i++)
        if (topology->cpus[i].cpu > highest)
            highest = topology->cpus[i].cpu;
    group->ring_of_cpu_count = highest + 1;
    group->ring_of_cpu = malloc((size_t)group->ring_of_cpu_count * sizeof(int));
    if (!group->ring_of_cpu)
        return -ENOMEM;
    int rings = group->ring_count < topology->cpu_count ? group->ring_count : topology->cpu_count;
    for (int cpu = 0; cpu <= highest; cpu++)
        group->ring_of_cpu[cpu] = cpu % rings;
    for (int i = 0; i < topology->cpu_count; i++)
        group->ring_of_cpu[topology->cpus[i].cpu] = (int)((long)i * rings / topology->cpu_count);
    return 0;
}

int group_ring_cpu(const struct ring_group *group, int index)
{
    const struct topology *topology = &group->topology;
    if (group->ring_count >= topology->cpu_count)
        return index % topology->cpu_count;
    return (int)(((long)index * topology->cpu_count + group->ring_count - 1) / group->ring_count);
}

int group_share(struct ring_group *group, const struct backend_ops *ops, struct backend_shared **ret_shared)
{
    enum { DEPTH_MIN = 4 };
    int depth = group->config.queue_depth, rc = 0;
    if (!ops->share)
        return 0;
    pthread_mutex_lock(&group->shared_lock);
    if (!group->shared)
        rc = ops->share(depth > DEPTH_MIN ? depth : DEPTH_MIN, &group->shared);
    if (rc == 0)
        *ret_shared = group->shared;
    pthread_mutex_unlock(&group->shared_lock);
    return rc;
}

/* Whether the kernel lets us, with the flags that will be used, before anybody relies on it. */
static int probe_backend(struct ring_group *group)
{
    struct backend_config smallest = {
        .entries = 1,
        .completions = 2,
        .owned = is_thread_local(group),
        .sqpoll = group->config.sqpoll,
        .sqpoll_idle_ms = group->config.sqpoll_idle_ms,
        .workers = 1,
        .poller_cpu = -1,
        .context = group->config.system ? group->config.system->context : NULL,
    };
    struct backend *backend;
    int rc = group_share(group, group->ops, &smallest.shared);
    if (rc == 0)
        rc = group->ops->open(&smallest, &backend);
    if (rc < 0)
        return rc;
    group->kernel_features = group->ops->features(backend);
    if (ring_numa_available())
        group->kernel_features |= RING_FEATURE_NUMA;
    group->ops->close(backend);
    return 0;
}

/* io_uring, or threads where it is refused for whatever reason. */
static int choose_backend(struct ring_group *group)
{
    if (group->config.system) {
        group->ops = group->config.system->backend;
        return probe_backend(group);
    }
    group->ops = group->config.backend == RING_BACKEND_THREADS ? &backend_threads : &backend_uring;
    int rc = probe_backend(group);
    if (rc == 0 || group->config.backend != RING_BACKEND_AUTO)
        return rc;
    atomic_store(&group->fallback_errno, -rc);
    group->ops = &backend_threads;
    return probe_backend(group);
}

static void group_free(struct ring_group *group, bool in_child)
{
    for (int i = 0; group->rings && i < group->ring_count; i++)
        ring_free(group_ring(group, i), in_child);
    backend_threads.unshare(group->shared, in_child);
    group_drop_tables(group);
    if (group->wake_fd >= 0)
        fd_close(group->wake_fd);
    if (group->epoll_fd >= 0)
        fd_close(group->epoll_fd);
    pthread_mutex_destroy(&group->rings_lock);
    pthread_mutex_destroy(&group->sleep_lock);
    pthread_mutex_destroy(&group->room_lock);
    pthread_mutex_destroy(&group->tables_lock);
    pthread_mutex_destroy(&group->shared_lock);
    topology_free(&group->topology);
    free(group->ring_of_cpu);
    free(group->node_of_ring);
    free(group->route);
    free(group->rings);
    free(group);
}

static int set_up(struct ring_group *group, const struct topology *topology)
{
    int rc = fork_identity(&group->identity);
    if (rc < 0)
        return rc;
    rc = topology_copy(topology, &group->topology);
    if (rc < 0)
        return rc;
    group->ring_count = rings_for(&group->config, topology);
    group->rings = calloc((size_t)group->ring_count, sizeof(*group->rings));
    group->route = malloc((size_t)group->ring_count * sizeof(*group->route));
    if (!group->rings || !group->route)
        return -ENOMEM;
    for (int i = 0; i < group->ring_count; i++)
        atomic_init(&group->route[i], i);
    group->node_of_ring = malloc((size_t)group->ring_count * sizeof(int));
    if (!group->node_of_ring)
        return -ENOMEM;
    for (int i = 0; i < group->ring_count; i++)
        group->node_of_ring[i] = group->topology.cpus[group_ring_cpu(group, i)].node;
    atomic_init(&group->rings_used, is_thread_local(group) ? 0 : group->ring_count);
    group_share_pending(group, is_thread_local(group) ? 1 : group->ring_count);
    group_choose_barriers(group);
    group_choose_pins(group);
    rc = map_cpus(group);
    return rc < 0 ? rc : choose_backend(group);
}

int ring_group_create(const struct ring_config *config, const struct topology *topology,
                      struct ring_group **ret_group)
{
    assert(config->queue_depth > 0 && config->limit > 0 && config->max_pending > 0);
    struct ring_group *group = calloc(1, sizeof(*group));
    if (!group)
        return -ENOMEM;
    group->config = *config;
    annotate_look();
    group->id = atomic_fetch_add(&group_ids, 1) + 1;
    group->wake_fd = -1;
    atomic_init(&group->epoll_fd, -1);
    pthread_mutex_init(&group->rings_lock, NULL);
    pthread_mutex_init(&group->sleep_lock, NULL);
    pthread_mutex_init(&group->room_lock, NULL);
    pthread_mutex_init(&group->tables_lock, NULL);
    pthread_mutex_init(&group->shared_lock, NULL);
    int rc = set_up(group, topology);
    if (rc < 0) {
        group_free(group, false);
        return rc;
    }
    if (is_thread_local(group))
        local_group_born(group);
    *ret_group = group;
    return 0;
}

/* ----------------------------------------------------------------- destroy */

uint64_t ring_group_identity(const struct ring_group *group)
{
    return group->identity;
}

void ring_group_shut_down(struct ring_group *group)
{
    atomic_store(&group->shut_down, true);
    ring_group_wake(group); /* who sleeps for work has none to come */
}

/* Whether it may wait for ever; *ret_known: certainly. A close or a look at a file has an end. */
static bool may_be_endless(const struct ring *ring, const struct ring_slot *slot, bool *ret_known)
{
    *ret_known = false;
    if (slot->slot_class == SLOT_META)
        return slot->op.opcode == RING_OP_OPENAT;
    return class_of_fd(ring->group, slot->op.fd, ret_known) == SLOT_STREAM;
}

/* Stop what may wait for ever; with @all also what most likely does not: opens, which may wait for the other
 * end of a FIFO, and what nobody knows. */
static void stop_endless(struct ring *ring, bool all)
{
    if (!ring->backend)
        return; /* taken over: everything it had is finished */
    ring_lock(ring);
    for (int i = 0; i < ring->slab_count; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            struct ring_slot *slot = &slots[place];
            enum slot_state state = slot_state(slot);
            if ((state != SLOT_QUEUED && state != SLOT_KERNEL) || slot->flags & SLOT_STOPPED)
                continue;
            bool known;
            if (may_be_endless(ring, slot, &known) && (known || all))
                ring_stop_slot(ring, slot, SLOT_SHUT_DOWN);
        }
    }
    ring_settle(ring);
    ring_stamp(ring);
    ring_unlock(ring);
    ring_hand_over(ring);
}

static int stop_endless_here(struct ring *ring, void *all)
{
    stop_endless(ring, *(bool *)all);
    return 0;
}

/* Until when: a thread that is inside may come out at any moment. */
static int64_t next_look_ns(const struct ring_group *group, bool busy)
{
    enum { LOOK_AGAIN_NS = 100 * 1000 * 1000, LOOK_BUSY_NS = 1000 * 1000 };
    return group_now_ns(group) + (busy ? LOOK_BUSY_NS : LOOK_AGAIN_NS);
}

void ring_group_settle(struct ring_group *group)
{
    enum { PATIENCE_NS = 500 * 1000 * 1000 };
    assert(fork_is_own(group->identity) && !ring_group_in_callback(group));
    atomic_store(&group->settler, ring_thread()->id); /* before the wake-up: see group_sleep() */
    ring_group_shut_down(group);
    group_end_accepting(group);
    local_group_gone(group);
    int64_t patient_ns = group_now_ns(group) + PATIENCE_NS, left_ns;
    bool busy;
    while ((busy = group_take_rings(group)) || ring_group_pending(group) > 0) {
        bool all = group_now_ns(group) >= patient_ns;
        (void)group_each_ring(group, stop_endless_here, &all);
        int64_t until_ns = next_look_ns(group, busy);
        while (ring_group_pending(group) > 0 && (left_ns = until_ns - group_now_ns(group)) > 0)
            (void)ring_group_wait(group, left_ns, NULL);
        if (busy)
            group_pause(group);
    }
}

void ring_group_destroy(struct ring_group *group)
{
    if (!group)
        return;
    if (!fork_is_own(group->identity)) {
        local_group_gone(group);
        group_free(group, true);
        return;
    }
    ring_group_settle(group);
    group_free(group, false);
}

/* ------------------------------------------------------------------ status */

int64_t ring_group_now_ns(const struct ring_group *group)
{
    return group_now_ns(group);
}

int ring_group_count(const struct ring_group *group)
{
    return is_thread_local(group) ? atomic_load(&group->rings_used) : group->ring_count;
}

void ring_group_status(struct ring_group *group, int index, struct ring_status *ret)
{
    *ret = (struct ring_status){.limit = group->config.limit, .batch_threshold = BATCH_THRESHOLD};
    struct ring *ring = group_ring(group, index);
    if (!ring)
        return;
    ret->ops_completed = atomic_load_explicit(&ring->ops_completed, memory_order_relaxed);
    ret->bytes_transferred = atomic_load_explicit(&ring->bytes_transferred, memory_order_relaxed);
    ret->pending = ring_pending(ring);
    ret->in_kernel = ring_storage_in_kernel(ring);
}

uint64_t ring_group_spills(const struct ring_group *group)
{
    return atomic_load_explicit(&group->spills, memory_order_relaxed);
}

void ring_group_info(struct ring_group *group, struct ring_group_info *ret)
{
    *ret = (struct ring_group_info){
        .kernel_features = group->kernel_features,
        .entries = atomic_load(&group->entries),
        .node_count = group->topology.node_count,
        .refused_errno = atomic_load(&group->refused_errno),
        .pinned_bytes = atomic_load(&group->pinned_bytes),
        .pin_refused_errno = atomic_load(&group->pin_refused_errno),
        .fallback_errno = atomic_load(&group->fallback_errno),
        .backend = group->config.system             ? RING_BACKEND_SIM
                   : group->ops == &backend_threads ? RING_BACKEND_THREADS
                                                    : RING_BACKEND_URING,
    };
    for (int i = 0; i < atomic_load(&group->rings_used); i++)
        ret->rings_created += group_ring(group, i) != NULL;
}

bool ring_group_check(struct ring_group *group)
{
    bool valid = true;
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring && (!atomic_load(&ring->local) || atomic_load(&ring->owner) == ring_thread()->id))
            valid = ring_check(ring) && valid;
    }
    return valid;
}
