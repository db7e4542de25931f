/* SPDX-License-Identifier: MIT */
/*
 * Threads and their own rings (THREAD_LOCAL). A thread finds its ring through a one-entry cache. When a
 * thread ends with nothing pending its ring is left for the next thread; otherwise it takes its operations
 * out of the kernel (what a dying thread has there would be cancelled by the kernel) and leaves the ring as a
 * shared one, which whoever drives the group next completes.
 */
#include "fds.h"
#include "local.h"
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

__thread struct ring_thread ring_this_thread RING_TLS_MODEL;
static _Atomic uint64_t thread_ids;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ring_group *alive; /* groups with local rings: a thread that ends looks for its rings in them */
static pthread_key_t exit_key;
static bool exit_key_made;

void local_registry_lock(void)
{
    pthread_mutex_lock(&registry_lock);
}
void local_registry_unlock(void)
{
    pthread_mutex_unlock(&registry_lock);
}

uint64_t ring_new_thread_id(void)
{
    return atomic_fetch_add(&thread_ids, 1) + 1;
}

uint64_t ring_thread_id(void)
{
    return ring_thread()->id;
}

/* ------------------------------------------------------------ end of a thread */

/*
 * Wait until the kernel has nothing of this ring. What may wait for ever is cancelled, and goes back to the
 * FIFO when it says so: nobody asked for its end.
 */
static void leave_kernel(struct ring *ring)
{
    const struct backend_ops *ops = ring->ops;
    ring->closing = true;
    for (int i = 0; i < ring->slab_count; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            bool known;
            if (slot_state(&slots[place]) != SLOT_KERNEL ||
                (slots[place].op.opcode != RING_OP_OPENAT && /* of a FIFO waits for its other end */
                 class_of_fd(ring->group, slots[place].op.fd, &known) == SLOT_STORAGE))
                continue;
            while (!ring_make_room(ring, 1)) /* without its cancel it would keep this thread */
                group_pause(ring->group);
            ops->push_cancel(ring->backend, slots[place].handle);
        }
    }
    ring_stamp(ring);
    backend_publish(ring->backend);
    while (lane_in_kernel(&ring->lanes[LANE_STREAM]) + ring_storage_in_kernel(ring) > 0) {
        struct backend_wait wait = {.min_events = 1, .timeout_ns = -1};
        (void)ops->wait(ring->backend, &wait);
        ring_take_completions(ring);
    }
    ring_report_samples(ring);
    ring->closing = false;
}

static void close_kernel_side(struct ring *ring)
{
    ring_drop_tables(ring);
    if (ring->backend)
        ring->ops->close(ring->backend);
    ring->backend = NULL;
    ring->timer_ns = 0;
    ring->bell_armed = ring->doorbell = ring->owner_drives = false;
    if (ring->notify_fd >= 0)
        fd_close(ring->notify_fd);
    run_queue_close(&ring->run_queue);
    pthread_mutex_lock(&ring->mail_lock); /* others write to the bell */
    if (ring->bell_fd >= 0)
        fd_close(ring->bell_fd);
    ring->notify_fd = ring->bell_fd = -1;
    pthread_mutex_unlock(&ring->mail_lock);
}

/* With mail_lock. */
static void cancel_mailed(struct ring *ring)
{
    atomic_store(&ring->has_mail, false);
    for (int i = 0; i < ring->mail_count; i++)
        (void)ring_cancel(ring, ring->mail[i]);
    ring->mail_count = 0;
}

/* No backend for the rest: what has moved so far wins over the error. */
static void finish_all(struct ring *ring, int64_t error)
{
    struct ring_slot *slot;
    for (int lane = 0; lane < ring->lanes_used; lane++)
        while ((slot = ring->lanes[lane].queued.head)) {
            ring_dequeue(ring, slot);
            ring_finish(ring, slot, slot->done > 0 ? (int64_t)slot->done : error);
        }
}

/* The owner ends and leaves operations: make the ring one that any thread may drive. */
void local_orphan(struct ring *ring)
{
    struct ring_group *group = ring->group;
    local_read_mail(ring);
    leave_kernel(ring);
    close_kernel_side(ring);
    int rc = ring_open_backend(ring, false);
    if (rc < 0)
        rc = ring_open_fallback(ring, false, rc);
    if (rc < 0)
        finish_all(ring, rc);
    ring_mutex_lock(&ring->lock);
    pthread_mutex_lock(&ring->mail_lock);
    /* In this order: local and without an owner it would be clean, see next_clean(). */
    atomic_store(&ring->local, false);
    atomic_store(&ring->owner, 0);
    cancel_mailed(ring); /* what came since; from here on cancels take the lock */
    pthread_mutex_unlock(&ring->mail_lock);
    (void)ring_mark_active(ring);
    ring->owed = true; /* dispatched by who drives next: from here it would die with this thread */
    ring_mutex_unlock(&ring->lock);
    (void)group_watch_ring(group, ring);
    group_wake_sleepers(group);
}

static void leave_ring(struct ring *ring)
{
    if (ring_pending(ring) > 0) {
        local_orphan(ring);
        return;
    }
    close_kernel_side(ring);
    atomic_store(&ring->owner, 0);
}

static void on_thread_exit(void *unused)
{
    (void)unused;
    uint64_t id = ring_this_thread.id;
    local_registry_lock();
    for (struct ring_group *group = alive; group; group = group->next_alive) {
        if (!fork_is_own(group->identity))
            continue;
        for (int i = 0; i < atomic_load(&group->rings_used); i++) {
            struct ring *ring = group_ring(group, i);
            if (ring && atomic_load(&ring->owner) == id)
                leave_ring(ring);
        }
    }
    local_registry_unlock();
    ring_this_thread.cached_group = 0;
}

void local_group_born(struct ring_group *group)
{
    local_registry_lock();
    group->next_alive = alive;
    alive = group;
    local_registry_unlock();
}

void local_group_gone(struct ring_group *group)
{
    local_registry_lock();
    struct ring_group **link = &alive;
    while (*link && *link != group)
        link = &(*link)->next_alive;
    if (*link)
        *link = group->next_alive;
    local_registry_unlock();
}

/* Have on_thread_exit() called for this thread. */
static int watch_exit(void)
{
    local_registry_lock();
    int rc = exit_key_made ? 0 : pthread_key_create(&exit_key, on_thread_exit);
    exit_key_made = rc == 0;
    local_registry_unlock();
    if (rc == 0)
        rc = pthread_setspecific(exit_key, &ring_this_thread);
    return -rc;
}

/* ------------------------------------------------------------- finding a ring */

static struct ring *find_owned(struct ring_group *group, uint64_t owner)
{
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring && atomic_load(&ring->owner) == owner)
            return ring;
    }
    return NULL;
}

/*
 * An orphan that has been completed becomes clean, as a ring is that was left with nothing pending. It has
 * left the bitmap first, and who had found it there before holds it still: see group_each_shared().
 */
static bool clean_up(struct ring *ring)
{
    ring_mutex_lock(&ring->lock);
    bool idle = ring_pending(ring) == 0 && !ring->active && !ring->owed && atomic_load(&ring->holders) == 0;
    if (idle) {
        close_kernel_side(ring);
        atomic_store(&ring->local, true);
    }
    ring_mutex_unlock(&ring->lock);
    return idle;
}

/* The next ring from @index on that a thread left and that is clean. Called with rings_lock. */
static struct ring *next_clean(struct ring_group *group, int *index)
{
    if (atomic_load(&group->settler) != 0) /* its owner may have handed it in from inside a call */
        return NULL;
    while (*index < atomic_load(&group->rings_used)) {
        struct ring *ring = group_ring(group, (*index)++);
        if (ring && atomic_load(&ring->owner) == 0 && (atomic_load(&ring->local) || clean_up(ring)))
            return ring;
    }
    return NULL;
}

void local_clean_up(struct ring_group *group)
{
    int index = 0;
    atomic_store(&group->has_idle_orphans, false);
    pthread_mutex_lock(&group->rings_lock);
    while (next_clean(group, &index))
        continue;
    pthread_mutex_unlock(&group->rings_lock);
}

static int hang_bell(struct ring *ring)
{
    int fd = fd_out_of_the_way(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    pthread_mutex_lock(&ring->mail_lock);
    ring->bell_fd = fd;
    pthread_mutex_unlock(&ring->mail_lock);
    return fd < 0 ? -errno : 0;
}

static int node_here(const struct ring_group *group)
{
    const struct topology *topology = &group->topology;
    return topology->cpus[topology_place_of(topology, sched_getcpu())].node;
}

static int create_owned(struct ring_group *group, struct ring **ret_ring)
{
    int first = 0, node = node_here(group);
    struct ring *ring = next_clean(group, &first);
    int index = atomic_load(&group->rings_used);
    if (!ring) {
        if (index >= group->ring_count)
            return -EUSERS;
        int rc = ring_new(group, index, node, &ring);
        if (rc < 0)
            return rc;
        ring->of_thread = true;
        atomic_store(&ring->local, true);
        atomic_store(&group->rings[index], ring);
        atomic_store(&group->rings_used, index + 1);
        group_share_pending(group, index + 1);
    }
    ring->node = node; /* of the next slots too; those it has stay where they are */
    int rc = hang_bell(ring);
    if (rc == 0) {
        rc = ring_open_backend(ring, true);
        if (rc < 0)
            rc = ring_open_fallback(ring, true, rc);
    }
    if (rc < 0) {
        close_kernel_side(ring);
        return rc;
    }
    atomic_store(&ring->owner, ring_this_thread.id);
    group_note_ring(group, ring);
    *ret_ring = ring;
    return 0;
}

int local_ring(struct ring_group *group, bool create, struct ring **ret_ring)
{
    struct ring_thread *thread = ring_thread();
    if (thread->cached_group == group->id) {
        *ret_ring = thread->cached_ring;
        return 0;
    }
    struct ring *ring = find_owned(group, thread->id);
    if (!ring && create) {
        int rc = watch_exit();
        if (rc < 0)
            return rc;
        pthread_mutex_lock(&group->rings_lock);
        rc = create_owned(group, &ring);
        pthread_mutex_unlock(&group->rings_lock);
        if (rc < 0)
            return rc;
    }
    if (ring) {
        thread->cached_group = group->id;
        thread->cached_ring = ring;
    }
    *ret_ring = ring;
    return 0;
}

/* ------------------------------------------------------------------- cancels */

static void ring_the_bell(struct ring *ring)
{
    uint64_t one = 1;
    if (ring->bell_fd >= 0)
        (void)!write(ring->bell_fd, &one, sizeof(one));
}

void local_ring_bell(struct ring *ring)
{
    pthread_mutex_lock(&ring->mail_lock);
    ring_the_bell(ring);
    pthread_mutex_unlock(&ring->mail_lock);
}

int local_post_cancel(struct ring *ring, ring_handle_t handle)
{
    int rc = 0;
    pthread_mutex_lock(&ring->mail_lock);
    if (!atomic_load(&ring->local))
        rc = -EAGAIN;
    else if (!ring_handle_pending(handle))
        rc = -EALREADY;
    for (int i = 0; rc == 0 && i < ring->mail_count; i++)
        if (ring->mail[i] == handle)
            rc = -EALREADY;
    if (rc == 0) {
        assert(ring->mail_count < ring->mail_room);
        ring->mail[ring->mail_count++] = handle;
        atomic_store(&ring->has_mail, true);
        ring_the_bell(ring);
    }
    pthread_mutex_unlock(&ring->mail_lock);
    return rc;
}

void local_read_mail(struct ring *ring)
{
    if (!atomic_load_explicit(&ring->has_mail, memory_order_acquire))
        return;
    pthread_mutex_lock(&ring->mail_lock);
    cancel_mailed(ring);
    pthread_mutex_unlock(&ring->mail_lock);
}
