/*
 * What the pool's tests share: pools that remember what they logged, and a system that fails and
 * counts on demand.
 */
#ifndef AURAIO_POOL_TESTS_SUPPORT_H
#define AURAIO_POOL_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <auraio-pool/pool.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

#if defined(__SANITIZE_ADDRESS__)
#define SUPPORT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUPPORT_ASAN 1
#endif
#endif
#ifndef SUPPORT_ASAN
#define SUPPORT_ASAN 0
#endif

/* What the log function was told, across all pools of a test. */
struct support_log {
    int count;
    char last[200];
};
extern struct support_log support_log;

/* Options with a log function that fills support_log. */
struct pool_options support_options(size_t alignment_bytes);

/* A pool that must come into being. */
pool_t *support_pool(size_t alignment_bytes);
pool_t *support_pool_bounded(size_t alignment_bytes, size_t max_cached_bytes);

/* A buffer that must be had. */
void *support_alloc(pool_t *pool, size_t size_bytes);

struct pool_stats support_stats(const pool_t *pool);

/* Resident memory of this process, in bytes. */
size_t support_rss_bytes(void);

/* Address space of this process, in bytes. */
size_t support_address_space_bytes(void);

/* Runs a function on a thread and waits for its end. */
void support_run_on_thread(void *(*run)(void *), void *arg);

/* Take so many buffers of a size, then give them back in that order. */
void support_alloc_then_free(pool_t *pool, size_t size, int count);

/* System calls and C library functions of the pool, through the linker's --wrap: how often each was
 * called, and which fail. A call fails when its countdown has run out; negative: never. */
enum support_call {
    SUPPORT_MMAP,
    SUPPORT_MPROTECT,
    SUPPORT_MUNMAP,
    SUPPORT_MADVISE,
    SUPPORT_MALLOC,
    SUPPORT_REALLOC,
    SUPPORT_KEY_CREATE,
    SUPPORT_SETSPECIFIC,
    SUPPORT_ATFORK,
    SUPPORT_MBIND,
    SUPPORT_NODEMASK,
    SUPPORT_CALLS
};
extern int support_calls[SUPPORT_CALLS];
extern int support_countdown[SUPPORT_CALLS];

/* Of these, the calls that change the address space: mmap, mprotect, munmap, madvise. */
int support_memory_calls(void);

/* Fails the call, whichever it is, once so many others of all kinds have been made; negative: none. For good:
 * those after it too. */
extern int support_fail_after;
extern bool support_fail_for_good;

/* What the pool holds: blocks of malloc and its kin, and bytes of address space. What munmap was made to fail
 * for does not count. */
extern long support_blocks;
extern long support_mapped_bytes;

/* Unmaps what munmap was made to fail for, once the pool has forgotten about it. */
void support_unmap_kept(void);

/* Whether this call is to fail; counts it. */
bool support_must_fail(enum support_call call);

/* By how much the pool's clock is ahead of the system's. */
extern int64_t support_clock_ms;

/* Called inside every madvise, unless NULL. */
extern void (*support_on_madvise)(void);

/* Of the fake NUMA machine. */
extern int support_node_count;
extern _Thread_local int support_node;
extern int support_last_preferred_node;

#endif
