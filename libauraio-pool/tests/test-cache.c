/*
 * Threads' caches and the central lists from the inside: what callers can't see but memory and
 * speed depend on.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "../src/cache.h"
#include "../src/internal.h"
#include "../src/registry.h"
#include "support.h"

Test(cache, of_one_thread_holds_at_most_an_eighth_of_the_bound)
{
    pool_t *pool = support_pool_bounded(4096, 32 * MIB);
    for (size_t size = 4096; size <= MIB; size += 12288) {
        support_alloc_then_free(pool, size, 100);
        const struct pool_cache *cache = pool_cache_here(pool);
        cr_assert_leq(cache->granted_bytes, 4 * MIB);
        cr_assert_leq(pool_cache_kept_bytes(cache), cache->granted_bytes);
    }
    pool_destroy(pool);
}

/* A thread that has used another pool of the same slot since knows no cache when it frees: what it then finds
 * the long way may have room, and less in it than a full one gives home. */
Test(cache, that_was_found_the_long_way_takes_a_block_where_it_has_room)
{
    enum { COUNT = 300 };
    void *blocks[COUNT];
    pool_t *pool = support_pool(4096), *other = support_pool(4096);
    while (other->id % POOL_THREAD_SLOTS != pool->id % POOL_THREAD_SLOTS) {
        pool_destroy(other);
        other = support_pool(4096);
    }
    for (int i = 0; i < COUNT; i++)
        blocks[i] = support_alloc(pool, 4096);
    for (int i = 0; i < COUNT; i++) {
        support_alloc_then_free(other, 4096, 1);
        cr_assert_eq(pool_free(pool, blocks[i], 4096), 0);
        cr_assert(pool_check(pool));
    }
    cr_assert_eq(support_stats(pool).live_buffers, 0);
    pool_destroy(other);
    pool_destroy(pool);
}

static void *use_much(void *pool)
{
    for (size_t size = 4096; size <= MIB; size *= 2)
        support_alloc_then_free(pool, size, 100);
    return NULL;
}

Test(cache, grants_of_a_thread_that_ends_return_to_the_pool)
{
    pool_t *pool = support_pool_bounded(4096, 32 * MIB);
    for (int i = 0; i < 20; i++)
        support_run_on_thread(use_much, pool);
    cr_assert_eq(pool->granted_bytes, 0);
    cr_assert(LIST_EMPTY(&pool->caches));
    pool_destroy(pool);
}

/* The destructor of a key that was made after the pool's runs once the pool has noticed the end. */
static pthread_key_t late_key;
static int late_calls;

static void use_late(void *pool)
{
    late_calls++;
    support_alloc_then_free(pool, 4096, 3);
    if (late_calls == 1)
        cr_assert_eq(pthread_setspecific(late_key, pool), 0);
}

static void *use_then_end(void *pool)
{
    cr_assert_eq(pthread_setspecific(late_key, pool), 0);
    support_alloc_then_free(pool, 4096, 3);
    return NULL;
}

Test(cache, a_thread_past_its_end_uses_the_pool_without_one)
{
    pool_t *pool = support_pool(4096);
    support_alloc_then_free(pool, 4096, 1);
    cr_assert_eq(pthread_key_create(&late_key, use_late), 0);
    support_run_on_thread(use_then_end, pool);
    cr_assert_eq(late_calls, 2);
    cr_assert_eq(LIST_FIRST(&pool->caches), pool_cache_here(pool));
    cr_assert_null(LIST_NEXT(LIST_FIRST(&pool->caches), link));
    cr_assert(pool_check(pool));
    cr_assert_eq(support_stats(pool).live_buffers, 0);
    pool_destroy(pool);
}

Test(cache, a_batch_of_64_never_leaves_it)
{
    pool_t *pool = support_pool(4096);
    support_alloc_then_free(pool, 65536, 64);
    support_alloc_then_free(pool, 65536, 64);
    size_t central_bytes = pool->shards[0].page_bytes + pool->shards[0].depot_bytes;
    for (int i = 0; i < 20; i++) {
        support_alloc_then_free(pool, 65536, 64);
        cr_assert_eq(pool->shards[0].page_bytes + pool->shards[0].depot_bytes, central_bytes);
    }
    pool_destroy(pool);
}

static unsigned count_spans(const struct pool *pool, unsigned class_index)
{
    unsigned count = 0;
    const struct pool_span *span = TAILQ_FIRST(&pool->shards[0].spans[class_index]);
    for (; span; span = TAILQ_NEXT(span, link))
        count++;
    return count;
}

/* Without caches and depots every block goes to its span. */
Test(central, keeps_one_free_span_of_a_class_and_returns_the_others)
{
    support_countdown[SUPPORT_MALLOC] = 0;
    support_countdown[SUPPORT_REALLOC] = 0;
    pool_t *pool = support_pool(4096);
    unsigned class_index = pool_class_of(4096);
    support_alloc_then_free(pool, 4096, 200);
    support_countdown[SUPPORT_MALLOC] = -1;
    support_countdown[SUPPORT_REALLOC] = -1;
    cr_assert_eq(count_spans(pool, class_index), 1);
    pool_trim(pool);
    cr_assert_eq(count_spans(pool, class_index), 0);
    pool_destroy(pool);
}

Test(central, serves_another_class_from_the_slices_a_class_returned)
{
    support_countdown[SUPPORT_MALLOC] = 0;
    support_countdown[SUPPORT_REALLOC] = 0;
    pool_t *pool = support_pool(4096);
    for (size_t size = 4096; size <= MIB; size *= 2)
        support_alloc_then_free(pool, size, (int)(3 * MIB / size) < 200 ? (int)(3 * MIB / size) : 200);
    support_countdown[SUPPORT_MALLOC] = -1;
    support_countdown[SUPPORT_REALLOC] = -1;
    const struct pool_arena *arena = LIST_FIRST(&pool->shards[0].arenas);
    cr_assert_not_null(arena);
    cr_assert_not_null(LIST_NEXT(arena, link));
    cr_assert_null(LIST_NEXT(LIST_NEXT(arena, link), link), "more than two arenas for 3 MiB");
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(central, blocks_that_share_pages_with_live_ones_are_not_purged_in_vain)
{
    enum { COUNT = 40000 };
    static void *ptrs[COUNT];
    pool_t *pool = support_pool_bounded(64, MIB);
    for (int i = 0; i < COUNT; i++)
        ptrs[i] = support_alloc(pool, 256);
    for (int i = 0; i < COUNT; i++)
        if (i % 16)
            cr_assert_eq(pool_free(pool, ptrs[i], 256), 0);
    cr_assert_gt(support_stats(pool).cached_bytes, 8 * MIB);
    cr_assert_eq(pool->epoch, 0);
    for (int i = 0; i < COUNT; i += 16)
        cr_assert_eq(pool_free(pool, ptrs[i], 256), 0);
    cr_assert_leq(support_stats(pool).cached_bytes, MIB);
    pool_trim(pool);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    pool_destroy(pool);
}
