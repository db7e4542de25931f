/*
 * Trimming; see trim.h.
 *
 * When the bound is exceeded, what is least likely to be missed goes first: what is stale, then the older
 * half of the depots, again and again, then the big blocks freed longest ago. A quarter of the room is
 * cleared beyond need, so that a program that hovers at the bound does not call the kernel for every buffer.
 * For the same reason nothing is done as long as less than that could be given back: blocks smaller than a
 * page stay while a neighbour is live.
 */
#include "trim.h"

#include <assert.h>
#include <time.h>

#include "central.h"
#include "depot.h"
#include "span.h"

#define POOL_TRIM_SLACK_SHARE 4

/* So many arenas are purged before the lock is let go for a moment: about a millisecond's work. */
#define POOL_PURGE_ARENAS 8

/* What could be given back at once. */
static size_t loose_bytes_of(const struct pool *pool)
{
    size_t bytes = 0;
    for (int i = 0; i < pool->shard_count; i++)
        bytes += atomic_load_explicit(&pool->shards[i].page_bytes, memory_order_relaxed) +
                 atomic_load_explicit(&pool->shards[i].depot_bytes, memory_order_relaxed);
    return bytes;
}

size_t pool_central_kept_bytes(const struct pool *pool)
{
    size_t bytes = loose_bytes_of(pool);
    for (int i = 0; i < pool->shard_count; i++)
        bytes += atomic_load_explicit(&pool->shards[i].shared_bytes, memory_order_relaxed);
    return bytes;
}

/* Unmaps the shard's big block freed longest ago if that was before an epoch; whether it did. */
static bool release_oldest_big(struct pool_shard *shard, uint64_t before_epoch)
{
    pthread_mutex_lock(&shard->lock);
    struct pool_arena *arena = TAILQ_LAST(&shard->big_by_age, pool_big_list);
    if (arena && arena->freed_epoch >= before_epoch)
        arena = NULL;
    if (arena)
        pool_big_unlink(shard, arena);
    pthread_mutex_unlock(&shard->lock);
    if (arena)
        pool_arena_close(arena);
    return arena != NULL;
}

static void release_bigs(struct pool *pool, uint64_t before_epoch, size_t target_bytes)
{
    for (int i = 0; i < pool->shard_count; i++)
        while (pool_central_kept_bytes(pool) > target_bytes &&
               release_oldest_big(&pool->shards[i], before_epoch))
            continue;
}

/* Purges up to POOL_PURGE_ARENAS that need it; answers how many did. */
static int purge_some(struct pool_shard *shard)
{
    struct pool_kept kept = {0};
    struct pool_arena *arena;
    int purged = 0;
    pthread_mutex_lock(&shard->lock);
    for (arena = LIST_FIRST(&shard->arenas); arena && purged < POOL_PURGE_ARENAS;
         arena = LIST_NEXT(arena, link))
        purged += pool_arena_purge(arena, &kept);
    pool_shard_keep(shard, &kept);
    pthread_mutex_unlock(&shard->lock);
    return purged;
}

static void purge_pages(struct pool_shard *shard)
{
    while (purge_some(shard) == POOL_PURGE_ARENAS)
        continue;
}

static void release_stale_blocks(struct pool_shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++)
        pool_central_send_home(shard, i, pool_depot_begin_epoch(shard, i));
    pthread_mutex_unlock(&shard->lock);
    purge_pages(shard);
}

/* Begins an epoch: what was stale in the last is released until the target is met. */
static void begin_epoch(struct pool *pool, size_t target_bytes)
{
    uint64_t epoch = atomic_fetch_add_explicit(&pool->epoch, 1, memory_order_relaxed);
    release_bigs(pool, epoch, target_bytes);
    for (int i = 0; i < pool->shard_count; i++)
        release_stale_blocks(&pool->shards[i]);
}

static void release_half_of_depots(struct pool_shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++)
        pool_central_send_home(shard, i, (shard->depots[i].count + 1) / 2);
    pthread_mutex_unlock(&shard->lock);
    purge_pages(shard);
}

static void release_depots(struct pool *pool, size_t target_bytes)
{
    for (int i = 0; i < pool->shard_count; i++) {
        struct pool_shard *shard = &pool->shards[i];
        while (pool_central_kept_bytes(pool) > target_bytes &&
               atomic_load_explicit(&shard->depot_bytes, memory_order_relaxed) > 0)
            release_half_of_depots(shard);
    }
}

static size_t room_bytes_of(const struct pool *pool)
{
    size_t granted_bytes = atomic_load_explicit(&pool->granted_bytes, memory_order_relaxed);
    assert(granted_bytes <= pool->max_cached_bytes / 2);
    return pool->max_cached_bytes - granted_bytes;
}

bool pool_may_keep(const struct pool *pool, size_t more_bytes)
{
    return pool_central_kept_bytes(pool) + more_bytes <= room_bytes_of(pool);
}

void pool_enforce_bound(struct pool *pool)
{
    size_t room_bytes = room_bytes_of(pool);
    size_t slack_bytes = room_bytes / POOL_TRIM_SLACK_SHARE;
    if (POOL_LIKELY(pool_central_kept_bytes(pool) <= room_bytes || loose_bytes_of(pool) <= slack_bytes))
        return;
    size_t target_bytes = room_bytes - slack_bytes;
    begin_epoch(pool, target_bytes);
    release_depots(pool, target_bytes);
    release_bigs(pool, UINT64_MAX, target_bytes);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void pool_trim_start(struct pool *pool)
{
    atomic_store_explicit(&pool->epoch_ends_ms, now_ms() + POOL_EPOCH_MS, memory_order_relaxed);
}

void pool_tick(pool_t *pool)
{
    if (!pool)
        return;
    int64_t now = now_ms();
    int64_t end = atomic_load_explicit(&pool->epoch_ends_ms, memory_order_relaxed);
    /* Of threads that come at once, one goes on. */
    if (now >= end && atomic_compare_exchange_strong_explicit(&pool->epoch_ends_ms, &end, now + POOL_EPOCH_MS,
                                                              memory_order_relaxed, memory_order_relaxed))
        begin_epoch(pool, 0);
}

/* With the lock held. */
static void release_free_spans(struct pool_shard *shard)
{
    struct pool_kept kept = {0};
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++) {
        struct pool_span *span = TAILQ_FIRST(&shard->spans[i]);
        while (span) {
            struct pool_span *next = TAILQ_NEXT(span, link);
            if (span->free_count == span->block_count) {
                TAILQ_REMOVE(&shard->spans[i], span, link);
                pool_span_release(&shard->pool->geometry, span, &kept);
            }
            span = next;
        }
    }
    pool_shard_keep(shard, &kept);
}

/* With the lock held: moves arenas without spans to a list of the caller's. */
static void collect_empty_arenas(struct pool_shard *shard, struct pool_arena_list *empty)
{
    struct pool_kept kept = {0};
    struct pool_arena *arena = LIST_FIRST(&shard->arenas);
    while (arena) {
        struct pool_arena *next = LIST_NEXT(arena, link);
        if (arena->free_slices == ~(uint64_t)0) {
            pool_arena_forget_dirty(arena, &kept);
            LIST_REMOVE(arena, link);
            LIST_INSERT_HEAD(empty, arena, link);
        }
        arena = next;
    }
    pool_shard_keep(shard, &kept);
}

static void trim_shard(struct pool_shard *shard)
{
    struct pool_arena_list empty = LIST_HEAD_INITIALIZER(empty);
    while (release_oldest_big(shard, UINT64_MAX))
        continue;
    pthread_mutex_lock(&shard->lock);
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++)
        pool_central_send_home(shard, i, shard->depots[i].count);
    pool_depot_release_stacks(shard);
    release_free_spans(shard);
    collect_empty_arenas(shard, &empty);
    pthread_mutex_unlock(&shard->lock);
    purge_pages(shard);
    struct pool_arena *arena;
    while ((arena = LIST_FIRST(&empty))) {
        LIST_REMOVE(arena, link);
        pool_arena_close(arena);
    }
}

void pool_trim_central(struct pool *pool)
{
    for (int i = 0; i < pool->shard_count; i++)
        trim_shard(&pool->shards[i]);
}
