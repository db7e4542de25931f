/* SPDX-License-Identifier: MIT */
/* Setting up rings, entering them and binding their workers: see wrapped.h. */
#include <liburing.h>

#include "wrapped.h"

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    const int error = wrapped_error(CALL_QUEUE_INIT);
    return error ? -error : __real_io_uring_queue_init_params(entries, ring, params);
}

int __real_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg,
                           size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg,
                           size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg, size_t size)
{
    const int error = wrapped_error(CALL_ENTER);
    return error ? -error : __real_io_uring_enter2(fd, submit, min, flags, arg, size);
}

int __real_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask);
int __wrap_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask);
int __wrap_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask)
{
    const int error = wrapped_error(CALL_REGISTER_WORKERS);
    return error ? -error : __real_io_uring_register_iowq_aff(ring, size, mask);
}
