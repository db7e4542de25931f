/*
 * What a pool is made of, for the files of this library.
 *
 * Locks, outermost first: the registry's (registry.c), a shard's, the pool's map lock. Two shards
 * are locked together only in the order of their numbers. The log function is called without any.
 */
#ifndef AURAIO_POOL_INTERNAL_H
#define AURAIO_POOL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <auraio-pool/pool.h>

#include "arena.h"
#include "size.h"
#include "table.h"

#define POOL_SHARDS_MAX 8
#define POOL_BIG_CLASS_COUNT (POOL_CLASS_COUNT - POOL_SMALL_CLASS_COUNT)

#define POOL_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define POOL_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

struct pool_cache;

TAILQ_HEAD(pool_span_list, pool_span);
TAILQ_HEAD(pool_big_list, pool_arena);
LIST_HEAD(pool_arena_list, pool_arena);
LIST_HEAD(pool_cache_list, pool_cache);

/* Free blocks of one class between the caches and the spans; see depot.h. */
struct pool_depot {
    struct pool_block *blocks;
    unsigned count;
    unsigned capacity;
    unsigned lowest; /* count at its lowest since the epoch began */
};

/* The central lists of one NUMA node. */
struct pool_shard {
    _Alignas(64) pthread_mutex_t lock;
    struct pool *pool;
    int node;
    /* What is kept for reuse here: in spans, as in struct pool_kept, and in depots. Written under the lock,
     * read without it. */
    atomic_size_t page_bytes;
    atomic_size_t shared_bytes;
    atomic_size_t depot_bytes;
    struct pool_depot depots[POOL_SMALL_CLASS_COUNT];
    struct pool_span_list spans[POOL_SMALL_CLASS_COUNT];    /* with a free block, by class */
    struct pool_arena_list arenas;                          /* small ones */
    struct pool_big_list big_free[POOL_BIG_CLASS_COUNT];    /* free big arenas by class, last freed first */
    struct pool_big_list big_by_age;                        /* the same arenas, last freed first */
    struct pool_arena_list spare_records[POOL_ARENA_KINDS]; /* guarded by the map lock */
};

/* Lies between guard pages, as all that the pool must be able to rely on. */
struct pool {
    /* Read by every call; fixed once created. */
    uint64_t id; /* never used twice in a process: a stale id can't match */
    struct pool_geometry geometry;
    bool is_watched; /* by any of what watch.h is about */
    bool fills_free;
    bool on_valgrind;
    int shard_count;
    size_t max_cached_bytes;
    size_t thread_max_bytes;
    struct pool_options options;

    pthread_mutex_t map_lock;
    struct pool_arena *records; /* guarded by map_lock */
    int record_count;           /* guarded by map_lock */

    LIST_ENTRY(pool) link;         /* guarded by the registry's lock */
    struct pool_cache_list caches; /* guarded by the registry's lock */

    atomic_size_t granted_bytes; /* room that thread caches may fill; at most half of max_cached_bytes */
    _Atomic uint64_t epoch;      /* counts the times what was stale was given back; see trim.h */
    _Atomic int64_t epoch_ends_ms;
    _Atomic uint64_t trims; /* how often pool_trim() was called: other threads' caches follow */

    /* Live figures of threads that have ended or have no cache. Sums over all threads are right
     * modulo 2^64; one thread's alone need not be positive. */
    _Atomic uint64_t live_bytes;
    _Atomic uint64_t live_buffers;

    struct pool_shard shards[POOL_SHARDS_MAX];
    struct pool_root root;
};

/* The state word of the block at an address. */
static inline _Atomic uint32_t *pool_word_of(const struct pool *pool, const struct pool_arena *arena,
                                             const void *start)
{
    return pool_arena_word(arena, ((uintptr_t)start - pool_arena_base(arena)) >> pool->geometry.align_shift);
}

static inline bool pool_is_small(unsigned class_index)
{
    return class_index < POOL_SMALL_CLASS_COUNT;
}

#endif
