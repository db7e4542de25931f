/*
 * The life of a pool, and what it tells about itself; the paths a buffer takes are in buffer.c.
 */
#include <errno.h>

#include "cache.h"
#include "central.h"
#include "depot.h"
#include "internal.h"
#include "numa.h"
#include "os.h"
#include "registry.h"
#include "trim.h"
#include "watch.h"

/* max_cached_bytes by default: this share of the machine's memory, within these bounds. */
#define POOL_DEFAULT_CACHED_SHARE 8
#define POOL_DEFAULT_CACHED_LEAST_BYTES ((size_t)64 << 20)
#define POOL_DEFAULT_CACHED_MOST_BYTES ((size_t)1 << 30)

/* What one thread's cache may hold: at most this, and at most this share of the bound. */
#define POOL_THREAD_MAX_BYTES ((size_t)32 << 20)
#define POOL_THREAD_SHARE 8

static bool options_are_valid(const struct pool_options *options)
{
    size_t alignment = options->alignment;
    return alignment >= sizeof(void *) && alignment <= POOL_ALIGNMENT_MAX_BYTES &&
           (alignment & (alignment - 1)) == 0;
}

static size_t default_cached_bytes(void)
{
    size_t bytes = pool_os_memory_bytes() / POOL_DEFAULT_CACHED_SHARE;
    if (bytes < POOL_DEFAULT_CACHED_LEAST_BYTES)
        return POOL_DEFAULT_CACHED_LEAST_BYTES;
    return bytes > POOL_DEFAULT_CACHED_MOST_BYTES ? POOL_DEFAULT_CACHED_MOST_BYTES : bytes;
}

static struct pool_geometry geometry_for(size_t alignment)
{
    size_t page_bytes = pool_os_page_bytes();
    return (struct pool_geometry){
        .align_mask = alignment - 1,
        .page_align_mask = (alignment > page_bytes ? alignment : page_bytes) - 1,
        .page_bytes = page_bytes,
        .align_shift = (unsigned)__builtin_ctzll(alignment),
        .page_shift = (unsigned)__builtin_ctzll(page_bytes),
    };
}

static void shard_init(struct pool *pool, int node)
{
    struct pool_shard *shard = &pool->shards[node];
    pthread_mutex_init(&shard->lock, NULL);
    shard->pool = pool;
    shard->node = node;
    for (unsigned i = 0; i < POOL_SMALL_CLASS_COUNT; i++)
        TAILQ_INIT(&shard->spans[i]);
    for (unsigned i = 0; i < POOL_BIG_CLASS_COUNT; i++)
        TAILQ_INIT(&shard->big_free[i]);
    TAILQ_INIT(&shard->big_by_age);
}

int pool_create(const struct pool_options *options, pool_t **ret_pool)
{
    if (!options || !ret_pool || !options_are_valid(options))
        return -EINVAL;
    struct pool *pool = pool_os_map_guarded(sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->geometry = geometry_for(options->alignment);
    pool->options = *options;
    pool->max_cached_bytes = options->max_cached_bytes ? options->max_cached_bytes : default_cached_bytes();
    pool_watch_start(pool);
    pool_trim_start(pool);
    pool->thread_max_bytes = pool->max_cached_bytes / POOL_THREAD_SHARE;
    if (pool->thread_max_bytes > POOL_THREAD_MAX_BYTES)
        pool->thread_max_bytes = POOL_THREAD_MAX_BYTES;
    int nodes = pool_numa_node_count();
    pool->shard_count = nodes < POOL_SHARDS_MAX ? nodes : POOL_SHARDS_MAX;
    pthread_mutex_init(&pool->map_lock, NULL);
    for (int i = 0; i < pool->shard_count; i++)
        shard_init(pool, i);

    int r = pool_registry_enter(pool);
    if (r < 0) {
        pool_os_unmap_guarded(pool, sizeof(*pool));
        return r;
    }
    *ret_pool = pool;
    return 0;
}

void pool_destroy(pool_t *pool)
{
    if (!pool)
        return;
    pool_registry_leave(pool);
    pool_arena_destroy_all(pool);
    pool_table_release(&pool->root);
    for (int i = 0; i < pool->shard_count; i++) {
        pool_depot_release_stacks(&pool->shards[i]);
        pthread_mutex_destroy(&pool->shards[i].lock);
    }
    pthread_mutex_destroy(&pool->map_lock);
    pool_os_unmap_guarded(pool, sizeof(*pool));
}

struct stats_sum {
    uint64_t live_bytes;
    uint64_t live_buffers;
    size_t cached_bytes;
};

static void add_cache(const struct pool_cache *cache, void *ctx)
{
    struct stats_sum *sum = ctx;
    sum->live_bytes += pool_cache_live_bytes(cache);
    sum->live_buffers += pool_cache_live_buffers(cache);
    sum->cached_bytes += pool_cache_kept_bytes(cache);
}

/* A buffer allocated on a thread read early and freed on one read late makes a sum negative for a
 * moment. */
static size_t not_negative(uint64_t sum)
{
    return sum > INT64_MAX ? 0 : (size_t)sum;
}

void pool_get_stats(const pool_t *pool, struct pool_stats *ret_stats)
{
    if (!pool || !ret_stats)
        return;
    struct stats_sum sum = {0};
    pool_registry_visit(pool, add_cache, &sum);
    sum.live_bytes += atomic_load_explicit(&pool->live_bytes, memory_order_relaxed);
    sum.live_buffers += atomic_load_explicit(&pool->live_buffers, memory_order_relaxed);
    *ret_stats = (struct pool_stats){
        .live_bytes = not_negative(sum.live_bytes),
        .live_buffers = not_negative(sum.live_buffers),
        .cached_bytes = sum.cached_bytes + pool_central_kept_bytes(pool),
        .shard_count = pool->shard_count,
    };
}

void pool_trim(pool_t *pool)
{
    if (!pool)
        return;
    struct pool_cache *cache = pool_cache_here(pool);
    uint64_t trims = atomic_fetch_add_explicit(&pool->trims, 1, memory_order_relaxed) + 1;
    if (cache) {
        cache->trims = trims;
        pool_cache_drain(cache);
    }
    pool_trim_central(pool);
}

void pool_pin_arena(pool_t *pool, const void *ptr)
{
    struct pool_arena *arena = pool ? pool_table_find(&pool->root, ptr) : NULL;
    if (!arena)
        return;
    struct pool_kept kept = {0};
    pthread_mutex_lock(&arena->shard->lock);
    pool_arena_pin(arena, &kept);
    pool_shard_keep(arena->shard, &kept);
    pthread_mutex_unlock(&arena->shard->lock);
}

bool pool_find_arena(pool_t *pool, const void *ptr, size_t len_bytes, void **ret_base, size_t *ret_len,
                     int *ret_index)
{
    if (!pool || !ret_base || !ret_len || !ret_index || len_bytes == 0)
        return false;
    const struct pool_arena *arena = pool_table_find(&pool->root, ptr);
    if (!arena)
        return false;
    uintptr_t base = pool_arena_base(arena);
    size_t offset = (uintptr_t)ptr - base;
    if (offset >= arena->size_bytes || len_bytes > arena->size_bytes - offset)
        return false;
    *ret_base = (void *)base;
    *ret_len = arena->size_bytes;
    *ret_index = arena->index;
    return true;
}
