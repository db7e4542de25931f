/* SPDX-License-Identifier: MIT */
/*
 * The thread backend's interface to a ring: queues in io_uring's layout, and handing over. See threads.h.
 *
 * Several threads may hand over at once. Each takes submissions under the backend's lock, which turns them
 * into jobs that a cancel finds from then on, and brings its own to the pool.
 */
#include "threads.h"

#include "fds.h"
#include "kernel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* -------------------------------------------------------------------- life */

enum { ENTRIES_MIN = 8, PLACES_MIN = 64 };

static unsigned power_of_two(unsigned at_least)
{
    unsigned size = 1;
    while (size < at_least)
        size *= 2;
    return size;
}

/* One mapping holds all arrays; pages that no operation needs are never touched. */
static int map_arrays(struct backend *threads, unsigned entries, unsigned places)
{
    size_t submissions = entries * sizeof(struct work);
    size_t completions = places * sizeof(struct backend_completion);
    size_t hash = places * sizeof(struct job *), jobs = places * sizeof(struct job);
    threads->memory_size = submissions + completions + hash + jobs;
    char *memory =
        mmap(NULL, threads->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    threads->memory = memory;
    threads->submissions = (struct work *)(void *)memory;
    threads->completions = (struct backend_completion *)(void *)(memory + submissions);
    threads->hash = (struct job **)(void *)(memory + submissions + completions);
    threads->jobs = (struct job *)(void *)(memory + submissions + completions + hash);
    threads->job_count = places;
    threads->hash_mask = places - 1;
    threads->queue = (struct backend_queue){
        .entries = entries,
        .submission_mask = entries - 1,
        .completion_mask = places - 1,
        .submission_head = &threads->submission_head,
        .submission_tail = &threads->submission_tail,
        .completion_head = &threads->completion_head,
        .completion_tail = &threads->completion_tail,
        .state = &threads->state,
        .completions = threads->completions,
    };
    return 0;
}

static void join_pool(struct backend *threads, struct backend_shared *pool)
{
    threads->pool = pool;
    ring_mutex_lock(&pool->lock);
    threads->next = pool->backends;
    pool->backends = threads;
    ring_mutex_unlock(&pool->lock);
}

static void free_backend(struct backend *threads)
{
    for (unsigned i = 0; i < threads->jobs_touched; i++)
        if (threads->jobs[i].state != JOB_FREE)
            close_release(&threads->jobs[i]);
    if (threads->memory)
        munmap(threads->memory, threads->memory_size);
    if (threads->event_fd >= 0)
        fd_close(threads->event_fd);
    free(threads);
}

static int threads_open(const struct backend_config *config, struct backend **ret_backend)
{
    unsigned entries = power_of_two((unsigned)config->entries);
    unsigned places = power_of_two((unsigned)config->completions);
    struct backend *threads = aligned_alloc(64, (sizeof(*threads) + 63) / 64 * 64);
    if (!threads)
        return -ENOMEM;
    *threads = (struct backend){.owned = config->owned, .notify_fd = -1, .bell_fd = -1};
    for (int i = 0; i < QUICK_FILES; i++)
        threads->files[i].fd = -1;
    threads->event_fd = fd_out_of_the_way(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    int rc = threads->event_fd < 0 ? -errno : 0;
    if (rc == 0)
        rc = map_arrays(threads, entries > ENTRIES_MIN ? entries : ENTRIES_MIN,
                        places > PLACES_MIN ? places : PLACES_MIN);
    if (rc < 0) {
        free_backend(threads);
        return rc;
    }
    join_pool(threads, config->shared);
    *ret_backend = threads;
    return 0;
}

static void threads_close(struct backend *threads)
{
    if (!threads)
        return;
    pool_forget(threads);
    free_backend(threads);
}

/* The threads are the parent's. */
static void threads_abandon(struct backend *threads)
{
    if (threads)
        free_backend(threads);
}

/* -------------------------------------------------------------------- push */

static struct work *next_work(struct backend *threads, enum work_kind kind, uint64_t key)
{
    assert(backend_room(threads) > 0);
    struct work *work = &threads->submissions[threads->queue.tail++ & threads->queue.submission_mask];
    *work = (struct work){.key = key, .kind = (uint8_t)kind};
    return work;
}

static void fill_transfer(struct work *work, const struct ring_slot *slot)
{
    const struct ring_op *op = &slot->op;
    bool vectored = op->opcode == RING_OP_READV || op->opcode == RING_OP_WRITEV;
    if (vectored) {
        work->u.iov = slot->rest ? slot->rest : op->u.iov;
        work->len = slot->rest ? slot->rest_count : op->len;
    } else {
        work->u.addr = (char *)op->u.addr + slot->done;
        work->len = op->len - slot->done;
    }
    work->offset = op->offset < 0 ? -1 : op->offset + (int64_t)slot->done;
    work->rw_flags = op->rw_flags;
    bool quick = op->opcode == RING_OP_READ && slot->slot_class == SLOT_STORAGE && op->offset >= 0 &&
                 !op->rw_flags && !(slot->flags & SLOT_PUNT);
    work->quick = quick ? QUICK_YES : QUICK_NO;
}

static void threads_push(struct backend *threads, const struct ring_slot *slot,
                         struct backend_registered registered, unsigned how)
{
    const struct ring_op *op = &slot->op;
    bool polls = slot->flags & SLOT_POLLING;
    (void)registered;
    struct work *work = next_work(threads, polls ? WORK_POLL : WORK_OPERATION, slot->handle);
    work->fd = op->fd;
    work->opcode = op->opcode;
    work->sys_flags = op->sys_flags;
    work->linked = how & BACKEND_PUSH_LINK;
    if (polls)
        return;
    if (slot->flags & SLOT_SYNCING) {
        work->opcode = RING_OP_FSYNC;
        work->sys_flags = !(op->sys_flags & RWF_SYNC);
    } else if (op->opcode <= RING_OP_WRITEV) {
        fill_transfer(work, slot);
    } else {
        work->u.path = op->u.path;
        work->len = op->len;
        work->offset = op->offset;
        work->mode = op->opcode == RING_OP_STATX ? slot->rare.mask : slot->rare.mode;
        work->statx = slot->rare.statx;
    }
}

static uint64_t threads_send_transfer(struct backend *threads, const struct ring_slot *slot,
                                      struct backend_registered registered)
{
    (void)registered;
    struct work *work = next_work(threads, WORK_OPERATION, slot->handle);
    work->fd = slot->op.fd;
    work->opcode = slot->op.opcode;
    fill_transfer(work, slot);
    backend_publish(threads);
    return slot->handle;
}

static void threads_push_cancel(struct backend *threads, uint64_t key)
{
    next_work(threads, WORK_CANCEL, BACKEND_KEY_CANCEL)->u.target = key;
}

static void threads_push_doorbell(struct backend *threads)
{
    (void)next_work(threads, WORK_DOORBELL, BACKEND_KEY_DOORBELL);
}

static void threads_push_bell(struct backend *threads, int fd)
{
    next_work(threads, WORK_BELL, BACKEND_KEY_BELL)->fd = fd;
}

static void threads_push_timer(struct backend *threads, int64_t at_ns, bool update)
{
    next_work(threads, update ? WORK_TIMER_UPDATE : WORK_TIMER, BACKEND_KEY_TIMER)->offset = at_ns;
}

/* --------------------------------------------------------------- hand over */

enum { NOTES_MAX = 16, TAKE_MAX = 64 };

/* What one thread has taken to bring to the pool. */
struct taken {
    struct job_list jobs;
    struct work notes[NOTES_MAX]; /* cancels, bells, timers */
    int note_count;
    int count;
    bool doorbell, quick;
};

/* The end of the chain that begins at @from. */
static unsigned chain_end(const struct backend *threads, unsigned from, unsigned tail)
{
    while (from + 1 != tail && threads->submissions[from & threads->queue.submission_mask].linked)
        from++;
    return from + 1;
}

static void take_chain(struct backend *threads, struct taken *taken, unsigned from, unsigned to)
{
    struct job *before = NULL;
    for (unsigned at = from; at != to; at++) {
        const struct work *work = &threads->submissions[at & threads->queue.submission_mask];
        struct job *job = job_new(threads, work);
        if (before) {
            before->chain = job;
            job->state = JOB_CHAINED;
        } else {
            job_append(&taken->jobs, job);
            job->work.quick = to - from == 1 ? (uint8_t)quick_wanted(threads, work) : QUICK_NO;
            taken->quick = taken->quick || job->work.quick;
        }
        before = job;
    }
}

/*
 * With backend->lock. A chain is taken as a whole. Stops short where a list is full; false: because
 * completions have to be reaped first.
 */
static bool take(struct backend *threads, struct taken *taken)
{
    /* Acquire: pairs with backend_publish(). */
    unsigned tail = __atomic_load_n(&threads->submission_tail, __ATOMIC_ACQUIRE);
    unsigned head = __atomic_load_n(&threads->submission_head, __ATOMIC_RELAXED), first = head;
    bool room = true;
    while (head != tail && taken->note_count < NOTES_MAX && head - first < TAKE_MAX) {
        const struct work *work = &threads->submissions[head & threads->queue.submission_mask];
        unsigned end = head + 1;
        if (work->kind <= WORK_POLL) {
            end = chain_end(threads, head, tail);
            room = post_has_room(threads, end - head);
            if (!room)
                break;
            take_chain(threads, taken, head, end);
        } else if (work->kind == WORK_DOORBELL) {
            taken->doorbell = true;
        } else {
            taken->notes[taken->note_count++] = *work;
        }
        head = end;
    }
    taken->count = (int)(head - first);
    /* Release: pairs with backend_room(); what was copied may be overwritten. */
    __atomic_store_n(&threads->submission_head, head, __ATOMIC_RELEASE);
    return room;
}

/* With pool->lock. */
static void heed(struct backend *threads, const struct work *note)
{
    switch (note->kind) {
    case WORK_CANCEL:
        pool_cancel(threads, note->u.target);
        break;
    case WORK_BELL:
        if (poll_set_bell(threads, note->fd) < 0)
            post_key(threads, BACKEND_KEY_BELL, 0); /* not armed: the ring tries again */
        break;
    default:
        poll_set_timer(threads, note->offset, note->kind == WORK_TIMER_UPDATE);
        break;
    }
}

static void bring(struct backend *threads, struct taken *taken)
{
    struct backend_shared *pool = threads->pool;
    if (taken->doorbell)
        post_key(threads, BACKEND_KEY_DOORBELL, 0);
    if (taken->quick)
        quick_try(threads, &taken->jobs);
    if (!taken->jobs.first && taken->note_count == 0)
        return;
    ring_mutex_lock(&pool->lock);
    for (struct job *job = taken->jobs.first, *next; job; job = next) {
        next = job->next;
        if (job->cancelled)
            post_job(threads, job, -ECANCELED);
        else
            pool_queue(pool, job);
    }
    for (int i = 0; i < taken->note_count; i++)
        heed(threads, &taken->notes[i]);
    pool_unlock_and_wake(pool);
}

static int threads_submit(struct backend *threads)
{
    int count = 0;
    for (bool room = true; room && backend_published(threads) > 0;) {
        struct taken taken;
        taken.jobs = (struct job_list){0};
        taken.note_count = 0;
        taken.doorbell = taken.quick = false;
        ring_mutex_lock(&threads->lock);
        room = take(threads, &taken);
        ring_mutex_unlock(&threads->lock);
        bring(threads, &taken);
        count += taken.count;
        if (!room && count == 0)
            return -EAGAIN;
    }
    return count;
}

/* --------------------------------------------------------------------- rest */

static int threads_notify(struct backend *threads, int eventfd)
{
    ring_mutex_lock(&threads->lock);
    threads->notify_fd = eventfd;
    ring_mutex_unlock(&threads->lock);
    return 0;
}

static unsigned threads_features(const struct backend *threads)
{
    (void)threads;
    return RING_FEATURE_FTRUNCATE;
}

/* Have the pages of memory that can be written there. 0; -EFAULT: it can't be; -ENOMEM, -EAGAIN: not now. */
static int populate(const struct backend *threads, const struct iovec *iov)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)iov->iov_base & ~(page - 1);
    uintptr_t end = ((uintptr_t)iov->iov_base + iov->iov_len + page - 1) & ~(page - 1);
    if (madvise((void *)begin, end - begin, KERNEL_MADV_POPULATE_WRITE) == 0)
        return 0;
    switch (errno) {
    case EINVAL: /* where our own memory is refused as well, the kernel does not know it: the calls will say
                    it */
        return madvise(threads->memory, page, KERNEL_MADV_POPULATE_WRITE) < 0 ? 0 : -EFAULT;
    case ENOMEM: /* short of memory, or there is none at the address, as msync() says then, too */
        return msync((void *)begin, end - begin, MS_ASYNC) < 0 ? -EFAULT : -ENOMEM;
    case EAGAIN:
        return -EAGAIN;
    default:
        return -EFAULT;
    }
}

/* Nothing is pinned: the address that a slot names is all it takes. What io_uring refuses is refused here. */
static int threads_set_buffers(struct backend *threads, const struct iovec *iovs, unsigned count)
{
    int rc = 0;
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = populate(threads, &iovs[i]);
    return rc;
}

static int threads_set_files(struct backend *threads, const int *fds, unsigned count)
{
    (void)threads;
    (void)fds;
    (void)count;
    return 0;
}

static int threads_set_file(struct backend *threads, unsigned index, int fd)
{
    (void)threads;
    (void)index;
    (void)fd;
    return 0;
}

const struct backend_ops backend_threads = {
    .name = "threads",
    .share = pool_open,
    .unshare = pool_close,
    .open = threads_open,
    .close = threads_close,
    .abandon = threads_abandon,
    .push = threads_push,
    .send_transfer = threads_send_transfer,
    .push_cancel = threads_push_cancel,
    .push_doorbell = threads_push_doorbell,
    .push_bell = threads_push_bell,
    .push_timer = threads_push_timer,
    .submit = threads_submit,
    .wait = threads_wait,
    .reap_more = threads_reap_more,
    .watch = threads_watch,
    .unwatch = threads_unwatch,
    .notify = threads_notify,
    .features = threads_features,
    .set_buffers = threads_set_buffers,
    .set_files = threads_set_files,
    .set_file = threads_set_file,
};
