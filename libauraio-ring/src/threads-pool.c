/* SPDX-License-Identifier: MIT */
/*
 * The workers of a group's thread backend. The first comes with the pool and stays: progress never depends on
 * a thread that the system may refuse. Others are started while jobs wait and nobody is idle or on the way,
 * one for each time that jobs are queued or taken then; who has been idle for five seconds ends.
 *
 * A worker that falls asleep clears `woken` and puts itself on the stack of the idle; who takes it off sets
 * `woken` afterwards, in any case. A worker that finds itself taken off waits for that store, which is the
 * last that the other does with it.
 */
#include "threads.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_SECONDS = 5, STACK_BYTES = 256 * 1024 };

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* False: the time passed. */
static bool futex_wait(_Atomic uint32_t *word, uint32_t while_it_is, const struct timespec *limit)
{
    return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_it_is, limit, NULL, 0) == 0 ||
           errno != ETIMEDOUT;
}

/* With the lock. */
static void raise_finished(struct backend_shared *pool)
{
    atomic_fetch_add_explicit(&pool->finished, 1, memory_order_relaxed);
    futex_wake(&pool->finished);
}

/* With the lock, which is let go of meanwhile. */
static void wait_for_finished(struct backend_shared *pool)
{
    uint32_t finished = atomic_load_explicit(&pool->finished, memory_order_relaxed);
    ring_mutex_unlock(&pool->lock);
    (void)futex_wait(&pool->finished, finished, NULL);
    ring_mutex_lock(&pool->lock);
}

void pool_let_go(struct backend *backend)
{
    if (--backend->running == 0 && backend->closing)
        raise_finished(backend->pool);
}

/* ------------------------------------------------------------ workers sleep */

static void leave_idle(struct worker *worker)
{
    struct worker **link = &worker->pool->idle;
    while (*link != worker)
        link = &(*link)->next;
    *link = worker->next;
    worker->idle = false;
}

/* With the lock. False: it has been idle for long, and others are there. */
static bool sleep_idle(struct worker *worker)
{
    struct backend_shared *pool = worker->pool;
    const struct timespec limit = {.tv_sec = IDLE_SECONDS};
    atomic_store_explicit(&worker->woken, 0, memory_order_relaxed);
    worker->idle = true;
    worker->next = pool->idle;
    pool->idle = worker;
    bool last = pool->worker_count == 1, in_time = true;
    ring_mutex_unlock(&pool->lock);
    while (in_time && atomic_load_explicit(&worker->woken, memory_order_acquire) == 0)
        in_time = futex_wait(&worker->woken, 0, last ? NULL : &limit);
    ring_mutex_lock(&pool->lock);
    if (worker->idle) {
        leave_idle(worker);
        return pool->worker_count == 1;
    }
    pool->coming--;
    ring_mutex_unlock(&pool->lock);
    while (atomic_load_explicit(&worker->woken, memory_order_acquire) == 0)
        (void)futex_wait(&worker->woken, 0, NULL);
    ring_mutex_lock(&pool->lock);
    return true;
}

/* With the lock: take up to so many sleepers, for wake(). */
static struct worker *pick_sleepers(struct backend_shared *pool, int count)
{
    struct worker *picked = NULL;
    for (; count > 0 && pool->idle; count--) {
        struct worker *worker = pool->idle;
        pool->idle = worker->next;
        worker->idle = false;
        worker->next = picked;
        picked = worker;
        pool->coming++;
    }
    return picked;
}

static void wake(struct worker *worker)
{
    for (struct worker *next; worker; worker = next) {
        next = worker->next;
        atomic_store_explicit(&worker->woken, 1, memory_order_release);
        futex_wake(&worker->woken);
    }
}

/* ---------------------------------------------------- workers come and go */

static void *work_on(void *opaque);

/* Signals are for the application's own threads. */
int pool_start_thread(pthread_t *ret_thread, void *(*function)(void *), void *context)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int rc = pthread_create(ret_thread, &attributes, function, context);
    pthread_attr_destroy(&attributes);
    if (rc == EINVAL) /* the program's thread-local variables need more */
        rc = pthread_create(ret_thread, NULL, function, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

/* With the lock, at which the new thread waits until its place is filled in. */
static int add_worker(struct backend_shared *pool)
{
    struct worker *worker = pool->workers, *end = pool->workers + pool->worker_max + 1;
    while (worker < end && atomic_load_explicit(&worker->used, memory_order_acquire))
        worker++;
    if (worker == end)
        return -EAGAIN; /* who has ended is about to be joined */
    worker->pool = pool;
    int rc = pool_start_thread(&worker->thread, work_on, worker);
    if (rc < 0)
        return rc;
    atomic_store_explicit(&worker->used, true, memory_order_relaxed);
    pool->worker_count++;
    pool->coming++;
    return 0;
}

static void join_worker(struct worker *worker)
{
    if (!worker)
        return;
    pthread_join(worker->thread, NULL);
    /* Release: pairs with the acquire of add_worker(), which fills the place again. */
    atomic_store_explicit(&worker->used, false, memory_order_release);
}

/* With the lock, which is let go of: the thread ends, and leaves itself to the next one that does. */
static void retire(struct worker *worker)
{
    struct backend_shared *pool = worker->pool;
    struct worker *before = pool->ended;
    pool->ended = worker;
    if (--pool->worker_count == 0)
        raise_finished(pool);
    ring_mutex_unlock(&pool->lock);
    join_worker(before);
}

static void add_worker_if_wanted(struct backend_shared *pool)
{
    if (pool->queued > pool->coming && !pool->idle && pool->worker_count < pool->worker_max)
        (void)add_worker(pool); /* where it is refused, those that are there do the work */
}

/* -------------------------------------------------------------------- work */

void pool_queue(struct backend_shared *pool, struct job *job)
{
    job->state = JOB_QUEUED;
    job_append(&pool->queue, job);
    pool->queued++;
}

void pool_unlock_and_wake(struct backend_shared *pool)
{
    struct worker *sleepers = pick_sleepers(pool, pool->queued - pool->coming);
    add_worker_if_wanted(pool);
    ring_mutex_unlock(&pool->lock);
    wake(sleepers);
}

/* Whether a job may run now. With the lock. */
static bool begin(struct backend_shared *pool, struct job *job)
{
    int error;
    bool cancelled = job->cancelled || job->backend->closing;
    if (!cancelled && close_begin(pool, job, &error)) {
        job->state = JOB_RUNNING;
        job->backend->running++;
        return true;
    }
    if (cancelled || error < 0)
        post_job(job->backend, job, cancelled ? -ECANCELED : error);
    return false;
}

static struct job *next_job(struct backend_shared *pool)
{
    struct job *job;
    while ((job = pool->queue.first)) {
        job_remove(&pool->queue, job);
        pool->queued--;
        if (begin(pool, job))
            return job;
    }
    return NULL;
}

/* With the lock: it can't be done now, or not here. */
static void put_aside(struct backend_shared *pool, struct job *job, enum run_outcome outcome)
{
    struct backend *backend = job->backend;
    int rc = -ECANCELED;
    if (!job->cancelled && !backend->closing)
        rc = outcome == RUN_OPEN ? open_apart(job) : poll_park(pool, job);
    if (rc == -EPERM && outcome == RUN_PARK) { /* for epoll it is always ready, and so the call won't wait */
        job->blocking = true;
        pool_queue(pool, job);
    } else if (rc < 0) {
        post_job(backend, job, rc);
    }
}

/* Without the lock at first, with it in the end. Returns what is to run next of its chain. */
static struct job *run_one(struct backend_shared *pool, struct job *job)
{
    struct backend *backend = job->backend;
    int result = 0, fd = job->work.fd;
    enum run_outcome outcome = job_run(job, &result);
    struct job *behind = NULL;
    if (outcome == RUN_DONE) {
        if (job->chain && job_succeeded(job, result)) {
            behind = job->chain;
            job->chain = NULL;
        }
        post_job(backend, job, result);
    }
    ring_mutex_lock(&pool->lock);
    if (outcome != RUN_DONE)
        put_aside(pool, job, outcome);
    close_end(pool, fd);
    if (behind && !begin(pool, behind))
        behind = NULL;
    pool_let_go(backend);
    return behind;
}

static void *work_on(void *opaque)
{
    struct worker *worker = opaque;
    struct backend_shared *pool = worker->pool;
    ring_mutex_lock(&pool->lock);
    pool->coming--;
    for (;;) {
        struct job *job = next_job(pool);
        if (!job && (pool->stopping || !sleep_idle(worker)))
            break;
        if (!job)
            continue;
        add_worker_if_wanted(pool);
        while (job) {
            ring_mutex_unlock(&pool->lock);
            job = run_one(pool, job);
        }
    }
    retire(worker);
    return NULL;
}

/* --------------------------------------------------------- cancel and forget */

void pool_cancel(struct backend *backend, uint64_t key)
{
    ring_mutex_lock(&backend->lock);
    struct job *job = job_find(backend, key);
    uint8_t state = JOB_FREE;
    if (job) {
        state = job->state;
        job->cancelled = true; /* looked at before it starts, or waits for something */
    }
    ring_mutex_unlock(&backend->lock);
    /* What is in these states leaves them with the pool's lock only. */
    switch (state) {
    case JOB_QUEUED:
        job_remove(&backend->pool->queue, job);
        backend->pool->queued--;
        post_job(backend, job, -ECANCELED);
        break;
    case JOB_PARKED:
        poll_unpark(backend->pool, job);
        post_job(backend, job, -ECANCELED);
        break;
    case JOB_OPENING:
        (void)open_leave(job);
        break;
    default:
        break;
    }
}

/* With the lock. */
static void forget_jobs(struct backend *backend)
{
    struct backend_shared *pool = backend->pool;
    for (struct job *job = pool->queue.first, *next; job; job = next) {
        next = job->next;
        if (job->backend == backend) {
            job_remove(&pool->queue, job);
            pool->queued--;
        }
    }
    for (unsigned i = 0; i < backend->job_count; i++) {
        ring_mutex_lock(&backend->lock);
        bool opening = i < backend->jobs_touched && backend->jobs[i].state == JOB_OPENING;
        ring_mutex_unlock(&backend->lock);
        if (opening)
            (void)open_leave(&backend->jobs[i]);
    }
    poll_forget(backend);
}

void pool_forget(struct backend *backend)
{
    struct backend_shared *pool = backend->pool;
    ring_mutex_lock(&pool->lock);
    backend->closing = true;
    struct backend **link = &pool->backends;
    while (*link != backend)
        link = &(*link)->next;
    *link = backend->next;
    forget_jobs(backend);
    while (backend->running > 0)
        wait_for_finished(pool);
    ring_mutex_unlock(&pool->lock);
}

/* ----------------------------------------------------------- open and close */

static void stop_workers(struct backend_shared *pool)
{
    ring_mutex_lock(&pool->lock);
    assert(!pool->backends && !pool->queued);
    pool->stopping = true;
    struct worker *sleepers = pick_sleepers(pool, INT_MAX);
    ring_mutex_unlock(&pool->lock);
    wake(sleepers);
    ring_mutex_lock(&pool->lock);
    while (pool->worker_count > 0)
        wait_for_finished(pool);
    ring_mutex_unlock(&pool->lock);
    join_worker(pool->ended);
}

int pool_open(int worker_max, struct backend_shared **ret_pool)
{
    size_t workers = (size_t)worker_max + 1;
    struct backend_shared *pool = calloc(1, sizeof(*pool) + workers * sizeof(pool->workers[0]));
    if (!pool)
        return -ENOMEM;
    pool->worker_max = worker_max;
    int rc = poll_open(pool);
    if (rc < 0)
        goto fail;
    rc = pool_start_thread(&pool->poller, poll_run, pool);
    if (rc < 0)
        goto fail;
    ring_mutex_lock(&pool->lock);
    rc = add_worker(pool);
    ring_mutex_unlock(&pool->lock);
    if (rc < 0) {
        poll_stop(pool);
        goto fail;
    }
    *ret_pool = pool;
    return 0;
fail:
    poll_close(pool);
    free(pool);
    return rc;
}

/* In a child the threads are the parent's. */
void pool_close(struct backend_shared *pool, bool in_child)
{
    if (!pool)
        return;
    if (!in_child) {
        stop_workers(pool);
        poll_stop(pool);
    }
    poll_close(pool);
    free(pool);
}
