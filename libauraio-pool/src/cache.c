/*
 * The slow paths of a thread's cache; see cache.h.
 */
#include "cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "central.h"
#include "trim.h"

/* A bin holds at most this many blocks, and fewer of large ones: what fits in POOL_BIN_MAX_BYTES.
 * Twice the batches of 64 that I/O loops like, so that what such a loop does not need in one round
 * does not push out what it needs in the next. */
#define POOL_BIN_MAX_BLOCKS 128u
#define POOL_BIN_MAX_BYTES ((size_t)16 << 20)

/* A bin's first limit: this many blocks, or what fits in POOL_BIN_FIRST_BYTES, at least one. */
#define POOL_BIN_FIRST_BLOCKS 4u
#define POOL_BIN_FIRST_BYTES ((size_t)256 << 10)

static unsigned blocks_within(size_t bytes, unsigned class_index, unsigned most)
{
    size_t blocks = bytes / pool_class_bytes(class_index);
    return blocks > most ? most : (unsigned)blocks;
}

static unsigned bin_capacity(unsigned class_index)
{
    return blocks_within(POOL_BIN_MAX_BYTES, class_index, POOL_BIN_MAX_BLOCKS);
}

static unsigned bin_first_limit(unsigned class_index)
{
    unsigned blocks = blocks_within(POOL_BIN_FIRST_BYTES, class_index, POOL_BIN_FIRST_BLOCKS);
    return blocks > 0 ? blocks : 1;
}

struct pool_cache *pool_cache_create(struct pool *pool)
{
    unsigned lowest = pool_class_of(pool_size_round(&pool->geometry, 1));
    size_t blocks = 0;
    for (unsigned i = lowest; i < POOL_SMALL_CLASS_COUNT; i++)
        blocks += bin_capacity(i);
    struct pool_cache *cache = malloc(sizeof(*cache) + blocks * sizeof(cache->block_store[0]));
    if (!cache)
        return NULL;
    memset(cache, 0, sizeof(*cache));
    cache->pool = pool;
    cache->shard = pool_shard_here(pool);
    cache->trims = atomic_load_explicit(&pool->trims, memory_order_relaxed);
    struct pool_block *store = cache->block_store;
    for (unsigned i = lowest; i < POOL_SMALL_CLASS_COUNT; i++) {
        cache->bins[i].blocks = store;
        store += bin_capacity(i);
    }
    return cache;
}

void pool_cache_destroy(struct pool_cache *cache)
{
    free(cache);
}

/* Moves bytes of the pool's bound into the cache's hands; whether there were enough. */
static bool grant(struct pool_cache *cache, size_t bytes)
{
    struct pool *pool = cache->pool;
    if (cache->granted_bytes + bytes > pool->thread_max_bytes)
        return false;
    size_t granted_bytes = atomic_load_explicit(&pool->granted_bytes, memory_order_relaxed);
    do {
        if (granted_bytes + bytes > pool->max_cached_bytes / 2)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&pool->granted_bytes, &granted_bytes,
                                                    granted_bytes + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    cache->granted_bytes += bytes;
    return true;
}

/* Doubles a bin's limit, or sets its first. */
static bool raise_limit(struct pool_cache *cache, unsigned class_index)
{
    struct pool_bin *bin = &cache->bins[class_index];
    unsigned capacity = bin_capacity(class_index);
    unsigned limit = bin->limit > 0 ? bin->limit * 2 : bin_first_limit(class_index);
    if (limit > capacity)
        limit = capacity;
    if (limit == bin->limit || !grant(cache, (limit - bin->limit) * pool_class_bytes(class_index)))
        return false;
    bin->limit = limit;
    return true;
}

/* The oldest `count` blocks go home; the rest, which are warm, stay. */
static void flush_bin(struct pool_cache *cache, unsigned class_index, unsigned count)
{
    struct pool_bin *bin = &cache->bins[class_index];
    unsigned held = atomic_load_explicit(&bin->count, memory_order_relaxed);
    assert(count <= held);
    if (count == 0)
        return;
    pool_central_put(cache->shard, class_index, bin->blocks, count);
    memmove(bin->blocks, bin->blocks + count, (held - count) * sizeof(bin->blocks[0]));
    atomic_store_explicit(&bin->count, held - count, memory_order_relaxed);
}

static void flush_remote(struct pool_cache *cache)
{
    pool_central_put_mixed(cache->pool, cache->remote, cache->remote_count);
    cache->remote_count = 0;
    atomic_store_explicit(&cache->remote_bytes, 0, memory_order_relaxed);
}

void pool_cache_drain(struct pool_cache *cache)
{
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++) {
        struct pool_bin *bin = &cache->bins[i];
        if (bin->limit > 0)
            flush_bin(cache, i, atomic_load_explicit(&bin->count, memory_order_relaxed));
        bin->limit = 0;
    }
    flush_remote(cache);
    cache->is_remote_granted = false;
    atomic_fetch_sub_explicit(&cache->pool->granted_bytes, cache->granted_bytes, memory_order_relaxed);
    cache->granted_bytes = 0;
    pool_enforce_bound(cache->pool);
}

static int refill(struct pool_cache *cache, unsigned class_index, struct pool_block *ret_block)
{
    struct pool_shard *here = pool_shard_here(cache->pool);
    if (here != cache->shard) {
        /* The thread moved to another node: blocks of the old one would be slow there. */
        pool_cache_drain(cache);
        cache->shard = here;
    }
    (void)raise_limit(cache, class_index);
    struct pool_bin *bin = &cache->bins[class_index];
    unsigned want = bin->limit > 1 ? bin->limit / 2 : 1;
    int taken = pool_central_take(here, class_index, bin->blocks, want);
    if (taken < 0)
        return taken;
    atomic_store_explicit(&bin->count, (unsigned)taken - 1, memory_order_relaxed);
    *ret_block = bin->blocks[taken - 1];
    return 0;
}

int pool_cache_take_or_refill(struct pool_cache *cache, unsigned class_index, struct pool_block *ret_block)
{
    const struct pool_block *block = pool_cache_take(cache, class_index);
    if (!block)
        return refill(cache, class_index, ret_block);
    *ret_block = *block;
    return 0;
}

static void put_remote(struct pool_cache *cache, unsigned class_index, struct pool_block block)
{
    if (!cache->is_remote_granted)
        cache->is_remote_granted = grant(cache, POOL_REMOTE_MAX_BYTES);
    size_t bytes = pool_class_bytes(class_index);
    size_t held_bytes = atomic_load_explicit(&cache->remote_bytes, memory_order_relaxed);
    if (cache->remote_count == POOL_REMOTE_MAX || held_bytes + bytes > POOL_REMOTE_MAX_BYTES) {
        flush_remote(cache);
        held_bytes = 0;
    }
    if (!cache->is_remote_granted || bytes > POOL_REMOTE_MAX_BYTES) {
        pool_central_put_mixed(cache->pool, &block, 1);
        return;
    }
    cache->remote[cache->remote_count++] = block;
    atomic_store_explicit(&cache->remote_bytes, held_bytes + bytes, memory_order_relaxed);
}

static void put_full(struct pool_cache *cache, unsigned class_index, struct pool_block block)
{
    struct pool_bin *bin = &cache->bins[class_index];
    bool raised = raise_limit(cache, class_index);
    if (!raised && bin->limit > 0) {
        flush_bin(cache, class_index, (bin->limit + 1) / 2);
    } else if (!raised && cache->granted_bytes > 0) {
        /* Other classes hold all this thread may have: share out anew. */
        pool_cache_drain(cache);
        (void)raise_limit(cache, class_index);
    }
    unsigned count = atomic_load_explicit(&bin->count, memory_order_relaxed);
    if (count == bin->limit) {
        pool_central_put(cache->shard, class_index, &block, 1);
        return;
    }
    bin->blocks[count] = block;
    atomic_store_explicit(&bin->count, count + 1, memory_order_relaxed);
}

void pool_cache_put_slow(struct pool_cache *cache, unsigned class_index, struct pool_shard *home,
                         struct pool_block block)
{
    struct pool_room room;
    /* There may be room: a thread that used another pool since did not know this cache when it looked. */
    if (pool_cache_find_room(cache, class_index, home, &room))
        pool_cache_put(room, block);
    else if (home == cache->shard)
        put_full(cache, class_index, block);
    else
        put_remote(cache, class_index, block);
}

size_t pool_cache_kept_bytes(const struct pool_cache *cache)
{
    size_t bytes = atomic_load_explicit(&cache->remote_bytes, memory_order_relaxed);
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++)
        bytes += atomic_load_explicit(&cache->bins[i].count, memory_order_relaxed) * pool_class_bytes(i);
    return bytes;
}
