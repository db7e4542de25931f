/*
 * The paths a buffer takes.
 *
 * A small buffer goes from and to the calling thread's cache, without a call and without a lock: these are
 * the fast paths, at the end of this file. One beyond POOL_SMALL_MAX_BYTES, or any when the thread can have
 * no cache, goes straight from and to the central lists.
 */
#include <assert.h>
#include <errno.h>

#include "cache.h"
#include "central.h"
#include "internal.h"
#include "misuse.h"
#include "registry.h"
#include "trim.h"
#include "watch.h"

/* Every so many allocations a thread catches up. */
#define POOL_CATCH_UP_ALLOCS 64

#define POOL_SLOW __attribute__((noinline, cold))

/* For threads that have no cache. */
static void count_uncached(struct pool *pool, uint64_t bytes, uint64_t buffers)
{
    atomic_fetch_add_explicit(&pool->live_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->live_buffers, buffers, memory_order_relaxed);
}

/* Makes a free block a live buffer of the size. */
static inline void set_live(struct pool *pool, void *start, _Atomic uint32_t *word, size_t size_bytes)
{
    assert(!pool_word_is_live(atomic_load_explicit(word, memory_order_relaxed)));
    if (POOL_UNLIKELY(pool->is_watched))
        pool_watch_alloc(pool, start, word, size_bytes);
    atomic_store_explicit(word, (uint32_t)size_bytes, memory_order_relaxed);
}

/* What a thread does now and then: follow a trim that another thread asked for, look at the clock. */
static POOL_SLOW void catch_up(struct pool *pool, struct pool_cache *cache)
{
    uint64_t trims = atomic_load_explicit(&pool->trims, memory_order_relaxed);
    if (cache->trims != trims) {
        cache->trims = trims;
        pool_cache_drain(cache);
        pool_trim_central(pool);
    }
    pool_tick(pool);
}

/* Counts for a thread with a cache; whether it is time to catch up. */
static inline bool count_alloc(struct pool_cache *cache, size_t size_bytes)
{
    pool_cache_add(&cache->allocated_bytes, size_bytes);
    return pool_cache_add(&cache->allocated_buffers, 1) % POOL_CATCH_UP_ALLOCS == 0;
}

static inline void count_free(struct pool_cache *cache, size_t size_bytes)
{
    pool_cache_add(&cache->freed_bytes, size_bytes);
    pool_cache_add(&cache->freed_buffers, 1);
}

static int take(struct pool *pool, struct pool_cache *cache, unsigned class_index,
                struct pool_block *ret_block)
{
    if (!pool_is_small(class_index))
        return pool_big_take(pool_shard_here(pool), class_index, ret_block);
    if (cache)
        return pool_cache_take_or_refill(cache, class_index, ret_block);
    int r = pool_central_take(pool_shard_here(pool), class_index, ret_block, 1);
    return r < 0 ? r : 0;
}

static POOL_SLOW int alloc_slowly(struct pool *pool, size_t size_bytes, void **ret_ptr)
{
    unsigned class_index = pool_class_of(pool_size_round(&pool->geometry, size_bytes));
    struct pool_cache *cache = pool_cache_here(pool);
    struct pool_block block;
    int r = take(pool, cache, class_index, &block);
    if (r < 0) {
        pool_trim(pool);
        r = take(pool, cache, class_index, &block);
    }
    if (r < 0)
        return r;
    set_live(pool, block.start, block.word, size_bytes);
    *ret_ptr = block.start;
    if (!cache)
        count_uncached(pool, size_bytes, 1);
    else if (count_alloc(cache, size_bytes))
        catch_up(pool, cache);
    return 0;
}

static POOL_SLOW int put_slowly(struct pool *pool, struct pool_arena *arena, struct pool_block block,
                                size_t size_bytes)
{
    unsigned class_index = pool_class_of(pool_size_round(&pool->geometry, size_bytes));
    struct pool_cache *cache = pool_cache_here(pool);
    if (cache)
        count_free(cache, size_bytes);
    else
        count_uncached(pool, 0 - (uint64_t)size_bytes, UINT64_MAX);
    if (!pool_is_small(class_index))
        pool_big_put(pool, block.start);
    else if (!cache)
        pool_central_put_mixed(pool, &block, 1);
    else
        pool_cache_put_slow(cache, class_index, arena->shard, block);
    pool_enforce_bound(pool);
    return 0;
}

int pool_alloc(pool_t *pool, size_t size_bytes, void **ret_ptr)
{
    if (POOL_UNLIKELY(!pool || !ret_ptr || size_bytes - 1 >= POOL_SIZE_MAX_BYTES))
        return -EINVAL;
    unsigned class_index = pool_class_of(pool_size_round(&pool->geometry, size_bytes));
    struct pool_cache *cache = pool_cache_known(pool);
    const struct pool_block *block =
        POOL_LIKELY(cache && pool_is_small(class_index)) ? pool_cache_take(cache, class_index) : NULL;
    if (POOL_UNLIKELY(!block))
        return alloc_slowly(pool, size_bytes, ret_ptr);
    void *start = block->start;
    set_live(pool, start, block->word, size_bytes);
    *ret_ptr = start;
    if (POOL_UNLIKELY(count_alloc(cache, size_bytes)))
        catch_up(pool, cache);
    return 0;
}

int pool_free(pool_t *pool, void *ptr, size_t size_bytes)
{
    if (POOL_UNLIKELY(!pool))
        return -EINVAL;
    if (!ptr)
        return 0;
    /* Likely the next to be handed out and written to. If another thread wrote to it last its first line is
     * on the way while the compare-and-swap below waits for that of the word. */
    __builtin_prefetch(ptr, 1);
    struct pool_arena *arena = pool_table_find(&pool->root, ptr);
    if (POOL_UNLIKELY(!arena))
        return pool_misuse(pool, NULL, ptr, size_bytes, 0);
    size_t offset = (uintptr_t)ptr - pool_arena_base(arena);
    size_t index = offset >> pool->geometry.align_shift;
    if (POOL_UNLIKELY((offset & pool->geometry.align_mask) || index >= arena->word_count))
        return pool_misuse(pool, arena, ptr, size_bytes, 0);

    struct pool_block block = {.word = pool_arena_word(arena, index)};
    if (POOL_UNLIKELY(size_bytes - 1 >= POOL_SIZE_MAX_BYTES))
        return pool_misuse(pool, arena, ptr, size_bytes,
                           atomic_load_explicit(block.word, memory_order_relaxed));

    /* Where the block will go is looked up before the compare-and-swap, which the processor lets no later
     * load overtake and which takes long when another processor has the word. */
    unsigned class_index = pool_class_of(pool_size_round(&pool->geometry, size_bytes));
    struct pool_cache *cache = pool_cache_known(pool);
    struct pool_room room = {0};
    bool has_room = POOL_LIKELY(cache && pool_is_small(class_index)) &&
                    pool_cache_find_room(cache, class_index, arena->shard, &room);

    /* Owns the block from here on, or refuses. */
    uint32_t word = (uint32_t)size_bytes;
    if (POOL_UNLIKELY(!atomic_compare_exchange_strong_explicit(block.word, &word, 0, memory_order_acq_rel,
                                                               memory_order_relaxed)))
        return pool_misuse(pool, arena, ptr, size_bytes, word);

    /* The block whose word it was: if the record was reused since it was looked up, not the one at
     * ptr. */
    block.start = (void *)(pool_arena_base(arena) + (index << pool->geometry.align_shift));
    if (POOL_UNLIKELY(pool->is_watched))
        pool_watch_free(pool, block, size_bytes);
    if (POOL_UNLIKELY(!has_room))
        return put_slowly(pool, arena, block, size_bytes);
    pool_cache_put(room, block);
    count_free(cache, size_bytes);
    return 0;
}
