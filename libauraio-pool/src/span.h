/*
 * A span: a run of slices of a small arena, cut into blocks of one class. All functions want the
 * shard's lock held.
 *
 * Each adds to `kept` by how much the memory kept for reuse changes. Blocks of a page or more count
 * as page_bytes (shared_bytes in a pinned arena), while their pages are dirty; smaller blocks share pages and
 * count as shared_bytes, while they are free.
 */
#ifndef AURAIO_POOL_SPAN_H
#define AURAIO_POOL_SPAN_H

#include "arena.h"
#include "size.h"

/* The span an address lies in, or NULL. */
struct pool_span *pool_span_at(struct pool_arena *arena, const void *address);
struct pool_span *pool_span_of_slice(struct pool_arena *arena, unsigned slice);

/* Cuts a span for a class out of an arena; NULL when no run of free slices is long enough. */
struct pool_span *pool_span_carve(const struct pool_geometry *geometry, struct pool_arena *arena,
                                  unsigned class_index, struct pool_kept *kept);

/* Returns the slices of a span whose blocks are all free. */
void pool_span_release(const struct pool_geometry *geometry, struct pool_span *span, struct pool_kept *kept);

/* Takes a free block; there must be one. */
void *pool_span_take(const struct pool_geometry *geometry, struct pool_span *span, struct pool_kept *kept);

/* Puts a block back. */
void pool_span_put(const struct pool_geometry *geometry, struct pool_span *span, void *block,
                   struct pool_kept *kept);

/* Counts pages of free memory as resident. */
void pool_span_mark_dirty(const struct pool_geometry *geometry, struct pool_arena *arena, size_t offset,
                          size_t bytes, struct pool_kept *kept);

/* The same for those of a span's free blocks, unless these share pages. */
void pool_span_mark_free_dirty(const struct pool_geometry *geometry, const struct pool_span *span,
                               struct pool_kept *kept);

#endif
