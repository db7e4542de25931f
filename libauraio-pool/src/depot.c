/*
 * Stacks of free blocks; see depot.h.
 */
#include "depot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define POOL_DEPOT_FIRST_BLOCKS 64u

static void add_bytes(struct pool_shard *shard, unsigned class_index, ptrdiff_t blocks)
{
    size_t before_bytes = atomic_load_explicit(&shard->depot_bytes, memory_order_relaxed);
    atomic_store_explicit(&shard->depot_bytes, before_bytes + (size_t)blocks * pool_class_bytes(class_index),
                          memory_order_relaxed);
}

static bool make_room(struct pool_depot *depot, unsigned count)
{
    unsigned capacity = depot->capacity > 0 ? depot->capacity : POOL_DEPOT_FIRST_BLOCKS;
    while (capacity - depot->count < count)
        capacity *= 2;
    struct pool_block *blocks = realloc(depot->blocks, capacity * sizeof(blocks[0]));
    if (!blocks)
        return false;
    depot->blocks = blocks;
    depot->capacity = capacity;
    return true;
}

bool pool_depot_put(struct pool_shard *shard, unsigned class_index, const struct pool_block *blocks,
                    unsigned count)
{
    struct pool_depot *depot = &shard->depots[class_index];
    if (pool_class_bytes(class_index) < shard->pool->geometry.page_bytes)
        return false;
    if (depot->capacity - depot->count < count && !make_room(depot, count))
        return false;
    memcpy(depot->blocks + depot->count, blocks, count * sizeof(blocks[0]));
    depot->count += count;
    add_bytes(shard, class_index, (ptrdiff_t)count);
    return true;
}

unsigned pool_depot_take(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_blocks,
                         unsigned count)
{
    struct pool_depot *depot = &shard->depots[class_index];
    unsigned taken = count < depot->count ? count : depot->count;
    if (taken == 0)
        return 0;
    depot->count -= taken;
    if (depot->count < depot->lowest)
        depot->lowest = depot->count;
    memcpy(ret_blocks, depot->blocks + depot->count, taken * sizeof(ret_blocks[0]));
    add_bytes(shard, class_index, -(ptrdiff_t)taken);
    return taken;
}

void pool_depot_drop_oldest(struct pool_shard *shard, unsigned class_index, unsigned count)
{
    struct pool_depot *depot = &shard->depots[class_index];
    assert(count <= depot->count);
    depot->count -= count;
    memmove(depot->blocks, depot->blocks + count, depot->count * sizeof(depot->blocks[0]));
    depot->lowest = depot->lowest > count ? depot->lowest - count : 0;
    add_bytes(shard, class_index, -(ptrdiff_t)count);
}

unsigned pool_depot_begin_epoch(struct pool_shard *shard, unsigned class_index)
{
    struct pool_depot *depot = &shard->depots[class_index];
    unsigned stale = depot->lowest;
    assert(stale <= depot->count);
    depot->lowest = depot->count;
    return stale;
}

void pool_depot_release_stacks(struct pool_shard *shard)
{
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++) {
        free(shard->depots[i].blocks);
        shard->depots[i] = (struct pool_depot){0};
    }
}
