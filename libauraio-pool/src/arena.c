/*
 * Mapping and unmapping arenas; see arena.h.
 */
#include "arena.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "annotate.h"
#include "bits.h"
#include "huge.h"
#include "internal.h"
#include "numa.h"
#include "os.h"

static size_t word_count_of(const struct pool *pool, enum pool_arena_kind kind)
{
    return kind == POOL_ARENA_BIG ? 1 : POOL_CHUNK_BYTES >> pool->geometry.align_shift;
}

static unsigned word_shift_of(size_t word_count)
{
    unsigned shift = POOL_CACHE_LINE_SHIFT;
    while (word_count << shift > POOL_WORDS_BYTES && (size_t)1 << shift > sizeof(uint32_t))
        shift--;
    return shift;
}

static struct pool_arena *record_create(struct pool_shard *shard, enum pool_arena_kind kind)
{
    struct pool *pool = shard->pool;
    size_t word_count = word_count_of(pool, kind);
    unsigned word_shift = word_shift_of(word_count);
    size_t bit_words = (word_count + 63) / 64;
    size_t bits_end = sizeof(struct pool_arena) + 2 * bit_words * sizeof(uint64_t);
    size_t words_start = (bits_end + POOL_CACHE_LINE_BYTES - 1) & ~(POOL_CACHE_LINE_BYTES - 1);
    size_t bytes = words_start + (word_count << word_shift);
    struct pool_arena *arena = pool_os_map_guarded(bytes);
    if (!arena)
        return NULL;
    arena->record_bytes = bytes;
    arena->free_bits = (uint64_t *)(arena + 1);
    arena->seen_bits = arena->free_bits + bit_words;
    arena->words = (char *)arena + words_start;
    arena->word_count = word_count;
    arena->word_shift = word_shift;
    arena->shard = shard;
    arena->kind = kind;
    arena->index = pool->record_count++;
    arena->next_record = pool->records;
    pool->records = arena;
    return arena;
}

/* With the map lock held. */
static struct pool_arena *record_take(struct pool_shard *shard, enum pool_arena_kind kind)
{
    struct pool_arena *arena = LIST_FIRST(&shard->spare_records[kind]);
    if (!arena)
        return record_create(shard, kind);
    assert(pool_arena_base(arena) == 0 && arena->kind == kind);
    LIST_REMOVE(arena, link);
    return arena;
}

static void announce_begin(struct pool_arena *arena)
{
    const struct pool_options *options = &arena->shard->pool->options;
    arena->is_pinned =
        options->arena_created && options->arena_created(options->arena_ctx, arena->index,
                                                         (void *)pool_arena_base(arena), arena->size_bytes);
}

static void announce_end(struct pool_arena *arena)
{
    const struct pool_options *options = &arena->shard->pool->options;
    if (options->arena_destroyed)
        options->arena_destroyed(options->arena_ctx, arena->index, (void *)pool_arena_base(arena),
                                 arena->size_bytes);
}

static void record_prepare(struct pool_arena *arena, void *memory, size_t size_bytes)
{
    arena->size_bytes = size_bytes;
    arena->is_free = false;
    arena->free_slices = ~(uint64_t)0;
    arena->huge_parts = 0;
    memset(arena->dirty, 0, sizeof(arena->dirty));
    memset(arena->span_of_slice, POOL_NO_SPAN, sizeof(arena->span_of_slice));
    atomic_store_explicit(&arena->base, (uintptr_t)memory, memory_order_relaxed);
}

int pool_arena_open(struct pool_shard *shard, enum pool_arena_kind kind, size_t size_bytes,
                    struct pool_arena **ret_arena)
{
    struct pool *pool = shard->pool;
    void *memory = pool_os_map(size_bytes, POOL_CHUNK_BYTES);
    if (!memory)
        return -ENOMEM;
    if (pool->shard_count > 1)
        pool_numa_prefer(memory, size_bytes, shard->node);
    /* For small arenas it is decided when they fill; see huge.h. */
    if (kind == POOL_ARENA_BIG && size_bytes >= POOL_OS_HUGE_BYTES)
        (void)pool_os_prefer_huge(memory, size_bytes);
    pool_annotate_map(pool->on_valgrind, memory, size_bytes);

    int r = -ENOMEM;
    pthread_mutex_lock(&pool->map_lock);
    struct pool_arena *arena = record_take(shard, kind);
    if (arena) {
        record_prepare(arena, memory, size_bytes);
        r = pool_table_enter(&pool->root, (uintptr_t)memory, size_bytes, arena);
        if (r < 0) {
            atomic_store_explicit(&arena->base, 0, memory_order_relaxed);
            LIST_INSERT_HEAD(&shard->spare_records[kind], arena, link);
        }
    }
    pthread_mutex_unlock(&pool->map_lock);

    if (r < 0) {
        pool_annotate_unmap(memory, size_bytes);
        pool_os_unmap(memory, size_bytes);
        return r;
    }
    announce_begin(arena);
    *ret_arena = arena;
    return 0;
}

/* The words and bits of a closed arena are all zero again: their pages need not stay. */
static void purge_record(struct pool_arena *arena)
{
    uintptr_t page_mask = arena->shard->pool->geometry.page_bytes - 1;
    uintptr_t start = ((uintptr_t)(arena + 1) + page_mask) & ~page_mask;
    uintptr_t end = (uintptr_t)arena + arena->record_bytes;
    if (start < end)
        pool_os_purge((void *)start, end - start);
}

void pool_arena_close(struct pool_arena *arena)
{
    struct pool *pool = arena->shard->pool;
    uintptr_t base = pool_arena_base(arena);
    size_t size_bytes = arena->size_bytes;
    announce_end(arena);

    /* Out of the table before the addresses are free to be mapped, and entered, by another thread.
     */
    pthread_mutex_lock(&pool->map_lock);
    pool_table_remove(&pool->root, base, size_bytes);
    if (arena->kind == POOL_ARENA_BIG)
        atomic_store_explicit(pool_arena_word(arena, 0), 0, memory_order_relaxed);
    else
        purge_record(arena);
    atomic_store_explicit(&arena->base, 0, memory_order_relaxed);
    LIST_INSERT_HEAD(&arena->shard->spare_records[arena->kind], arena, link);
    pthread_mutex_unlock(&pool->map_lock);

    pool_annotate_unmap((void *)base, size_bytes);
    pool_os_unmap((void *)base, size_bytes);
}

static void close_live_buffers(const struct pool *pool, struct pool_arena *arena)
{
    for (size_t i = 0; i < arena->word_count; i++) {
        uint32_t size_bytes = atomic_load_explicit(pool_arena_word(arena, i), memory_order_relaxed);
        if (pool_word_is_live(size_bytes))
            pool_annotate_free(true, (void *)(pool_arena_base(arena) + (i << pool->geometry.align_shift)),
                               size_bytes);
    }
}

void pool_arena_destroy_all(struct pool *pool)
{
    struct pool_arena *arena = pool->records;
    while (arena) {
        struct pool_arena *next = arena->next_record;
        void *base = (void *)pool_arena_base(arena);
        if (base) {
            announce_end(arena);
            if (pool->on_valgrind)
                close_live_buffers(pool, arena);
            pool_annotate_unmap(base, arena->size_bytes);
            pool_os_unmap(base, arena->size_bytes);
        }
        pool_os_unmap_guarded(arena, arena->record_bytes);
        arena = next;
    }
    pool->records = NULL;
}

bool pool_arena_purge(struct pool_arena *arena, struct pool_kept *kept)
{
    assert(arena->kind == POOL_ARENA_SMALL);
    unsigned page_shift = arena->shard->pool->geometry.page_shift;
    size_t page_count = POOL_CHUNK_BYTES >> page_shift;
    size_t from = pool_bits_next(arena->dirty, 0, page_count);
    if (arena->is_pinned || from == page_count)
        return false;
    pool_huge_forget_dirty(arena);
    while (from < page_count) {
        size_t end = pool_bits_next_clear(arena->dirty, from, page_count);
        pool_os_purge((void *)(pool_arena_base(arena) + (from << page_shift)), (end - from) << page_shift);
        kept->page_bytes -= (ptrdiff_t)(pool_bits_clear_range(arena->dirty, from, end) << page_shift);
        from = pool_bits_next(arena->dirty, end, page_count);
    }
    return true;
}

void pool_arena_pin(struct pool_arena *arena, struct pool_kept *kept)
{
    if (arena->is_pinned)
        return;
    unsigned page_shift = arena->shard->pool->geometry.page_shift;
    size_t pages = pool_bits_count(arena->dirty, 0, POOL_CHUNK_BYTES >> page_shift);
    kept->page_bytes -= (ptrdiff_t)(pages << page_shift);
    kept->shared_bytes += (ptrdiff_t)(pages << page_shift);
    arena->is_pinned = true;
}

void pool_arena_forget_dirty(struct pool_arena *arena, struct pool_kept *kept)
{
    unsigned page_shift = arena->shard->pool->geometry.page_shift;
    size_t pages = pool_bits_clear_range(arena->dirty, 0, POOL_CHUNK_BYTES >> page_shift);
    *pool_arena_dirty_bytes(arena, kept) -= (ptrdiff_t)(pages << page_shift);
}
