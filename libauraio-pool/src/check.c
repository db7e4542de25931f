/*
 * The invariant walker behind pool_check().
 *
 * Every block of every span must be in exactly one place: live (its word is not 0), free in its
 * span (its bit is set), in a depot, or in some thread's cache. Each walk marks what it finds in seen_bits; a
 * mark found twice, or a count that disagrees, is an error.
 */
#include "bits.h"
#include "cache.h"
#include "internal.h"
#include "registry.h"
#include "span.h"

struct walk {
    struct pool *pool;
    bool is_ok;
    uint64_t live_bytes;
    uint64_t live_buffers;
    size_t cached_blocks;  /* found in caches and depots */
    size_t missing_blocks; /* of spans, neither live nor free: must be the cached ones */
    size_t page_bytes;     /* kept by the shard being walked */
    size_t shared_bytes;
    size_t depot_bytes;
};

static void expect(struct walk *walk, bool holds)
{
    walk->is_ok = walk->is_ok && holds;
}

/* Marks a word's position; false when it was marked before. */
static bool mark(struct pool_arena *arena, size_t index)
{
    bool is_new = !pool_bit_test(arena->seen_bits, index);
    pool_bit_set(arena->seen_bits, index);
    return is_new;
}

static void count_word(struct walk *walk, uint32_t word, size_t block_bytes)
{
    expect(walk, word <= block_bytes);
    expect(walk,
           pool_class_bytes(pool_class_of(pool_size_round(&walk->pool->geometry, word))) == block_bytes);
    walk->live_bytes += word;
    walk->live_buffers++;
}

static bool pages_are_dirty(const struct pool *pool, const struct pool_arena *arena, size_t offset,
                            size_t bytes)
{
    size_t from = offset >> pool->geometry.page_shift;
    return pool_bits_count(arena->dirty, from, from + (bytes >> pool->geometry.page_shift)) > 0;
}

static void walk_block(struct walk *walk, struct pool_span *span, size_t offset, size_t *free_count)
{
    struct pool_arena *arena = span->arena;
    size_t block_bytes = pool_class_bytes(span->class_index);
    size_t index = offset >> walk->pool->geometry.align_shift;
    uint32_t word = atomic_load_explicit(pool_arena_word(arena, index), memory_order_relaxed);
    bool is_live = pool_word_is_live(word);
    bool is_free = pool_bit_test(arena->free_bits, index);
    expect(walk, !(word && is_free));
    if (!is_free)
        expect(walk, !pages_are_dirty(walk->pool, arena, offset, block_bytes));
    if (is_free) {
        ++*free_count;
        expect(walk, index >= span->search_from);
    }
    if (is_live)
        count_word(walk, word, block_bytes);
    if (is_live || is_free)
        expect(walk, mark(arena, index));
    else
        walk->missing_blocks++;
}

static bool is_listed(struct pool_shard *shard, const struct pool_span *span)
{
    const struct pool_span *other;
    for (other = TAILQ_FIRST(&shard->spans[span->class_index]); other; other = TAILQ_NEXT(other, link)) {
        if (other == span)
            return true;
    }
    return false;
}

static void walk_span(struct walk *walk, struct pool_span *span)
{
    size_t block_bytes = pool_class_bytes(span->class_index);
    size_t start = (size_t)span->first_slice << POOL_SLICE_SHIFT;
    size_t free_count = 0;
    expect(walk, span->block_count * block_bytes <= (size_t)span->slice_count << POOL_SLICE_SHIFT);
    for (size_t i = 0; i < span->block_count; i++)
        walk_block(walk, span, start + i * block_bytes, &free_count);
    expect(walk, free_count == span->free_count);
    expect(walk, is_listed(span->arena->shard, span) == (free_count > 0));
    size_t first_bit = start >> walk->pool->geometry.align_shift;
    expect(walk, pool_bits_count(span->arena->free_bits, first_bit, span->bits_end) == free_count);
    if (block_bytes < walk->pool->geometry.page_bytes)
        walk->shared_bytes += free_count * block_bytes;
}

static size_t live_words_in(const struct pool_arena *arena)
{
    size_t count = 0;
    for (size_t i = 0; i < arena->word_count; i++)
        count += pool_word_is_live(atomic_load_explicit(pool_arena_word(arena, i), memory_order_relaxed));
    return count;
}

static void walk_small(struct walk *walk, struct pool_arena *arena)
{
    const struct pool_geometry *geometry = &walk->pool->geometry;
    expect(walk, pool_table_find(&walk->pool->root, (void *)pool_arena_base(arena)) == arena);
    pool_bits_clear_range(arena->seen_bits, 0, arena->word_count);
    size_t dirty_bytes = pool_bits_count(arena->dirty, 0, POOL_CHUNK_BYTES >> geometry->page_shift)
                         << geometry->page_shift;
    *(arena->is_pinned ? &walk->shared_bytes : &walk->page_bytes) += dirty_bytes;
    uint64_t live_before = walk->live_buffers;
    unsigned slice = 0;
    while (slice < POOL_SLICE_COUNT) {
        bool is_free = (arena->free_slices >> slice) & 1;
        expect(walk, is_free == (arena->span_of_slice[slice] == POOL_NO_SPAN));
        if (is_free) {
            slice++;
            continue;
        }
        struct pool_span *span = &arena->spans[slice];
        expect(walk, arena->span_of_slice[slice] == slice && span->arena == arena && span->slice_count > 0);
        if (!walk->is_ok)
            return;
        walk_span(walk, span);
        slice += span->slice_count;
    }
    /* No word is set where no block begins. */
    expect(walk, live_words_in(arena) == walk->live_buffers - live_before);
}

static void walk_big_free(struct walk *walk, struct pool_shard *shard)
{
    size_t by_age = 0;
    size_t by_class = 0;
    const struct pool_arena *arena;
    for (arena = TAILQ_FIRST(&shard->big_by_age); arena; arena = TAILQ_NEXT(arena, age_link)) {
        by_age++;
        walk->page_bytes += arena->size_bytes;
        expect(walk, arena->is_free && live_words_in(arena) == 0);
    }
    for (unsigned i = 0; i < POOL_BIG_CLASS_COUNT; i++) {
        for (arena = TAILQ_FIRST(&shard->big_free[i]); arena; arena = TAILQ_NEXT(arena, class_link)) {
            by_class++;
            expect(walk, arena->class_index == i + POOL_SMALL_CLASS_COUNT);
            expect(walk, arena->size_bytes == pool_class_bytes(arena->class_index));
        }
    }
    expect(walk, by_age == by_class);
}

/* A block that is neither live nor free in its span. `is_home`: whether it has to be of that shard, or of any
 * other. */
static void walk_cached(struct walk *walk, const struct pool_shard *shard, struct pool_block block,
                        bool is_home)
{
    struct pool_arena *arena = pool_table_find(&walk->pool->root, block.start);
    expect(walk, arena && arena->kind == POOL_ARENA_SMALL);
    if (!walk->is_ok)
        return;
    expect(walk, pool_span_at(arena, block.start) != NULL);
    expect(walk, (arena->shard == shard) == is_home);
    expect(walk, block.word == pool_word_of(walk->pool, arena, block.start));
    if (!walk->is_ok)
        return;
    uint32_t word = atomic_load_explicit(block.word, memory_order_relaxed);
    expect(walk, word == 0 || (walk->pool->fills_free && word == POOL_WORD_FILLED));
    expect(walk, mark(arena,
                      ((uintptr_t)block.start - pool_arena_base(arena)) >> walk->pool->geometry.align_shift));
    walk->cached_blocks++;
}

static void walk_depots(struct walk *walk, struct pool_shard *shard)
{
    walk->depot_bytes = 0;
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++) {
        const struct pool_depot *depot = &shard->depots[i];
        expect(walk, depot->lowest <= depot->count && depot->count <= depot->capacity);
        walk->depot_bytes += depot->count * pool_class_bytes(i);
        for (unsigned j = 0; j < depot->count; j++)
            walk_cached(walk, shard, depot->blocks[j], true);
    }
}

static void walk_shard(struct walk *walk, struct pool_shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    walk->page_bytes = 0;
    walk->shared_bytes = 0;
    walk_big_free(walk, shard);
    struct pool_arena *arena;
    for (arena = LIST_FIRST(&shard->arenas); arena; arena = LIST_NEXT(arena, link)) {
        expect(walk, arena->kind == POOL_ARENA_SMALL && arena->shard == shard);
        walk_small(walk, arena);
    }
    walk_depots(walk, shard);
    expect(walk, walk->depot_bytes == atomic_load_explicit(&shard->depot_bytes, memory_order_relaxed));
    expect(walk, walk->page_bytes == atomic_load_explicit(&shard->page_bytes, memory_order_relaxed));
    expect(walk, walk->shared_bytes == atomic_load_explicit(&shard->shared_bytes, memory_order_relaxed));
    pthread_mutex_unlock(&shard->lock);
}

static void walk_big_live(struct walk *walk)
{
    for (const struct pool_arena *arena = walk->pool->records; arena; arena = arena->next_record) {
        if (arena->kind == POOL_ARENA_BIG && pool_arena_base(arena) && !arena->is_free)
            count_word(walk, atomic_load_explicit(pool_arena_word(arena, 0), memory_order_relaxed),
                       arena->size_bytes);
    }
}

static void walk_cache(const struct pool_cache *cache, void *ctx)
{
    struct walk *walk = ctx;
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++) {
        const struct pool_bin *bin = &cache->bins[i];
        unsigned count = atomic_load_explicit(&bin->count, memory_order_relaxed);
        expect(walk, count <= bin->limit);
        for (unsigned j = 0; j < count; j++)
            walk_cached(walk, cache->shard, bin->blocks[j], true);
    }
    for (unsigned i = 0; i < cache->remote_count; i++)
        walk_cached(walk, cache->shard, cache->remote[i], false);
    expect(walk, pool_cache_kept_bytes(cache) <= cache->granted_bytes);
}

bool pool_check(pool_t *pool)
{
    if (!pool)
        return false;
    struct walk walk = {.pool = pool, .is_ok = true};
    for (int i = 0; i < pool->shard_count; i++)
        walk_shard(&walk, &pool->shards[i]);
    walk_big_live(&walk);
    pool_registry_visit(pool, walk_cache, &walk);
    expect(&walk, walk.cached_blocks == walk.missing_blocks);

    struct pool_stats stats;
    pool_get_stats(pool, &stats);
    expect(&walk, stats.live_bytes == walk.live_bytes && stats.live_buffers == walk.live_buffers);
    expect(&walk,
           atomic_load_explicit(&pool->granted_bytes, memory_order_relaxed) <= pool->max_cached_bytes / 2);
    return walk.is_ok;
}
