/*
 * Several nodes: blocks stay on theirs, and go home from wherever they are freed.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "support.h"

enum { COUNT = 300 };

static void *ptrs[COUNT];

static void alloc_on(pool_t *pool, int node, size_t size)
{
    support_node = node;
    for (int i = 0; i < COUNT; i++)
        ptrs[i] = support_alloc(pool, size);
}

static void free_on(pool_t *pool, int node, size_t size)
{
    support_node = node;
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], size), 0);
}

static int arena_of(pool_t *pool, const void *ptr)
{
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    cr_assert(pool_find_arena(pool, ptr, 1, &base, &len, &index));
    return index;
}

Test(numa, there_is_a_shard_per_node_up_to_a_handful)
{
    static const int nodes[] = {1, 2, 8, 64};
    static const int shards[] = {1, 2, 8, 8};
    for (int i = 0; i < 4; i++) {
        support_node_count = nodes[i];
        pool_t *pool = support_pool(4096);
        cr_assert_eq(support_stats(pool).shard_count, shards[i]);
        support_node = nodes[i] - 1;
        (void)support_alloc(pool, 4096);
        cr_assert(pool_check(pool));
        pool_destroy(pool);
    }
}

Test(numa, memory_is_asked_for_on_the_node_of_the_caller)
{
    support_node_count = 3;
    pool_t *pool = support_pool(4096);
    for (int node = 2; node >= 0; node--) {
        support_node = node;
        (void)support_alloc(pool, 2 * MIB);
        cr_assert_eq(support_last_preferred_node, node);
    }
    pool_destroy(pool);
}

Test(numa, one_node_needs_no_placement)
{
    pool_t *pool = support_pool(4096);
    (void)support_alloc(pool, 4096);
    cr_assert_eq(support_last_preferred_node, -1);
    pool_destroy(pool);
}

Test(numa, buffers_freed_on_another_node_go_home)
{
    static const size_t sizes[] = {4096, 65536, 524288, 2097152};
    support_node_count = 2;
    pool_t *pool = support_pool_bounded(4096, 2 * GIB);
    for (int i = 0; i < 4; i++) {
        alloc_on(pool, 0, sizes[i]);
        int home = arena_of(pool, ptrs[COUNT - 1]);
        /* Empties the thread's cache, which would go on serving blocks of the old node. */
        pool_trim(pool);
        support_node = 1;
        void *other = support_alloc(pool, sizes[i]);
        cr_assert_neq(arena_of(pool, other), home);
        cr_assert_eq(pool_free(pool, other, sizes[i]), 0);
        free_on(pool, 1, sizes[i]);
        cr_assert(pool_check(pool));
        void *again = support_alloc(pool, sizes[i]);
        cr_assert_neq(arena_of(pool, again), home);
        cr_assert_eq(pool_free(pool, again, sizes[i]), 0);
        cr_assert_eq(support_stats(pool).live_buffers, 0);
        pool_trim(pool);
        cr_assert_eq(support_stats(pool).cached_bytes, 0);
    }
    pool_destroy(pool);
}

Test(numa, freeing_on_another_node_stays_within_the_bound)
{
    static const size_t bounds[] = {1, 256 * KIB, 4 * MIB};
    support_node_count = 2;
    for (int i = 0; i < 3; i++) {
        pool_t *pool = support_pool_bounded(4096, bounds[i]);
        for (size_t size = 4096; size <= MIB; size *= 4) {
            alloc_on(pool, 0, size);
            free_on(pool, 1, size);
            cr_assert_leq(support_stats(pool).cached_bytes, bounds[i]);
            cr_assert(pool_check(pool));
        }
        pool_destroy(pool);
    }
}

Test(numa, a_thread_that_moves_is_served_from_its_new_node)
{
    support_node_count = 2;
    pool_t *pool = support_pool(4096);
    alloc_on(pool, 0, 65536);
    int first = arena_of(pool, ptrs[0]);
    free_on(pool, 0, 65536);
    alloc_on(pool, 1, 65536);
    cr_assert_neq(arena_of(pool, ptrs[COUNT - 1]), first);
    free_on(pool, 1, 65536);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(numa, a_node_without_memory_borrows_a_free_block_of_another)
{
    support_node_count = 2;
    pool_t *pool = support_pool(4096);
    support_node = 0;
    void *keep = support_alloc(pool, 4096);
    pool_trim(pool);
    support_node = 1;
    support_countdown[SUPPORT_MMAP] = 0;
    void *borrowed = support_alloc(pool, 4096);
    cr_assert_eq(arena_of(pool, borrowed), arena_of(pool, keep));
    void *none = NULL;
    cr_assert_eq(pool_alloc(pool, 2 * MIB, &none), -ENOMEM);
    support_countdown[SUPPORT_MMAP] = -1;
    cr_assert_eq(pool_free(pool, borrowed, 4096), 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}
