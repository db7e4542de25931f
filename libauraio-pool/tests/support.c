/*
 * Test support: pools, logs, and the calls the linker redirects here; see support.h.
 */
#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct support_log support_log;

static void remember(void *ctx, const char *message)
{
    struct support_log *log = ctx;
    log->count++;
    snprintf(log->last, sizeof(log->last), "%s", message);
}

struct pool_options support_options(size_t alignment_bytes)
{
    return (struct pool_options){.alignment = alignment_bytes, .log = remember, .log_ctx = &support_log};
}

pool_t *support_pool(size_t alignment_bytes)
{
    return support_pool_bounded(alignment_bytes, 0);
}

pool_t *support_pool_bounded(size_t alignment_bytes, size_t max_cached_bytes)
{
    struct pool_options options = support_options(alignment_bytes);
    options.max_cached_bytes = max_cached_bytes;
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&options, &pool), 0);
    cr_assert_not_null(pool);
    return pool;
}

void *support_alloc(pool_t *pool, size_t size_bytes)
{
    void *ptr = NULL;
    cr_assert_eq(pool_alloc(pool, size_bytes, &ptr), 0, "%zu bytes", size_bytes);
    cr_assert_not_null(ptr);
    return ptr;
}

struct pool_stats support_stats(const pool_t *pool)
{
    struct pool_stats stats;
    pool_get_stats(pool, &stats);
    return stats;
}

/* A figure of /proc/self/statm: 0 is the address space, 1 resident memory. */
static size_t statm_bytes(int field)
{
    size_t pages[2] = {0, 0};
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%zu %zu", &pages[0], &pages[1]), 2);
    fclose(file);
    return pages[field] * (size_t)sysconf(_SC_PAGESIZE);
}

size_t support_address_space_bytes(void)
{
    return statm_bytes(0);
}

size_t support_rss_bytes(void)
{
    return statm_bytes(1);
}

void support_run_on_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, run, arg), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

int support_calls[SUPPORT_CALLS];
int support_countdown[SUPPORT_CALLS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
int64_t support_clock_ms;
int support_fail_after = -1;
bool support_fail_for_good;
long support_blocks;
long support_mapped_bytes;

void (*support_on_madvise)(void);

static void add(long *sum, long more)
{
    __atomic_add_fetch(sum, more, __ATOMIC_RELAXED);
}

static bool fails_in_turn(enum support_call call)
{
    /* AddressSanitizer's own threads are redirected too, and can't do without this one. */
    if (support_fail_after < 0 || (SUPPORT_ASAN && call == SUPPORT_SETSPECIFIC))
        return false;
    if (support_fail_after > 0) {
        support_fail_after--;
        return false;
    }
    if (!support_fail_for_good)
        support_fail_after = -1;
    return true;
}

bool support_must_fail(enum support_call call)
{
    __atomic_add_fetch(&support_calls[call], 1, __ATOMIC_RELAXED);
    if (fails_in_turn(call))
        return true;
    if (support_countdown[call] < 0)
        return false;
    if (support_countdown[call] == 0)
        return true;
    support_countdown[call]--;
    return false;
}

/* Counts a block that was, or was not, to be had. */
static void *count_block(void *block)
{
    add(&support_blocks, block != NULL);
    return block;
}

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (support_must_fail(SUPPORT_MMAP))
        return MAP_FAILED;
    void *memory = __real_mmap(addr, len, prot, flags, fd, offset);
    add(&support_mapped_bytes, memory != MAP_FAILED ? (long)len : 0);
    return memory;
}

/* What mmap is called where file offsets have 64 bits by request. */
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return __wrap_mmap(addr, len, prot, flags, fd, offset);
}

int __real_mprotect(void *addr, size_t len, int prot);
int __wrap_mprotect(void *addr, size_t len, int prot);
int __wrap_mprotect(void *addr, size_t len, int prot)
{
    return support_must_fail(SUPPORT_MPROTECT) ? -1 : __real_mprotect(addr, len, prot);
}

/* What munmap was made to fail for. */
enum { KEPT_MAX = 4096 };
static struct kept {
    void *addr;
    size_t len;
} kept[KEPT_MAX];
static int kept_count;

int __real_munmap(void *addr, size_t len);
int __wrap_munmap(void *addr, size_t len);
int __wrap_munmap(void *addr, size_t len)
{
    add(&support_mapped_bytes, -(long)len);
    if (!support_must_fail(SUPPORT_MUNMAP))
        return __real_munmap(addr, len);
    int place = __atomic_fetch_add(&kept_count, 1, __ATOMIC_RELAXED);
    if (place < KEPT_MAX)
        kept[place] = (struct kept){addr, len};
    return -1;
}

void support_unmap_kept(void)
{
    cr_assert_leq(kept_count, KEPT_MAX);
    while (kept_count > 0) {
        kept_count--;
        (void)__real_munmap(kept[kept_count].addr, kept[kept_count].len);
    }
}

int __real_madvise(void *addr, size_t len, int advice);
int __wrap_madvise(void *addr, size_t len, int advice);
int __wrap_madvise(void *addr, size_t len, int advice)
{
    if (support_on_madvise)
        support_on_madvise();
    return support_must_fail(SUPPORT_MADVISE) ? -1 : __real_madvise(addr, len, advice);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return support_must_fail(SUPPORT_MALLOC) ? NULL : count_block(__real_malloc(size));
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (support_must_fail(SUPPORT_REALLOC))
        return NULL;
    return memory ? __real_realloc(memory, size) : count_block(__real_realloc(memory, size));
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    add(&support_blocks, -(memory != NULL));
    __real_free(memory);
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int r = __real_clock_gettime(clock, now);
    now->tv_sec += support_clock_ms / 1000;
    return r;
}

int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return support_must_fail(SUPPORT_KEY_CREATE) ? EAGAIN : __real_pthread_key_create(key, destructor);
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    return support_must_fail(SUPPORT_SETSPECIFIC) ? ENOMEM : __real_pthread_setspecific(key, value);
}

int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return support_must_fail(SUPPORT_ATFORK) ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

void support_alloc_then_free(pool_t *pool, size_t size, int count)
{
    enum { HELD_MAX = 300 };
    void *ptrs[HELD_MAX];
    cr_assert_leq(count, HELD_MAX);
    for (int i = 0; i < count; i++)
        ptrs[i] = support_alloc(pool, size);
    for (int i = 0; i < count; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], size), 0);
}

int support_memory_calls(void)
{
    return support_calls[SUPPORT_MMAP] + support_calls[SUPPORT_MPROTECT] + support_calls[SUPPORT_MUNMAP] +
           support_calls[SUPPORT_MADVISE];
}
