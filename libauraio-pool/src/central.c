/*
 * The central lists of small blocks; see central.h.
 */
#include "central.h"

#include <assert.h>
#include <errno.h>

#include "depot.h"
#include "huge.h"
#include "numa.h"
#include "span.h"

struct pool_shard *pool_shard_here(struct pool *pool)
{
    if (pool->shard_count == 1)
        return &pool->shards[0];
    return &pool->shards[pool_numa_current_node() % pool->shard_count];
}

static void add(atomic_size_t *sum, ptrdiff_t bytes)
{
    size_t before = atomic_load_explicit(sum, memory_order_relaxed);
    atomic_store_explicit(sum, before + (size_t)bytes, memory_order_relaxed);
}

void pool_shard_keep(struct pool_shard *shard, const struct pool_kept *kept)
{
    add(&shard->page_bytes, kept->page_bytes);
    add(&shard->shared_bytes, kept->shared_bytes);
}

static struct pool_span *carve(struct pool_shard *shard, struct pool_arena *arena, unsigned class_index,
                               struct pool_kept *kept)
{
    struct pool_span *span = pool_span_carve(&shard->pool->geometry, arena, class_index, kept);
    if (span) {
        TAILQ_INSERT_HEAD(&shard->spans[class_index], span, link);
        pool_huge_consider(span, kept);
    }
    return span;
}

static struct pool_span *span_create(struct pool_shard *shard, unsigned class_index, struct pool_kept *kept)
{
    struct pool_arena *arena;
    for (arena = LIST_FIRST(&shard->arenas); arena; arena = LIST_NEXT(arena, link)) {
        struct pool_span *span = arena->free_slices ? carve(shard, arena, class_index, kept) : NULL;
        if (span)
            return span;
    }
    if (pool_arena_open(shard, POOL_ARENA_SMALL, POOL_CHUNK_BYTES, &arena) < 0)
        return NULL;
    LIST_INSERT_HEAD(&shard->arenas, arena, link);
    return carve(shard, arena, class_index, kept);
}

/* With the lock held. Blocks of several spans when they are there; a new span only for the first block. */
static unsigned take_from_spans(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_blocks,
                                unsigned count)
{
    unsigned taken = 0;
    struct pool_kept kept = {0};
    while (taken < count) {
        struct pool_span *span = TAILQ_FIRST(&shard->spans[class_index]);
        if (!span && taken == 0)
            span = span_create(shard, class_index, &kept);
        if (!span)
            break;
        void *start = pool_span_take(&shard->pool->geometry, span, &kept);
        ret_blocks[taken++] = (struct pool_block){start, pool_word_of(shard->pool, span->arena, start)};
        if (span->free_count == 0)
            TAILQ_REMOVE(&shard->spans[class_index], span, link);
    }
    pool_shard_keep(shard, &kept);
    return taken;
}

static unsigned take_from(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_blocks,
                          unsigned count)
{
    pthread_mutex_lock(&shard->lock);
    unsigned taken = pool_depot_take(shard, class_index, ret_blocks, count);
    if (taken == 0)
        taken = take_from_spans(shard, class_index, ret_blocks, count);
    pthread_mutex_unlock(&shard->lock);
    return taken;
}

int pool_central_take(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_blocks,
                      unsigned count)
{
    assert(pool_is_small(class_index) && count > 0);
    unsigned taken = take_from(shard, class_index, ret_blocks, count);
    struct pool *pool = shard->pool;
    for (int i = 0; taken == 0 && i < pool->shard_count; i++)
        taken = take_from(&pool->shards[i], class_index, ret_blocks, 1);
    return taken > 0 ? (int)taken : -ENOMEM;
}

/* With the lock held. A span that becomes free gives its slices back, unless it is the class's last
 * with free blocks: that one is about to be needed again. */
static void put_into_span(struct pool_shard *shard, struct pool_block block, struct pool_kept *kept)
{
    const struct pool_geometry *geometry = &shard->pool->geometry;
    struct pool_span *span = pool_span_at(pool_table_get(&shard->pool->root, block.start), block.start);
    assert(span);
    struct pool_span_list *list = &shard->spans[span->class_index];
    if (shard->pool->fills_free)
        atomic_store_explicit(block.word, 0, memory_order_relaxed);
    pool_span_put(geometry, span, block.start, kept);
    if (span->free_count == 1)
        TAILQ_INSERT_HEAD(list, span, link);
    bool is_only = TAILQ_FIRST(list) == span && !TAILQ_NEXT(span, link);
    if (span->free_count == span->block_count && !is_only) {
        TAILQ_REMOVE(list, span, link);
        pool_span_release(geometry, span, kept);
    }
}

static void put_all_into_spans(struct pool_shard *shard, const struct pool_block *blocks, unsigned count)
{
    struct pool_kept kept = {0};
    for (unsigned i = 0; i < count; i++)
        put_into_span(shard, blocks[i], &kept);
    pool_shard_keep(shard, &kept);
}

/* With the lock held. */
static void put_locked(struct pool_shard *shard, unsigned class_index, const struct pool_block *blocks,
                       unsigned count)
{
    if (!pool_depot_put(shard, class_index, blocks, count))
        put_all_into_spans(shard, blocks, count);
}

void pool_central_put(struct pool_shard *shard, unsigned class_index, const struct pool_block *blocks,
                      unsigned count)
{
    pthread_mutex_lock(&shard->lock);
    put_locked(shard, class_index, blocks, count);
    pthread_mutex_unlock(&shard->lock);
}

void pool_central_put_mixed(struct pool *pool, const struct pool_block *blocks, unsigned count)
{
    unsigned done = 0;
    while (done < count) {
        struct pool_arena *arena = pool_table_get(&pool->root, blocks[done].start);
        struct pool_shard *shard = arena->shard;
        pthread_mutex_lock(&shard->lock);
        while (arena && arena->shard == shard) {
            put_locked(shard, pool_span_at(arena, blocks[done].start)->class_index, &blocks[done], 1);
            done++;
            arena = done < count ? pool_table_get(&pool->root, blocks[done].start) : NULL;
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

void pool_central_send_home(struct pool_shard *shard, unsigned class_index, unsigned count)
{
    if (count == 0)
        return;
    put_all_into_spans(shard, shard->depots[class_index].blocks, count);
    pool_depot_drop_oldest(shard, class_index, count);
}
