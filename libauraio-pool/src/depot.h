/*
 * The depot: free blocks between the threads' caches and the spans, a stack per class and shard.
 *
 * Caches are filled from and emptied into it by the batch, so that a program whose threads hand buffers to
 * one another, or free more at a time than a cache holds, pays for a lock once in many buffers and for the
 * bookkeeping of spans (span.h) not at all. What a stack held at its lowest during an epoch nobody needed
 * then: that part is *stale*, and trimming sends it home first.
 *
 * Only classes of a page or more have one: smaller blocks share pages, which can be given back only once the
 * span knows all of them to be free. All functions want the shard's lock held. None touches pool_kept: blocks
 * of the depot are counted by depot_bytes of the shard.
 */
#ifndef AURAIO_POOL_DEPOT_H
#define AURAIO_POOL_DEPOT_H

#include "internal.h"

/* Puts blocks of a class on its stack; false, with nothing done, for lack of memory or in a class without. */
bool pool_depot_put(struct pool_shard *shard, unsigned class_index, const struct pool_block *blocks,
                    unsigned count);

/* Takes up to `count` blocks, last put first; answers how many. */
unsigned pool_depot_take(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_blocks,
                         unsigned count);

/* Forgets the `count` blocks put first; the caller has them in hand. */
void pool_depot_drop_oldest(struct pool_shard *shard, unsigned class_index, unsigned count);

/* How many blocks of the class are stale; from now on those are that the new epoch does not need. */
unsigned pool_depot_begin_epoch(struct pool_shard *shard, unsigned class_index);

/* Frees the memory of the stacks; what blocks they have are lost to the pool. */
void pool_depot_release_stacks(struct pool_shard *shard);

#endif
