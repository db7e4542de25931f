/* SPDX-License-Identifier: MIT */
/*
 * Closing a descriptor that operations still use. io_uring looks a file up when an operation is submitted, so
 * a close that follows does not disturb it. Here a system call looks it up: a close waits for calls that run,
 * and leaves what is queued or parked a duplicate.
 */
#include "fds.h"
#include "threads.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A duplicate in the place of the application's descriptor: open while it has users. */
struct kept_fd {
    _Atomic int users;
    _Atomic int references; /* users, and the watch of the descriptor that it is a duplicate of */
    int fd;
};

static void let_go(struct kept_fd *kept)
{
    if (atomic_fetch_sub(&kept->references, 1) == 1)
        free(kept);
}

void close_release(struct job *job)
{
    struct kept_fd *kept = job->kept;
    if (!kept)
        return;
    if (atomic_fetch_sub(&kept->users, 1) == 1)
        fd_close(kept->fd);
    let_go(kept);
}

void close_forget(struct watch *watch)
{
    if (watch->kept)
        let_go(watch->kept);
    watch->kept = NULL;
}

/* A new user, if there is one still. */
static bool keep(struct job *job, struct kept_fd *kept)
{
    int users = atomic_load(&kept->users);
    do {
        if (users == 0)
            return false;
    } while (!atomic_compare_exchange_weak(&kept->users, &users, users + 1));
    atomic_fetch_add(&kept->references, 1);
    job->kept = kept;
    job->work.fd = kept->fd;
    return true;
}

static bool same_file(int fd, int other)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Use a duplicate that is there, if it is of the same file. It is looked at as its user: without one another
 * thread may close it. */
static bool share(struct job *job, struct kept_fd *kept)
{
    int fd = job->work.fd;
    if (!keep(job, kept))
        return false;
    if (same_file(kept->fd, fd))
        return true;
    close_release(job);
    job->kept = NULL;
    job->work.fd = fd;
    return false;
}

int close_hold(struct backend_shared *pool, struct job *job)
{
    int fd = job->work.fd;
    struct watch *watch = &pool->watches[fd];
    if (job->kept || (watch->kept && share(job, watch->kept)))
        return 0;
    close_forget(watch);
    struct kept_fd *kept = malloc(sizeof(*kept));
    int copy = kept ? fd_duplicate(fd) : -1, error = kept ? errno : ENOMEM;
    if (copy < 0) {
        free(kept);
        return -error;
    }
    *kept = (struct kept_fd){.fd = copy};
    atomic_init(&kept->users, 1);
    atomic_init(&kept->references, 2);
    job->kept = watch->kept = kept;
    job->work.fd = copy;
    return 0;
}

/* With the lock: what is queued to use the descriptor gets a duplicate. 0 or -errno. */
static int hand_duplicates(struct backend_shared *pool, int fd)
{
    for (struct job *job = pool->queue.first; job; job = job->next) {
        if (job->work.fd != fd || job->work.opcode == RING_OP_CLOSE)
            continue;
        int rc = close_hold(pool, job);
        if (rc < 0)
            return rc == -EBADF ? 0 : rc; /* it is not open: the calls will say so */
    }
    return 0;
}

bool close_begin(struct backend_shared *pool, struct job *job, int *ret_error)
{
    int fd = job->work.fd, rc = fd < 0 ? 0 : poll_know(pool, fd);
    *ret_error = rc;
    if (rc < 0 || fd < 0)
        return rc == 0;
    if (job->work.opcode == RING_OP_CLOSE) {
        if (pool->watches[fd].running > 0) {
            job->state = JOB_PARKED;
            job_append(&pool->watches[fd].closers, job);
            return false;
        }
        rc = *ret_error = hand_duplicates(pool, fd);
    }
    if (rc == 0)
        pool->watches[fd].running++;
    return rc == 0;
}

void close_end(struct backend_shared *pool, int fd)
{
    if (fd < 0 || --pool->watches[fd].running > 0)
        return;
    struct job_list *closers = &pool->watches[fd].closers;
    for (struct job *job; (job = closers->first);) {
        job_remove(closers, job);
        pool_queue(pool, job);
    }
}
