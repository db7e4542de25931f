/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend. liburing sets up and tears down; filling submission entries and entering the kernel
 * is ours, because several threads enter the same ring at once: entries are filled and the tail is published
 * under the ring's lock, io_uring_enter() runs outside it. The kernel serialises consumers and publishes its
 * head only after it copied the entries, so an entry is never overwritten early.
 */
#include "annotate.h"
#include "backend.h"
#include "fds.h"
#include "kernel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct backend {
    struct backend_queue queue;
    struct io_uring ring;
    unsigned setup_flags;
    unsigned features; /* RING_FEATURE_* */
    int enter_fd;
    unsigned enter_flags;
    int notify_fd; /* signalled with every completion; -1: none */
    int sleep_fd;  /* the same while the owner sleeps on several descriptors; -1: never yet */
    struct __kernel_timespec timer_at; /* read by the kernel when it takes the timer's entry */
};

_Static_assert(sizeof(struct backend_completion) == sizeof(struct io_uring_cqe),
               "completions are read in place");
_Static_assert(offsetof(struct backend_completion, result) == offsetof(struct io_uring_cqe, res), "likewise");
_Static_assert(BACKEND_MORE == IORING_CQE_F_MORE, "likewise");
_Static_assert(BACKEND_STATE_OVERFLOW == IORING_SQ_CQ_OVERFLOW, "likewise");
_Static_assert(BACKEND_STATE_TASKRUN == IORING_SQ_TASKRUN, "likewise");

/* One call of pread/pwrite transfers at most this; it is a multiple of every block size. */
static const uint64_t transfer_max = 0x7ffff000;

/* ------------------------------------------------------------------ setup */

enum { CANDIDATES = 5 };

/* Flag sets from the best to the plainest: each is tried with exactly what will be used. */
static int flag_candidates(const struct backend_config *config, unsigned flags[CANDIDATES])
{
    const unsigned base = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    int count = 0;
    const unsigned polled = base | IORING_SETUP_SQPOLL | (config->owned ? IORING_SETUP_SINGLE_ISSUER : 0);
    if (config->sqpoll && config->poller_cpu >= 0)
        flags[count++] = polled | IORING_SETUP_SQ_AFF;
    if (config->sqpoll)
        flags[count++] = polled;
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
            .sq_thread_cpu = flags & IORING_SETUP_SQ_AFF ? (unsigned)config->poller_cpu : 0,
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

static unsigned uring_features(const struct backend *uring)
{
    unsigned features = 0;
    if (uring->setup_flags & IORING_SETUP_COOP_TASKRUN)
        features |= RING_FEATURE_COOP_TASKRUN;
    if (uring->setup_flags & IORING_SETUP_DEFER_TASKRUN)
        features |= RING_FEATURE_DEFER_TASKRUN;
    if (uring->setup_flags & IORING_SETUP_SQPOLL)
        features |= RING_FEATURE_SQPOLL;
    if (uring->ring.features & KERNEL_FEAT_MIN_TIMEOUT)
        features |= RING_FEATURE_MIN_WAIT;
    if (supports_ftruncate((struct io_uring *)(uintptr_t)&uring->ring))
        features |= RING_FEATURE_FTRUNCATE;
    return features;
}

static void set_up_queue(struct backend *uring, const struct backend_config *config)
{
    annotate_mapped();
    struct io_uring_sq *sq = &uring->ring.sq;
    struct io_uring_cq *cq = &uring->ring.cq;
    uring->queue = (struct backend_queue){
        .entries = *sq->kring_entries,
        .submission_mask = *sq->kring_mask,
        .completion_mask = *cq->kring_mask,
        .submission_head = sq->khead,
        .submission_tail = sq->ktail,
        .completion_head = cq->khead,
        .completion_tail = cq->ktail,
        .state = sq->kflags,
        .completions = (const struct backend_completion *)(const void *)cq->cqes,
    };
    for (unsigned i = 0; i < uring->queue.entries; i++)
        sq->array[i] = i;
    uring->ring.ring_fd = uring->ring.enter_ring_fd = fd_out_of_the_way(uring->ring.ring_fd);
    uring->enter_fd = uring->ring.ring_fd;
    if (config->owned && io_uring_register_ring_fd(&uring->ring) == 1) {
        uring->enter_fd = uring->ring.enter_ring_fd;
        uring->enter_flags = IORING_ENTER_REGISTERED_RING;
    }
    unsigned workers[2] = {(unsigned)config->workers, (unsigned)config->workers};
    (void)io_uring_register_iowq_max_workers(&uring->ring, workers);
    if (config->workers_cpus)
        (void)io_uring_register_iowq_aff(&uring->ring, sizeof(config->workers_cpus->sets),
                                         config->workers_cpus->sets);
}

static int uring_open(const struct backend_config *config, struct backend **ret_backend)
{
    struct backend *uring = calloc(1, sizeof(*uring));
    if (!uring)
        return -ENOMEM;
    uring->notify_fd = uring->sleep_fd = -1;
    unsigned flags[CANDIDATES];
    int candidates = flag_candidates(config, flags), rc = -EINVAL;
    for (int i = 0; i < candidates; i++) {
        uring->setup_flags = flags[i];
        rc = queue_init(config, flags[i], &uring->ring);
        bool refused = rc == -EINVAL || (rc == -EPERM && (flags[i] & IORING_SETUP_SQPOLL));
        if (!refused)
            break;
    }
    if (rc == 0 && !(uring->ring.features & IORING_FEAT_EXT_ARG)) {
        io_uring_queue_exit(&uring->ring);
        rc = -ENOSYS;
    }
    if (rc < 0) {
        free(uring);
        return rc;
    }
    set_up_queue(uring, config);
    *ret_backend = uring;
    return 0;
}

static void free_ring(struct backend *uring)
{
    annotate_unmapping();
    io_uring_queue_exit(&uring->ring);
    if (uring->sleep_fd >= 0)
        fd_close(uring->sleep_fd);
    free(uring);
}

static void uring_close(struct backend *uring)
{
    if (uring)
        free_ring(uring);
}

/* The descriptor and the mappings are the child's own copies; only they go. */
static void uring_abandon(struct backend *uring)
{
    if (!uring)
        return;
    uring->ring.int_flags = 0;
    free_ring(uring);
}

/* ------------------------------------------------------------- submission */

static struct io_uring_sqe *next_sqe(struct backend *uring)
{
    assert(backend_room(uring) > 0);
    struct io_uring_sqe *sqe = &uring->ring.sq.sqes[uring->queue.tail++ & uring->queue.submission_mask];
    memset(sqe, 0, sizeof(*sqe));
    return sqe;
}

static void prep_transfer(struct io_uring_sqe *sqe, const struct ring_slot *slot, int buffer_slot)
{
    const struct ring_op *op = &slot->op;
    uint64_t left = op->len - slot->done;
    sqe->opcode = op->opcode == RING_OP_READ ? IORING_OP_READ : IORING_OP_WRITE;
    sqe->addr = (uintptr_t)op->u.addr + slot->done;
    sqe->len = (unsigned)(left < transfer_max ? left : transfer_max);
    sqe->off = op->offset < 0 ? (uint64_t)-1 : (uint64_t)op->offset + slot->done;
    sqe->rw_flags = op->rw_flags;
    if (buffer_slot >= 0) {
        sqe->opcode = op->opcode == RING_OP_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
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
    sqe->rw_flags = op->rw_flags;
}

static void prep_other(struct io_uring_sqe *sqe, const struct ring_slot *slot)
{
    const struct ring_op *op = &slot->op;
    switch (op->opcode) {
    case RING_OP_FSYNC:
        sqe->opcode = IORING_OP_FSYNC;
        sqe->fsync_flags = op->sys_flags ? IORING_FSYNC_DATASYNC : 0;
        break;
    case RING_OP_OPENAT:
        sqe->opcode = IORING_OP_OPENAT;
        sqe->addr = (uintptr_t)op->u.path;
        sqe->len = slot->rare.mode;
        sqe->open_flags = (unsigned)op->sys_flags;
        break;
    case RING_OP_CLOSE:
        sqe->opcode = IORING_OP_CLOSE;
        break;
    case RING_OP_STATX:
        sqe->opcode = IORING_OP_STATX;
        sqe->addr = (uintptr_t)op->u.path;
        sqe->len = slot->rare.mask;
        sqe->off = (uintptr_t)slot->rare.statx;
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
    default:
        assert(op->opcode == RING_OP_SYNC_FILE_RANGE);
        sqe->opcode = IORING_OP_SYNC_FILE_RANGE;
        sqe->off = (uint64_t)op->offset;
        sqe->len = (unsigned)op->len;
        sqe->sync_range_flags = (unsigned)op->sys_flags;
        break;
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

/* What a slot in an unusual state needs from the kernel now. */
static void prep_special(struct io_uring_sqe *sqe, const struct ring_slot *slot)
{
    if (slot->flags & SLOT_POLLING) {
        prep_poll(sqe, &slot->op);
    } else {
        sqe->opcode = IORING_OP_FSYNC;
        sqe->fsync_flags = slot->op.sys_flags & RWF_SYNC ? 0 : IORING_FSYNC_DATASYNC;
    }
}

static void uring_push(struct backend *uring, const struct ring_slot *slot,
                       struct backend_registered registered, unsigned how)
{
    const struct ring_op *op = &slot->op;
    struct io_uring_sqe *sqe = next_sqe(uring);
    if (slot->flags & (SLOT_POLLING | SLOT_SYNCING))
        prep_special(sqe, slot);
    else if (op->opcode <= RING_OP_WRITE)
        prep_transfer(sqe, slot, registered.buffer_slot);
    else if (op->opcode <= RING_OP_WRITEV)
        prep_vectored(sqe, slot);
    else
        prep_other(sqe, slot);
    sqe->fd = op->fd;
    if (registered.file_slot >= 0) {
        sqe->fd = registered.file_slot;
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    if (slot->flags & SLOT_PUNT)
        sqe->flags |= IOSQE_ASYNC;
    if (how & BACKEND_PUSH_LINK)
        sqe->flags |= IOSQE_IO_LINK;
    sqe->user_data = slot->handle;
}

/* The hot path: every field is written once. */
static uint64_t uring_send_transfer(struct backend *uring, const struct ring_slot *slot,
                                    struct backend_registered registered)
{
    const struct ring_op *op = &slot->op;
    struct io_uring_sqe *sqe = &uring->ring.sq.sqes[uring->queue.tail++ & uring->queue.submission_mask];
    bool fixed_file = registered.file_slot >= 0, fixed_buffer = registered.buffer_slot >= 0;
    _Static_assert(IORING_OP_WRITE - IORING_OP_READ == RING_OP_WRITE - RING_OP_READ &&
                       IORING_OP_WRITE_FIXED - IORING_OP_READ_FIXED == RING_OP_WRITE - RING_OP_READ,
                   "a write is as far from a read in all three");
    unsigned read = fixed_buffer ? IORING_OP_READ_FIXED : IORING_OP_READ;
    sqe->opcode = (uint8_t)(read + op->opcode - RING_OP_READ);
    sqe->flags = fixed_file ? IOSQE_FIXED_FILE : 0;
    sqe->ioprio = 0;
    sqe->fd = fixed_file ? registered.file_slot : op->fd;
    sqe->off = (uint64_t)op->offset; /* -1 is the kernel's name for the file's own position too */
    sqe->addr = (uintptr_t)op->u.addr;
    sqe->len = (unsigned)(op->len < transfer_max ? op->len : transfer_max);
    sqe->rw_flags = 0;
    sqe->user_data = slot->handle;
    sqe->buf_index = (uint16_t)(fixed_buffer ? registered.buffer_slot : 0);
    sqe->personality = 0;
    sqe->splice_fd_in = 0;
    sqe->addr3 = 0;
    sqe->__pad2[0] = 0;
    backend_publish(uring);
    return slot->handle;
}

static void push_simple(struct backend *uring, uint8_t opcode, uint64_t addr, uint64_t key)
{
    struct io_uring_sqe *sqe = next_sqe(uring);
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
    io_uring_prep_poll_multishot(sqe, fd, POLLIN);
    sqe->user_data = BACKEND_KEY_BELL;
}

static void uring_push_timer(struct backend *uring, int64_t at_ns, bool update)
{
    uring->timer_at = (struct __kernel_timespec){.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    struct io_uring_sqe *sqe = next_sqe(uring);
    if (update) {
        io_uring_prep_timeout_update(sqe, &uring->timer_at, BACKEND_KEY_TIMER, IORING_TIMEOUT_ABS);
        sqe->user_data = BACKEND_KEY_TIMER_UPDATE;
    } else {
        io_uring_prep_timeout(sqe, &uring->timer_at, 0, IORING_TIMEOUT_ABS);
        sqe->user_data = BACKEND_KEY_TIMER;
    }
}

/* Returns what io_uring_enter() does, or a negative errno: liburing's wrapper does not set errno. */
static int uring_enter(const struct backend *uring, unsigned submit, unsigned min, unsigned flags, void *arg,
                       size_t size)
{
    return io_uring_enter2((unsigned)uring->enter_fd, submit, min, flags | uring->enter_flags, arg, size);
}

static int submit_sqpoll(struct backend *uring, unsigned count)
{
    /* Full barrier between our tail and the kernel's flag: pairs with the one before the SQ thread sleeps. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(backend_state(uring) & IORING_SQ_NEED_WAKEUP))
        return (int)count;
    int rc = uring_enter(uring, count, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
    return rc < 0 && rc != -EINTR ? rc : (int)count;
}

static int uring_submit(struct backend *uring)
{
    unsigned count = backend_published(uring);
    if (count == 0)
        return 0;
    if (uring->setup_flags & IORING_SETUP_SQPOLL)
        return submit_sqpoll(uring, count);
    /* Deferred completions that wait already are posted by the same call. */
    bool owned = uring->setup_flags & IORING_SETUP_DEFER_TASKRUN;
    unsigned flags = owned && backend_state(uring) & IORING_SQ_TASKRUN ? IORING_ENTER_GETEVENTS : 0;
    /* All there is, not @count: a concurrent caller may have taken some of what we counted, and stopping in
     * the middle of what another published could cut a chain. */
    for (;;) {
        int rc = uring_enter(uring, uring->queue.entries, 0, flags, NULL, 0);
        if (rc == -EBUSY && !flags)
            flags = IORING_ENTER_GETEVENTS; /* flush the kernel's list of overflown completions */
        else if (rc != -EINTR)
            return rc;
    }
}

/* -------------------------------------------------------------- completion */

static int enter_and_wait(struct backend *uring, unsigned min_events, int64_t timeout_ns,
                          uint32_t min_wait_us)
{
    struct __kernel_timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    struct kernel_getevents_arg arg = {.sigmask_sz = _NSIG / 8, .min_wait_usec = min_wait_us};
    if (timeout_ns >= 0)
        arg.ts = (uintptr_t)&limit;
    unsigned submit = backend_published(uring);
    if (uring->setup_flags & IORING_SETUP_SQPOLL) {
        int rc = uring_submit(uring);
        if (rc < 0)
            return rc;
        submit = 0;
    }
    int rc = uring_enter(uring, submit, min_events, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
                         sizeof(arg));
    return rc < 0 ? rc : 0;
}

/*
 * A number is insisted on only where the kernel knows a minimum wait: when its end is a wake-up of its own,
 * after which one sleeps again, that costs what the others save.
 */
static int uring_wait(struct backend *uring, const struct backend_wait *wait)
{
    static const int64_t long_ns = INT64_C(3600) * 1000000000;
    bool minimum = uring->ring.features & KERNEL_FEAT_MIN_TIMEOUT;
    if (!minimum || wait->min_events <= 1 || wait->min_wait_ns <= 0)
        return enter_and_wait(uring, 1, wait->timeout_ns, 0);
    /* Where no time limits the wait, the kernel wakes us at the end of the minimum, also without events. */
    int64_t timeout_ns = wait->timeout_ns >= 0 ? wait->timeout_ns : long_ns;
    int64_t min_wait_ns = timeout_ns < wait->min_wait_ns ? timeout_ns : wait->min_wait_ns;
    return enter_and_wait(uring, wait->min_events, timeout_ns, (uint32_t)(min_wait_ns / 1000));
}

static void uring_reap_more(struct backend *uring)
{
    (void)uring_enter(uring, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* -------------------------------------------------------------------- rest */

static bool is_deferred(const struct backend *uring)
{
    return uring->setup_flags & IORING_SETUP_DEFER_TASKRUN;
}

/*
 * Completions that are deferred to their owner make the ring's descriptor readable for who looks, but do not
 * wake who sleeps on it already: an eventfd does. It costs a write for each, so only while it is watched.
 */
static int watch_deferred(struct backend *uring)
{
    uint64_t one = 1;
    if (uring->notify_fd >= 0)
        return uring->notify_fd;
    if (uring->sleep_fd < 0)
        uring->sleep_fd = fd_out_of_the_way(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (uring->sleep_fd < 0)
        return -errno;
    int rc = io_uring_register_eventfd(&uring->ring, uring->sleep_fd);
    if (rc < 0)
        return rc;
    /* What came before it was registered; the kernel sets the state, then looks for the eventfd. */
    atomic_thread_fence(memory_order_seq_cst);
    if (backend_ready(uring))
        (void)!write(uring->sleep_fd, &one, sizeof(one));
    return uring->sleep_fd;
}

static int uring_watch(struct backend *uring)
{
    return is_deferred(uring) ? watch_deferred(uring) : uring->ring.ring_fd;
}

static void uring_unwatch(struct backend *uring)
{
    uint64_t rung;
    if (!is_deferred(uring) || uring->notify_fd >= 0 || uring->sleep_fd < 0)
        return; /* a ring's descriptor costs nothing */
    (void)io_uring_unregister_eventfd(&uring->ring);
    (void)!read(uring->sleep_fd, &rung, sizeof(rung));
}

static int uring_notify(struct backend *uring, int eventfd)
{
    int rc = io_uring_register_eventfd(&uring->ring, eventfd);
    if (rc == 0)
        uring->notify_fd = eventfd;
    return rc;
}

static int uring_set_buffers(struct backend *uring, const struct iovec *iovs, unsigned count)
{
    return count ? io_uring_register_buffers(&uring->ring, iovs, count)
                 : io_uring_unregister_buffers(&uring->ring);
}

static int uring_make_buffers(struct backend *uring, unsigned count)
{
    return io_uring_register_buffers_sparse(&uring->ring, count);
}

/*
 * Without tags: nobody needs to know when the kernel lets go of a buffer that was replaced, which it does
 * when the operations that use it have completed.
 */
static int uring_update_buffers(struct backend *uring, unsigned first, const struct iovec *iovs,
                                unsigned count)
{
    for (unsigned done = 0; done < count;) {
        /* Stops before the first that is wrong, and says why when that is the first. */
        int rc =
            io_uring_register_buffers_update_tag(&uring->ring, first + done, iovs + done, NULL, count - done);
        if (rc <= 0)
            return rc < 0 ? rc : -EIO;
        done += (unsigned)rc;
    }
    return 0;
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
    .push = uring_push,
    .send_transfer = uring_send_transfer,
    .push_cancel = uring_push_cancel,
    .push_doorbell = uring_push_doorbell,
    .push_bell = uring_push_bell,
    .push_timer = uring_push_timer,
    .submit = uring_submit,
    .wait = uring_wait,
    .reap_more = uring_reap_more,
    .watch = uring_watch,
    .unwatch = uring_unwatch,
    .notify = uring_notify,
    .features = uring_features,
    .set_buffers = uring_set_buffers,
    .make_buffers = uring_make_buffers,
    .update_buffers = uring_update_buffers,
    .set_files = uring_set_files,
    .set_file = uring_set_file,
};
