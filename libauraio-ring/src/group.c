/* SPDX-License-Identifier: MIT */
/*
 * The table of rings: which ring a submission goes to, creating it on first use, accepting operations, and
 * the end of it all.
 */
#include "numa.h"
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static _Atomic uint64_t group_ids;

struct ring *group_ring(const struct ring_group *group, int index)
{
    return atomic_load_explicit(&group->rings[index], memory_order_acquire);
}

static bool is_thread_local(const struct ring_group *group)
{
    return group->config.select == RING_SELECT_THREAD_LOCAL;
}

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

static int node_of_ring(const struct ring_group *group, int index)
{
    const struct topology *topology = &group->topology;
    if (group->ring_count >= topology->cpu_count)
        return topology->cpus[index % topology->cpu_count].node;
    return topology->cpus[((long)index * topology->cpu_count + group->ring_count - 1) / group->ring_count]
        .node;
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
    };
    struct backend *backend;
    int rc = group->ops->open(&smallest, &backend);
    if (rc < 0)
        return rc;
    group->kernel_features = group->ops->features(backend);
    if (ring_numa_available())
        group->kernel_features |= RING_FEATURE_NUMA;
    group->ops->close(backend);
    return 0;
}

static void group_free(struct ring_group *group, bool in_child)
{
    for (int i = 0; group->rings && i < group->ring_count; i++)
        ring_free(group_ring(group, i), in_child);
    group_drop_tables(group);
    if (group->wake_fd >= 0)
        close(group->wake_fd);
    if (group->epoll_fd >= 0)
        close(group->epoll_fd);
    pthread_mutex_destroy(&group->rings_lock);
    pthread_mutex_destroy(&group->sleep_lock);
    pthread_mutex_destroy(&group->tables_lock);
    topology_free(&group->topology);
    free(group->ring_of_cpu);
    free(group->route);
    free(group->rings);
    free(group);
}

static int set_up(struct ring_group *group, const struct topology *topology)
{
    int rc = fork_identity(&group->identity);
    if (rc < 0)
        return rc;
    rc = topology_make(topology->cpus, topology->cpu_count, topology->quota_cpus, &group->topology);
    if (rc < 0)
        return rc;
    group->ring_count = rings_for(&group->config, topology);
    group->rings = calloc((size_t)group->ring_count, sizeof(*group->rings));
    group->route = malloc((size_t)group->ring_count * sizeof(*group->route));
    if (!group->rings || !group->route)
        return -ENOMEM;
    for (int i = 0; i < group->ring_count; i++)
        atomic_init(&group->route[i], i);
    atomic_init(&group->rings_used, is_thread_local(group) ? 0 : group->ring_count);
    rc = map_cpus(group);
    return rc < 0 ? rc : probe_backend(group);
}

int ring_group_create(const struct ring_config *config, const struct topology *topology,
                      struct ring_group **ret_group)
{
    assert(config->queue_depth > 0 && config->limit > 0 && config->max_pending > 0);
    struct ring_group *group = calloc(1, sizeof(*group));
    if (!group)
        return -ENOMEM;
    group->config = *config;
    group->ops = &backend_uring;
    group->id = atomic_fetch_add(&group_ids, 1) + 1;
    group->wake_fd = group->epoll_fd = -1;
    pthread_mutex_init(&group->rings_lock, NULL);
    pthread_mutex_init(&group->sleep_lock, NULL);
    pthread_mutex_init(&group->tables_lock, NULL);
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

/* ------------------------------------------------------------------ select */

void group_note_ring(struct ring_group *group, struct ring *ring)
{
    int entries = group->ops->entries(ring->backend), smallest = atomic_load(&group->entries);
    if (smallest == 0 || entries < smallest)
        atomic_store(&group->entries, entries);
}

/* A ring that exists, of the same node if there is one; NULL: none. */
static struct ring *substitute(struct ring_group *group, int node)
{
    struct ring *any = NULL;
    for (int i = 0; i < group->ring_count; i++) {
        struct ring *ring = group_ring(group, i);
        if (ring && ring->node == node)
            return ring;
        if (ring && !any)
            any = ring;
    }
    return any;
}

static int create_shared(struct ring_group *group, int index, struct ring **ret_ring)
{
    struct ring *ring;
    int rc = ring_new(group, index, node_of_ring(group, index), &ring);
    if (rc == 0)
        rc = ring_open_backend(ring, false);
    if (rc == 0 && group->epoll_fd >= 0)
        rc = group_watch_ring(group, ring);
    if (rc == 0) {
        group_note_ring(group, ring);
        atomic_store_explicit(&group->rings[index], ring, memory_order_release);
        *ret_ring = ring;
        return 0;
    }
    int node = node_of_ring(group, index);
    ring_free(ring, false);
    atomic_store(&group->refused_errno, -rc);
    ring = substitute(group, node);
    if (!ring)
        return rc;
    atomic_store(&group->route[index], ring->index);
    *ret_ring = ring;
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

/*
 * The ring of this CPU is full: look at a few others, starting after it, first on its node, then elsewhere. A
 * bounded look: when everything is full, the FIFO of the own ring is as good as any.
 */
static int spill_from(struct ring_group *group, int index)
{
    enum { LOOKS = 8 };
    for (int same_node = 1; same_node >= 0; same_node--) {
        int looks = 0;
        for (int i = 1; i < group->ring_count && looks < LOOKS; i++) {
            int other = (index + i) % group->ring_count;
            if ((node_of_ring(group, other) == node_of_ring(group, index)) != same_node)
                continue;
            looks++;
            if (atomic_load(&group->route[other]) == other && !is_full(group_ring(group, other))) {
                atomic_fetch_add_explicit(&group->spills, 1, memory_order_relaxed);
                return other;
            }
        }
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

int group_select(struct ring_group *group, struct ring **ret_ring)
{
    switch (group->config.select) {
    case RING_SELECT_THREAD_LOCAL:
        return local_ring(group, true, ret_ring);
    case RING_SELECT_ROUND_ROBIN: {
        uint32_t turn = atomic_fetch_add_explicit(&group->next_ring, 1, memory_order_relaxed);
        return shared_ring(group, (int)(turn % (uint32_t)group->ring_count), ret_ring);
    }
    case RING_SELECT_CPU_LOCAL:
        return shared_ring(group, ring_of_this_cpu(group), ret_ring);
    default: {
        int index = ring_of_this_cpu(group);
        if (is_full(group_ring(group, index)))
            index = spill_from(group, index);
        return shared_ring(group, index, ret_ring);
    }
    }
}

/* ------------------------------------------------------------------ accept */

int64_t group_own_running(const struct ring_group *group)
{
    int64_t running = 0;
    for (const struct frame *frame = ring_thread()->frames; frame; frame = frame->outer)
        if (frame->group == group)
            running += frame->next;
    return running;
}

static int add_pending(struct ring *ring, void *context)
{
    *(int64_t *)context += ring_pending(ring);
    return 0;
}

int64_t ring_group_pending(const struct ring_group *group)
{
    int64_t pending = 0;
    (void)group_each_ring((struct ring_group *)group, add_pending, &pending);
    return pending - group_own_running(group);
}

/* Every ring of the group: local ones of other threads too. */
static int64_t pending_everywhere(const struct ring_group *group)
{
    if (!is_thread_local(group))
        return ring_group_pending(group);
    int64_t pending = 0;
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring)
            pending += ring_pending(ring);
    }
    return pending - group_own_running(group);
}

/* A ring's even share is accepted without looking at the others. */
bool group_has_room(struct ring_group *group, struct ring *ring, int count)
{
    int max = group->config.max_pending;
    if (ring_pending(ring) + count <= max / group->ring_count)
        return true;
    return pending_everywhere(group) + count <= max;
}

/* Fill the slots of a chain (or of one operation) and link them. */
static int fill_chain(struct ring *ring, const struct ring_op *ops, int count, struct ring_slot **slots)
{
    int64_t now_ns = 0;
    for (int i = 0; i < count; i++) {
        struct ring_slot *slot = slots[i];
        slot->op = ops[i];
        slot->done = 0;
        slot->deadline_ns = 0;
        slot->chain = i + 1 < count ? slots[i + 1] : NULL;
        slot->chain_before = i > 0 ? slots[i - 1] : NULL;
        slot->rest = NULL;
        slot->heap_place = 0;
        slot->flags = 0;
        slot->tries = 0;
        slot->room = 1;
        ring_classify(ring, slot);
        if (ops[i].flags & RING_OP_FIXED) {
            int rc = ring_resolve_fixed(ring, slot);
            if (rc < 0)
                return rc;
        }
        if (ops[i].timeout_ns) {
            now_ns = now_ns ? now_ns : ring_now_ns();
            slot->deadline_ns = ops[i].timeout_ns < INT64_MAX - (uint64_t)now_ns
                                    ? now_ns + (int64_t)ops[i].timeout_ns
                                    : INT64_MAX;
            int rc = deadline_add(ring, slot);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* Undo fill_chain() for slots that will not be used. */
static void unfill(struct ring *ring, struct ring_slot **slots, int count)
{
    for (int i = 0; i < count; i++) {
        if (slots[i]->heap_place)
            deadline_remove(ring, slots[i]);
        if (slots[i]->flags & SLOT_FIXED_COUNTED)
            atomic_fetch_sub(&ring->fixed_users, 1);
        slots[i]->flags = 0;
        ring_give_slot(ring, slots[i]);
    }
}

/* Accept one chain. With the ring's lock. 0 or -errno. */
static int accept_chain(struct ring *ring, const struct ring_op *ops, int count, ring_handle_t *handles)
{
    enum { ON_STACK = 16 };
    struct ring_slot *few[ON_STACK], **slots = few;
    if (atomic_load_explicit(&ring->group->shut_down, memory_order_relaxed))
        return -ESHUTDOWN;
    if (!group_has_room(ring->group, ring, count))
        return -EAGAIN;
    if (count > ON_STACK && !(slots = malloc((size_t)count * sizeof(struct ring_slot *))))
        return -ENOMEM;
    int rc = ring_take_slots(ring, count, slots);
    if (rc == 0) {
        for (int i = 0; i < count; i++)
            slots[i]->flags = 0, slots[i]->heap_place = 0;
        rc = fill_chain(ring, ops, count, slots);
        if (rc < 0)
            unfill(ring, slots, count);
    }
    if (rc == 0) {
        ring_add_pending(ring, count);
        for (int i = 0; handles && i < count; i++)
            handles[i] = slot_handle(slots[i]);
        ring_admit(ring, slots[0], count);
        if (ring->deadline_count > 0)
            deadline_arm(ring);
    }
    if (slots != few)
        free(slots);
    return rc;
}

static bool in_callback_of(const struct ring_group *group, const struct ring_thread *thread)
{
    for (const struct frame *frame = thread->frames; frame; frame = frame->outer)
        if (frame->group == group)
            return true;
    return false;
}

bool ring_group_in_callback(const struct ring_group *group)
{
    return in_callback_of(group, ring_thread());
}

/* Whether what was just accepted may wait to be handed over with what follows. With the ring's lock. */
static bool may_hold_back(const struct ring *ring, const struct ring_thread *thread)
{
    const struct ring_group *group = ring->group;
    if (thread->frames && in_callback_of(group, thread))
        return true;
    if (group->ops->published(ring->backend) >= BATCH_THRESHOLD)
        return false;
    if (ring->local)
        return ring->owner_drives && ring->notify_fd < 0;
    return atomic_load_explicit(&group->driver, memory_order_relaxed) == thread->id &&
           atomic_load_explicit(&group->sleepers, memory_order_relaxed) == 0 &&
           !atomic_load_explicit(&group->poll_fd_used, memory_order_relaxed);
}

/* After accepting: hand over now, or leave it to the end of the batch or the next drive. */
static void settle_submission(struct ring *ring, const struct ring_thread *thread, bool held_back,
                              bool activated)
{
    struct ring_group *group = ring->group;
    if (activated && atomic_load(&group->sleepers) > 0)
        group_wake_sleepers(group);
    if (!held_back)
        ring_hand_over(ring);
    else if (!ring->local && !in_callback_of(group, thread) &&
             (atomic_load(&group->sleepers) > 0 || atomic_load(&group->poll_fd_used)))
        ring_hand_over(ring); /* somebody came to rely on it while we marked the ring: see group_sleep() */
}

int ring_group_submit(struct ring_group *group, const struct ring_op *ops, int count, ring_handle_t *handles,
                      int *ret_error)
{
    struct ring *ring;
    int rc = group_select(group, &ring), accepted = 0;
    if (rc < 0) {
        *ret_error = rc;
        return 0;
    }
    struct ring_thread *thread = ring_thread();
    ring_lock(ring);
    ring_sync_tables(ring);
    while (rc == 0 && accepted < count) {
        int length = 1;
        while (accepted + length < count && ops[accepted + length - 1].flags & RING_OP_LINKED)
            length++;
        rc = accept_chain(ring, &ops[accepted], length, handles ? &handles[accepted] : NULL);
        if (rc == 0)
            accepted += length;
    }
    if (accepted == 0) {
        ring_unlock(ring);
        *ret_error = rc;
        return 0;
    }
    bool activated = !ring->local && ring_mark_active(ring);
    bool held_back = may_hold_back(ring, thread);
    if (held_back && !ring->local)
        ring_mark_dirty(ring);
    if (!held_back)
        ring_stamp(ring);
    ring_settle(ring);
    ring_unlock(ring);
    settle_submission(ring, thread, held_back, activated);
    *ret_error = rc;
    return accepted;
}

/* ----------------------------------------------------------------- destroy */

bool ring_group_is_own(const struct ring_group *group)
{
    return fork_is_own(group->identity);
}

void ring_group_shut_down(struct ring_group *group)
{
    atomic_store(&group->shut_down, true);
}

/* Stop what may wait for ever; with @meta also opens, which may wait for the other end of a FIFO. */
static void stop_endless(struct ring *ring, bool meta)
{
    ring_lock(ring);
    for (int i = 0; i < ring->slab_count; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            struct ring_slot *slot = &slots[place];
            enum slot_state state = slot_state(slot);
            if ((state != SLOT_QUEUED && state != SLOT_KERNEL) || slot->flags & SLOT_STOPPED)
                continue;
            bool known, endless = slot->slot_class == SLOT_META
                                      ? meta
                                      : class_of_fd(slot->op.fd, &known) == SLOT_STREAM;
            if (endless)
                ring_stop_slot(ring, slot, SLOT_SHUT_DOWN);
        }
    }
    ring_settle(ring);
    ring_stamp(ring);
    ring_unlock(ring);
    ring_hand_over(ring);
}

static int stop_endless_here(struct ring *ring, void *meta)
{
    stop_endless(ring, *(bool *)meta);
    return 0;
}

/*
 * A ring whose owner lives, but does not use the library any more: only the owner could have its completions
 * posted. What was posted is delivered; the rest is torn down with the ring.
 */
static void take_over(struct ring_group *group, struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    atomic_store(&ring->local, false);
    atomic_store(&ring->owner, 0);
    struct backend_event events[BATCH_MAX];
    unsigned count;
    ring->now_ns = ring_now_ns();
    while ((count = group->ops->reap(ring->backend, events, BATCH_MAX)) > 0)
        for (unsigned i = 0; i < count; i++)
            ring_on_event(ring, &events[i]);
    group->ops->close(ring->backend);
    ring->backend = NULL;
    for (int i = 0; i < ring->slab_count; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            struct ring_slot *slot = &slots[place];
            slot->flags |= SLOT_SHUT_DOWN; /* what its predecessor releases is stopped, not dispatched */
            if (slot_state(slot) == SLOT_KERNEL)
                ring_left_kernel(ring, slot);
            else if (slot_state(slot) == SLOT_QUEUED)
                slot_list_remove(&ring->queued[slot_lane(slot)], slot);
            else
                continue;
            ring_finish(ring, slot, slot_stopped_result(slot));
        }
    }
    (void)ring_mark_active(ring);
    pthread_mutex_unlock(&ring->lock);
}

static void take_over_foreign(struct ring_group *group)
{
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring && atomic_load(&ring->local) && atomic_load(&ring->owner) != ring_thread()->id &&
            ring_pending(ring) > 0)
            take_over(group, ring);
    }
}

void ring_group_destroy(struct ring_group *group)
{
    if (!group)
        return;
    if (!ring_group_is_own(group)) {
        local_group_gone(group);
        group_free(group, true);
        return;
    }
    assert(!ring_group_in_callback(group));
    ring_group_shut_down(group);
    local_group_gone(group);
    take_over_foreign(group);
    enum { LOOK_AGAIN_NS = 100 * 1000 * 1000, PATIENT_LOOKS = 5 };
    for (int looks = 0; ring_group_pending(group) > 0; looks++) {
        bool meta = looks >= PATIENT_LOOKS;
        (void)group_each_ring(group, stop_endless_here, &meta);
        int64_t until_ns = ring_now_ns() + LOOK_AGAIN_NS, left_ns;
        while (ring_group_pending(group) > 0 && (left_ns = until_ns - ring_now_ns()) > 0)
            (void)ring_group_wait(group, left_ns, NULL);
    }
    group_free(group, false);
}

/* ------------------------------------------------------------------ status */

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
    ret->in_kernel = atomic_load_explicit(&ring->storage_in_kernel, memory_order_relaxed);
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
