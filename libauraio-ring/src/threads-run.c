/* SPDX-License-Identifier: MIT */
/*
 * One job of the thread backend, by its system calls, on a worker.
 *
 * Storage is read and written by calls that block. Whatever may wait for ever is asked without blocking: by
 * RWF_NOWAIT, by MSG_DONTWAIT for the sockets of older kernels, and where neither is known (pipes before
 * Linux 6.5, terminals) when poll() says that the call will not wait; what is written then is at most
 * PIPE_BUF bytes, for which a pipe that can be written has room.
 */
#include "threads.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* One call of pread/pwrite transfers at most this; it is a multiple of every block size. */
static const uint64_t transfer_max = 0x7ffff000;

/* What one call is to move. */
struct transfer {
    const struct iovec *iov;
    struct iovec single;
    int count;
    int64_t offset;
    bool writes;
};

static int error_or(ssize_t result)
{
    return result < 0 ? -errno : (int)result;
}

bool job_writes(const struct job *job)
{
    return job->work.opcode == RING_OP_WRITE || job->work.opcode == RING_OP_WRITEV;
}

static void describe(const struct job *job, struct transfer *ret)
{
    const struct work *work = &job->work;
    bool vectored = work->opcode == RING_OP_READV || work->opcode == RING_OP_WRITEV;
    uint64_t len = work->len < transfer_max ? work->len : transfer_max;
    ret->single = (struct iovec){.iov_base = vectored ? NULL : work->u.addr, .iov_len = len};
    ret->iov = vectored ? work->u.iov : &ret->single;
    ret->count = vectored ? (int)work->len : 1;
    ret->offset = work->offset;
    ret->writes = job_writes(job);
}

static int call(const struct job *job, const struct transfer *transfer, int flags)
{
    int fd = job->work.fd;
    return error_or(transfer->writes ? pwritev2(fd, transfer->iov, transfer->count, transfer->offset, flags)
                                     : preadv2(fd, transfer->iov, transfer->count, transfer->offset, flags));
}

bool job_succeeded(const struct job *job, int result)
{
    struct transfer transfer;
    uint64_t total = 0;
    if (result < 0 || job->work.opcode > RING_OP_WRITEV || job->work.kind != WORK_OPERATION)
        return result >= 0;
    describe(job, &transfer);
    if (transfer.iov == &transfer.single)
        return (uint64_t)result == job->work.len;
    for (int i = 0; i < transfer.count; i++)
        total += transfer.iov[i].iov_len;
    return (uint64_t)result == total;
}

/* ------------------------------------------------------------------ streams */

static bool is_ready(const struct job *job)
{
    struct pollfd fd = {.fd = job->work.fd, .events = job_writes(job) ? POLLOUT : POLLIN};
    return poll(&fd, 1, 0) != 0; /* what poll() refuses, the call itself will */
}

/* The transfer, cut where a pipe that is ready may have no more room. */
static int call_when_ready(const struct job *job, const struct transfer *transfer)
{
    struct transfer small = *transfer;
    int flags = fcntl(job->work.fd, F_GETFL);
    if (!is_ready(job))
        return -EAGAIN;
    if (transfer->writes && flags >= 0 && !(flags & O_NONBLOCK)) {
        small.single = transfer->iov[0];
        if (small.single.iov_len > PIPE_BUF)
            small.single.iov_len = PIPE_BUF;
        small.iov = &small.single;
        small.count = 1;
    }
    return call(job, &small, job->work.rw_flags);
}

static int call_socket(const struct job *job, const struct transfer *transfer)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)transfer->iov,
                             .msg_iovlen = (size_t)transfer->count};
    return error_or(transfer->writes ? sendmsg(job->work.fd, &message, MSG_DONTWAIT)
                                     : recvmsg(job->work.fd, &message, MSG_DONTWAIT));
}

static int try_stream(const struct job *job, struct transfer *transfer)
{
    int flags = job->work.rw_flags;
    if (job->blocking)
        return call(job, transfer, flags);
    int result = call(job, transfer, flags | RWF_NOWAIT);
    if (result == -ESPIPE && transfer->offset >= 0) { /* io_uring takes no notice of it either */
        transfer->offset = -1;
        result = call(job, transfer, flags | RWF_NOWAIT);
    }
    if (result != -EOPNOTSUPP)
        return result;
    result = call_socket(job, transfer);
    return result == -ENOTSOCK ? call_when_ready(job, transfer) : result;
}

/* Not known is no: then the call may wait for ever. */
static bool is_storage(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode));
}

static enum run_outcome run_transfer(const struct job *job, int *ret_result)
{
    struct transfer transfer;
    describe(job, &transfer);
    if (is_storage(job->work.fd)) {
        *ret_result = call(job, &transfer, job->work.rw_flags);
        return RUN_DONE;
    }
    *ret_result = try_stream(job, &transfer);
    bool waits = *ret_result == -EAGAIN && !(job->work.rw_flags & RWF_NOWAIT);
    return waits ? RUN_PARK : RUN_DONE;
}

/* -------------------------------------------------------------------- others */

/* Whether opening waits for somebody at the other end. */
static bool opens_fifo(const struct work *work)
{
    struct stat st;
    bool waits = !(work->sys_flags & (O_NONBLOCK | O_PATH)) && (work->sys_flags & O_ACCMODE) != O_RDWR;
    return waits && fstatat(work->fd, work->u.path, &st, 0) == 0 && S_ISFIFO(st.st_mode);
}

static int run_sync(const struct work *work)
{
    return error_or(work->sys_flags ? fdatasync(work->fd) : fsync(work->fd));
}

static int run_close(int fd)
{
    int result = error_or(close(fd));
    return result == -EINTR ? 0 : result; /* closed all the same: trying again would close another's */
}

enum run_outcome job_run(const struct job *job, int *ret_result)
{
    const struct work *work = &job->work;
    if (work->kind == WORK_POLL)
        return RUN_PARK;
    switch (work->opcode) {
    case RING_OP_FSYNC:
        *ret_result = run_sync(work);
        return RUN_DONE;
    case RING_OP_OPENAT:
        if (opens_fifo(work))
            return RUN_OPEN;
        *ret_result = error_or(openat(work->fd, work->u.path, work->sys_flags, (mode_t)work->mode));
        return RUN_DONE;
    case RING_OP_CLOSE:
        *ret_result = run_close(work->fd);
        return RUN_DONE;
    case RING_OP_STATX:
        *ret_result = error_or(statx(work->fd, work->u.path, work->sys_flags, work->mode, work->statx));
        return RUN_DONE;
    case RING_OP_FALLOCATE:
        *ret_result = error_or(fallocate(work->fd, work->sys_flags, work->offset, (off_t)work->len));
        return RUN_DONE;
    case RING_OP_FTRUNCATE:
        *ret_result = error_or(ftruncate(work->fd, work->offset));
        return RUN_DONE;
    case RING_OP_SYNC_FILE_RANGE:
        *ret_result =
            error_or(sync_file_range(work->fd, work->offset, (off_t)work->len, (unsigned)work->sys_flags));
        return RUN_DONE;
    default:
        assert(work->opcode <= RING_OP_WRITEV);
        return run_transfer(job, ret_result);
    }
}
