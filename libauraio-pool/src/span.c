/*
 * Cutting slices into blocks, taking and putting blocks; see span.h.
 */
#include "span.h"

#include <assert.h>

#include "bits.h"

/* A span holds at least this many blocks, unless that would make it larger than
 * POOL_SPAN_GOAL_BYTES. */
#define POOL_SPAN_GOAL_BLOCKS 8
#define POOL_SPAN_GOAL_BYTES ((size_t)512 << 10)

/* A span loses at most one part in this many at its end. */
#define POOL_SPAN_WASTE_SHARE 16

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static unsigned slices_for(size_t block_bytes)
{
    size_t least = larger(block_bytes, smaller(POOL_SPAN_GOAL_BLOCKS * block_bytes, POOL_SPAN_GOAL_BYTES));
    size_t slices = (least + POOL_SLICE_BYTES - 1) >> POOL_SLICE_SHIFT;
    while ((slices << POOL_SLICE_SHIFT) % block_bytes * POOL_SPAN_WASTE_SHARE > slices << POOL_SLICE_SHIFT)
        slices++;
    assert(slices <= POOL_SLICE_COUNT);
    return (unsigned)slices;
}

static uint64_t run_mask(unsigned first, unsigned count)
{
    return (~(uint64_t)0 >> (POOL_SLICE_COUNT - count)) << first;
}

static size_t start_offset(const struct pool_span *span)
{
    return (size_t)span->first_slice << POOL_SLICE_SHIFT;
}

static size_t page_of(const struct pool_geometry *geometry, size_t offset)
{
    return offset >> geometry->page_shift;
}

static bool shares_pages(const struct pool_geometry *geometry, const struct pool_span *span)
{
    return pool_class_bytes(span->class_index) < geometry->page_bytes;
}

struct pool_span *pool_span_of_slice(struct pool_arena *arena, unsigned slice)
{
    assert(slice < POOL_SLICE_COUNT);
    unsigned first = arena->span_of_slice[slice];
    return first == POOL_NO_SPAN ? NULL : &arena->spans[first];
}

struct pool_span *pool_span_at(struct pool_arena *arena, const void *address)
{
    size_t slice = ((uintptr_t)address - pool_arena_base(arena)) >> POOL_SLICE_SHIFT;
    return pool_span_of_slice(arena, (unsigned)slice);
}

/* The first run of free slices that starts at a multiple of step, or POOL_SLICE_COUNT. */
static unsigned find_run(uint64_t free_slices, unsigned count, unsigned step)
{
    for (unsigned first = 0; first + count <= POOL_SLICE_COUNT; first += step) {
        uint64_t run = run_mask(first, count);
        if ((free_slices & run) == run)
            return first;
    }
    return POOL_SLICE_COUNT;
}

void pool_span_mark_dirty(const struct pool_geometry *geometry, struct pool_arena *arena, size_t offset,
                          size_t bytes, struct pool_kept *kept)
{
    size_t page = page_of(geometry, offset);
    size_t pages = pool_bits_set_range(arena->dirty, page, page + page_of(geometry, bytes));
    *pool_arena_dirty_bytes(arena, kept) += (ptrdiff_t)(pages << geometry->page_shift);
}

void pool_span_mark_free_dirty(const struct pool_geometry *geometry, const struct pool_span *span,
                               struct pool_kept *kept)
{
    if (shares_pages(geometry, span))
        return;
    size_t block_bytes = pool_class_bytes(span->class_index);
    size_t bit = pool_bits_next(span->arena->free_bits, span->search_from, span->bits_end);
    while (bit < span->bits_end) {
        pool_span_mark_dirty(geometry, span->arena, bit << geometry->align_shift, block_bytes, kept);
        bit = pool_bits_next(span->arena->free_bits, bit + 1, span->bits_end);
    }
}

static void mark_clean(const struct pool_geometry *geometry, struct pool_arena *arena, size_t offset,
                       size_t bytes, struct pool_kept *kept)
{
    size_t page = page_of(geometry, offset);
    size_t pages = pool_bits_clear_range(arena->dirty, page, page + page_of(geometry, bytes));
    *pool_arena_dirty_bytes(arena, kept) -= (ptrdiff_t)(pages << geometry->page_shift);
}

static void mark_all_free(const struct pool_geometry *geometry, struct pool_span *span)
{
    size_t block_bytes = pool_class_bytes(span->class_index);
    for (size_t i = 0; i < span->block_count; i++)
        pool_bit_set(span->arena->free_bits, (start_offset(span) + i * block_bytes) >> geometry->align_shift);
}

struct pool_span *pool_span_carve(const struct pool_geometry *geometry, struct pool_arena *arena,
                                  unsigned class_index, struct pool_kept *kept)
{
    size_t block_bytes = pool_class_bytes(class_index);
    unsigned slices = slices_for(block_bytes);
    unsigned step = (unsigned)larger(1, (geometry->align_mask + 1) >> POOL_SLICE_SHIFT);
    unsigned first = find_run(arena->free_slices, slices, step);
    if (first == POOL_SLICE_COUNT)
        return NULL;

    struct pool_span *span = &arena->spans[first];
    size_t span_bytes = (size_t)slices << POOL_SLICE_SHIFT;
    *span = (struct pool_span){
        .arena = arena,
        .block_count = (uint32_t)(span_bytes / block_bytes),
        .first_slice = (uint16_t)first,
        .slice_count = (uint16_t)slices,
        .class_index = (uint16_t)class_index,
    };
    span->free_count = span->block_count;
    span->search_from = start_offset(span) >> geometry->align_shift;
    span->bits_end = (start_offset(span) + span->block_count * block_bytes) >> geometry->align_shift;
    arena->free_slices &= ~run_mask(first, slices);
    for (unsigned i = first; i < first + slices; i++)
        arena->span_of_slice[i] = (uint8_t)first;
    mark_all_free(geometry, span);

    if (shares_pages(geometry, span)) {
        mark_clean(geometry, arena, start_offset(span), span_bytes, kept);
        kept->shared_bytes += (ptrdiff_t)(span->block_count * block_bytes);
    }
    return span;
}

void pool_span_release(const struct pool_geometry *geometry, struct pool_span *span, struct pool_kept *kept)
{
    assert(span->free_count == span->block_count);
    struct pool_arena *arena = span->arena;
    size_t first_bit = start_offset(span) >> geometry->align_shift;
    pool_bits_clear_range(arena->free_bits, first_bit, span->bits_end);
    arena->free_slices |= run_mask(span->first_slice, span->slice_count);
    for (unsigned i = span->first_slice; i < span->first_slice + (unsigned)span->slice_count; i++)
        arena->span_of_slice[i] = POOL_NO_SPAN;
    if (shares_pages(geometry, span)) {
        /* Which of its pages were ever touched is not known: all of them may be resident. */
        pool_span_mark_dirty(geometry, arena, start_offset(span),
                             (size_t)span->slice_count << POOL_SLICE_SHIFT, kept);
        kept->shared_bytes -= (ptrdiff_t)(span->block_count * pool_class_bytes(span->class_index));
    }
}

void *pool_span_take(const struct pool_geometry *geometry, struct pool_span *span, struct pool_kept *kept)
{
    assert(span->free_count > 0);
    struct pool_arena *arena = span->arena;
    size_t bit = pool_bits_next(arena->free_bits, span->search_from, span->bits_end);
    assert(bit < span->bits_end);
    pool_bit_clear(arena->free_bits, bit);
    span->search_from = bit + 1;
    span->free_count--;

    size_t offset = bit << geometry->align_shift;
    size_t block_bytes = pool_class_bytes(span->class_index);
    if (shares_pages(geometry, span))
        kept->shared_bytes -= (ptrdiff_t)block_bytes;
    else
        mark_clean(geometry, arena, offset, block_bytes, kept);
    return (void *)(pool_arena_base(arena) + offset);
}

void pool_span_put(const struct pool_geometry *geometry, struct pool_span *span, void *block,
                   struct pool_kept *kept)
{
    struct pool_arena *arena = span->arena;
    size_t offset = (uintptr_t)block - pool_arena_base(arena);
    size_t bit = offset >> geometry->align_shift;
    size_t block_bytes = pool_class_bytes(span->class_index);
    assert(!pool_bit_test(arena->free_bits, bit));
    assert((offset - start_offset(span)) % block_bytes == 0);
    pool_bit_set(arena->free_bits, bit);
    span->search_from = smaller(span->search_from, bit);
    span->free_count++;
    if (shares_pages(geometry, span))
        kept->shared_bytes += (ptrdiff_t)block_bytes;
    else
        pool_span_mark_dirty(geometry, arena, offset, block_bytes, kept);
}
