/* SPDX-License-Identifier: MIT */
/*
 * Driving completions: copy a batch out of a ring with its lock, run the callbacks without, give the slots
 * back. What callbacks submit is handed over together when the batch ends.
 */
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

/* ----------------------------------------------------------------- bitmaps */

static void bitmap_set(_Atomic uint64_t *bitmap, int index)
{
    atomic_fetch_or(&bitmap[index / BITMAP_BITS], UINT64_C(1) << (index % BITMAP_BITS));
}

static void bitmap_clear(_Atomic uint64_t *bitmap, int index)
{
    atomic_fetch_and(&bitmap[index / BITMAP_BITS], ~(UINT64_C(1) << (index % BITMAP_BITS)));
}

bool ring_mark_active(struct ring *ring)
{
    ring->idle_scans = 0;
    if (ring->active)
        return false;
    ring->active = true;
    bitmap_set(ring->group->active, ring->index);
    return true;
}

void ring_mark_dirty(struct ring *ring)
{
    if (ring->dirty)
        return;
    ring->dirty = true;
    bitmap_set(ring->group->dirty, ring->index);
}

static struct ring *own_ring(struct ring_group *group)
{
    struct ring *ring = NULL;
    if (group->config.select == RING_SELECT_THREAD_LOCAL)
        (void)local_ring(group, false, &ring);
    return ring;
}

static int each_in_bitmap(struct ring_group *group, const _Atomic uint64_t *bitmap,
                          int (*visit)(struct ring *ring, void *context), void *context)
{
    int sum = 0, words = (group->ring_count + BITMAP_BITS - 1) / BITMAP_BITS;
    for (int word = 0; word < words; word++) {
        uint64_t bits = atomic_load(&bitmap[word]);
        for (; bits; bits &= bits - 1)
            sum += visit(group_ring(group, word * BITMAP_BITS + __builtin_ctzll(bits)), context);
    }
    return sum;
}

int group_each_ring(struct ring_group *group, int (*visit)(struct ring *ring, void *context), void *context)
{
    struct ring *own = own_ring(group);
    int sum = own ? visit(own, context) : 0;
    return sum + each_in_bitmap(group, group->active, visit, context);
}

/* --------------------------------------------------------------- hand over */

/* Returns how many operations were handed over. */
static int hand_over(struct ring *ring, void *unused)
{
    (void)unused;
    ring_lock(ring);
    if (ring->dirty) {
        ring->dirty = false;
        bitmap_clear(ring->group->dirty, ring->index);
    }
    ring_dispatch_queued(ring);
    ring_stamp(ring);
    ring_unlock(ring);
    int rc = ring->group->ops->submit(ring->backend);
    if (rc < 0 && !ring->local) { /* the kernel is short of memory: the next drive tries again */
        ring_lock(ring);
        ring_mark_dirty(ring);
        ring_unlock(ring);
    }
    return rc > 0 ? rc : 0;
}

void ring_hand_over(struct ring *ring)
{
    if (ring->group->ops->submit(ring->backend) < 0)
        (void)hand_over(ring, NULL);
}

int group_flush_dirty(struct ring_group *group)
{
    struct ring *own = own_ring(group);
    int sum = own && group->ops->published(own->backend) > 0 ? hand_over(own, NULL) : 0;
    return sum + each_in_bitmap(group, group->dirty, hand_over, NULL);
}

int ring_group_flush(struct ring_group *group)
{
    return group_flush_dirty(group);
}

/* ------------------------------------------------------------------- reap */

bool ring_is_ready(const struct ring *ring)
{
    return (ring->backend && ring->group->ops->ready(ring->backend)) || atomic_load(&ring->has_done) ||
           atomic_load_explicit(&ring->has_mail, memory_order_relaxed);
}

/* Before a local ring is reaped: its poll descriptor is cleared, cancels of other threads are served. */
static void begin_local(struct ring *ring)
{
    uint64_t rung;
    if (ring->notify_fd >= 0)
        (void)!read(ring->notify_fd, &rung, sizeof(rung));
    local_read_mail(ring);
}

/* What was left for the next batch keeps the poll descriptor readable. */
static void end_local(struct ring *ring)
{
    uint64_t one = 1;
    if (ring->notify_fd >= 0 && ring_is_ready(ring))
        (void)!write(ring->notify_fd, &one, sizeof(one));
}

/* With the lock: take completions, decide what they mean, and move what is finished into the frame. */
static void fill_frame(struct ring *ring, struct frame *frame, unsigned max)
{
    const struct backend_ops *ops = ring->group->ops;
    struct backend_event events[BATCH_MAX];
    if (ring->stop_owed)
        ring_stop_again(ring);
    unsigned count = ring->backend ? ops->reap(ring->backend, events, max) : 0;
    if (count > 0) {
        ring->now_ns = ring_now_ns();
        for (unsigned i = 0; i < count; i++)
            ring_on_event(ring, &events[i]);
        ring_dispatch_queued(ring);
    }
    struct ring_slot *slot;
    while ((slot = ring->done.head) && frame->count < (int)max) {
        slot_list_remove(&ring->done, slot);
        frame->slots[frame->count++] = slot;
    }
    if (!ring->done.head && atomic_load_explicit(&ring->has_done, memory_order_relaxed))
        atomic_store_explicit(&ring->has_done, false, memory_order_relaxed);
    ring_report_samples(ring);
    if (ring->backend && !ring->local && ops->published(ring->backend) > 0)
        ring_mark_dirty(ring);
}

static void run_next_callback(struct frame *frame)
{
    struct ring_slot *slot = frame->slots[frame->next++];
    ring_handle_t handle = slot_handle(slot);
    slot_set_state(slot, SLOT_CALLBACK);
    if (slot->op.callback)
        slot->op.callback((struct auraio_request *)(uintptr_t)handle, (ssize_t)slot->result,
                          slot->op.user_data);
}

static void retire_frame(struct ring *ring, struct frame *frame)
{
    struct ring_group *group = ring->group;
    ring_lock(ring);
    for (int i = frame->count - 1; i >= 0; i--)
        ring_give_slot(ring, frame->slots[i]);
    ring_add_pending(ring, -frame->count);
    bool empty = ring_pending(ring) == 0;
    ring_unlock(ring);
    if (empty && atomic_load(&group->sleepers) > 0 && ring_group_pending(group) == 0)
        group_wake_sleepers(group); /* whoever waits for something to complete waits in vain */
    if (atomic_load_explicit(&group->buffers_state, memory_order_relaxed) == BUFFERS_LEAVING)
        group_finish_unregister(group);
}

int ring_reap(struct ring *ring)
{
    if (!ring_is_ready(ring))
        return 0;
    struct ring_thread *thread = ring_thread();
    struct frame frame;
    frame.group = ring->group;
    frame.ring = ring;
    frame.outer = thread->frames;
    frame.count = frame.next = 0;
    bool shared_work = atomic_load_explicit(&ring->group->sleepers, memory_order_relaxed) > 0;
    ring_lock(ring);
    if (ring->local)
        begin_local(ring);
    fill_frame(ring, &frame, shared_work ? BATCH_SHARED_MAX : BATCH_MAX);
    ring_unlock(ring);
    int ran = 0;
    if (frame.count > 0) {
        thread->frames = &frame;
        for (; frame.next < frame.count; ran++)
            run_next_callback(&frame);
        thread->frames = frame.outer;
        retire_frame(ring, &frame);
    }
    if (ring->local)
        end_local(ring);
    return ran;
}

int group_serve_frames(struct ring_group *group)
{
    int ran = 0;
    for (struct frame *frame = ring_thread()->frames; frame; frame = frame->outer)
        if (frame->group == group)
            for (; frame->next < frame->count; ran++)
                run_next_callback(frame);
    return ran;
}

static int reap_one(struct ring *ring, void *unused)
{
    (void)unused;
    return ring_reap(ring);
}

int group_reap(struct ring_group *group)
{
    return group_each_ring(group, reap_one, NULL);
}

struct ring_thread *group_enter_driving(struct ring_group *group)
{
    struct ring_thread *thread = ring_thread();
    if (atomic_load_explicit(&group->driver, memory_order_relaxed) != thread->id)
        atomic_store_explicit(&group->driver, thread->id, memory_order_relaxed);
    struct ring *own = own_ring(group);
    if (own)
        own->owner_drives = true;
    return thread;
}

int ring_group_poll(struct ring_group *group)
{
    struct ring_thread *thread = group_enter_driving(group);
    int ran = thread->frames ? group_serve_frames(group) : 0;
    (void)group_flush_dirty(group);
    ran += group_reap(group);
    (void)group_flush_dirty(group);
    return ran;
}
