/* SPDX-License-Identifier: MIT */
/*
 * fio's external I/O engine "auraio": an engine for each job, with a ring of its thread's own.
 *
 * fio queues an io_u, commits, and asks for events. Queueing submits, committing flushes, and asking drives
 * completions: a callback puts its io_u in a FIFO, from which fio takes them. Built against the headers of
 * one configured fio source tree, whose structures it shares: docs/fio.md.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <fio.h>
#include <optgroup.h>

#include <auraio.h>

/* As fio sets it, from the job's options; the first member may have no option. */
struct auraio_fio_options {
    void *thread_data;
    int adaptive;
    unsigned int target_p99_us;
};

struct job {
    auraio_engine_t *engine;
    struct io_u **done; /* FIFO of depth places */
    unsigned int depth;
    unsigned int first; /* of those that fio has not taken, or has not looked at yet */
    unsigned int ready;
    unsigned int given; /* of them, what the last getevents() has told of */
};

static struct fio_option auraio_fio_options[] = {
    {
        .name = "auraio_adaptive",
        .lname = "Adaptive limit",
        .type = FIO_OPT_BOOL,
        .off1 = offsetof(struct auraio_fio_options, adaptive),
        .help = "Let the engine find how many operations are in the kernel (default), or keep iodepth",
        .def = "1",
        .category = FIO_OPT_C_ENGINE,
        .group = FIO_OPT_G_INVALID,
    },
    {
        .name = "auraio_target_p99_us",
        .lname = "Latency target",
        .type = FIO_OPT_INT,
        .off1 = offsetof(struct auraio_fio_options, target_p99_us),
        .help = "99th percentile of latency to keep, in microseconds from dispatch; 0: none",
        .def = "0",
        .category = FIO_OPT_C_ENGINE,
        .group = FIO_OPT_G_INVALID,
    },
    {.name = NULL},
};

static void on_done(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct io_u *io_u = user_data;
    struct job *job = io_u->engine_data;
    (void)req;
    if (result < 0)
        io_u->error = (unsigned int)-result;
    else if (io_u->ddir == DDIR_READ || io_u->ddir == DDIR_WRITE)
        io_u->resid = io_u->xfer_buflen - (unsigned long long)result;
    job->done[(job->first + job->ready++) % job->depth] = io_u;
}

static auraio_request_t *submit(struct job *job, struct io_u *io_u)
{
    int fd = io_u->file->fd;
    auraio_buf_t buf = auraio_buf(io_u->xfer_buf);
    switch (io_u->ddir) {
    case DDIR_READ:
        return auraio_read(job->engine, fd, buf, io_u->xfer_buflen, (off_t)io_u->offset, on_done, io_u);
    case DDIR_WRITE:
        return auraio_write(job->engine, fd, buf, io_u->xfer_buflen, (off_t)io_u->offset, on_done, io_u);
    case DDIR_SYNC:
        return auraio_fsync(job->engine, fd, on_done, io_u);
    case DDIR_DATASYNC:
        return auraio_fsync_ex(job->engine, fd, AURAIO_FSYNC_DATASYNC, on_done, io_u);
    default:
        errno = EINVAL;
        return NULL;
    }
}

static enum fio_q_status auraio_fio_queue(struct thread_data *td, struct io_u *io_u)
{
    struct job *job = td->io_ops_data;
    fio_ro_check(td, io_u);
    if (io_u->ddir == DDIR_TRIM) {
        do_io_u_trim(td, io_u);
        return FIO_Q_COMPLETED;
    }
    if (io_u->ddir == DDIR_SYNC_FILE_RANGE) {
        do_io_u_sync(td, io_u);
        return FIO_Q_COMPLETED;
    }
    io_u->error = 0;
    io_u->engine_data = job;
    if (submit(job, io_u))
        return FIO_Q_QUEUED;
    if (errno == EAGAIN)
        return FIO_Q_BUSY;
    io_u->error = (unsigned int)errno;
    td_verror(td, errno, auraio_last_error());
    return FIO_Q_COMPLETED;
}

static int auraio_fio_commit(struct thread_data *td)
{
    struct job *job = td->io_ops_data;
    int handed_over = auraio_flush(job->engine);
    if (handed_over < 0)
        return -errno;
    io_u_mark_submit(td, (unsigned int)handed_over);
    return 0;
}

static int timeout_of(const struct timespec *t)
{
    return t ? (int)(t->tv_sec * 1000 + (t->tv_nsec + 999999) / 1000000) : -1;
}

static int auraio_fio_getevents(struct thread_data *td, unsigned int min, unsigned int max,
                                const struct timespec *t)
{
    struct job *job = td->io_ops_data;
    job->first = (job->first + job->given) % job->depth;
    job->ready -= job->given;
    job->given = 0;
    int ran = min > job->ready ? 1 : auraio_poll(job->engine);
    while (job->ready < min && ran > 0)
        ran = auraio_wait(job->engine, timeout_of(t));
    if (ran < 0)
        return -errno;
    job->given = job->ready < max ? job->ready : max;
    return (int)job->given;
}

static struct io_u *auraio_fio_event(struct thread_data *td, int event)
{
    struct job *job = td->io_ops_data;
    return job->done[(job->first + (unsigned int)event) % job->depth];
}

static void auraio_fio_cleanup(struct thread_data *td)
{
    struct job *job = td->io_ops_data;
    if (!job)
        return;
    auraio_destroy(job->engine);
    free(job->done);
    free(job);
    td->io_ops_data = NULL;
}

/* In the job's own process or thread. */
static int auraio_fio_init(struct thread_data *td)
{
    const struct auraio_fio_options *wanted = td->eo;
    auraio_options_t options;
    auraio_options_init(&options);
    options.queue_depth = (int)td->o.iodepth;
    options.ring_select = AURAIO_SELECT_THREAD_LOCAL;
    options.disable_adaptive = !wanted->adaptive;
    options.max_p99_latency_ms = wanted->target_p99_us / 1e3;
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return 1;
    td->io_ops_data = job;
    job->depth = td->o.iodepth;
    job->done = calloc(job->depth, sizeof(struct io_u *));
    job->engine = auraio_create_with_options(&options);
    if (job->done && job->engine)
        return 0;
    td_verror(td, errno, auraio_last_error());
    auraio_fio_cleanup(td);
    return 1;
}

struct ioengine_ops ioengine = {
    .name = "auraio",
    .version = FIO_IOOPS_VERSION,
    .flags = FIO_ASYNCIO_SYNC_TRIM,
    .init = auraio_fio_init,
    .queue = auraio_fio_queue,
    .commit = auraio_fio_commit,
    .getevents = auraio_fio_getevents,
    .event = auraio_fio_event,
    .cleanup = auraio_fio_cleanup,
    .open_file = generic_open_file,
    .close_file = generic_close_file,
    .get_file_size = generic_get_file_size,
    .options = auraio_fio_options,
    .option_struct_size = sizeof(struct auraio_fio_options),
};
