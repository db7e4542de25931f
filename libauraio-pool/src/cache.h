/*
 * A thread's cache of free blocks of one pool: a stack (bin) per small class, and a few blocks of
 * other nodes' shards that wait to be sent home together.
 *
 * Only its thread fills and empties it, without locks or atomic read-modify-writes; other threads
 * may read its counts. A bin's limit is room that was *granted* out of the pool's bound, and grows
 * with use. So what all caches hold together is bounded whatever the number of threads, and an
 * ended thread's grants go to others.
 */
#ifndef AURAIO_POOL_CACHE_H
#define AURAIO_POOL_CACHE_H

#include "internal.h"

#define POOL_REMOTE_MAX 32u
#define POOL_REMOTE_MAX_BYTES ((size_t)256 << 10)

struct pool_bin {
    atomic_uint count; /* written by the owner */
    unsigned limit;
    struct pool_block *blocks;
};

struct pool_thread;

struct pool_cache {
    struct pool *pool;
    struct pool_shard *shard; /* of the node the thread last ran on: its blocks fill the bins */

    /* What this thread allocated and freed since its cache was made; written by the owner. Of what it freed
     * others may have allocated some: the differences are right modulo 2^64. */
    _Atomic uint64_t allocated_bytes;
    _Atomic uint64_t allocated_buffers;
    _Atomic uint64_t freed_bytes;
    _Atomic uint64_t freed_buffers;

    struct pool_bin bins[POOL_SMALL_CLASS_COUNT];

    uint64_t trims; /* of the pool, when this thread last looked */
    size_t granted_bytes;
    bool is_remote_granted;
    unsigned remote_count;
    _Atomic size_t remote_bytes; /* written by the owner */
    struct pool_block remote[POOL_REMOTE_MAX];

    /* The registry's, guarded by its lock. */
    struct pool_thread *owner; /* NULL once the thread is gone without emptying it: in a forked child */
    struct pool_cache *next_of_thread;
    LIST_ENTRY(pool_cache) link;

    struct pool_block block_store[];
};

/* A cache without blocks or grants; NULL when there is no memory. */
struct pool_cache *pool_cache_create(struct pool *pool);

/* Frees the memory of a cache, whatever blocks it holds: those are lost to the pool. */
void pool_cache_destroy(struct pool_cache *cache);

/* Sends every block home and gives back every grant. */
void pool_cache_drain(struct pool_cache *cache);

/* Takes a block of a class, out of its bin or, when that is empty, of the central lists; 0 or -ENOMEM. */
int pool_cache_take_or_refill(struct pool_cache *cache, unsigned class_index, struct pool_block *ret_block);

/* Puts a block that its bin has no room for, or that belongs to another node. */
void pool_cache_put_slow(struct pool_cache *cache, unsigned class_index, struct pool_shard *home,
                         struct pool_block block);

/* Blocks it holds, in bytes. */
size_t pool_cache_kept_bytes(const struct pool_cache *cache);

/* Takes a block out of a bin, NULL if it has none; to be read before the next call.
 *
 * Not copied here: one load of both members would have to wait until the two stores of a free just before
 * have left the processor's store buffer. */
static inline const struct pool_block *pool_cache_take(struct pool_cache *cache, unsigned class_index)
{
    struct pool_bin *bin = &cache->bins[class_index];
    unsigned count = atomic_load_explicit(&bin->count, memory_order_relaxed);
    if (POOL_UNLIKELY(count == 0))
        return NULL;
    atomic_store_explicit(&bin->count, count - 1, memory_order_relaxed);
    return &bin->blocks[count - 1];
}

/* A place for a block in a bin. */
struct pool_room {
    struct pool_bin *bin;
    unsigned count; /* of the bin's blocks */
};

/* Whether the bin of a class has room for a block of a shard; finds it. */
static inline bool pool_cache_find_room(struct pool_cache *cache, unsigned class_index,
                                        const struct pool_shard *home, struct pool_room *ret_room)
{
    struct pool_bin *bin = &cache->bins[class_index];
    unsigned count = atomic_load_explicit(&bin->count, memory_order_relaxed);
    *ret_room = (struct pool_room){bin, count};
    return home == cache->shard && count < bin->limit;
}

/* Puts a block where room was found. */
static inline void pool_cache_put(struct pool_room room, struct pool_block block)
{
    room.bin->blocks[room.count] = block;
    atomic_store_explicit(&room.bin->count, room.count + 1, memory_order_relaxed);
}

/* Adds to a figure that only the calling thread writes; answers the sum. */
static inline uint64_t pool_cache_add(_Atomic uint64_t *figure, uint64_t more)
{
    uint64_t sum = atomic_load_explicit(figure, memory_order_relaxed) + more;
    atomic_store_explicit(figure, sum, memory_order_relaxed);
    return sum;
}

static inline uint64_t pool_cache_live_bytes(const struct pool_cache *cache)
{
    return atomic_load_explicit(&cache->allocated_bytes, memory_order_relaxed) -
           atomic_load_explicit(&cache->freed_bytes, memory_order_relaxed);
}

static inline uint64_t pool_cache_live_buffers(const struct pool_cache *cache)
{
    return atomic_load_explicit(&cache->allocated_buffers, memory_order_relaxed) -
           atomic_load_explicit(&cache->freed_buffers, memory_order_relaxed);
}

#endif
