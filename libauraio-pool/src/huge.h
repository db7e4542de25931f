/*
 * Huge pages under the small blocks.
 *
 * A disk takes what lies in one piece in physical memory as one piece: a read of 128 KiB into small pages is
 * thirty-two. So a *part* of a small arena, as large as a huge page, becomes one as soon as half of it is cut
 * into spans, for before a huge page would hold much more than the blocks in it; or, once the shard has
 * filled an arena, as it is first used. What the huge page holds beyond live blocks counts as kept for reuse,
 * and once that is given back to the system the part has small pages again, lest the system fill it up a
 * second time.
 *
 * All functions want the shard's lock held.
 */
#ifndef AURAIO_POOL_HUGE_H
#define AURAIO_POOL_HUGE_H

#include "arena.h"
#include "size.h"

/* Looks at the parts a new span lies in. */
void pool_huge_consider(const struct pool_span *span, struct pool_kept *kept);

/* Before dirty pages are given back: has the parts that have any go back to small pages. */
void pool_huge_forget_dirty(struct pool_arena *arena);

#endif
