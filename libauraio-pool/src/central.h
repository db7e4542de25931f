/*
 * The central lists: what threads' caches are filled from and emptied into, one set (a shard) per
 * NUMA node: depots for the traffic, spans behind them.
 *
 * Every block goes home to the shard its arena belongs to, whichever thread frees it. None of these
 * functions enforces the bound on kept memory; whoever put blocks back calls pool_enforce_bound()
 * (trim.h) once it holds no shard's lock.
 */
#ifndef AURAIO_POOL_CENTRAL_H
#define AURAIO_POOL_CENTRAL_H

#include "internal.h"

/* The shard of the node the caller runs on. */
struct pool_shard *pool_shard_here(struct pool *pool);

/* Takes up to `count` blocks of a small class, at least one; from the shard, or a single one from
 * another when its node has no more. Answers how many, or -ENOMEM. */
int pool_central_take(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_blocks,
                      unsigned count);

/* Puts blocks back that are all of one class and one shard. */
void pool_central_put(struct pool_shard *shard, unsigned class_index, const struct pool_block *blocks,
                      unsigned count);

/* Puts blocks of any small classes back, each to its own shard. */
void pool_central_put_mixed(struct pool *pool, const struct pool_block *blocks, unsigned count);

/* Sends the `count` blocks that have been in a depot for the longest back to their spans, with the shard's
 * lock held. */
void pool_central_send_home(struct pool_shard *shard, unsigned class_index, unsigned count);

/* The same for one block of a big class. */
int pool_big_take(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_block);
void pool_big_put(struct pool *pool, void *start);

/* Unlinks a free big arena, with the shard's lock held. */
void pool_big_unlink(struct pool_shard *shard, struct pool_arena *arena);

/* Adds to what a shard keeps, with its lock held. */
void pool_shard_keep(struct pool_shard *shard, const struct pool_kept *kept);

#endif
