/* SPDX-License-Identifier: MIT */
/*
 * Registered buffers and files. The group holds the current table of each; a ring brings its backend up to
 * date the next time it needs to (its own thread must do that when it is local). Where the kernel refuses a
 * registration on another ring than the first, operations there use plain memory and plain descriptors: the
 * table knows both.
 */
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void buffers_release(struct buffer_table *table)
{
    if (table && atomic_fetch_sub(&table->references, 1) == 1)
        free(table);
}

static void files_release(struct file_table *table)
{
    if (!table || atomic_fetch_sub(&table->references, 1) != 1)
        return;
    free(table->fds);
    free(table->revisions);
    free(table->slot_of_fd);
    free(table);
}

/* -------------------------------------------------------------- one ring */

static void sync_buffers(struct ring *ring, struct buffer_table *table)
{
    if (ring->buffers_registered)
        ring_remove_buffers(ring, ring->buffers->count);
    buffers_release(ring->buffers);
    ring->buffers = table;
    ring->buffers_registered = table && ring_place_buffers(ring, table->iovs, table->count) == 0;
}

/* From one table to another of the same size: only what differs. */
static bool update_files(struct ring *ring, const struct file_table *from, const struct file_table *to)
{
    for (unsigned i = 0; i < to->count; i++)
        if (from->revisions[i] != to->revisions[i] && ring->ops->set_file(ring->backend, i, to->fds[i]) < 0)
            return false;
    return true;
}

static void sync_files(struct ring *ring, struct file_table *table)
{
    const struct backend_ops *ops = ring->ops;
    struct file_table *before = ring->files;
    ring->files = table;
    for (int i = 0; i < CLASS_CACHE; i++)
        ring->classes[i].fd = -1; /* what is registered from now on is what its class says, not what it was */
    bool updated = ring->files_registered && before && table && before->count == table->count &&
                   update_files(ring, before, table);
    if (!updated) {
        if (ring->files_registered)
            (void)ops->set_files(ring->backend, NULL, 0);
        ring->files_registered = table && ops->set_files(ring->backend, table->fds, table->count) == 0;
    }
    files_release(before);
}

/* What was published names slots of the tables as they are: the kernel takes it before they change. */
static void flush_submissions(struct ring *ring)
{
    ring_stamp(ring);
    backend_publish(ring->backend);
    for (int rc = 0; backend_published(ring->backend) > 0 && (rc >= 0 || backend_is_short(rc));) {
        rc = ring->ops->submit(ring->backend);
        if (rc < 0) /* what it names must not change under it, however long the kernel is short of memory */
            group_pause(ring->group);
        else if (backend_published(ring->backend) > 0)
            sched_yield(); /* to the SQPOLL thread */
    }
}

/* A ring keeps a reference to its tables, so a table that is still ours has an address of its own. */
void ring_update_tables(struct ring *ring)
{
    struct ring_group *group = ring->group;
    pthread_mutex_lock(&group->tables_lock);
    struct buffer_table *buffers = group->buffers == ring->buffers ? NULL : group->buffers;
    struct file_table *files = group->files == ring->files ? NULL : group->files;
    bool new_buffers = group->buffers != ring->buffers, new_files = group->files != ring->files;
    if (buffers)
        atomic_fetch_add(&buffers->references, 1);
    if (files)
        atomic_fetch_add(&files->references, 1);
    /* While the buffers are leaving every submission is to look at their state: the version never matches. */
    bool leaving = buffers_state(atomic_load(&group->buffers_state)) == BUFFERS_LEAVING;
    ring->tables_version = leaving ? 0 : atomic_load(&group->tables_version);
    uint64_t gone = ring_pins_gone(ring);
    pthread_mutex_unlock(&group->tables_lock);
    if (new_buffers || new_files || gone)
        flush_submissions(ring);
    if (gone)
        ring_unpin(ring, gone);
    if (new_buffers)
        sync_buffers(ring, buffers);
    if (new_files)
        sync_files(ring, files);
}

/* The backend is gone or will be replaced: forget what was registered with it. */
void ring_drop_tables(struct ring *ring)
{
    buffers_release(ring->buffers);
    files_release(ring->files);
    ring->buffers = NULL;
    ring->files = NULL;
    ring->tables_version = 0;
    ring->buffers_registered = ring->files_registered = false;
    ring_drop_pins(ring);
}

static int resolve(const struct buffer_table *table, struct ring_op *op)
{
    if (!table)
        return -ENOENT;
    if (op->buf_index >= table->count)
        return -EINVAL;
    void *addr = buffer_place(table, op->buf_index, op->u.buffer_offset, op->len);
    if (!addr)
        return -EOVERFLOW;
    op->u.addr = addr;
    return 0;
}

int ring_resolve_fixed(struct ring *ring, struct ring_slot *slot)
{
    /* Count first, look second; unregister marks first, sums second, with a barrier on every running thread
     * between (or on this one, here): one of them sees the other. */
    ring_begin_fixed(ring);
    int state = buffers_state(atomic_load_explicit(&ring->group->buffers_state, memory_order_relaxed)), rc;
    if (state == BUFFERS_LEAVING) {
        rc = -EBUSY;
    } else if (state == BUFFERS_NONE) {
        rc = -ENOENT;
    } else {
        ring_sync_tables(ring);
        rc = resolve(ring->buffers, &slot->op);
    }
    if (rc < 0)
        ring_add_fixed_users(ring, -1);
    else
        slot->flags |= SLOT_FIXED_COUNTED;
    return rc;
}

/* Make every running thread of the process pass a barrier. */
static void barrier_everywhere(void)
{
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void group_barrier(const struct ring_group *group)
{
    if (group->own_barriers)
        atomic_thread_fence(memory_order_seq_cst);
    else
        barrier_everywhere();
}

void group_choose_barriers(struct ring_group *group)
{
    group->own_barriers = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) < 0;
}

/* ------------------------------------------------------------- the group */

/* The local ones of other threads follow at their next submission. Whether a ring is one of them is decided
 * with its lock: a thread may take one that another has left. */
void group_sync_rings(struct ring_group *group)
{
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (!ring || atomic_load(&ring->local))
            continue;
        ring_mutex_lock(&ring->lock);
        if (!atomic_load(&ring->local) && ring->backend)
            ring_sync_tables(ring);
        ring_mutex_unlock(&ring->lock);
    }
    struct ring *own = group_enter(group);
    if (own && own->backend)
        ring_sync_tables(own);
    group_leave(own);
}

/* The kernel's opinion of a registration comes from the ring of the calling thread. */
static int try_here(struct ring_group *group, const struct iovec *iovs, const int *fds, unsigned count)
{
    struct ring *ring;
    int rc = group_select(group, &ring);
    if (rc < 0)
        return rc;
    ring_lock(ring);
    ring_sync_tables(ring);
    if (iovs) {
        rc = ring_place_buffers(ring, iovs, count);
        if (rc == 0)
            ring_remove_buffers(ring, count);
    } else {
        rc = ring->ops->set_files(ring->backend, fds, count);
        if (rc == 0)
            (void)ring->ops->set_files(ring->backend, NULL, 0);
    }
    ring_unlock(ring);
    ring_leave(ring, INSIDE_SUBMITTING);
    return rc;
}

int ring_group_register_buffers(struct ring_group *group, const struct iovec *iovs, int count)
{
    if (buffers_state(atomic_load(&group->buffers_state)) != BUFFERS_NONE)
        return -EBUSY;
    int rc = try_here(group, iovs, NULL, (unsigned)count);
    if (rc == -ENOMEM && atomic_load(&group->pinned_bytes) > 0) {
        group_give_up_pins(group);
        rc = try_here(group, iovs, NULL, (unsigned)count);
    }
    if (rc < 0)
        return rc;
    struct buffer_table *table = malloc(sizeof(*table) + (size_t)count * sizeof(*iovs));
    if (!table)
        return -ENOMEM;
    atomic_init(&table->references, 1);
    table->count = (unsigned)count;
    memcpy(table->iovs, iovs, (size_t)count * sizeof(*iovs));
    pthread_mutex_lock(&group->tables_lock);
    int none = atomic_load(&group->buffers_state);
    if (buffers_state(none) == BUFFERS_NONE) {
        group->buffers = table;
        atomic_fetch_add(&group->tables_version, 1);
        unsigned next = ((unsigned)none + BUFFERS_REGISTRATION) & INT_MAX;
        atomic_store(&group->buffers_state, (int)next + BUFFERS_ACTIVE);
        table = NULL;
    }
    pthread_mutex_unlock(&group->tables_lock);
    if (table) {
        buffers_release(table);
        return -EBUSY;
    }
    group_sync_rings(group);
    return 0;
}

static bool has_fixed_users(struct ring_group *group)
{
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring && atomic_load(&ring->fixed_users) > 0)
            return true;
    }
    return false;
}

/*
 * Each registration has a number of its own in the state, so that a thread that was held up between looking
 * and acting never ends a later one.
 */
void group_finish_unregister(struct ring_group *group)
{
    int leaving = atomic_load(&group->buffers_state);
    if (buffers_state(leaving) != BUFFERS_LEAVING || has_fixed_users(group))
        return;
    struct buffer_table *table = NULL;
    pthread_mutex_lock(&group->tables_lock);
    bool current = atomic_load(&group->buffers_state) == leaving;
    if (current) {
        table = group->buffers;
        group->buffers = NULL;
        atomic_fetch_add(&group->tables_version, 1);
    }
    pthread_mutex_unlock(&group->tables_lock);
    if (!current)
        return;
    group_sync_rings(group);
    buffers_release(table);
    atomic_compare_exchange_strong(&group->buffers_state, &leaving, leaving - BUFFERS_LEAVING);
}

int ring_group_unregister_buffers(struct ring_group *group)
{
    int active = atomic_load(&group->buffers_state);
    if (buffers_state(active) == BUFFERS_NONE)
        return 0;
    if (buffers_state(active) == BUFFERS_ACTIVE &&
        atomic_compare_exchange_strong(&group->buffers_state, &active,
                                       active - BUFFERS_ACTIVE + BUFFERS_LEAVING)) {
        atomic_fetch_add(&group->tables_version, 1);
        barrier_everywhere();
    }
    group_finish_unregister(group);
    if (ring_group_in_callback(group))
        return 0;
    enum {
        LOOK_AGAIN_NS = 10 * 1000 * 1000
    }; /* users may finish on rings and threads that do not wake this one */
    while (buffers_state(atomic_load(&group->buffers_state)) == BUFFERS_LEAVING) {
        uint64_t wakes = ring_group_wakes(group);
        (void)ring_group_wait(group, LOOK_AGAIN_NS, &wakes);
        group_finish_unregister(group);
    }
    return 0;
}

static struct file_table *files_make(const int *fds, unsigned count)
{
    struct file_table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    int highest = -1;
    for (unsigned i = 0; i < count; i++)
        if (fds[i] > highest)
            highest = fds[i];
    atomic_init(&table->references, 1);
    table->count = count;
    table->fd_limit = highest + 1;
    table->fds = malloc(count * sizeof(int));
    table->revisions = calloc(count, sizeof(unsigned));
    table->slot_of_fd = malloc(((size_t)highest + 2) * sizeof(int));
    if (!table->fds || !table->revisions || !table->slot_of_fd) {
        files_release(table);
        return NULL;
    }
    memcpy(table->fds, fds, count * sizeof(int));
    for (int fd = 0; fd <= highest; fd++)
        table->slot_of_fd[fd] = -1;
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0)
            table->slot_of_fd[fds[i]] = (int)i;
    return table;
}

static int check_open(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0 && fcntl(fds[i], F_GETFD) < 0)
            return -EBADF;
    return 0;
}

/* Put @table (NULL: none) in the place of the one that is @expected. */
static int replace_files(struct ring_group *group, struct file_table *expected, struct file_table *table)
{
    pthread_mutex_lock(&group->tables_lock);
    bool same = group->files == expected;
    if (same) {
        group->files = table;
        atomic_fetch_add(&group->tables_version, 1);
    }
    pthread_mutex_unlock(&group->tables_lock);
    if (!same)
        return -EBUSY;
    group_sync_rings(group);
    return 0;
}

static struct file_table *current_files(struct ring_group *group)
{
    pthread_mutex_lock(&group->tables_lock);
    struct file_table *table = group->files;
    if (table)
        atomic_fetch_add(&table->references, 1);
    pthread_mutex_unlock(&group->tables_lock);
    return table;
}

int ring_group_register_files(struct ring_group *group, const int *fds, int count)
{
    struct file_table *before = current_files(group);
    files_release(before);
    if (before)
        return -EBUSY;
    int rc = check_open(fds, count);
    if (rc == 0)
        rc = try_here(group, NULL, fds, (unsigned)count);
    if (rc < 0)
        return rc;
    struct file_table *table = files_make(fds, (unsigned)count);
    if (!table)
        return -ENOMEM;
    rc = replace_files(group, NULL, table);
    if (rc < 0)
        files_release(table);
    return rc;
}

/* A copy of @before with @fd in slot @index. */
static struct file_table *files_with(const struct file_table *before, unsigned index, int fd)
{
    int *fds = malloc(before->count * sizeof(int));
    if (!fds)
        return NULL;
    memcpy(fds, before->fds, before->count * sizeof(int));
    fds[index] = fd;
    struct file_table *table = files_make(fds, before->count);
    free(fds);
    if (table) {
        memcpy(table->revisions, before->revisions, before->count * sizeof(unsigned));
        table->revisions[index]++;
    }
    return table;
}

static int update_once(struct ring_group *group, unsigned index, int fd)
{
    struct file_table *before = current_files(group), *table = NULL;
    if (!before)
        return -ENOENT;
    int rc = index < before->count ? check_open(&fd, 1) : -EINVAL;
    if (rc == 0 && !(table = files_with(before, index, fd)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = replace_files(group, before, table);
    if (rc == 0)
        files_release(before); /* the group's reference */
    else if (table)
        files_release(table); /* it came too late */
    files_release(before);
    return rc;
}

int ring_group_update_file(struct ring_group *group, int index, int fd)
{
    int rc;
    do
        rc = update_once(group, (unsigned)index, fd);
    while (rc == -EBUSY); /* somebody else's update came between */
    return rc;
}

int ring_group_unregister_files(struct ring_group *group)
{
    for (;;) {
        struct file_table *before = current_files(group);
        if (!before)
            return 0;
        int rc = replace_files(group, before, NULL);
        if (rc == 0)
            files_release(before); /* the group's reference */
        files_release(before);
        if (rc == 0)
            return 0;
    }
}

void group_drop_tables(struct ring_group *group)
{
    buffers_release(group->buffers);
    files_release(group->files);
    group->buffers = NULL;
    group->files = NULL;
}
