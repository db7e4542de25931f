/*
 * Which parts of small arenas lie on huge pages; see huge.h.
 */
#include "huge.h"

#include "bits.h"
#include "internal.h"
#include "os.h"
#include "span.h"
#include "trim.h"

#define POOL_PART_SLICES ((unsigned)(POOL_OS_HUGE_BYTES >> POOL_SLICE_SHIFT))

static uint64_t slices_of_part(unsigned part)
{
    return (~(uint64_t)0 >> (POOL_SLICE_COUNT - POOL_PART_SLICES)) << (part * POOL_PART_SLICES);
}

static unsigned used_slices(const struct pool_arena *arena, unsigned part)
{
    return (unsigned)__builtin_popcountll(~arena->free_slices & slices_of_part(part));
}

static void *start_of_part(const struct pool_arena *arena, unsigned part)
{
    return (void *)(pool_arena_base(arena) + part * POOL_OS_HUGE_BYTES);
}

/* The pages of all that is free in a part: a huge page holds them from the first touch of anything in it. */
static void mark_free_dirty(const struct pool_geometry *geometry, struct pool_arena *arena, unsigned part,
                            struct pool_kept *kept)
{
    unsigned end = (part + 1) * POOL_PART_SLICES;
    for (unsigned slice = part * POOL_PART_SLICES; slice < end; slice++) {
        const struct pool_span *span = pool_span_of_slice(arena, slice);
        if (!span)
            pool_span_mark_dirty(geometry, arena, (size_t)slice << POOL_SLICE_SHIFT, POOL_SLICE_BYTES, kept);
        else if (span->first_slice == slice || slice == part * POOL_PART_SLICES)
            pool_span_mark_free_dirty(geometry, span, kept);
    }
}

/* The slices of a part that a span takes. */
static unsigned slices_in_part(const struct pool_span *span, unsigned part)
{
    uint64_t run = (~(uint64_t)0 >> (POOL_SLICE_COUNT - span->slice_count)) << span->first_slice;
    return (unsigned)__builtin_popcountll(run & slices_of_part(part));
}

/* Whether there may be pages in it already. */
static bool was_touched(const struct pool_span *span, unsigned part)
{
    size_t pages = POOL_OS_HUGE_BYTES / POOL_OS_HUGE_BASE_BYTES;
    return used_slices(span->arena, part) > slices_in_part(span, part) ||
           pool_bits_count(span->arena->dirty, part * pages, (part + 1) * pages) > 0;
}

static void make_huge(const struct pool_geometry *geometry, const struct pool_span *span, unsigned part,
                      struct pool_kept *kept)
{
    struct pool_arena *arena = span->arena;
    if (!pool_os_prefer_huge(start_of_part(arena, part), POOL_OS_HUGE_BYTES))
        return;
    if (was_touched(span, part))
        pool_os_collapse(start_of_part(arena, part), POOL_OS_HUGE_BYTES);
    pool_bit_set(&arena->huge_parts, part);
    mark_free_dirty(geometry, arena, part, kept);
}

static bool is_only_arena(const struct pool_arena *arena)
{
    const struct pool_arena *first = LIST_FIRST(&arena->shard->arenas);
    return first == arena && !LIST_NEXT(first, link);
}

/* Half of a part in use is; less where nothing has to be collapsed and the shard has filled an arena before.
 */
static bool is_worth_it(const struct pool_span *span, unsigned part)
{
    return used_slices(span->arena, part) >= POOL_PART_SLICES / 2 ||
           (!is_only_arena(span->arena) && !was_touched(span, part));
}

void pool_huge_consider(const struct pool_span *span, struct pool_kept *kept)
{
    struct pool_arena *arena = span->arena;
    const struct pool *pool = arena->shard->pool;
    if (arena->is_pinned || pool->geometry.page_bytes != POOL_OS_HUGE_BASE_BYTES)
        return;
    unsigned last = (span->first_slice + span->slice_count - 1u) / POOL_PART_SLICES;
    for (unsigned part = span->first_slice / POOL_PART_SLICES; part <= last; part++) {
        if (!pool_bit_test(&arena->huge_parts, part) && is_worth_it(span, part) &&
            pool_may_keep(pool, POOL_OS_HUGE_BYTES))
            make_huge(&pool->geometry, span, part, kept);
    }
}

void pool_huge_forget_dirty(struct pool_arena *arena)
{
    size_t pages = POOL_OS_HUGE_BYTES >> arena->shard->pool->geometry.page_shift;
    for (unsigned part = 0; part < POOL_SLICE_COUNT / POOL_PART_SLICES; part++) {
        if (!pool_bit_test(&arena->huge_parts, part) ||
            pool_bits_count(arena->dirty, part * pages, (part + 1) * pages) == 0)
            continue;
        pool_os_refuse_huge(start_of_part(arena, part), POOL_OS_HUGE_BYTES);
        pool_bit_clear(&arena->huge_parts, part);
    }
}
