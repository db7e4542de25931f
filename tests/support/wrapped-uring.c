/* SPDX-License-Identifier: MIT */
/* The calls of the library into liburing, each of which fails when wrapped_error() says so: as a negative
 * errno. */
#include <liburing.h>

#include "wrapped.h"

struct io_uring_probe *__real_io_uring_get_probe_ring(struct io_uring *ring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring)
{
    return wrapped_error(CALL_PROBE) ? NULL : __real_io_uring_get_probe_ring(ring);
}

int __real_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovs, unsigned count);
int __wrap_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovs, unsigned count);
int __wrap_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovs, unsigned count)
{
    const int error = wrapped_error(CALL_REGISTER_BUFFERS);
    return error ? -error : __real_io_uring_register_buffers(ring, iovs, count);
}

int __real_io_uring_register_files(struct io_uring *ring, const int *fds, unsigned count);
int __wrap_io_uring_register_files(struct io_uring *ring, const int *fds, unsigned count);
int __wrap_io_uring_register_files(struct io_uring *ring, const int *fds, unsigned count)
{
    const int error = wrapped_error(CALL_REGISTER_FILES);
    return error ? -error : __real_io_uring_register_files(ring, fds, count);
}

int __real_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *fds, unsigned count);
int __wrap_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *fds, unsigned count);
int __wrap_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *fds, unsigned count)
{
    const int error = wrapped_error(CALL_UPDATE_FILES);
    return error ? -error : __real_io_uring_register_files_update(ring, at, fds, count);
}

int __real_io_uring_register_eventfd(struct io_uring *ring, int fd);
int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd);
int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd)
{
    const int error = wrapped_error(CALL_REGISTER_EVENTFD);
    return error ? -error : __real_io_uring_register_eventfd(ring, fd);
}

int __real_io_uring_register_ring_fd(struct io_uring *ring);
int __wrap_io_uring_register_ring_fd(struct io_uring *ring);
int __wrap_io_uring_register_ring_fd(struct io_uring *ring)
{
    const int error = wrapped_error(CALL_REGISTER_RING);
    return error ? -error : __real_io_uring_register_ring_fd(ring);
}

int __real_io_uring_register_iowq_max_workers(struct io_uring *ring, unsigned *most);
int __wrap_io_uring_register_iowq_max_workers(struct io_uring *ring, unsigned *most);
int __wrap_io_uring_register_iowq_max_workers(struct io_uring *ring, unsigned *most)
{
    const int error = wrapped_error(CALL_REGISTER_WORKERS);
    return error ? -error : __real_io_uring_register_iowq_max_workers(ring, most);
}

int __real_io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count);
int __wrap_io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count);
int __wrap_io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count)
{
    const int error = wrapped_error(CALL_MAKE_BUFFERS);
    return error ? -error : __real_io_uring_register_buffers_sparse(ring, count);
}

int __real_io_uring_register_buffers_update_tag(struct io_uring *ring, unsigned at, const struct iovec *iovs,
                                                const __u64 *tags, unsigned count);
int __wrap_io_uring_register_buffers_update_tag(struct io_uring *ring, unsigned at, const struct iovec *iovs,
                                                const __u64 *tags, unsigned count);
int __wrap_io_uring_register_buffers_update_tag(struct io_uring *ring, unsigned at, const struct iovec *iovs,
                                                const __u64 *tags, unsigned count)
{
    const int error = wrapped_error(CALL_UPDATE_BUFFERS);
    return error ? -error : __real_io_uring_register_buffers_update_tag(ring, at, iovs, tags, count);
}
