/* SPDX-License-Identifier: MIT */
#include "system.h"
#include "fibre.h"
#include "random.h"
#include "report.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static const struct world *world;
static uint64_t random_state;
static unsigned memory_odds, descriptor_odds;
static bool failed;
static long allocations;
static void (*destructors[FIBRE_KEYS])(void *value);

void system_begin(const struct world *of_world, uint64_t seed, unsigned memory, unsigned descriptor)
{
    world = of_world;
    random_state = seed;
    memory_odds = memory;
    descriptor_odds = descriptor;
    failed = false;
}

void system_be_kind(void)
{
    memory_odds = descriptor_odds = 0;
}

void system_end(void)
{
    system_be_kind();
    world = NULL;
}

bool system_has_failed(void)
{
    return failed;
}

long system_allocations(void)
{
    return allocations;
}

static bool fails(unsigned odds)
{
    if (odds == 0 || !fibre_is_inside() || random_below(&random_state, odds) != 0)
        return false;
    failed = true;
    return true;
}

/* ------------------------------------------------------------------- memory */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *memory);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

static void *counted(void *memory)
{
    allocations += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return fails(memory_odds) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(memory_odds) ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails(memory_odds))
        return NULL;
    return memory ? __real_realloc(memory, size) : counted(__real_realloc(memory, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(memory_odds) ? NULL : counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *memory)
{
    allocations -= memory != NULL;
    __real_free(memory);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fails(memory_odds)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(address, size, protection, flags, fd, offset);
}

/* -------------------------------------------------------------- descriptors */

int __real_eventfd(unsigned value, int flags);
int __real_epoll_create1(int flags);
int __wrap_eventfd(unsigned value, int flags);
int __wrap_epoll_create1(int flags);

int __wrap_eventfd(unsigned value, int flags)
{
    if (fails(descriptor_odds)) {
        errno = EMFILE;
        return -1;
    }
    return __real_eventfd(value, flags);
}

int __wrap_epoll_create1(int flags)
{
    if (fails(descriptor_odds)) {
        errno = EMFILE;
        return -1;
    }
    return __real_epoll_create1(flags);
}

/* ------------------------------------------------------------------ threads */

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value));
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value));
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
long __wrap_syscall(long number, ...);
int __wrap_sched_yield(void);
int __wrap_sched_getcpu(void);

struct lock_wait {
    pthread_mutex_t *mutex;
    bool held;
};

static bool has_lock(void *subject)
{
    struct lock_wait *wait = subject;
    wait->held = wait->held || pthread_mutex_trylock(wait->mutex) == 0;
    return wait->held;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (fibre_current() < 0)
        return __real_pthread_mutex_lock(mutex);
    struct lock_wait wait = {.mutex = mutex};
    fibre_point(NULL);
    fibre_block(has_lock, &wait);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int rc = __real_pthread_mutex_unlock(mutex);
    fibre_point(NULL);
    return rc;
}

int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value))
{
    int rc = __real_pthread_key_create(key, destructor);
    if (rc == 0 && *key >= FIBRE_KEYS)
        report_failure("key %u: more keys than fibres have room for", *key);
    if (rc == 0)
        destructors[*key] = destructor;
    return rc;
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    void **values = fibre_key_values();
    if (!values)
        return __real_pthread_setspecific(key, value);
    values[key] = (void *)(uintptr_t)value;
    return 0;
}

void system_end_thread(void **keys)
{
    for (int key = 0; key < FIBRE_KEYS; key++) {
        void *value = keys[key];
        keys[key] = NULL;
        if (value && destructors[key])
            destructors[key](value);
    }
}

struct futex_wait {
    const _Atomic uint32_t *word;
    uint32_t value;
};

static bool has_changed(void *subject)
{
    const struct futex_wait *wait = subject;
    return atomic_load(wait->word) != wait->value;
}

/* Sleeping on a lock; barriers between threads are not needed where there is one. */
long __wrap_syscall(long number, ...)
{
    if (number != SYS_futex)
        return 0;
    va_list arguments;
    va_start(arguments, number);
    struct futex_wait wait = {.word = va_arg(arguments, const _Atomic uint32_t *)};
    int operation = va_arg(arguments, int);
    wait.value = va_arg(arguments, uint32_t);
    va_end(arguments);
    if (operation == FUTEX_WAIT_PRIVATE)
        fibre_block(has_changed, &wait);
    else
        fibre_yield(); /* else who takes and leaves the lock in a loop would never meet the others */
    return 0;
}

int __wrap_sched_yield(void)
{
    fibre_yield();
    return 0;
}

int __wrap_sched_getcpu(void)
{
    return fibre_cpu();
}

/* --------------------------------------------------------------------- time */

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (!world)
        return __real_clock_gettime(clock, ret);
    int64_t now_ns = world_now_ns(world);
    *ret = (struct timespec){.tv_sec = now_ns / 1000000000, .tv_nsec = now_ns % 1000000000};
    return 0;
}
