/*
 * The depot between caches and spans.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "../src/cache.h"
#include "../src/depot.h"
#include "../src/registry.h"
#include "support.h"

enum { COUNT = 400 };

static void *ptrs[COUNT];

static void alloc_all(pool_t *pool, size_t size)
{
    for (int i = 0; i < COUNT; i++)
        ptrs[i] = support_alloc(pool, size);
}

static void *free_all(void *pool)
{
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    return NULL;
}

static const struct pool_depot *depot_of(const pool_t *pool, size_t size)
{
    return &pool->shards[0].depots[pool_class_of(size)];
}

Test(depot, holds_what_a_cache_has_no_room_for)
{
    pool_t *pool = support_pool(4096);
    alloc_all(pool, 65536);
    cr_assert_eq(depot_of(pool, 65536)->count, 0);
    free_all(pool);
    cr_assert_gt(depot_of(pool, 65536)->count, COUNT / 2);
    cr_assert_eq(pool->shards[0].depot_bytes, depot_of(pool, 65536)->count * 65536);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(depot, serves_one_thread_with_what_another_freed)
{
    pool_t *pool = support_pool_bounded(4096, GIB);
    alloc_all(pool, 65536);
    for (int i = 0; i < 10; i++) {
        support_run_on_thread(free_all, pool);
        size_t free_spans_bytes = pool->shards[0].page_bytes;
        alloc_all(pool, 65536);
        cr_assert_eq(pool->shards[0].page_bytes, free_spans_bytes, "spans have nothing to do with it");
    }
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(depot, does_without_when_there_is_no_memory_for_it)
{
    pool_t *pool = support_pool(4096);
    alloc_all(pool, 65536);
    support_countdown[SUPPORT_REALLOC] = 0;
    free_all(pool);
    cr_assert_eq(depot_of(pool, 65536)->count, 0);
    cr_assert_gt(pool->shards[0].page_bytes, 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(depot, is_not_for_blocks_that_share_pages)
{
    pool_t *pool = support_pool(64);
    for (int i = 0; i < COUNT; i++)
        ptrs[i] = support_alloc(pool, 1024);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], 1024), 0);
    cr_assert_eq(depot_of(pool, 1024)->count, 0);
    cr_assert_eq(pool->shards[0].depot_bytes, 0);
    pool_destroy(pool);
}

Test(depot, gives_the_last_put_first_and_forgets_the_first_put)
{
    pool_t *pool = support_pool(4096);
    struct pool_shard *shard = &pool->shards[0];
    unsigned class_index = pool_class_of(8192);
    struct pool_block blocks[100], taken[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = (struct pool_block){.start = &blocks[i]};
    cr_assert(pool_depot_put(shard, class_index, blocks, 60));
    cr_assert(pool_depot_put(shard, class_index, blocks + 60, 40));
    cr_assert_eq(pool_depot_take(shard, class_index, taken, 10), 10);
    cr_assert_eq(taken[9].start, &blocks[99]);
    pool_depot_drop_oldest(shard, class_index, 30);
    cr_assert_eq(shard->depots[class_index].blocks[0].start, &blocks[30]);
    cr_assert_eq(pool_depot_take(shard, class_index, taken, 100), 60);
    cr_assert_eq(taken[0].start, &blocks[30]);
    cr_assert_eq(pool_depot_take(shard, class_index, taken, 1), 0);
    cr_assert_eq(shard->depot_bytes, 0);
    pool_destroy(pool);
}

Test(depot, knows_what_an_epoch_did_not_need)
{
    pool_t *pool = support_pool(4096);
    struct pool_shard *shard = &pool->shards[0];
    unsigned class_index = pool_class_of(8192);
    struct pool_block blocks[100] = {{0}};
    cr_assert(pool_depot_put(shard, class_index, blocks, 100));
    cr_assert_eq(pool_depot_begin_epoch(shard, class_index), 0, "it was empty when the epoch began");
    (void)pool_depot_take(shard, class_index, blocks, 30);
    cr_assert(pool_depot_put(shard, class_index, blocks, 30));
    cr_assert_eq(pool_depot_begin_epoch(shard, class_index), 70);
    cr_assert_eq(pool_depot_begin_epoch(shard, class_index), 100);
    pool_depot_drop_oldest(shard, class_index, 100);
    pool_destroy(pool);
}

struct bystander {
    pool_t *pool;
    pthread_barrier_t turn;
};

/* Fills its cache, lets the test trim, and goes on. */
static void *stand_by(void *arg)
{
    struct bystander *bystander = arg;
    for (size_t size = 4096; size <= MIB; size *= 2)
        support_alloc_then_free(bystander->pool, size, 1);
    pthread_barrier_wait(&bystander->turn);
    pthread_barrier_wait(&bystander->turn);
    for (int i = 0; i < 64; i++)
        support_alloc_then_free(bystander->pool, 4096, 1);
    pthread_barrier_wait(&bystander->turn);
    pthread_barrier_wait(&bystander->turn);
    return NULL;
}

Test(trim, reaches_the_caches_of_other_threads_as_they_go_on)
{
    struct bystander bystander = {.pool = support_pool(4096)};
    pthread_t thread;
    pthread_barrier_init(&bystander.turn, NULL, 2);
    cr_assert_eq(pthread_create(&thread, NULL, stand_by, &bystander), 0);
    pthread_barrier_wait(&bystander.turn);
    pool_trim(bystander.pool);
    cr_assert_geq(support_stats(bystander.pool).cached_bytes, 2 * MIB);
    pthread_barrier_wait(&bystander.turn);
    pthread_barrier_wait(&bystander.turn);
    cr_assert_leq(support_stats(bystander.pool).cached_bytes, 64 * KIB);
    cr_assert(pool_check(bystander.pool));
    pthread_barrier_wait(&bystander.turn);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&bystander.turn);
    pool_destroy(bystander.pool);
}
