/* SPDX-License-Identifier: MIT */
/*
 * Reads from the page cache, by the thread that submits: RWF_NOWAIT copies what is there and refuses what is
 * not, so that a hit costs no hand-over. It must not be asked of O_DIRECT, which waits for the device all the
 * same. A descriptor whose reads miss is asked ever more rarely, up to one read of 64.
 *
 * What is known of a descriptor is looked at again after 256 uses: a number may come to name another file. A
 * wrong guess costs a submission the time of a read, or a hand-over; never a result.
 */
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

enum {
    QUICK_MAX_BYTES = 128 * 1024, /* a longer copy is better made by another thread */
    MISSES_MAX = 6,
    USES_MAX = 256
};

static struct quick_file *file_of(struct backend *backend, int fd)
{
    return &backend->files[(unsigned)fd % QUICK_FILES];
}

enum quick quick_wanted(struct backend *backend, const struct work *work)
{
    if (work->quick == QUICK_NO || work->linked || work->len > QUICK_MAX_BYTES)
        return QUICK_NO;
    struct quick_file *file = file_of(backend, work->fd);
    if (file->fd != work->fd || file->uses >= USES_MAX) {
        int flags = fcntl(work->fd, F_GETFL);
        bool same = file->fd == work->fd;
        *file = (struct quick_file){.fd = work->fd,
                                    .refused = flags < 0 || flags & O_DIRECT,
                                    .misses = same ? file->misses : 0,
                                    .skip = same ? file->skip : 0};
    }
    file->uses++;
    if (file->refused)
        return QUICK_NO;
    if (file->skip > 0) {
        file->skip--;
        return QUICK_NO;
    }
    return file->misses > 0 ? QUICK_DOUBTED : QUICK_YES;
}

/* With backend->lock. */
static void learn(struct backend *backend, int fd, int error)
{
    struct quick_file *file = file_of(backend, fd);
    if (file->fd != fd)
        return;
    if (error == 0) {
        file->misses = 0;
    } else if (error == EAGAIN) {
        if (file->misses < MISSES_MAX)
            file->misses++;
        file->skip = (uint8_t)((1u << file->misses) - 1);
    } else {
        file->refused = true;
    }
}

void quick_try(struct backend *backend, struct job_list *list)
{
    struct job_list done = {0};
    for (struct job *job = list->first, *next; job; job = next) {
        const struct work *work = &job->work;
        next = job->next;
        if (work->quick == QUICK_NO)
            continue;
        struct iovec place = {.iov_base = work->u.addr, .iov_len = work->len};
        ssize_t moved = preadv2(work->fd, &place, 1, work->offset, RWF_NOWAIT);
        int error = moved < 0 ? errno : 0;
        if (error || work->quick == QUICK_DOUBTED) {
            ring_mutex_lock(&backend->lock);
            learn(backend, work->fd, error);
            ring_mutex_unlock(&backend->lock);
        }
        if (error)
            continue; /* a worker finds out what it is */
        job_remove(list, job);
        job->result = (int)moved;
        job_append(&done, job);
    }
    if (done.first)
        post_jobs(backend, done.first);
}
