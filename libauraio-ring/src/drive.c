/* SPDX-License-Identifier: MIT */
/*
 * Driving completions: take a batch out of a ring with its lock, run the callbacks without, give the slots
 * back. What callbacks submit is handed over together when the batch ends.
 */
#include "annotate.h"
#include "local.h"
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <unistd.h>

/* ----------------------------------------------------------------- bitmaps */

/* A second level says which words may have a bit, so that a look costs the same on a machine of any size. */
static void bitmap_set(_Atomic uint64_t *bitmap, _Atomic uint64_t *words, int index)
{
    atomic_fetch_or(&bitmap[index / BITMAP_BITS], UINT64_C(1) << (index % BITMAP_BITS));
    uint64_t word = UINT64_C(1) << (index / BITMAP_BITS);
    if (!(atomic_load(words) & word))
        atomic_fetch_or(words, word);
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
    bitmap_set(ring->group->active, &ring->group->active_words, ring->index);
    return true;
}

void ring_unmark_active(struct ring *ring)
{
    ring->active = false;
    bitmap_clear(ring->group->active, ring->index);
}

/* Whether there is something to reap where no operation is pending. That the kernel speaks of deferred work
 * doesn't count: nobody takes it back when the thread that had to do it ends. */
static bool holds_leftovers(const struct ring *ring)
{
    unsigned more = BACKEND_STATE_OVERFLOW | BACKEND_STATE_SIGNALLED;
    return (ring->backend &&
            (backend_completions(ring->backend) > 0 || backend_state(ring->backend) & more)) ||
           atomic_load(&ring->has_done) || atomic_load(&ring->has_mail);
}

bool ring_leave_bitmap(struct ring *ring)
{
    bool left = false;
    ring_lock(ring);
    if (ring->idle_scans++ >= IDLE_SCANS && ring_pending(ring) == 0 && !ring->owed && ring->timer_ns == 0 &&
        !ring->doorbell && sleepers_count(atomic_load(&ring->sleepers)) == 0 && !holds_leftovers(ring)) {
        ring_unmark_active(ring);
        left = true;
    }
    ring_unlock(ring);
    if (left && is_thread_local(ring->group))
        atomic_store(&ring->group->has_idle_orphans, true);
    return left;
}

/* With THREAD_LOCAL a shared ring, one that a thread has left, may become another thread's own: not while it
 * is held. Hold first, then look whether it is in the bitmap still; clean_up() looks for holders of rings
 * that have left the bitmap. All sequentially consistent: one sees the other. */
static int visit_held(struct ring *ring, int (*visit)(struct ring *ring, void *context), void *context)
{
    const struct ring_group *group = ring->group;
    uint64_t bit = UINT64_C(1) << (ring->index % BITMAP_BITS);
    ring_hold(ring);
    int result = atomic_load(&group->active[ring->index / BITMAP_BITS]) & bit ? visit(ring, context) : 0;
    ring_release(ring);
    return result;
}

int group_each_shared(struct ring_group *group, int (*visit)(struct ring *ring, void *context), void *context)
{
    int sum = 0;
    for (uint64_t words = atomic_load(&group->active_words); words; words &= words - 1) {
        int word = __builtin_ctzll(words);
        for (uint64_t bits = atomic_load(&group->active[word]); bits; bits &= bits - 1) {
            struct ring *ring = group_ring(group, word * BITMAP_BITS + __builtin_ctzll(bits));
            sum += is_thread_local(group) ? visit_held(ring, visit, context) : visit(ring, context);
        }
    }
    return sum;
}

int group_each_ring(struct ring_group *group, int (*visit)(struct ring *ring, void *context), void *context)
{
    struct ring *own = own_ring(group, ring_thread());
    int sum = own ? visit(own, context) : 0;
    return sum + group_each_shared(group, visit, context);
}

/* The one ring the calling thread can reap, when there is just one. */
struct ring *group_only_ring(struct ring_group *group, const struct ring_thread *thread)
{
    struct ring *own = own_ring(group, thread);
    uint64_t words = atomic_load(&group->active_words);
    if (is_thread_local(group))
        return words ? NULL : own;
    if (words == 0 || words & (words - 1))
        return NULL;
    int word = __builtin_ctzll(words);
    uint64_t bits = atomic_load(&group->active[word]);
    return bits && !(bits & (bits - 1)) ? group_ring(group, word * BITMAP_BITS + __builtin_ctzll(bits))
                                        : NULL;
}

/* --------------------------------------------------------------- hand over */

/* Returns how many operations were handed over, or a negative errno: the next drive tries again. */
static int hand_over(struct ring *ring)
{
    ring_lock(ring);
    ring->owed = false;
    ring_dispatch_queued(ring);
    deadline_arm(ring);
    ring_stamp(ring);
    ring_unlock(ring);
    int rc = ring->ops->submit(ring->backend);
    ring_present(ring);
    if (rc < 0) { /* the kernel is short of memory */
        ring_lock(ring);
        ring->owed = true;
        ring_unlock(ring);
    }
    return rc;
}

/* Whether somebody waits for what is handed over, and would not try it again by himself. */
static bool is_relied_on(const struct ring *ring)
{
    const struct ring_group *group = ring->group;
    if (ring->local)
        return ring->notify_fd >= 0;
    return atomic_load(&group->sleepers) > 0 || atomic_load(&group->poll_fd_used);
}

/* Again until the kernel takes it or nobody relies on it. */
static int hand_over_insisting(struct ring *ring)
{
    int rc = hand_over(ring);
    while ((backend_is_short(rc) || (rc >= 0 && ring->owed)) && is_relied_on(ring)) {
        group_pause(ring->group);
        rc = hand_over(ring);
    }
    return rc;
}

void ring_hand_over(struct ring *ring)
{
    int rc = ring->ops->submit(ring->backend);
    ring_present(ring);
    if (rc < 0 || ring->owed)
        (void)hand_over_insisting(ring);
}

bool ring_try_hand_over(struct ring *ring)
{
    return hand_over(ring) >= 0;
}

/* What the driver holds back is published and not taken; an orphaned ring, and one whose hand-over the kernel
 * refused, is owed one. */
static bool needs_hand_over(const struct ring *ring)
{
    return ring->backend &&
           (backend_published(ring->backend) > 0 || atomic_load_explicit(&ring->owed, memory_order_relaxed));
}

/* In passing. A ring whose callbacks run on another thread is handed over there. */
static int hand_over_if_needed(struct ring *ring, void *thread)
{
    bool ours = ((const struct ring_thread *)thread)->frames != NULL;
    if (!needs_hand_over(ring) || (atomic_load_explicit(&ring->batches, memory_order_relaxed) > 0 && !ours))
        return 0;
    int rc = hand_over(ring);
    return rc > 0 ? rc : 0;
}

/* As promised: whatever callbacks run there, for they may last, or sleep in a call of their own. */
static int hand_over_now(struct ring *ring, void *unused)
{
    (void)unused;
    int rc = needs_hand_over(ring) ? hand_over_insisting(ring) : 0;
    return rc > 0 ? rc : 0;
}

int group_hand_over(struct ring_group *group)
{
    return group_each_ring(group, hand_over_if_needed, ring_thread());
}

void ring_hand_over_quick(struct ring *ring, struct ring_thread *thread)
{
    enum { SLEEP_NS = 5000 };
    int64_t latency_ns = atomic_load_explicit(&ring->latency_ns, memory_order_relaxed);
    if (latency_ns > 0 && latency_ns < SLEEP_NS)
        (void)hand_over_if_needed(ring, thread);
}

int ring_group_flush(struct ring_group *group)
{
    struct ring *own = group_enter(group);
    int handed_over = group_each_ring(group, hand_over_now, NULL);
    group_leave(own);
    return handed_over;
}

/* ------------------------------------------------------------------- reap */

/*
 * Whether the calling thread has reason to reap its own ring, whose poll descriptor is readable then and else
 * not. Cleared first, looked at afterwards: what becomes ready in between makes it readable again. And after
 * a batch, not before: the kernel announces deferred work, and once more the completions it becomes when it
 * is reaped.
 */
static bool settle_notify(const struct ring *ring)
{
    uint64_t rung, one = 1;
    (void)!read(ring->notify_fd, &rung, sizeof(rung));
    bool ready = ring_is_ready(ring);
    if (ready)
        (void)!write(ring->notify_fd, &one, sizeof(one));
    return ready;
}

/* Whether a poll descriptor of its own was given out. */
static bool has_notify(const struct ring *ring)
{
    return ring->local && ring->notify_fd >= 0;
}

/* The last sample of a batch, to which the next operation may be added. */
struct run {
    int64_t dispatch_ns; /* -1: there is none */
    struct ring_sample *sample;
};

/* Account for a plain transfer that moved all it was asked to. */
static inline void add_to_run(struct ring *ring, struct run *run, const struct ring_slot *slot)
{
    struct ring_sample *sample = run->sample;
    enum ring_sample_kind kind = (enum ring_sample_kind)(slot->op.opcode - RING_OP_READ);
    int target = slot->lane - LANE_STORAGE;
    if (slot->dispatch_ns == run->dispatch_ns && sample->bytes == slot->op.len && sample->kind == kind &&
        sample->target == target) {
        sample->count++;
    } else if (__builtin_expect(slot->dispatch_ns == 0, 0)) {
        ring_add_sample(ring, slot);
        run->dispatch_ns = -1;
        return;
    } else {
        run->dispatch_ns = slot->dispatch_ns;
        run->sample = sample = ring_next_sample(ring);
        sample->latency_ns = ring->now_ns - slot->dispatch_ns;
        sample->bytes = slot->op.len;
        sample->kind = kind;
        sample->target = target;
        sample->count = 1;
    }
    PROBE6(complete, ring->group, slot->handle, kind, target, slot->result, sample->latency_ns);
}

/*
 * Decide on one completion. The rule, a plain read or write that moved all it was asked to, goes straight
 * into the frame; the exceptions go by way of the done list.
 */
static inline void take_completion(struct ring *ring, const struct backend_completion *completion,
                                   struct frame *frame, struct run *run)
{
    bool is_slot = completion->key >> SLOT_INDEX_BITS != 0;
    struct ring_slot *slot = is_slot ? slot_at(completion->key) : NULL;
    int64_t result = completion->result;
    if (__builtin_expect(!slot || !slot->plain || (uint64_t)result != slot->op.len, 0)) {
        ring_on_completion(ring, completion);
        run->dispatch_ns = -1;
        return;
    }
    assert(slot->handle == completion->key && slot->ring == ring && slot_state(slot) == SLOT_KERNEL);
    lane_count_in_kernel(&ring->lanes[slot->lane], -1);
    if (slot->flags & SLOT_FIXED_COUNTED)
        ring_add_fixed_users(ring, -1);
    slot->result = result;
    slot_set_state(slot, SLOT_DONE);
    frame->slots[frame->count++] = slot;
    add_to_run(ring, run, slot);
}

static void take_batch(struct ring *ring, struct frame *frame, unsigned max)
{
    struct backend_queue *queue = backend_queue(ring->backend);
    unsigned count = backend_completions(ring->backend);
    if (count == 0 && backend_has_more(ring->backend)) {
        ring->ops->reap_more(ring->backend);
        count = backend_completions(ring->backend);
    }
    if (count == 0)
        return;
    count = count < max ? count : max;
    unsigned head = __atomic_load_n(queue->completion_head, __ATOMIC_RELAXED);
    struct run run = {.dispatch_ns = -1};
    ring->completions_since_look += (int)count;
    ring->now_ns = ring_now_ns(ring);
    for (unsigned i = 0; i < count; i++)
        take_completion(ring, &queue->completions[(head + i) & queue->completion_mask], frame, &run);
    /* Release: the backend may overwrite what we have read. */
    __atomic_store_n(queue->completion_head, head + count, __ATOMIC_RELEASE);
    if (__builtin_expect(backend_state(ring->backend) & BACKEND_STATE_SIGNALLED, 0))
        ring->ops->reap_more(ring->backend);
    if (ring->queued_count > 0)
        ring_dispatch_queued(ring);
    if (__builtin_expect(sleepers_unwoken(atomic_load_explicit(&ring->sleepers, memory_order_relaxed)) > 0,
                         0))
        ring_doorbell_again(ring);
}

/* With the lock: take completions and move what is finished into the frame. */
static void fill_frame(struct ring *ring, struct frame *frame, unsigned max)
{
    if (ring->stop_owed)
        ring_stop_again(ring);
    if (ring->backend)
        take_batch(ring, frame, max);
    if (atomic_load_explicit(&ring->has_done, memory_order_relaxed)) {
        struct ring_slot *slot;
        while ((slot = ring->done.head) && frame->count < BATCH_MAX) {
            slot_list_remove(&ring->done, slot);
            frame->slots[frame->count++] = slot;
        }
        if (!ring->done.head)
            atomic_store_explicit(&ring->has_done, false, memory_order_relaxed);
    }
    ring_report_samples(ring);
}

/* With the lock. */
static void ring_count_batches(struct ring *ring, int by)
{
    int batches = atomic_load_explicit(&ring->batches, memory_order_relaxed);
    atomic_store_explicit(&ring->batches, batches + by, memory_order_relaxed);
}

static void run_next_callback(struct frame *frame)
{
    struct ring_slot *slot = frame->slots[frame->next++];
    slot_set_state(slot, SLOT_CALLBACK);
    if (__builtin_expect(annotate_wanted, 0))
        annotate_filled(slot);
    if (slot->op.callback)
        slot->op.callback((struct auraio_request *)(uintptr_t)slot->handle, (ssize_t)slot->result,
                          slot->op.user_data);
}

/* Give the slots back, and hand over what the callbacks submitted here and what the FIFO may send. */
static void retire_frame(struct ring *ring, struct frame *frame)
{
    struct ring_group *group = ring->group;
    ring_lock(ring);
    struct ring_slot *free = ring->free;
    for (int i = frame->count - 1; i >= 0; i--) {
        ring_clear_slot(frame->slots[i], free);
        free = frame->slots[i];
    }
    ring->free = free;
    ring_add_pending(ring, -frame->count);
    bool empty = ring_pending(ring) == 0;
    if (ring->backend)
        ring_stamp(ring);
    ring_count_batches(ring, -1);
    if (ring->parkable && (empty || ring->mixed))
        ring_park_credits(ring);
    ring_unlock(ring);
    if (ring->backend && backend_published(ring->backend) > 0)
        ring_hand_over(ring);
    if (empty && atomic_load(&group->sleepers) > 0 && ring_group_pending(group) == 0)
        group_wake_sleepers(group); /* whoever waits for something to complete waits in vain */
    if (buffers_state(atomic_load_explicit(&group->buffers_state, memory_order_relaxed)) == BUFFERS_LEAVING)
        group_finish_unregister(group);
}

int ring_reap(struct ring *ring)
{
    if (!ring_is_ready(ring) && !(has_notify(ring) && settle_notify(ring))) {
        ring_present(ring);
        return 0;
    }
    struct ring_thread *thread = ring_thread();
    struct frame frame;
    frame.group = ring->group;
    /* A ring that a thread has left (THREAD_LOCAL) is not where its driver submits to. */
    bool straight = ring->local || ring->group->config.select == RING_SELECT_ADAPTIVE;
    frame.straight = straight ? ring->group : NULL;
    frame.ring = ring;
    frame.outer = thread->frames;
    frame.count = frame.next = 0;
    bool share = atomic_load_explicit(&ring->group->sleepers, memory_order_relaxed) > 0;
    ring_lock(ring);
    if (ring->local)
        local_read_mail(ring);
    fill_frame(ring, &frame, share ? BATCH_SHARED_MAX : BATCH_MAX);
    bool retried = frame.count == 0 && ring->backend && backend_published(ring->backend) > 0;
    if (retried)
        ring_stamp(ring);
    if (frame.count > 0)
        ring_count_batches(ring, 1);
    ring_unlock(ring);
    int ran = 0;
    if (retried)
        ring_hand_over(ring);
    if (frame.count > 0) {
        thread->frames = &frame;
        for (; frame.next < frame.count; ran++)
            run_next_callback(&frame);
        thread->frames = frame.outer;
        retire_frame(ring, &frame);
    }
    if (has_notify(ring))
        (void)settle_notify(ring);
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
    int ran = ring_reap(ring);
    if (ran == 0 && !ring->local && ring_pending(ring) == 0)
        (void)ring_leave_bitmap(ring); /* one ring is cheaper to drive than two of which one is idle */
    return ran;
}

int group_reap(struct ring_group *group)
{
    int ran = group_each_ring(group, reap_one, NULL);
    local_clean_up_if_needed(group);
    return ran;
}

struct ring_thread *group_enter_driving(struct ring_group *group)
{
    struct ring_thread *thread = ring_thread();
    if (atomic_load_explicit(&group->driver, memory_order_relaxed) != thread->id)
        atomic_store_explicit(&group->driver, thread->id, memory_order_relaxed);
    struct ring *own = own_ring(group, thread);
    if (own)
        own->owner_drives = true;
    return thread;
}

void group_hand_over_elsewhere(struct ring_group *group, struct ring_thread *thread)
{
    thread->elsewhere = false;
    (void)ring_group_flush(group);
}

int ring_group_poll(struct ring_group *group)
{
    struct ring *own = group_enter(group);
    struct ring_thread *thread = group_enter_driving(group);
    int ran = thread->frames ? group_serve_frames(group) : 0;
    if (!own) /* a callback may have submitted */
        own = group_enter(group);
    if (group_wants_ring(group))
        group_hand_in(group);
    (void)group_hand_over(group);
    ran += group_reap(group);
    if (thread->elsewhere)
        group_hand_over_elsewhere(group, thread);
    group_leave(own);
    return ran;
}
