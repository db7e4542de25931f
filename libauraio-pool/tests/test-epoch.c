/*
 * What is given back without being asked for, as time goes by; the clock is the test's.
 */
#include <criterion/criterion.h>

#include "../src/internal.h"
#include "../src/trim.h"
#include "support.h"

enum { HELD = 300 };

static void pass_epoch(void)
{
    support_clock_ms += POOL_EPOCH_MS + 1000; /* the coarse clock may lag by a tick of the kernel */
}

/* Most of what one thread's cache may hold. */
static const size_t cache_bytes = 32 * MIB;

Test(epoch, what_nobody_needs_for_two_is_given_back)
{
    pool_t *pool = support_pool_bounded(4096, GIB);
    support_alloc_then_free(pool, MIB, HELD);
    support_alloc_then_free(pool, 16 * MIB, 20);
    cr_assert_gt(support_stats(pool).cached_bytes, 600 * MIB);
    for (int i = 0; i < 2; i++) {
        pass_epoch();
        pool_tick(pool);
        cr_assert(pool_check(pool));
    }
    cr_assert_leq(support_stats(pool).cached_bytes, cache_bytes);
    pool_destroy(pool);
}

Test(epoch, nothing_is_given_back_before_one_has_passed)
{
    pool_t *pool = support_pool_bounded(4096, GIB);
    support_alloc_then_free(pool, MIB, HELD);
    support_alloc_then_free(pool, 16 * MIB, 20);
    int before = support_memory_calls();
    for (int i = 0; i < 100; i++)
        pool_tick(pool);
    cr_assert_eq(support_memory_calls(), before);
    pool_destroy(pool);
}

Test(epoch, allocations_notice_the_time_by_themselves)
{
    pool_t *pool = support_pool_bounded(4096, GIB);
    support_alloc_then_free(pool, MIB, HELD);
    for (int i = 0; i < 2; i++) {
        pass_epoch();
        support_alloc_then_free(pool, 4096, 1);
        for (int j = 0; j < 64; j++)
            support_alloc_then_free(pool, 4096, 1);
    }
    cr_assert_leq(support_stats(pool).cached_bytes, cache_bytes);
    pool_destroy(pool);
}

Test(epoch, what_is_in_use_stays_and_costs_no_system_call)
{
    static const size_t sizes[] = {4096, 65536, 1048576, 4194304};
    pool_t *pool = support_pool_bounded(4096, GIB);
    int before = 0;
    support_alloc_then_free(pool, MIB, HELD);
    for (int epoch = 0; epoch < 6; epoch++) {
        if (epoch == 3)
            before = support_memory_calls();
        pass_epoch();
        for (int i = 0; i < 4; i++)
            support_alloc_then_free(pool, sizes[i], 70);
        pool_tick(pool);
    }
    cr_assert_eq(support_memory_calls(), before);
    cr_assert_gt(support_stats(pool).cached_bytes, 70 * (4 * MIB + MIB));
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(epoch, of_a_load_that_shrank_the_part_still_used_stays)
{
    pool_t *pool = support_pool_bounded(4096, GIB);
    support_alloc_then_free(pool, MIB, HELD);
    for (int epoch = 0; epoch < 3; epoch++) {
        support_alloc_then_free(pool, MIB, 100);
        pass_epoch();
        pool_tick(pool);
    }
    size_t cached_bytes = support_stats(pool).cached_bytes;
    cr_assert_leq(cached_bytes, 100 * MIB + cache_bytes);
    cr_assert_geq(cached_bytes, 100 * MIB);
    pool_destroy(pool);
}

Test(epoch, tick_takes_null)
{
    int before = support_memory_calls();
    pool_tick(NULL);
    cr_assert_eq(support_memory_calls(), before);
}
