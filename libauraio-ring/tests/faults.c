/* SPDX-License-Identifier: MIT */
/* Calls that fail on demand: see faults.h. Each wrapper counts, then fails or does what was asked. */
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct plan {
    atomic_int calls;
    int skip, times, error;
};

static struct plan plans[FAULT_COUNT];

int fault_workers_cpu = -1;
unsigned fault_setup_flags, fault_setup_entries, fault_setup_cpu, fault_refused_flags, fault_entries_max,
    fault_hidden_features;
unsigned fault_enter_flags;
int fault_refused_errno;
bool fault_no_probe;
void (*fault_edit)(struct io_uring_sqe *sqe);

static struct io_uring *last_ring; /* set up last */
static unsigned edited_to;         /* its submissions below were passed to fault_edit */

void fault_arm(enum fault fault, int skip, int times, int error)
{
    plans[fault] = (struct plan){.skip = skip, .times = times, .error = error};
}

int fault_calls(enum fault fault)
{
    return atomic_load(&plans[fault].calls);
}

void fault_clear(void)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        fault_arm((enum fault)i, 0, 0, 0);
    fault_refused_flags = fault_entries_max = fault_hidden_features = fault_enter_flags = 0;
    fault_no_probe = false;
    fault_workers_cpu = -1;
    fault_edit = NULL;
}

/* 0, or the errno to fail with. */
static int strikes(enum fault fault)
{
    struct plan *plan = &plans[fault];
    int call = atomic_fetch_add(&plan->calls, 1);
    return call >= plan->skip && call - plan->skip < plan->times ? plan->error : 0;
}

/* The same for calls that tell through errno. */
static bool fails(enum fault fault)
{
    int error = strikes(fault);
    if (error)
        errno = error;
    return error != 0;
}

/* ------------------------------------------------------------------ libc */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails(FAULT_MEMORY) ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails(FAULT_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return fails(FAULT_MEMORY) ? NULL : __real_realloc(old, size);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(FAULT_MEMORY) ? NULL : __real_aligned_alloc(alignment, size);
}

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails(FAULT_MEMORY) ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);
}

/* What the call is named where file offsets are asked to have 64 bits. */
void *__real_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails(FAULT_MEMORY) ? MAP_FAILED : __real_mmap64(at, size, protection, flags, fd, offset);
}

int __real_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice)
{
    return fails(FAULT_MADVISE) ? -1 : __real_madvise(at, size, advice);
}

int __real_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status)
{
    return fails(FAULT_FSTAT) ? -1 : __real_fstat64(fd, status);
}

off_t __real_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence)
{
    return fails(FAULT_LSEEK) ? -1 : __real_lseek64(fd, offset, whence);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    return fails(FAULT_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
    return fails(FAULT_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    return fails(FAULT_EPOLL_CTL) ? -1 : __real_epoll_ctl(epoll, what, fd, event);
}

int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int error = strikes(FAULT_KEY_CREATE);
    return error ? error : __real_pthread_key_create(key, destructor);
}

/* The library makes system calls of its own with up to three arguments. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    va_end(list);
    return fails(FAULT_SYSCALL) ? -1 : __real_syscall(number, a, b, c);
}

/* ---------------------------------------------------------------- liburing */

static int refusal(unsigned entries, unsigned flags)
{
    int error = strikes(FAULT_QUEUE_INIT);
    if (error)
        return error;
    if (flags & fault_refused_flags)
        return fault_refused_errno;
    return fault_entries_max && entries > fault_entries_max ? ENOMEM : 0;
}

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    fault_setup_flags = params->flags;
    fault_setup_entries = entries;
    fault_setup_cpu = params->sq_thread_cpu;
    int error = refusal(entries, params->flags);
    int rc = error ? -error : __real_io_uring_queue_init_params(entries, ring, params);
    if (rc == 0) {
        ring->features &= ~fault_hidden_features;
        last_ring = ring;
        edited_to = 0;
    }
    return rc;
}

static void edit_submissions(void)
{
    if (!fault_edit)
        return;
    const unsigned tail = __atomic_load_n(last_ring->sq.ktail, __ATOMIC_ACQUIRE);
    const unsigned head = __atomic_load_n(last_ring->sq.khead, __ATOMIC_ACQUIRE);
    if ((int)(edited_to - head) < 0)
        edited_to = head;
    for (; edited_to != tail; edited_to++)
        fault_edit(&last_ring->sq.sqes[edited_to & *last_ring->sq.kring_mask]);
}

int __real_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg,
                           size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg,
                           size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg, size_t size)
{
    fault_enter_flags |= flags;
    int error = strikes(FAULT_ENTER); /* like liburing's: the result says it, errno does not */
    if (error)
        return -error;
    edit_submissions();
    return __real_io_uring_enter2(fd, submit, min, flags, arg, size);
}

struct io_uring_probe *__real_io_uring_get_probe_ring(struct io_uring *ring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *ring)
{
    return fault_no_probe ? NULL : __real_io_uring_get_probe_ring(ring);
}

int __real_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovs, unsigned count);
int __wrap_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovs, unsigned count);
int __wrap_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovs, unsigned count)
{
    int error = strikes(FAULT_REGISTER_BUFFERS);
    return error ? -error : __real_io_uring_register_buffers(ring, iovs, count);
}

int __real_io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count);
int __wrap_io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count);
int __wrap_io_uring_register_buffers_sparse(struct io_uring *ring, unsigned count)
{
    int error = strikes(FAULT_MAKE_BUFFERS);
    return error ? -error : __real_io_uring_register_buffers_sparse(ring, count);
}

int __real_io_uring_register_buffers_update_tag(struct io_uring *ring, unsigned at, const struct iovec *iovs,
                                                const __u64 *tags, unsigned count);
int __wrap_io_uring_register_buffers_update_tag(struct io_uring *ring, unsigned at, const struct iovec *iovs,
                                                const __u64 *tags, unsigned count);
int __wrap_io_uring_register_buffers_update_tag(struct io_uring *ring, unsigned at, const struct iovec *iovs,
                                                const __u64 *tags, unsigned count)
{
    int error = strikes(FAULT_UPDATE_BUFFERS);
    return error ? -error : __real_io_uring_register_buffers_update_tag(ring, at, iovs, tags, count);
}

int __real_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask);
int __wrap_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask);
int __wrap_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask)
{
    for (size_t cpu = 0; cpu < 8 * size; cpu++)
        if (CPU_ISSET_S(cpu, size, mask))
            fault_workers_cpu = (int)cpu;
    return __real_io_uring_register_iowq_aff(ring, size, mask);
}

int __real_io_uring_register_files(struct io_uring *ring, const int *fds, unsigned count);
int __wrap_io_uring_register_files(struct io_uring *ring, const int *fds, unsigned count);
int __wrap_io_uring_register_files(struct io_uring *ring, const int *fds, unsigned count)
{
    int error = strikes(FAULT_REGISTER_FILES);
    return error ? -error : __real_io_uring_register_files(ring, fds, count);
}

int __real_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *fds, unsigned count);
int __wrap_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *fds, unsigned count);
int __wrap_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *fds, unsigned count)
{
    int error = strikes(FAULT_UPDATE_FILES);
    return error ? -error : __real_io_uring_register_files_update(ring, at, fds, count);
}

int __real_io_uring_register_eventfd(struct io_uring *ring, int fd);
int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd);
int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd)
{
    int error = strikes(FAULT_REGISTER_EVENTFD);
    return error ? -error : __real_io_uring_register_eventfd(ring, fd);
}

int __real_io_uring_register_ring_fd(struct io_uring *ring);
int __wrap_io_uring_register_ring_fd(struct io_uring *ring);
int __wrap_io_uring_register_ring_fd(struct io_uring *ring)
{
    int error = strikes(FAULT_REGISTER_RING_FD);
    return error ? -error : __real_io_uring_register_ring_fd(ring);
}
