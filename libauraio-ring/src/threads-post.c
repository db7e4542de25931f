/* SPDX-License-Identifier: MIT */
/*
 * Completions of the thread backend, and those who wait for them. Whoever has a result posts it under the
 * backend's lock. Sleepers are woken by one futex call however many completions follow, and the eventfd is
 * written only while somebody watches it, once until the ring has found the queue empty again.
 */
#include "threads.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SPARE = 8 }; /* completions that are no operation's: doorbell, timer, bell */

/* -------------------------------------------------------------------- jobs */

static struct job **hash_place(const struct backend *backend, uint64_t key)
{
    return &backend->hash[(key ^ key >> SLOT_INDEX_BITS) & backend->hash_mask];
}

struct job *job_new(struct backend *backend, const struct work *work)
{
    struct job *job = backend->free_jobs;
    if (job)
        backend->free_jobs = job->next;
    else
        job = &backend->jobs[backend->jobs_touched++];
    assert(job->state == JOB_FREE && backend->jobs_touched <= backend->job_count);
    struct job **place = hash_place(backend, work->key);
    *job = (struct job){.work = *work, .backend = backend, .same_hash = *place, .state = JOB_TAKEN};
    *place = job;
    backend->jobs_used++;
    return job;
}

struct job *job_find(const struct backend *backend, uint64_t key)
{
    struct job *job = *hash_place(backend, key);
    while (job && job->work.key != key)
        job = job->same_hash;
    return job;
}

static void job_free(struct backend *backend, struct job *job)
{
    struct job **place = hash_place(backend, job->work.key);
    while (*place != job)
        place = &(*place)->same_hash;
    *place = job->same_hash;
    close_release(job);
    job->state = JOB_FREE;
    job->next = backend->free_jobs;
    backend->free_jobs = job;
    backend->jobs_used--;
}

/* -------------------------------------------------------------------- post */

static unsigned waiting(const struct backend *backend)
{
    /* Acquire: pairs with the ring's release after it read the completions, whose places are used again. */
    return __atomic_load_n(&backend->completion_tail, __ATOMIC_RELAXED) -
           __atomic_load_n(&backend->completion_head, __ATOMIC_ACQUIRE);
}

bool post_has_room(const struct backend *backend, unsigned count)
{
    return backend->jobs_used + waiting(backend) + count + SPARE <= backend->job_count;
}

static void set_signalled(struct backend *backend, bool signalled)
{
    backend->signalled = signalled;
    __atomic_store_n(&backend->state, signalled ? BACKEND_STATE_SIGNALLED : 0, __ATOMIC_RELAXED);
}

static void write_once(int fd)
{
    uint64_t one = 1;
    (void)!write(fd, &one, sizeof(one));
}

static void put(struct backend *backend, struct backend_completion completion)
{
    unsigned tail = __atomic_load_n(&backend->completion_tail, __ATOMIC_RELAXED);
    assert(waiting(backend) <= backend->queue.completion_mask);
    backend->completions[tail & backend->queue.completion_mask] = completion;
    /* Before the tail: who sees the completion sees that the descriptor is to be cleared. */
    bool signal = backend->watchers > 0 && !backend->signalled;
    if (signal)
        set_signalled(backend, true);
    __atomic_store_n(&backend->completion_tail, tail + 1, __ATOMIC_RELEASE);
    if (signal)
        write_once(backend->event_fd);
    if (backend->notify_fd >= 0)
        write_once(backend->notify_fd);
}

static void unlock_and_wake(struct backend *backend)
{
    bool wake = backend->waiters > 0 && waiting(backend) >= backend->wanted;
    if (wake) {
        backend->waiters = 0;
        atomic_fetch_add_explicit(&backend->wakes, 1, memory_order_relaxed);
    }
    ring_mutex_unlock(&backend->lock);
    if (wake)
        syscall(SYS_futex, &backend->wakes, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void post_key(struct backend *backend, uint64_t key, unsigned flags)
{
    ring_mutex_lock(&backend->lock);
    /* A bell that was posted and not reaped stands for all that rang since. */
    unsigned tail = __atomic_load_n(&backend->completion_tail, __ATOMIC_RELAXED);
    bool rung = tail - backend->bell_place <= waiting(backend) &&
                backend->completions[backend->bell_place & backend->queue.completion_mask].key == key;
    if (key != BACKEND_KEY_BELL || !rung) {
        if (key == BACKEND_KEY_BELL)
            backend->bell_place = tail;
        put(backend, (struct backend_completion){.key = key, .flags = flags});
    }
    unlock_and_wake(backend);
}

void post_job(struct backend *backend, struct job *job, int result)
{
    ring_mutex_lock(&backend->lock);
    while (job) {
        struct job *behind = job->chain;
        put(backend, (struct backend_completion){.key = job->work.key, .result = result});
        job_free(backend, job);
        job = behind;
        result = -ECANCELED;
    }
    unlock_and_wake(backend);
}

void post_jobs(struct backend *backend, struct job *first)
{
    ring_mutex_lock(&backend->lock);
    for (struct job *job = first, *next; job; job = next) {
        next = job->next;
        put(backend, (struct backend_completion){.key = job->work.key, .result = job->result});
        job_free(backend, job);
    }
    unlock_and_wake(backend);
}

/* -------------------------------------------------------------------- wait */

/* Sleep until enough is there. 0, -ETIME, -EINTR. */
static int sleep_for(struct backend *backend, unsigned wanted, int64_t timeout_ns)
{
    ring_mutex_lock(&backend->lock);
    if (waiting(backend) >= wanted) {
        ring_mutex_unlock(&backend->lock);
        return 0;
    }
    if (backend->waiters++ == 0 || wanted < backend->wanted)
        backend->wanted = wanted;
    uint32_t wakes = atomic_load_explicit(&backend->wakes, memory_order_relaxed);
    ring_mutex_unlock(&backend->lock);
    struct timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    long rc = syscall(SYS_futex, &backend->wakes, FUTEX_WAIT_PRIVATE, wakes, timeout_ns < 0 ? NULL : &limit,
                      NULL, 0);
    int error = rc < 0 ? errno : 0;
    ring_mutex_lock(&backend->lock);
    if (atomic_load_explicit(&backend->wakes, memory_order_relaxed) == wakes)
        backend->waiters--;
    ring_mutex_unlock(&backend->lock);
    return error == ETIMEDOUT ? -ETIME : error == EINTR ? -EINTR : 0;
}

int threads_wait(struct backend *backend, const struct backend_wait *wait)
{
    (void)backend_threads.submit(backend); /* what finds no room goes when the ring has reaped */
    int64_t timeout_ns = wait->timeout_ns;
    if (backend->owned && wait->min_events > 1 && wait->min_wait_ns > 0) {
        bool bounded = timeout_ns >= 0 && timeout_ns < wait->min_wait_ns;
        int rc = sleep_for(backend, wait->min_events, bounded ? timeout_ns : wait->min_wait_ns);
        if (rc != -ETIME || bounded)
            return rc;
    }
    return sleep_for(backend, 1, timeout_ns);
}

void threads_reap_more(struct backend *backend)
{
    uint64_t rung;
    ring_mutex_lock(&backend->lock);
    if (backend->signalled && waiting(backend) == 0) {
        (void)!read(backend->event_fd, &rung, sizeof(rung));
        set_signalled(backend, false);
    }
    ring_mutex_unlock(&backend->lock);
}

int threads_watch(struct backend *backend)
{
    ring_mutex_lock(&backend->lock);
    backend->watchers++;
    if (!backend->signalled && waiting(backend) > 0) {
        set_signalled(backend, true);
        write_once(backend->event_fd);
    }
    ring_mutex_unlock(&backend->lock);
    return backend->event_fd;
}

void threads_unwatch(struct backend *backend)
{
    ring_mutex_lock(&backend->lock);
    assert(backend->watchers > 0);
    backend->watchers--;
    ring_mutex_unlock(&backend->lock);
}
