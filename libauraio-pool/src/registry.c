/*
 * Threads, pools and forks; see registry.h.
 */
#include "registry.h"

#include <assert.h>
#include <errno.h>

#include "cache.h"

_Thread_local struct pool_thread pool_thread_self;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, pool) registry_pools = LIST_HEAD_INITIALIZER(registry_pools);
static uint64_t registry_last_id;

static pthread_key_t registry_key;
static bool registry_has_key;
static bool registry_started;

/* With the registry's lock held: the cache's figures and blocks go to its pool. */
static void retire(struct pool_cache *cache)
{
    struct pool *pool = cache->pool;
    pool_cache_drain(cache);
    atomic_fetch_add_explicit(&pool->live_bytes, pool_cache_live_bytes(cache), memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->live_buffers, pool_cache_live_buffers(cache), memory_order_relaxed);
    LIST_REMOVE(cache, link);
    pool_cache_destroy(cache);
}

static void forget_slots(struct pool_thread *thread)
{
    for (unsigned i = 0; i < POOL_THREAD_SLOTS; i++)
        thread->slots[i] = (struct pool_thread_slot){0};
}

/* Runs as the thread ends. What runs after it, such as destructors of other keys, may still use
 * pools, without a cache. */
static void thread_end(void *value)
{
    struct pool_thread *thread = value;
    assert(thread == &pool_thread_self);
    thread->is_ended = true;
    forget_slots(thread);
    pthread_mutex_lock(&registry_lock);
    while (thread->caches) {
        struct pool_cache *cache = thread->caches;
        assert(cache->owner == thread);
        thread->caches = cache->next_of_thread;
        retire(cache);
    }
    pthread_mutex_unlock(&registry_lock);
}

static void lock_for_fork(void)
{
    pthread_mutex_lock(&registry_lock);
    struct pool *pool;
    for (pool = LIST_FIRST(&registry_pools); pool; pool = LIST_NEXT(pool, link)) {
        for (int i = 0; i < pool->shard_count; i++)
            pthread_mutex_lock(&pool->shards[i].lock);
        pthread_mutex_lock(&pool->map_lock);
    }
}

static void unlock_after_fork(void)
{
    struct pool *pool;
    for (pool = LIST_FIRST(&registry_pools); pool; pool = LIST_NEXT(pool, link)) {
        pthread_mutex_unlock(&pool->map_lock);
        for (int i = pool->shard_count - 1; i >= 0; i--)
            pthread_mutex_unlock(&pool->shards[i].lock);
    }
    pthread_mutex_unlock(&registry_lock);
}

static void unlock_in_child(void)
{
    struct pool *pool;
    struct pool_cache *cache;
    for (pool = LIST_FIRST(&registry_pools); pool; pool = LIST_NEXT(pool, link)) {
        for (cache = LIST_FIRST(&pool->caches); cache; cache = LIST_NEXT(cache, link)) {
            if (cache->owner != &pool_thread_self)
                cache->owner = NULL;
        }
    }
    unlock_after_fork();
}

/* With the lock. Without a key pools work, without caches; without handlers there is no pool, until the next
 * one asks for them again. */
static int registry_start(void)
{
    if (registry_started)
        return 0;
    const int error = pthread_atfork(lock_for_fork, unlock_after_fork, unlock_in_child);
    if (error)
        return -error;
    registry_has_key = pthread_key_create(&registry_key, thread_end) == 0;
    registry_started = true;
    return 0;
}

int pool_registry_enter(struct pool *pool)
{
    pthread_mutex_lock(&registry_lock);
    const int rc = registry_start();
    if (rc == 0) {
        pool->id = ++registry_last_id;
        LIST_INSERT_HEAD(&registry_pools, pool, link);
    }
    pthread_mutex_unlock(&registry_lock);
    return rc;
}

static void unlink_from_owner(struct pool_cache *cache)
{
    struct pool_cache **place = &cache->owner->caches;
    while (*place != cache)
        place = &(*place)->next_of_thread;
    *place = cache->next_of_thread;
}

void pool_registry_leave(struct pool *pool)
{
    pthread_mutex_lock(&registry_lock);
    struct pool_cache *cache;
    while ((cache = LIST_FIRST(&pool->caches))) {
        LIST_REMOVE(cache, link);
        if (cache->owner)
            unlink_from_owner(cache);
        pool_cache_destroy(cache);
    }
    LIST_REMOVE(pool, link);
    pthread_mutex_unlock(&registry_lock);
}

void pool_registry_visit(const struct pool *pool, void (*visit)(const struct pool_cache *cache, void *ctx),
                         void *ctx)
{
    pthread_mutex_lock(&registry_lock);
    const struct pool_cache *cache;
    for (cache = LIST_FIRST(&pool->caches); cache; cache = LIST_NEXT(cache, link))
        visit(cache, ctx);
    pthread_mutex_unlock(&registry_lock);
}

/* With the registry's lock held. */
static struct pool_cache *cache_of(const struct pool_thread *thread, const struct pool *pool)
{
    for (struct pool_cache *cache = thread->caches; cache; cache = cache->next_of_thread)
        if (cache->pool == pool)
            return cache;
    return NULL;
}

static struct pool_cache *cache_add(struct pool_thread *thread, struct pool *pool)
{
    struct pool_cache *cache = pool_cache_create(pool);
    if (!cache)
        return NULL;
    pthread_mutex_lock(&registry_lock);
    cache->owner = thread;
    cache->next_of_thread = thread->caches;
    thread->caches = cache;
    LIST_INSERT_HEAD(&pool->caches, cache, link);
    pthread_mutex_unlock(&registry_lock);
    return cache;
}

struct pool_cache *pool_registry_find(struct pool *pool)
{
    struct pool_thread *thread = &pool_thread_self;
    if (thread->is_ended || !registry_has_key)
        return NULL;
    if (!thread->is_watched) {
        if (pthread_setspecific(registry_key, thread) != 0)
            return NULL;
        thread->is_watched = true;
    }
    pthread_mutex_lock(&registry_lock);
    struct pool_cache *cache = cache_of(thread, pool);
    pthread_mutex_unlock(&registry_lock);
    if (!cache)
        cache = cache_add(thread, pool);
    if (cache)
        thread->slots[pool->id % POOL_THREAD_SLOTS] = (struct pool_thread_slot){pool->id, cache};
    return cache;
}
