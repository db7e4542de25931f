/* SPDX-License-Identifier: MIT */
/*
 * The calls of the library into libc, each of which fails when wrapped_error() says so. Names that end in 64
 * are what the calls are named where file offsets are asked to have 64 bits, as Meson always does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"
#include "wrapped.h"

/* Of calls that tell through errno. */
static bool fails(enum wrapped_call call)
{
    const int error = wrapped_error(call);
    if (error)
        errno = error;
    return error != 0;
}

/* ----------------------------------------------------------------- memory */

static void *counted(void *block)
{
    if (block)
        wrapped_blocks(1);
    return block;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails(CALL_MALLOC) ? NULL : counted(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails(CALL_CALLOC) ? NULL : counted(__real_calloc(count, size));
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    if (fails(CALL_REALLOC))
        return NULL;
    void *block = __real_realloc(old, size);
    return old ? block : counted(block);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(CALL_ALIGNED_ALLOC) ? NULL : counted(__real_aligned_alloc(alignment, size));
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    if (block)
        wrapped_blocks(-1);
    __real_free(block);
}

void *__real_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fails(CALL_MMAP))
        return MAP_FAILED;
    void *start = __real_mmap64(at, size, protection, flags, fd, offset);
    /* What is mapped over a mapping of its own was counted with that. */
    if (start != MAP_FAILED && !(flags & MAP_FIXED))
        wrapped_mapped((long)size);
    return start;
}

int __real_munmap(void *start, size_t size);
int __wrap_munmap(void *start, size_t size);
int __wrap_munmap(void *start, size_t size)
{
    if (fails(CALL_MUNMAP))
        return -1;
    wrapped_mapped(-(long)size);
    return __real_munmap(start, size);
}

int __real_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection)
{
    return fails(CALL_MPROTECT) ? -1 : __real_mprotect(start, size, protection);
}

int __real_madvise(void *start, size_t size, int advice);
int __wrap_madvise(void *start, size_t size, int advice);
int __wrap_madvise(void *start, size_t size, int advice)
{
    return fails(CALL_MADVISE) ? -1 : __real_madvise(start, size, advice);
}

/* ------------------------------------------------------------ descriptors */

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    return fails(CALL_EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
    return fails(CALL_EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    return fails(CALL_EPOLL_CTL) ? -1 : __real_epoll_ctl(epoll, what, fd, event);
}

int __real_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
    return fails(CALL_EPOLL_WAIT) ? -1 : __real_epoll_wait(epoll, events, max, timeout_ms);
}

int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags)
{
    return fails(CALL_TIMERFD) ? -1 : __real_timerfd_create(clock, flags);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    const long argument = va_arg(list, long);
    va_end(list);
    if (command == F_DUPFD_CLOEXEC && fails(CALL_DUPFD))
        return -1;
    return __real_fcntl64(fd, command, argument);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    const unsigned mode = va_arg(list, unsigned);
    va_end(list);
    return fails(CALL_OPEN) ? -1 : __real_open64(path, flags, mode);
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
    return fails(CALL_FOPEN) ? NULL : __real_fopen64(path, mode);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    return fails(CALL_OPENDIR) ? NULL : __real_opendir(path);
}

int __real_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status)
{
    return fails(CALL_FSTAT) ? -1 : __real_fstat64(fd, status);
}

off_t __real_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence)
{
    return fails(CALL_LSEEK) ? -1 : __real_lseek64(fd, offset, whence);
}

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len)
{
    return fails(CALL_READ) ? -1 : __real_read(fd, buf, len);
}

ssize_t __real_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset)
{
    return fails(CALL_PREAD) ? -1 : __real_pread64(fd, buf, len, offset);
}

/* An eventfd says EAGAIN when it is full: then it is readable, as it is after the write that is made here. */
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
    const int error = wrapped_error(CALL_WRITE);
    const ssize_t written = __real_write(fd, buf, len);
    if (!error)
        return written;
    errno = error;
    return -1;
}

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *limit, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *limit, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *limit, const sigset_t *mask)
{
    return fails(CALL_POLL) ? -1 : __real_ppoll(fds, count, limit, mask);
}

/* ----------------------------------------------------- threads, processors */

int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    const int error = is_instrumented() ? 0 : wrapped_error(CALL_KEY_CREATE);
    return error ? error : __real_pthread_key_create(key, destructor);
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    /* A sanitizer that is linked in makes this call, too, and can't do without. */
    const int error = is_instrumented() ? 0 : wrapped_error(CALL_SET_SPECIFIC);
    return error ? error : __real_pthread_setspecific(key, value);
}

int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    const int error = wrapped_error(CALL_AT_FORK);
    return error ? error : __real_pthread_atfork(prepare, parent, child);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*body)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*body)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*body)(void *), void *context)
{
    const int error = wrapped_error(CALL_THREAD);
    return error ? error : __real_pthread_create(thread, how, body, context);
}

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    return fails(CALL_AFFINITY) ? -1 : __real_sched_getaffinity(pid, size, set);
}

int __real_sched_getcpu(void);
int __wrap_sched_getcpu(void);
int __wrap_sched_getcpu(void)
{
    return fails(CALL_GETCPU) ? -1 : __real_sched_getcpu();
}

int __real_getcpu(unsigned *cpu, unsigned *node);
int __wrap_getcpu(unsigned *cpu, unsigned *node);
int __wrap_getcpu(unsigned *cpu, unsigned *node)
{
    return fails(CALL_GETCPU) ? -1 : __real_getcpu(cpu, node);
}

int __real_getrlimit64(__rlimit_resource_t resource, struct rlimit *limits);
int __wrap_getrlimit64(__rlimit_resource_t resource, struct rlimit *limits);
int __wrap_getrlimit64(__rlimit_resource_t resource, struct rlimit *limits)
{
    return fails(CALL_GETRLIMIT) ? -1 : __real_getrlimit64(resource, limits);
}

/* membarrier(2) and capget(2), of up to three arguments, may be refused. Futexes, with six, may not. */
long __real_syscall(long number, ...);
/* Six arguments are taken whatever the call has, as the C library does; what was not given goes unused. */
__attribute__((no_sanitize("address"))) long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list list;
    va_start(list, number);
    const long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    if (number != SYS_futex) {
        va_end(list);
        return fails(CALL_SYSCALL) ? -1 : __real_syscall(number, a, b, c);
    }
    const long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    return __real_syscall(number, a, b, c, d, e, f);
}
