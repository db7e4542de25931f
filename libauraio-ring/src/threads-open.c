/* SPDX-License-Identifier: MIT */
/* Opening FIFOs, which may wait for ever: see struct opening. */
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void deliver(struct job *job, int result)
{
    struct backend *backend = job->backend;
    struct backend_shared *pool = backend->pool;
    ring_mutex_lock(&pool->lock);
    job->state = JOB_RUNNING;
    post_job(backend, job, result);
    pool_let_go(backend);
    ring_mutex_unlock(&pool->lock);
}

static void *open_fifo(void *opaque)
{
    struct opening *opening = opaque;
    int fd = openat(opening->at, opening->path, opening->flags, opening->mode);
    int result = fd < 0 ? -errno : fd;
    if (atomic_exchange(&opening->busy, false))
        deliver(opening->job, result);
    else if (fd >= 0)
        close(fd); /* nobody waits for it */
    free(opening);
    return NULL;
}

int open_apart(struct job *job)
{
    const struct work *work = &job->work;
    size_t size = strnlen(work->u.path, PATH_MAX) + 1;
    if (size > PATH_MAX)
        return -ENAMETOOLONG;
    struct opening *opening = malloc(sizeof(*opening) + size);
    if (!opening)
        return -ENOMEM;
    *opening =
        (struct opening){.job = job, .at = work->fd, .flags = work->sys_flags, .mode = (mode_t)work->mode};
    atomic_init(&opening->busy, true);
    memcpy(opening->path, work->u.path, size);
    job->opening = opening;
    job->state = JOB_OPENING;
    pthread_t thread;
    int rc = pool_start_thread(&thread, open_fifo, opening);
    if (rc < 0) {
        job->state = JOB_RUNNING;
        free(opening);
        return rc;
    }
    pthread_detach(thread);
    job->backend->running++;
    return 0;
}

bool open_leave(struct job *job)
{
    struct backend *backend = job->backend;
    if (!atomic_exchange(&job->opening->busy, false))
        return false;
    post_job(backend, job, -ECANCELED);
    pool_let_go(backend);
    return true;
}
