/*
 * Which thread has which cache of which pool: the part that outlives single pools and single
 * threads.
 *
 * One lock guards the list of pools, each pool's list of caches and each thread's. A thread finds
 * its cache in a few thread-local slots, without the lock: a slot names the pool by its id, which
 * is never used twice, so a slot left over from a destroyed pool is never followed. When a thread
 * ends its caches go home; when a pool is destroyed its caches leave their threads; whichever comes
 * second finds nothing left to do. A thread that is past its end uses no cache.
 *
 * fork() is taken with every lock held, so a child inherits consistent pools. The caches of threads
 * that don't exist there lose their owner, and keep their blocks until the pool is destroyed.
 */
#ifndef AURAIO_POOL_REGISTRY_H
#define AURAIO_POOL_REGISTRY_H

#include "internal.h"

#define POOL_THREAD_SLOTS 4u

struct pool_thread_slot {
    uint64_t pool_id; /* 0: empty */
    struct pool_cache *cache;
};

struct pool_thread {
    struct pool_thread_slot slots[POOL_THREAD_SLOTS];
    struct pool_cache *caches; /* guarded by the registry's lock */
    bool is_watched;           /* the end of the thread will be noticed */
    bool is_ended;
};

/* The initial-exec model spares a call per access. It draws on room the C library sets aside for
 * libraries loaded at run time; this structure is small enough. */
extern _Thread_local struct pool_thread pool_thread_self __attribute__((tls_model("initial-exec")));

/* Enters a pool: gives it its id and a place in the list; 0 or -ENOMEM. */
int pool_registry_enter(struct pool *pool);

/* Takes a pool out and destroys its caches. */
void pool_registry_leave(struct pool *pool);

/* Calls `visit` for each cache of a pool, with the registry's lock held. */
void pool_registry_visit(const struct pool *pool, void (*visit)(const struct pool_cache *cache, void *ctx),
                         void *ctx);

/* Finds or creates the calling thread's cache; NULL where it can't have one. */
struct pool_cache *pool_registry_find(struct pool *pool);

/* The calling thread's cache as far as its slots know; NULL otherwise. */
static inline struct pool_cache *pool_cache_known(const struct pool *pool)
{
    const struct pool_thread_slot *slot = &pool_thread_self.slots[pool->id % POOL_THREAD_SLOTS];
    return POOL_LIKELY(slot->pool_id == pool->id) ? slot->cache : NULL;
}

/* The calling thread's cache; NULL where it can't have one. */
static inline struct pool_cache *pool_cache_here(struct pool *pool)
{
    struct pool_cache *cache = pool_cache_known(pool);
    return POOL_LIKELY(cache) ? cache : pool_registry_find(pool);
}

#endif
