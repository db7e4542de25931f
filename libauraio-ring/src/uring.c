/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend. liburing sets up and tears down; the hot path (fill a submission entry, publish the
 * tail, enter, copy completions) is ours, because several threads enter the same ring at once: entries are
 * filled and the tail is published under the ring's lock, io_uring_enter() runs outside it. The kernel
 * serialises consumers and publishes its head only after it copied the entries, so an entry is never
 * overwritten early.
 */
#include "backend.h"
#include "kernel.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct backend {
    struct io_uring ring;
    unsigned tail; /* of the submission queue, not all of it published */
    unsigned mask;
    unsigned entries;
    unsigned setup_flags;
    unsigned features; /* RING_FEATURE_* */
    int enter_fd;
    unsigned enter_flags;
    struct __kernel_timespec timer_at; /* read by the kernel when it takes the timer's entry */
};

/* One call of pread/pwrite transfers at most this; it is a multiple of every block size. */
static const uint64_t transfer_max = 0x7ffff000;

static unsigned load_acquire(const unsigned *place)
{
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}
static unsigned load_relaxed(const unsigned *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}
static void store_release(unsigned *place, unsigned value)
{
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------ setup */

/* Flag sets from the best to the plainest: each is tried with exactly what will be used. */
static int flag_candidates(const struct backend_config *config, unsigned flags[4])
{
    const unsigned base = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    int count = 0;
    if (config->sqpoll)
        flags[count++] = base | IORING_SETUP_SQPOLL | (config->owned ? IORING_SETUP_SINGLE_ISSUER : 0);
    if (config->owned)
        flags[count++] =
            base | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    flags[count++] = base | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    flags[count++] = base;
    return count;
}

/* Set up with @flags, with fewer entries where memory limits refuse more. */
static int queue_init(const struct backend_config *config, unsigned flags, struct io_uring *ring)
{
    unsigned entries = (unsigned)config->entries, completions = (unsigned)config->completions;
    for (;;) {
        struct io_uring_params params = {
            .flags = flags,
            .cq_entries = completions,
            .sq_thread_idle = (unsigned)config->sqpoll_idle_ms,
        };
        int rc = io_uring_queue_init_params(entries, ring, &params);
        if (rc != -ENOMEM || entries <= 8)
            return rc;
        entries /= 2;
        completions /= 2;
    }
}

static bool supports_ftruncate(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool supported = probe && io_uring_opcode_supported(probe, KERNEL_OP_FTRUNCATE);
    io_uring_free_probe(probe);
    return supported;
}

static unsigned features_of(struct io_uring *ring, unsigned flags)
{
    unsigned features = 0;
    if (flags & IORING_SETUP_COOP_TASKRUN)
        features |= RING_FEATURE_COOP_TASKRUN;
    if (flags & IORING_SETUP_DEFER_TASKRUN)
        features |= RING_FEATURE_DEFER_TASKRUN;
    if (flags & IORING_SETUP_SQPOLL)
        features |= RING_FEATURE_SQPOLL;
    if (ring->features & KERNEL_FEAT_MIN_TIMEOUT)
        features |= RING_FEATURE_MIN_WAIT;
    if (supports_ftruncate(ring))
        features |= RING_FEATURE_FTRUNCATE;
    return features;
}

static void set_up_queue(struct backend *uring, const struct backend_config *config)
{
    struct io_uring_sq *sq = &uring->ring.sq;
    uring->entries = *sq->kring_entries;
    uring->mask = *sq->kring_mask;
    for (unsigned i = 0; i < uring->entries; i++)
        sq->array[i] = i;
    uring->enter_fd = uring->ring.ring_fd;
    if (config->owned && io_uring_register_ring_fd(&uring->ring) == 1) {
        uring->enter_fd = uring->ring.enter_ring_fd;
        uring->enter_flags = IORING_ENTER_REGISTERED_RING;
    }
    unsigned workers[2] = {(unsigned)config->workers, (unsigned)config->workers};
    (void)io_uring_register_iowq_max_workers(&uring->ring, workers);
}

static int uring_open(const struct backend_config *config, struct backend **ret_backend)
{
    struct backend *uring = calloc(1, sizeof(*uring));
    if (!uring)
        return -ENOMEM;
    unsigned flags[4];
    int candidates = flag_candidates(config, flags), rc = -EINVAL;
    for (int i = 0; i < candidates; i++) {
        rc = queue_init(config, flags[i], &uring->ring);
        bool refused = rc == -EINVAL || (rc == -EPERM && (flags[i] & IORING_SETUP_SQPOLL));
        if (rc == 0 || !refused) {
            uring->setup_flags = flags[i];
            break;
        }
    }
    if (rc == 0 && !(uring->ring.features & IORING_FEAT_EXT_ARG)) {
        io_uring_queue_exit(&uring->ring);
        rc = -ENOSYS;
    }
    if (rc < 0) {
        free(uring);
        return rc;
    }
    uring->features = features_of(&uring->ring, uring->setup_flags);
    set_up_queue(uring, config);
    *ret_backend = uring;
    return 0;
}

static void uring_close(struct backend *uring)
{
    if (!uring)
        return;
    io_uring_queue_exit(&uring->ring);
    free(uring);
}

/* The descriptor and the mappings are the child's own copies; only they go. */
static void uring_abandon(struct backend *uring)
{
    if (!uring)
        return;
    uring->ring.int_flags = 0;
    io_uring_queue_exit(&uring->ring);
    free(uring);
}

/* ------------------------------------------------------------- submission */

static unsigned uring_room(const struct backend *uring)
{
    return uring->entries - (uring->tail - load_acquire(uring->ring.sq.khead));
}

static struct io_uring_sqe *next_sqe(struct backend *uring)
{
    assert(uring_room(uring) > 0);
    return &uring->ring.sq.sqes[uring->tail++ & uring->mask];
}

static void prep_transfer(struct io_uring_sqe *sqe, const struct ring_slot *slot, int buffer_slot)
{
    const struct ring_op *op = &slot->op;
    bool read = op->opcode == RING_OP_READ;
    uint64_t left = op->len - slot->done;
    sqe->opcode = read ? IORING_OP_READ : IORING_OP_WRITE;
    sqe->addr = (uintptr_t)op->u.addr + slot->done;
    sqe->len = (unsigned)(left < transfer_max ? left : transfer_max);
    sqe->off = op->offset < 0 ? (uint64_t)-1 : (uint64_t)op->offset + slot->done;
    if (buffer_slot >= 0) {
        sqe->opcode = read ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
        sqe->buf_index = (uint16_t)buffer_slot;
    }
}

static void prep_vectored(struct io_uring_sqe *sqe, const struct ring_slot *slot)
{
    const struct ring_op *op = &slot->op;
    sqe->opcode = op->opcode == RING_OP_READV ? IORING_OP_READV : IORING_OP_WRITEV;
    sqe->addr = slot->rest ? (uintptr_t)slot->rest : (uintptr_t)op->u.iov;
    sqe->len = slot->rest ? slot->rest_count : (unsigned)op->len;
    sqe->off = op->offset < 0 ? (uint64_t)-1 : (uint64_t)op->offset + slot->done;
}

static void prep_other(struct io_uring_sqe *sqe, const struct ring_op *op)
{
    switch (op->opcode) {
    case RING_OP_FSYNC:
        sqe->opcode = IORING_OP_FSYNC;
        sqe->fsync_flags = op->sys_flags ? IORING_FSYNC_DATASYNC : 0;
        break;
    case RING_OP_OPENAT:
        sqe->opcode = IORING_OP_OPENAT;
        sqe->addr = (uintptr_t)op->u.path;
        sqe->len = op->mode;
        sqe->open_flags = (unsigned)op->sys_flags;
        break;
    case RING_OP_CLOSE:
        sqe->opcode = IORING_OP_CLOSE;
        break;
    case RING_OP_STATX:
        sqe->opcode = IORING_OP_STATX;
        sqe->addr = (uintptr_t)op->u.path;
        sqe->len = op->mask;
        sqe->off = (uintptr_t)op->statx;
        sqe->statx_flags = (unsigned)op->sys_flags;
        break;
    case RING_OP_FALLOCATE:
        sqe->opcode = IORING_OP_FALLOCATE;
        sqe->off = (uint64_t)op->offset;
        sqe->addr = op->len;
        sqe->len = (unsigned)op->sys_flags;
        break;
    case RING_OP_FTRUNCATE:
        sqe->opcode = KERNEL_OP_FTRUNCATE;
        sqe->off = (uint64_t)op->offset;
        break;
    case RING_OP_SYNC_FILE_RANGE:
        sqe->opcode = IORING_OP_SYNC_FILE_RANGE;
        sqe->off = (uint64_t)op->offset;
        sqe->len = (unsigned)op->len;
        sqe->sync_range_flags = (unsigned)op->sys_flags;
        break;
    default:
        assert(!"unknown opcode");
    }
}

static void prep_poll(struct io_uring_sqe *sqe, const struct ring_op *op)
{
    bool reads = op->opcode == RING_OP_READ || op->opcode == RING_OP_READV;
    sqe->opcode = IORING_OP_POLL_ADD;
    sqe->poll32_events = reads ? POLLIN : POLLOUT;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    sqe->poll32_events = sqe->poll32_events << 16;
#endif
}

static void uring_push(struct backend *uring, const struct ring_slot *slot,
                       struct backend_registered registered, unsigned how)
{
    const struct ring_op *op = &slot->op;
    struct io_uring_sqe *sqe = next_sqe(uring);
    memset(sqe, 0, sizeof(*sqe));
    if (slot->flags & SLOT_POLLING) {
        prep_poll(sqe, op);
    } else if (slot->flags & SLOT_SYNCING) {
        sqe->opcode = IORING_OP_FSYNC;
        sqe->fsync_flags = op->sys_flags & RWF_SYNC ? 0 : IORING_FSYNC_DATASYNC;
    } else if (op->opcode <= RING_OP_WRITE) {
        prep_transfer(sqe, slot, registered.buffer_slot);
        sqe->rw_flags = op->rw_flags;
    } else if (op->opcode <= RING_OP_WRITEV) {
        prep_vectored(sqe, slot);
        sqe->rw_flags = op->rw_flags;
    } else {
        prep_other(sqe, op);
    }
    sqe->fd = op->fd;
    if (registered.file_slot >= 0) {
        sqe->fd = registered.file_slot;
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    if (slot->flags & SLOT_PUNT)
        sqe->flags |= IOSQE_ASYNC;
    if (how & BACKEND_PUSH_LINK)
        sqe->flags |= IOSQE_IO_LINK;
    sqe->user_data = slot_handle(slot);
}

static void push_simple(struct backend *uring, uint8_t opcode, uint64_t addr, uint64_t key)
{
    struct io_uring_sqe *sqe = next_sqe(uring);
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = opcode;
    sqe->fd = -1;
    sqe->addr = addr;
    sqe->user_data = key;
}

static void uring_push_cancel(struct backend *uring, uint64_t key)
{
    push_simple(uring, IORING_OP_ASYNC_CANCEL, key, BACKEND_KEY_CANCEL);
}

static void uring_push_doorbell(struct backend *uring)
{
    push_simple(uring, IORING_OP_NOP, 0, BACKEND_KEY_DOORBELL);
}

static void uring_push_bell(struct backend *uring, int fd)
{
    struct io_uring_sqe *sqe = next_sqe(uring);
    memset(sqe, 0, sizeof(*sqe));
    io_uring_prep_poll_multishot(sqe, fd, POLLIN);
    sqe->user_data = BACKEND_KEY_BELL;
}

static int uring_enter(const struct backend *uring, unsigned submit, unsigned min, unsigned flags, void *arg,
                       size_t size)
{
    return io_uring_enter2((unsigned)uring->enter_fd, submit, min, flags | uring->enter_flags, arg, size);
}

static void uring_publish(struct backend *uring)
{
    store_release(uring->ring.sq.ktail, uring->tail);
}

static unsigned uring_published(const struct backend *uring)
{
    return load_relaxed(uring->ring.sq.ktail) - load_acquire(uring->ring.sq.khead);
}

static void uring_push_timer(struct backend *uring, int64_t at_ns, bool update)
{
    uring->timer_at = (struct __kernel_timespec){.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    struct io_uring_sqe *sqe = next_sqe(uring);
    memset(sqe, 0, sizeof(*sqe));
    if (update) {
        io_uring_prep_timeout_update(sqe, &uring->timer_at, BACKEND_KEY_TIMER, IORING_TIMEOUT_ABS);
        sqe->user_data = BACKEND_KEY_TIMER_UPDATE;
    } else {
        io_uring_prep_timeout(sqe, &uring->timer_at, 0, IORING_TIMEOUT_ABS);
        sqe->user_data = BACKEND_KEY_TIMER;
    }
}

static int submit_sqpoll(struct backend *uring, unsigned count)
{
    /* Full barrier between our tail and the kernel's flag: pairs with the one before the SQ thread sleeps. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (load_relaxed(uring->ring.sq.kflags) & IORING_SQ_NEED_WAKEUP &&
        uring_enter(uring, count, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0) < 0 && errno != EINTR)
        return -errno;
    return (int)count;
}

static int uring_submit(struct backend *uring)
{
    unsigned count = uring_published(uring);
    if (count == 0)
        return 0;
    if (uring->setup_flags & IORING_SETUP_SQPOLL)
        return submit_sqpoll(uring, count);
    /* All there is, not @count: a concurrent caller may have taken some of what we counted, and stopping in
     * the middle of what another published could cut a chain. */
    unsigned flags = 0;
    for (;;) {
        int rc = uring_enter(uring, uring->entries, 0, flags, NULL, 0);
        if (rc >= 0)
            return rc;
        if (errno == EBUSY && !flags)
            flags = IORING_ENTER_GETEVENTS; /* flush the kernel's list of overflown completions */
        else if (errno != EINTR)
            return -errno;
    }
}

/* -------------------------------------------------------------- completion */

static int64_t clamp_wait(int64_t a_ns, int64_t b_ns)
{
    return a_ns < 0 || (b_ns >= 0 && b_ns < a_ns) ? b_ns : a_ns;
}

static int enter_and_wait(struct backend *uring, unsigned min_events, int64_t timeout_ns,
                          uint32_t min_wait_us)
{
    struct __kernel_timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    struct kernel_getevents_arg arg = {.sigmask_sz = _NSIG / 8, .min_wait_usec = min_wait_us};
    if (timeout_ns >= 0)
        arg.ts = (uintptr_t)&limit;
    unsigned submit = uring_published(uring), flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    if (uring->setup_flags & IORING_SETUP_SQPOLL) {
        int rc = uring_submit(uring);
        if (rc < 0)
            return rc;
        submit = 0;
    }
    int rc = uring_enter(uring, submit, min_events, flags, &arg, sizeof(arg));
    return rc < 0 ? -errno : 0;
}

static int uring_wait(struct backend *uring, const struct backend_wait *wait)
{
    if (wait->min_events <= 1 || wait->min_wait_ns <= 0)
        return enter_and_wait(uring, 1, wait->timeout_ns, 0);
    if (uring->features & RING_FEATURE_MIN_WAIT) {
        int64_t min_wait_us = wait->min_wait_ns / 1000;
        if (wait->timeout_ns >= 0 && min_wait_us > wait->timeout_ns / 1000)
            min_wait_us = wait->timeout_ns / 1000;
        return enter_and_wait(uring, wait->min_events, wait->timeout_ns, (uint32_t)min_wait_us);
    }
    int rc = enter_and_wait(uring, wait->min_events, clamp_wait(wait->timeout_ns, wait->min_wait_ns), 0);
    if (rc != -ETIME || load_acquire(uring->ring.cq.ktail) != load_relaxed(uring->ring.cq.khead))
        return rc;
    return enter_and_wait(uring, 1, wait->timeout_ns, 0);
}

static bool uring_needs_enter(const struct backend *uring)
{
    return load_relaxed(uring->ring.sq.kflags) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN);
}

static bool uring_ready(const struct backend *uring)
{
    return load_acquire(uring->ring.cq.ktail) != load_relaxed(uring->ring.cq.khead) ||
           uring_needs_enter(uring);
}

static unsigned uring_reap(struct backend *uring, struct backend_event *events, unsigned max)
{
    struct io_uring_cq *cq = &uring->ring.cq;
    unsigned head = load_relaxed(cq->khead), available = load_acquire(cq->ktail) - head;
    if (available == 0 && uring_needs_enter(uring)) {
        (void)uring_enter(uring, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
        available = load_acquire(cq->ktail) - head;
    }
    unsigned count = available < max ? available : max, mask = *cq->kring_mask;
    for (unsigned i = 0; i < count; i++) {
        const struct io_uring_cqe *cqe = &cq->cqes[(head + i) & mask];
        events[i] = (struct backend_event){
            .key = cqe->user_data, .result = cqe->res, .more = cqe->flags & IORING_CQE_F_MORE};
    }
    store_release(cq->khead, head + count);
    return count;
}

/* -------------------------------------------------------------------- rest */

static int uring_fd(const struct backend *uring)
{
    return uring->ring.ring_fd;
}

static int uring_notify(struct backend *uring, int eventfd)
{
    return io_uring_register_eventfd(&uring->ring, eventfd);
}

static unsigned uring_features(const struct backend *uring)
{
    return uring->features;
}

static int uring_entries(const struct backend *uring)
{
    return (int)uring->entries;
}

static int uring_set_buffers(struct backend *uring, const struct iovec *iovs, unsigned count)
{
    return count ? io_uring_register_buffers(&uring->ring, iovs, count)
                 : io_uring_unregister_buffers(&uring->ring);
}

static int uring_set_files(struct backend *uring, const int *fds, unsigned count)
{
    return count ? io_uring_register_files(&uring->ring, fds, count)
                 : io_uring_unregister_files(&uring->ring);
}

static int uring_set_file(struct backend *uring, unsigned index, int fd)
{
    int rc = io_uring_register_files_update(&uring->ring, index, &fd, 1);
    return rc == 1 ? 0 : rc < 0 ? rc : -EIO;
}

const struct backend_ops backend_uring = {
    .name = "uring",
    .open = uring_open,
    .close = uring_close,
    .abandon = uring_abandon,
    .room = uring_room,
    .push = uring_push,
    .push_cancel = uring_push_cancel,
    .push_doorbell = uring_push_doorbell,
    .push_bell = uring_push_bell,
    .push_timer = uring_push_timer,
    .publish = uring_publish,
    .submit = uring_submit,
    .published = uring_published,
    .wait = uring_wait,
    .ready = uring_ready,
    .reap = uring_reap,
    .fd = uring_fd,
    .notify = uring_notify,
    .features = uring_features,
    .entries = uring_entries,
    .set_buffers = uring_set_buffers,
    .set_files = uring_set_files,
    .set_file = uring_set_file,
};
