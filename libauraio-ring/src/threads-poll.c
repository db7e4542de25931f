/* SPDX-License-Identifier: MIT */
/*
 * The thread of the thread backend that polls: parked jobs go back to the workers when their descriptor is
 * ready, bells and timers complete. It has one epoll descriptor and one timer for all rings of a group.
 *
 * A descriptor is in the epoll set once, for one event at a time, and jobs wait for it in the order they
 * came. The first goes when the descriptor is ready; what still waits then has it armed again. Events name
 * descriptors, not objects: one that comes late finds what is there now, at worst nothing.
 */
#include "fds.h"
#include "threads.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64, WATCHES_MIN = 512 };

/* ---------------------------------------------------------------- descriptors */

/* The old table is let go of last: a child of fork() finds one of the two. */
int poll_know(struct backend_shared *pool, int fd)
{
    if (fd < pool->watch_count)
        return 0;
    int count = pool->watch_count ? pool->watch_count : WATCHES_MIN;
    while (count <= fd)
        count = count > INT_MAX / 2 ? INT_MAX : 2 * count;
    struct watch *before = pool->watches, *watches = calloc((size_t)count, sizeof(*watches));
    if (!watches)
        return -ENOMEM;
    if (before)
        memcpy(watches, before, (size_t)pool->watch_count * sizeof(*watches));
    pool->watches = watches;
    pool->watch_count = count;
    free(before);
    return 0;
}

static int set_events(struct backend_shared *pool, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    if (errno == ENOENT && epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return -errno;
}

static int arm(struct backend_shared *pool, int fd)
{
    const struct watch *watch = &pool->watches[fd];
    uint32_t events =
        (watch->readers.first ? EPOLLIN | EPOLLRDHUP : 0u) | (watch->writers.first ? (uint32_t)EPOLLOUT : 0u);
    return events ? set_events(pool, fd, events | EPOLLONESHOT) : 0;
}

static struct job_list *list_of(const struct backend_shared *pool, const struct job *job)
{
    struct watch *watch = &pool->watches[job->work.fd];
    if (job->work.opcode == RING_OP_CLOSE)
        return &watch->closers;
    return job_writes(job) ? &watch->writers : &watch->readers;
}

int poll_park(struct backend_shared *pool, struct job *job)
{
    int rc = job->work.fd < 0 ? -EBADF : poll_know(pool, job->work.fd);
    if (rc < 0)
        return rc;
    (void)close_hold(pool, job); /* without descriptors to spare it goes without */
    rc = poll_know(pool, job->work.fd);
    if (rc < 0)
        return rc;
    job_append(list_of(pool, job), job);
    rc = arm(pool, job->work.fd);
    if (rc < 0)
        job_remove(list_of(pool, job), job);
    else
        job->state = JOB_PARKED;
    return rc;
}

void poll_unpark(struct backend_shared *pool, struct job *job)
{
    job_remove(list_of(pool, job), job);
}

/* It is ready: to a worker, or done when that was all it waited for. */
static void go_on(struct backend_shared *pool, struct job *job)
{
    poll_unpark(pool, job);
    if (job->work.kind == WORK_POLL)
        post_job(job->backend, job, job_writes(job) ? POLLOUT : POLLIN);
    else
        pool_queue(pool, job);
}

static void on_descriptor(struct backend_shared *pool, int fd, uint32_t events)
{
    if (fd >= pool->watch_count)
        return;
    struct watch *watch = &pool->watches[fd];
    if (watch->bell) {
        post_key(watch->bell, BACKEND_KEY_BELL, BACKEND_MORE);
        return;
    }
    const uint32_t over = EPOLLERR | EPOLLHUP;
    if (watch->readers.first && events & (EPOLLIN | EPOLLRDHUP | over))
        go_on(pool, watch->readers.first);
    if (watch->writers.first && events & (EPOLLOUT | over))
        go_on(pool, watch->writers.first);
    if (arm(pool, fd) == 0)
        return;
    /* It was closed, which nobody may do while it is in use: the calls will say so. */
    while (watch->readers.first)
        go_on(pool, watch->readers.first);
    while (watch->writers.first)
        go_on(pool, watch->writers.first);
}

int poll_set_bell(struct backend *backend, int fd)
{
    struct backend_shared *pool = backend->pool;
    int rc = poll_know(pool, fd);
    if (rc == 0)
        rc = set_events(pool, fd, EPOLLIN | EPOLLET);
    if (rc == 0) {
        pool->watches[fd].bell = backend;
        backend->bell_fd = fd;
    }
    return rc;
}

static void forget_list(struct job_list *list, const struct backend *backend)
{
    for (struct job *job = list->first, *next; job; job = next) {
        next = job->next;
        if (job->backend == backend)
            job_remove(list, job);
    }
}

void poll_forget(struct backend *backend)
{
    struct backend_shared *pool = backend->pool;
    for (int fd = 0; fd < pool->watch_count; fd++) {
        struct watch *watch = &pool->watches[fd];
        forget_list(&watch->readers, backend);
        forget_list(&watch->writers, backend);
        forget_list(&watch->closers, backend);
        if (watch->bell == backend) {
            watch->bell = NULL;
            (void)epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        }
    }
    backend->timer_ns = 0;
}

/* --------------------------------------------------------------------- timers */

static void set_timer_fd(struct backend_shared *pool, int64_t at_ns)
{
    struct itimerspec at = {.it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    pool->timer_ns = at_ns;
    (void)timerfd_settime(pool->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void poll_set_timer(struct backend *backend, int64_t at_ns, bool update)
{
    struct backend_shared *pool = backend->pool;
    if (update && backend->timer_ns == 0)
        return; /* it has fired, and the ring will set it again when it sees that */
    backend->timer_ns = at_ns > 0 ? at_ns : 1;
    if (pool->timer_ns == 0 || backend->timer_ns < pool->timer_ns)
        set_timer_fd(pool, backend->timer_ns);
}

static void on_timer(struct backend_shared *pool)
{
    uint64_t fired;
    struct timespec now;
    int64_t earliest_ns = 0;
    (void)!read(pool->timer_fd, &fired, sizeof(fired));
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    for (struct backend *backend = pool->backends; backend; backend = backend->next) {
        if (backend->timer_ns && backend->timer_ns <= now_ns) {
            backend->timer_ns = 0;
            post_key(backend, BACKEND_KEY_TIMER, 0);
        }
        if (backend->timer_ns && (!earliest_ns || backend->timer_ns < earliest_ns))
            earliest_ns = backend->timer_ns;
    }
    set_timer_fd(pool, earliest_ns);
}

/* --------------------------------------------------------------------- thread */

void *poll_run(void *opaque)
{
    struct backend_shared *pool = opaque;
    struct epoll_event events[EVENTS];
    for (bool stopping = false; !stopping;) {
        int count = epoll_wait(pool->epoll_fd, events, EVENTS, -1);
        ring_mutex_lock(&pool->lock);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == pool->timer_fd)
                on_timer(pool);
            else
                on_descriptor(pool, events[i].data.fd, events[i].events);
        }
        stopping = pool->stopping;
        pool_unlock_and_wake(pool);
    }
    return NULL;
}

int poll_open(struct backend_shared *pool)
{
    pool->epoll_fd = fd_out_of_the_way(epoll_create1(EPOLL_CLOEXEC));
    pool->timer_fd = fd_out_of_the_way(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (pool->epoll_fd < 0 || pool->timer_fd < 0)
        return -errno;
    return set_events(pool, pool->timer_fd, EPOLLIN);
}

void poll_stop(struct backend_shared *pool)
{
    ring_mutex_lock(&pool->lock);
    pool->stopping = true;
    set_timer_fd(pool, 1);
    ring_mutex_unlock(&pool->lock);
    pthread_join(pool->poller, NULL);
}

void poll_close(struct backend_shared *pool)
{
    if (pool->epoll_fd >= 0)
        fd_close(pool->epoll_fd);
    if (pool->timer_fd >= 0)
        fd_close(pool->timer_fd);
    for (int fd = 0; fd < pool->watch_count; fd++)
        close_forget(&pool->watches[fd]);
    free(pool->watches);
}
