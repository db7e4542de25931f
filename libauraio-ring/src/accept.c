/* SPDX-License-Identifier: MIT */
/*
 * Accepting operations: everything between the validated call and the FIFO or the backend. One operation
 * takes the straight way, a chain is accepted as a whole or not at all.
 */
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

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

/* Every ring of the group: local ones of other threads too, and those that are not in the bitmap yet. */
static int64_t pending_everywhere(const struct ring_group *group)
{
    int64_t pending = 0;
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring)
            pending += ring_pending(ring);
    }
    return pending - group_own_running(group);
}

static void set_crowded(struct ring_group *group, bool crowded)
{
    int quick = atomic_load_explicit(&group->quick_pending, memory_order_relaxed);
    atomic_store_explicit(&group->crowded, crowded, memory_order_relaxed);
    atomic_store_explicit(&group->accept_below, crowded ? 0 : quick, memory_order_relaxed);
}

void group_share_pending(struct ring_group *group, int rings)
{
    if (atomic_load(&group->shut_down))
        return;
    atomic_store_explicit(&group->quick_pending, group->config.max_pending / (2 * rings),
                          memory_order_relaxed);
    set_crowded(group, atomic_load_explicit(&group->crowded, memory_order_relaxed));
}

/* Whoever is accepting has done so when this returns, and whoever comes later looks whether he may. */
void group_end_accepting(struct ring_group *group)
{
    pthread_mutex_lock(&group->rings_lock); /* whoever makes a ring shares anew */
    atomic_store_explicit(&group->quick_pending, 0, memory_order_relaxed);
    set_crowded(group, true);
    pthread_mutex_unlock(&group->rings_lock);
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (!ring)
            continue;
        ring_mutex_lock(&ring->lock); /* of a local one too: it may be handed in meanwhile */
        ring_mutex_unlock(&ring->lock);
    }
}

/*
 * A ring accepts up to half of its even share without looking at the others, unless one of them has gone past
 * its own; that one marks the group as crowded, and then everybody counts. The mark goes when half of the
 * room is free: with one ring at that half and every other within its quick share, the sum is still below the
 * maximum. Who counts does so alone, until what was counted for is pending (*ret_counting: end_counting()).
 */
static bool group_has_room(struct ring_group *group, const struct ring *ring, int count, bool *ret_counting)
{
    int max = group->config.max_pending;
    *ret_counting = false;
    if (ring_pending(ring) + count <= atomic_load_explicit(&group->accept_below, memory_order_relaxed))
        return true;
    pthread_mutex_lock(&group->room_lock);
    int64_t pending = pending_everywhere(group);
    *ret_counting = pending + count <= max;
    if (!*ret_counting) {
        pthread_mutex_unlock(&group->room_lock);
        return false;
    }
    if (ring_pending(ring) + count > atomic_load_explicit(&group->quick_pending, memory_order_relaxed))
        set_crowded(group, true);
    else if (pending < max / 2)
        set_crowded(group, false);
    return true;
}

static void end_counting(struct ring_group *group, bool counting)
{
    if (__builtin_expect(counting, 0))
        pthread_mutex_unlock(&group->room_lock);
}

/* ------------------------------------------------------------------- fill */

/* Take over the operation. 0 or -errno; what was taken on the way is released by unfill(). */
static inline int fill(struct ring *ring, struct ring_slot *slot, const struct ring_op *op)
{
    slot->op = *op;
    slot->flags = 0;
    slot->tries = 0;
    slot->plain = false;
    slot->room = 1;
    slot->done = 0;
    slot->chain = NULL;
    slot->chain_before = NULL;
    slot->rest = NULL;
    slot->heap_place = 0;
    slot->dispatch_ns = 0;
    ring_classify(ring, slot);
    if (op->flags & RING_OP_FIXED) {
        int rc = ring_resolve_fixed(ring, slot);
        if (rc < 0)
            return rc;
    }
    if (__builtin_expect(!op->rare, 1))
        return 0;
    slot->rare = *op->rare;
    slot->op.rare = NULL;
    if (!slot->rare.timeout_ns)
        return 0;
    int64_t now_ns = ring_now_ns(ring);
    bool finite = slot->rare.timeout_ns < (uint64_t)(INT64_MAX - now_ns);
    slot->deadline_ns = finite ? now_ns + (int64_t)slot->rare.timeout_ns : INT64_MAX;
    return deadline_add(ring, slot);
}

static void unfill(struct ring *ring, struct ring_slot *slot)
{
    if (slot->heap_place)
        deadline_remove(ring, slot);
    if (slot->flags & SLOT_FIXED_COUNTED)
        ring_add_fixed_users(ring, -1);
    ring_give_slot(ring, slot);
}

/* Fill all, or unfill all. */
static int fill_chain(struct ring *ring, const struct ring_op *ops, int count, struct ring_slot **slots)
{
    int filled = 0, rc = 0;
    while (rc == 0 && filled < count) {
        rc = fill(ring, slots[filled], &ops[filled]);
        filled++;
    }
    for (int i = 0; rc < 0 && i < count; i++) {
        if (i < filled)
            unfill(ring, slots[i]);
        else
            ring_give_slot(ring, slots[i]);
    }
    for (int i = 0; rc == 0 && i + 1 < count; i++) {
        slots[i]->chain = slots[i + 1];
        slots[i + 1]->chain_before = slots[i];
    }
    return rc;
}

/* ------------------------------------------------------------------ accept */

/* 0: end_counting() after it was made pending, or was not. */
static int refuse_early(const struct ring *ring, int count, bool *ret_counting)
{
    *ret_counting = false;
    if (atomic_load_explicit(&ring->group->shut_down, memory_order_relaxed))
        return -ESHUTDOWN;
    return group_has_room(ring->group, ring, count, ret_counting) ? 0 : -EAGAIN;
}

/* Take over one operation, with the ring's lock, and count it as pending. 0 or -errno. */
static int take_over_one(struct ring *ring, const struct ring_op *op, struct ring_slot **ret_slot)
{
    struct ring_slot *slot;
    int rc = ring_take_slots(ring, 1, &slot);
    if (rc < 0)
        return rc;
    rc = fill(ring, slot, op);
    if (rc < 0) {
        unfill(ring, slot);
        return rc;
    }
    PROBE6(submit, ring->group, slot->handle, slot->op.fd, slot->op.opcode, slot->op.len, slot->op.offset);
    ring_add_pending(ring, 1);
    *ret_slot = slot;
    return 0;
}

/* The same for a chain, into the array @slots. */
static int take_over_chain(struct ring *ring, const struct ring_op *ops, int count, struct ring_slot **slots)
{
    int rc = ring_take_slots(ring, count, slots);
    if (rc == 0)
        rc = fill_chain(ring, ops, count, slots);
    if (rc == 0)
        ring_add_pending(ring, count);
    return rc;
}

/* Accept one operation, with the ring's lock. 0 or -errno. */
static int accept_one(struct ring *ring, const struct ring_op *op, ring_handle_t *ret_handle)
{
    struct ring_slot *slot = NULL;
    bool counting;
    int rc = refuse_early(ring, 1, &counting);
    if (rc == 0)
        rc = take_over_one(ring, op, &slot);
    end_counting(ring->group, counting);
    if (rc < 0)
        return rc;
    *ret_handle = slot->handle;
    ring_admit(ring, slot, 1);
    if (ring->deadline_count > 0)
        deadline_arm(ring);
    return 0;
}

/* Accept one chain, with the ring's lock. 0 or -errno. */
static int accept_chain(struct ring *ring, const struct ring_op *ops, int count, ring_handle_t *handles)
{
    struct ring_slot **slots = malloc((size_t)count * sizeof(struct ring_slot *));
    bool counting = false;
    int rc = slots ? refuse_early(ring, count, &counting) : -ENOMEM;
    if (rc == 0)
        rc = take_over_chain(ring, ops, count, slots);
    end_counting(ring->group, counting);
    if (rc == 0) {
        for (int i = 0; i < count; i++) {
            const struct ring_slot *slot = slots[i];
            handles[i] = slot->handle;
            PROBE6(submit, ring->group, slot->handle, slot->op.fd, slot->op.opcode, slot->op.len,
                   slot->op.offset);
        }
        ring_admit(ring, slots[0], count);
        if (ring->deadline_count > 0)
            deadline_arm(ring);
    }
    free(slots);
    return rc;
}

bool ring_group_in_callback(const struct ring_group *group)
{
    return in_callback_of(group, ring_thread());
}

/* Whether what was just accepted may wait to be handed over with what follows. With the ring's lock. */
static bool may_hold_back(const struct ring *ring, const struct ring_thread *thread)
{
    const struct ring_group *group = ring->group;
    if (backend_published(ring->backend) >= BATCH_THRESHOLD)
        return false;
    if (ring->local)
        return ring->owner_drives && ring->notify_fd < 0;
    return atomic_load_explicit(&group->driver, memory_order_relaxed) == thread->id &&
           atomic_load_explicit(&group->sleepers, memory_order_relaxed) == 0 &&
           !atomic_load_explicit(&group->poll_fd_used, memory_order_relaxed);
}

struct settlement {
    bool held_back;
    bool activated;
};

/* After accepting, with the ring's lock. */
static struct settlement settle_locked(struct ring *ring, struct ring_thread *thread)
{
    struct settlement result = {.held_back = true};
    if (!ring->local)
        result.activated = ring_mark_active(ring);
    if (ring->done.head)
        ring_settle(ring);
    if (thread->frames && thread->frames->ring == ring)
        return result; /* the end of the batch hands it over */
    if (thread->frames && in_callback_of(ring->group, thread))
        thread->elsewhere = true;
    else if (!may_hold_back(ring, thread))
        result.held_back = false;
    if (!result.held_back)
        ring_stamp(ring);
    return result;
}

/* After unlocking: hand over now, or leave it to the end of the batch or the next drive. */
static void settle_unlocked(struct ring *ring, const struct ring_thread *thread, struct settlement settlement)
{
    struct ring_group *group = ring->group;
    if (settlement.activated && atomic_load(&group->sleepers) > 0)
        group_wake_sleepers(group);
    if (!settlement.held_back)
        ring_hand_over(ring);
    else if (!ring->local && (atomic_load(&group->sleepers) > 0 || atomic_load(&group->poll_fd_used)) &&
             (!thread->frames || !in_callback_of(group, thread)))
        ring_hand_over(ring); /* somebody came to rely on it meanwhile: see group_sleep() */
}

/* Where a transfer to or from a registered buffer goes, as this ring's backend knows it; NULL: it takes a
 * closer look. */
static inline void *find_buffer(const struct ring *ring, struct ring_op_head head, uintptr_t where,
                                uint64_t len, int *ret_slot)
{
    if (!ring->buffers || head.buf_index >= ring->buffers->count)
        return NULL;
    if (ring->buffers_registered)
        *ret_slot = head.buf_index;
    return buffer_place(ring->buffers, head.buf_index, where, len);
}

/*
 * Accept a plain transfer when everything is as it usually is: storage that the cache knows (direct I/O,
 * which may find its memory registered, takes a closer look), room in the group, under the limit and in the
 * queue, tables up to date. It is to be sent then. NULL: something is not, and nothing was changed.
 */
static inline __attribute__((always_inline)) struct ring_slot *
accept_plain(struct ring *ring, struct ring_op_head head, uintptr_t where, uint64_t len, int64_t offset,
             ring_callback_t callback, void *user_data, struct backend_registered *ret_registered)
{
    struct ring_group *group = ring->group;
    struct ring_slot *slot = ring->free;
    struct class_entry *entry = &ring->classes[(unsigned)head.fd % CLASS_CACHE];
    struct ring_lane *lane = entry->in;
    int file_slot = -1, buffer_slot = -1;
    void *addr = (void *)where;
    uint16_t flags = 0;
    if (__builtin_expect(
            !slot || entry->fd != head.fd || entry->kind != FD_STORAGE || entry->uses >= USES_BEFORE_LOOK ||
                lane->queued.head || lane_in_kernel(lane) >= lane->limit ||
                ring_pending(ring) >= atomic_load_explicit(&group->accept_below, memory_order_relaxed) ||
                ring->tables_version != atomic_load_explicit(&group->tables_version, memory_order_acquire) ||
                backend_room(ring->backend) == 0 || ring->unstamped_count == BATCH_MAX,
            0))
        return NULL;
    if (head.flags & RING_OP_FIXED) {
        ring_begin_fixed(ring);
        addr = find_buffer(ring, head, where, len, &buffer_slot);
        if (__builtin_expect(!addr, 0)) {
            ring_add_fixed_users(ring, -1);
            return NULL;
        }
        flags = SLOT_FIXED_COUNTED;
    }
    if (ring->files_registered && head.fd < ring->files->fd_limit)
        file_slot = ring->files->slot_of_fd[head.fd];
    entry->uses++;
    ring->free = slot->next;
    slot->op.head = head;
    slot->op.u.addr = addr;
    slot->op.len = len;
    slot->op.offset = offset;
    slot->op.callback = callback;
    slot->op.user_data = user_data;
    slot->flags = flags;
    slot->lane = entry->lane;
    slot->slot_class = SLOT_STORAGE;
    slot->tries = 0;
    slot->plain = true;
    slot->room = 1;
    ring_note_push(ring, slot);
    ring_add_pending(ring, 1);
    lane_count_in_kernel(lane, 1);
    slot_set_state(slot, SLOT_KERNEL);
    *ret_registered = (struct backend_registered){file_slot, buffer_slot};
    return slot;
}

/* Hand what was accepted to the backend. Returns its handle. */
static inline int64_t send_plain(struct ring *ring, const struct ring_slot *slot,
                                 struct backend_registered registered)
{
    PROBE6(submit, ring->group, slot->handle, slot->op.fd, slot->op.opcode, slot->op.len, slot->op.offset);
    return (int64_t)ring->ops->send_transfer(ring->backend, slot, registered);
}

/* Submit to a ring that was selected. The handle, or a negative errno. */
static int64_t submit_to(struct ring *ring, struct ring_thread *thread, const struct ring_op *op)
{
    ring_handle_t handle = 0;
    ring_lock(ring);
    ring_sync_tables(ring);
    int rc = accept_one(ring, op, &handle);
    if (rc < 0) {
        ring_unlock(ring);
        return rc;
    }
    struct settlement settlement = settle_locked(ring, thread);
    ring_unlock(ring);
    settle_unlocked(ring, thread, settlement);
    return (int64_t)handle;
}

int64_t ring_group_submit_one(struct ring_group *group, const struct ring_op *op)
{
    struct ring *ring;
    int rc = group_select(group, &ring);
    if (rc < 0)
        return rc;
    int64_t handle = submit_to(ring, ring_thread(), op);
    ring_leave(ring, INSIDE_SUBMITTING);
    return handle;
}

int ring_group_submit(struct ring_group *group, const struct ring_op *ops, int count, ring_handle_t *handles,
                      int *ret_error)
{
    struct ring_thread *thread = ring_thread();
    struct ring *ring;
    int rc = group_select(group, &ring), accepted = 0;
    *ret_error = rc;
    if (rc < 0)
        return 0;
    ring_lock(ring);
    ring_sync_tables(ring);
    while (rc == 0 && accepted < count) {
        int length = 1;
        while (ops[accepted + length - 1].flags & RING_OP_LINKED)
            length++;
        rc = length == 1 ? accept_one(ring, &ops[accepted], &handles[accepted])
                         : accept_chain(ring, &ops[accepted], length, &handles[accepted]);
        accepted += rc == 0 ? length : 0;
    }
    *ret_error = rc;
    if (accepted == 0) {
        ring_unlock(ring);
    } else {
        struct settlement settlement = settle_locked(ring, thread);
        ring_unlock(ring);
        settle_unlocked(ring, thread, settlement);
    }
    ring_leave(ring, INSIDE_SUBMITTING);
    return accepted;
}

static int64_t transfer_to(struct ring *ring, struct ring_thread *thread, struct ring_op_head head,
                           uintptr_t where, uint64_t len, int64_t offset, ring_callback_t callback,
                           void *user_data)
{
    struct backend_registered registered;
    ring_lock(ring);
    const struct ring_slot *slot =
        accept_plain(ring, head, where, len, offset, callback, user_data, &registered);
    if (__builtin_expect(slot != NULL, 1)) {
        int64_t handle = send_plain(ring, slot, registered);
        struct settlement settlement = settle_locked(ring, thread);
        ring_unlock(ring);
        settle_unlocked(ring, thread, settlement);
        return handle;
    }
    ring_unlock(ring);
    struct ring_op op = {
        .u.buffer_offset = where, .len = len, .offset = offset, .callback = callback, .user_data = user_data};
    op.head = head;
    return submit_to(ring, thread, &op);
}

/* From wherever the thread is, to the ring that is selected for it. */
static __attribute__((noinline)) int64_t transfer_anywhere(struct ring_group *group, struct ring_op_head head,
                                                           uintptr_t where, uint64_t len, int64_t offset,
                                                           ring_callback_t callback, void *user_data)
{
    struct ring_thread *thread = ring_thread();
    struct ring *ring = thread->cached_ring;
    if (thread->cached_group != group->id || !ring_enter(ring, INSIDE_SUBMITTING)) {
        int rc = group_select(group, &ring);
        if (rc < 0)
            return rc;
    }
    int64_t handle = transfer_to(ring, thread, head, where, len, offset, callback, user_data);
    ring_leave(ring, INSIDE_SUBMITTING);
    return handle;
}

/* From a callback to the shared ring of its batch, which hands it over at its end. */
static inline int64_t transfer_shared(struct ring_group *group, struct ring_op_head head, uintptr_t where,
                                      uint64_t len, int64_t offset, ring_callback_t callback, void *user_data)
{
    struct ring *ring = ring_this_thread.frames->ring;
    const struct ring_slot *slot = NULL;
    struct backend_registered registered;
    int64_t handle = 0;
    ring_mutex_lock(&ring->lock);
    if (ring->active && ring_pending(ring) < group->config.queue_depth)
        slot = accept_plain(ring, head, where, len, offset, callback, user_data, &registered);
    if (slot) {
        handle = send_plain(ring, slot, registered);
        ring->idle_scans = 0;
    }
    ring_mutex_unlock(&ring->lock);
    return slot ? handle : transfer_anywhere(group, head, where, len, offset, callback, user_data);
}

/*
 * In a callback, where what is submitted goes to the ring of the batch as long as that is not full, nothing
 * of what can come between has to be looked at: who drives and who sleeps (the end of the batch hands over),
 * or whether a thread's own ring was taken (the thread is inside, and the batch is pending).
 */
int64_t ring_group_transfer(struct ring_group *group, struct ring_op_head head, uintptr_t where, uint64_t len,
                            int64_t offset, ring_callback_t callback, void *user_data)
{
    const struct frame *frame = ring_this_thread.frames;
    struct backend_registered registered;
    if (__builtin_expect(!frame || frame->straight != group, 0))
        return transfer_anywhere(group, head, where, len, offset, callback, user_data);
    struct ring *ring = frame->ring;
    if (!atomic_load_explicit(&ring->local, memory_order_relaxed))
        return transfer_shared(group, head, where, len, offset, callback, user_data);
    const struct ring_slot *slot =
        accept_plain(ring, head, where, len, offset, callback, user_data, &registered);
    if (__builtin_expect(!slot, 0))
        return transfer_anywhere(group, head, where, len, offset, callback, user_data);
    return send_plain(ring, slot, registered);
}
