/* SPDX-License-Identifier: MIT */
/*
 * What a completion means: the operation is finished, goes on (short transfer, degraded flag, emulated sync),
 * is tried again (EINTR, EAGAIN, what the exit of the submitting thread does to its operations), or waits for
 * its predecessor in a chain. Everything here runs with the ring's lock.
 */
#include "kernel.h"
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum verdict { FINISH, AGAIN, HOLD };

static bool is_read(const struct ring_slot *slot)
{
    return slot->op.opcode == RING_OP_READ || slot->op.opcode == RING_OP_READV;
}

static bool is_transfer(const struct ring_slot *slot)
{
    return slot->op.opcode <= RING_OP_WRITEV;
}

static bool is_vectored(const struct ring_slot *slot)
{
    return slot->op.opcode == RING_OP_READV || slot->op.opcode == RING_OP_WRITEV;
}

static uint64_t total_bytes(const struct ring_slot *slot)
{
    if (!is_vectored(slot))
        return slot->op.len;
    uint64_t total = 0;
    for (uint64_t i = 0; i < slot->op.len; i++)
        total += slot->op.u.iov[i].iov_len;
    return total;
}

int64_t slot_stopped_result(const struct ring_slot *slot)
{
    if (slot->done > 0)
        return (int64_t)slot->done;
    return slot->flags & SLOT_EXPIRED ? -ETIMEDOUT : -ECANCELED;
}

/* ------------------------------------------------------------------ finish */

static enum ring_sample_kind kind_of(const struct ring_slot *slot)
{
    if (!is_transfer(slot))
        return RING_SAMPLE_OTHER;
    return is_read(slot) ? RING_SAMPLE_READ : RING_SAMPLE_WRITE;
}

/* Of the operations of the batch that were measured; negative: none was. */
static int64_t mean_latency_ns(const struct ring *ring)
{
    int64_t sum_ns = 0, measured = 0;
    if (ring->sample_count == 1) /* nearly always, and a division costs as much as all of the rest */
        return ring->samples[0].latency_ns;
    for (int i = 0; i < ring->sample_count; i++) {
        const struct ring_sample *sample = &ring->samples[i];
        if (sample->latency_ns < 0)
            continue;
        sum_ns += sample->latency_ns * sample->count;
        measured += sample->count;
    }
    return measured > 0 ? sum_ns / measured : -1;
}

void ring_report_batch(struct ring *ring)
{
    assert(ring->sample_count > 0);
    int64_t ops = atomic_load_explicit(&ring->ops_completed, memory_order_relaxed);
    int64_t bytes = atomic_load_explicit(&ring->bytes_transferred, memory_order_relaxed);
    int64_t mean_ns = mean_latency_ns(ring);
    for (int i = 0; i < ring->sample_count; i++) {
        ops += ring->samples[i].count;
        bytes += (int64_t)ring->samples[i].bytes * ring->samples[i].count;
    }
    atomic_store_explicit(&ring->ops_completed, ops, memory_order_relaxed);
    atomic_store_explicit(&ring->bytes_transferred, bytes, memory_order_relaxed);
    if (mean_ns >= 0) {
        int64_t latency_ns = atomic_load_explicit(&ring->latency_ns, memory_order_relaxed);
        atomic_store_explicit(&ring->latency_ns, latency_ns + (mean_ns - latency_ns) / 4,
                              memory_order_relaxed);
    }
    if (ring->group->config.observe)
        ring->group->config.observe(ring->group->config.observe_context, ring->index, ring->samples,
                                    ring->sample_count, ring->now_ns);
    if (__builtin_expect(ring_is_watched(ring), 0))
        ring_report_control(ring, mean_ns);
    ring->sample_count = 0;
}

void ring_add_sample(struct ring *ring, const struct ring_slot *slot)
{
    bool moved = is_transfer(slot) && slot->result > 0,
         measured = slot->slot_class == SLOT_STORAGE && slot->result >= 0 && slot->dispatch_ns > 0;
    struct ring_sample alone = {
        .latency_ns = measured ? ring->now_ns - slot->dispatch_ns : -1,
        .bytes = moved ? (uint64_t)slot->result : 0,
        .kind = kind_of(slot),
        .target = slot->lane - LANE_STORAGE,
        .count = 1,
    };
    struct ring_sample *last = ring->sample_count > 0 ? &ring->samples[ring->sample_count - 1] : NULL;
    if (last && last->latency_ns == alone.latency_ns && last->bytes == alone.bytes &&
        last->kind == alone.kind && last->target == alone.target)
        last->count++;
    else
        *ring_next_sample(ring) = alone;
    PROBE6(complete, ring->group, slot->handle, alone.kind, alone.target, slot->result, alone.latency_ns);
}

/* Whether the successor in a chain may start. */
static bool succeeded_in_full(const struct ring_slot *slot)
{
    if (slot->result < 0)
        return false;
    return !is_transfer(slot) || (uint64_t)slot->result == total_bytes(slot);
}

/* Finish one slot; returns its successor when that is to be finished too. */
static struct ring_slot *finish_one(struct ring *ring, struct ring_slot *slot, int64_t result)
{
    struct ring_slot *next = slot->chain;
    if (slot->chain_before) /* cancelled, while that one is tried again */
        slot->chain_before->chain = NULL;
    slot->chain_before = NULL;
    slot->result = result;
    ring_add_sample(ring, slot);
    if (slot->heap_place)
        deadline_remove(ring, slot);
    if (slot->flags & SLOT_FIXED_COUNTED)
        ring_add_fixed_users(ring, -1);
    free(slot->rest);
    slot->rest = NULL;
    slot_set_state(slot, SLOT_DONE);
    slot_list_append(&ring->done, slot);
    slot->chain = NULL;
    if (!next)
        return NULL;
    next->chain_before = NULL;
    if (succeeded_in_full(slot)) {
        if (slot_state(next) == SLOT_HELD)
            ring_again(ring, next);
        return NULL;
    }
    next->flags |= SLOT_LINK_FAILED;
    return slot_state(next) == SLOT_HELD ? next : NULL;
}

void ring_finish(struct ring *ring, struct ring_slot *slot, int64_t result)
{
    while (slot) {
        slot = finish_one(ring, slot, result);
        result = -ECANCELED;
    }
    atomic_store_explicit(&ring->has_done, true, memory_order_relaxed);
}

/* ------------------------------------------------------------------- judge */

/* Replace or drop one RWF_* flag that the kernel refused, the least valuable first. False: nothing left to
 * give up. */
static bool degrade(struct ring_slot *slot, int64_t result)
{
    struct ring_op *op = &slot->op;
    static const int order[] = {RWF_DONTCACHE, RWF_HIPRI, RWF_NOWAIT, RWF_ATOMIC, RWF_DSYNC, RWF_SYNC};
    if (op->flags & RING_OP_STRICT)
        return false;
    if (result == -EINVAL) { /* what io_uring says to RWF_HIPRI outside of polled rings */
        bool asked = op->rw_flags & RWF_HIPRI;
        op->rw_flags &= ~RWF_HIPRI;
        return asked;
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (!(op->rw_flags & order[i]))
            continue;
        op->rw_flags &= ~order[i];
        if (order[i] & (RWF_DSYNC | RWF_SYNC) && !is_read(slot)) {
            slot->flags |= SLOT_DEGRADED_SYNC;
            op->sys_flags |= order[i];
        }
        return true;
    }
    return false;
}

/* A stream that knows no RWF_NOWAIT (pipes before Linux 6.4) is asked in another way whether it would wait.
 */
static int64_t judge_nowait(const struct ring_slot *slot, int64_t result)
{
    bool known,
        asked = is_transfer(slot) && slot->op.rw_flags & RWF_NOWAIT && !(slot->op.flags & RING_OP_STRICT);
    if (result != -EOPNOTSUPP || !asked || class_of_fd(slot->ring->group, slot->op.fd, &known) != SLOT_STREAM)
        return result;
    struct pollfd ready = {.fd = slot->op.fd, .events = is_read(slot) ? POLLIN : POLLOUT};
    return poll(&ready, 1, 0) == 0 ? -EAGAIN : result;
}

/* No data without waiting: for an O_NONBLOCK descriptor that can be polled, wait for readiness; else let a
 * worker wait. */
static enum verdict judge_eagain(struct ring *ring, struct ring_slot *slot)
{
    if (slot->op.rw_flags & RWF_NOWAIT || !is_transfer(slot))
        return FINISH;
    if (ring_reclassify(ring, slot) == SLOT_STREAM) {
        slot->flags |= SLOT_POLLING;
        return AGAIN;
    }
    slot->flags |= SLOT_PUNT;
    return slot->tries++ < TRIES_MAX ? AGAIN : FINISH;
}

/*
 * An error that the end of the thread that had submitted the operation may have caused. It is the operation's
 * own when it comes @times again after this thread, which lives, has tried it.
 */
static enum verdict judge_orphan(struct ring_slot *slot, int times)
{
    uint64_t self = ring_thread()->id;
    if (slot->retried_by != self) {
        slot->retried_by = self;
        slot->tries = 0;
    }
    return slot->tries++ < times ? AGAIN : FINISH;
}

static enum verdict judge_error(struct ring *ring, struct ring_slot *slot, int64_t result)
{
    switch (result) {
    case -EINTR:
        return AGAIN;
    case -EAGAIN:
        return judge_eagain(ring, slot);
    case -ECANCELED: /* nobody asked: the chain broke, or the thread that submitted it has ended */
        if (slot->flags & SLOT_LINK_FAILED)
            return FINISH;
        if (slot->chain_before)
            return HOLD;
        return judge_orphan(slot, TRIES_MAX);
    case -EFAULT: /* a bad address, or the thread that submitted it has ended */
        return judge_orphan(slot, 1);
    case -EOPNOTSUPP:
    case -EINVAL:
        return is_transfer(slot) && slot->op.rw_flags && degrade(slot, result) ? AGAIN : FINISH;
    default:
        return FINISH;
    }
}

/* Whether a short read ended where the file ends. */
static bool at_end_of_file(const struct ring_slot *slot)
{
    struct stat st;
    return is_read(slot) && group_stat(slot->ring->group, slot->op.fd, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_size > 0 && slot->op.offset + (int64_t)slot->done >= st.st_size;
}

/* What is left of a vectored transfer, in a vector of our own. */
static int advance_vector(struct ring_slot *slot)
{
    const struct iovec *iov = slot->op.u.iov;
    uint64_t skip = slot->done, first = 0;
    while (first < slot->op.len && skip >= iov[first].iov_len)
        skip -= iov[first++].iov_len;
    uint64_t count = slot->op.len - first;
    if (!slot->rest) {
        slot->rest = malloc(count * sizeof(*iov));
        if (!slot->rest)
            return -ENOMEM;
    }
    memcpy(slot->rest, &iov[first], count * sizeof(*iov));
    slot->rest[0].iov_base = (char *)slot->rest[0].iov_base + skip;
    slot->rest[0].iov_len -= skip;
    slot->rest_count = (uint32_t)count;
    return 0;
}

static enum verdict judge_transfer(struct ring *ring, struct ring_slot *slot, int64_t moved)
{
    slot->done += (uint64_t)moved;
    if (moved == 0 || slot->op.offset < 0 || slot->op.rw_flags & RWF_NOWAIT ||
        slot->done >= total_bytes(slot))
        return FINISH;
    if (ring_reclassify(ring, slot) != SLOT_STORAGE || at_end_of_file(slot))
        return FINISH;
    if (is_vectored(slot) && advance_vector(slot) < 0)
        return FINISH;
    slot->tries = 0;
    return AGAIN;
}

/* Decide on a completion; *ret_result is meaningful with FINISH. */
static enum verdict judge(struct ring *ring, struct ring_slot *slot, int64_t result, int64_t *ret_result)
{
    result = judge_nowait(slot, result);
    *ret_result = result;
    if (slot->flags & SLOT_STOPPED && (result == -ECANCELED || result == -EINTR || result == -EAGAIN)) {
        *ret_result = slot_stopped_result(slot);
        return FINISH;
    }
    if (slot->flags & SLOT_POLLING && result >= 0) {
        slot->flags &= (uint16_t)~SLOT_POLLING;
        return AGAIN;
    }
    if (slot->flags & SLOT_SYNCING) {
        if (result == -EINTR || (result == -ECANCELED && judge_orphan(slot, TRIES_MAX) == AGAIN))
            return AGAIN;
        *ret_result = result < 0 ? result : (int64_t)slot->done;
        return FINISH;
    }
    enum verdict verdict = FINISH;
    if (result < 0)
        verdict = judge_error(ring, slot, result);
    else if (is_transfer(slot))
        verdict = judge_transfer(ring, slot, result);
    if (verdict != FINISH || !is_transfer(slot))
        return verdict;
    if (slot->done > 0 || result >= 0)
        *ret_result = (int64_t)slot->done;
    if (slot->flags & SLOT_DEGRADED_SYNC && slot->done > 0) {
        slot->flags |= SLOT_SYNCING;
        slot->tries = 0;
        return AGAIN;
    }
    return FINISH;
}

static void on_operation(struct ring *ring, ring_handle_t key, int64_t result)
{
    struct ring_slot *slot = slot_at(key);
    assert(slot->handle == key && slot->ring == ring && slot_state(slot) == SLOT_KERNEL);
    ring_left_kernel(ring, slot);
    slot->plain = false;
    switch (judge(ring, slot, result, &result)) {
    case FINISH:
        ring_finish(ring, slot, result);
        break;
    case AGAIN:
        ring_again(ring, slot);
        break;
    case HOLD:
        slot_set_state(slot, SLOT_HELD);
        break;
    }
}

void ring_on_completion(struct ring *ring, const struct backend_completion *completion)
{
    uint64_t rung;
    switch (completion->key) {
    case BACKEND_KEY_CANCEL:
    case BACKEND_KEY_TIMER_UPDATE: /* failed: the timer has fired, and its own completion follows */
        break;
    case BACKEND_KEY_DOORBELL:
        ring->doorbell = false;
        break;
    case BACKEND_KEY_BELL:
        (void)!read(ring->bell_fd, &rung, sizeof(rung));
        ring->bell_armed = completion->flags & BACKEND_MORE;
        break;
    case BACKEND_KEY_TIMER:
        ring->timer_ns = 0;
        deadline_expire(ring, ring->now_ns);
        deadline_arm(ring);
        break;
    default:
        on_operation(ring, completion->key, completion->result);
    }
}

void ring_take_completions(struct ring *ring)
{
    struct backend_queue *queue = backend_queue(ring->backend);
    if (backend_has_more(ring->backend))
        ring->ops->reap_more(ring->backend);
    unsigned count = backend_completions(ring->backend);
    unsigned head = __atomic_load_n(queue->completion_head, __ATOMIC_RELAXED);
    ring->now_ns = ring_now_ns(ring);
    ring->completions_since_look += (int)count;
    for (unsigned i = 0; i < count; i++) {
        struct backend_completion completion = queue->completions[(head + i) & queue->completion_mask];
        ring_on_completion(ring, &completion);
    }
    /* Release: the backend may overwrite what we have read. */
    __atomic_store_n(queue->completion_head, head + count, __ATOMIC_RELEASE);
    if (backend_state(ring->backend) & BACKEND_STATE_SIGNALLED)
        ring->ops->reap_more(ring->backend);
    ring_report_samples(ring);
}
