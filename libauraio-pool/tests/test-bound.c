/*
 * Memory: what is kept for reuse, how much, and what happens when the system has no more.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "support.h"

enum { HELD = 200 };

Test(bound, the_steady_state_makes_no_system_call_at_any_size)
{
    static const size_t sizes[] = {512, 4096, 5000, 65536, 1048576, 1310720, 67108864, 500000000};
    pool_t *pool = support_pool_bounded(512, 2 * GIB);
    for (int round = 0; round < 50; round++) {
        int before = support_memory_calls();
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            support_alloc_then_free(pool, sizes[i], sizes[i] > MIB ? 2 : 100);
        if (round > 0)
            cr_assert_eq(support_memory_calls(), before, "round %d", round);
    }
    pool_destroy(pool);
}

Test(bound, a_bound_smaller_than_the_working_set_is_kept)
{
    static const size_t bounds[] = {1, 64 * KIB, MIB, 10 * MIB, 100 * MIB};
    static const size_t sizes[] = {4096, 20000, 65536, 300000, 1048576, 3145728, 33554432};
    for (size_t i = 0; i < 5; i++) {
        pool_t *pool = support_pool_bounded(4096, bounds[i]);
        for (size_t j = 0; j < 7; j++) {
            support_alloc_then_free(pool, sizes[j], sizes[j] > MIB ? 8 : HELD);
            cr_assert_leq(support_stats(pool).cached_bytes, bounds[i], "size %zu", sizes[j]);
            cr_assert(pool_check(pool));
        }
        pool_destroy(pool);
    }
}

Test(bound, holds_although_free_and_live_buffers_alternate)
{
    enum { COUNT = 2000 };
    static char *ptrs[COUNT];
    pool_t *pool = support_pool_bounded(4096, 4 * MIB);
    for (int i = 0; i < COUNT; i++) {
        ptrs[i] = support_alloc(pool, 65536);
        memset(ptrs[i], i & 0xff, 65536);
    }
    size_t full_bytes = support_rss_bytes();
    for (int i = 0; i < COUNT; i += 2)
        cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    cr_assert_leq(support_stats(pool).cached_bytes, 4 * MIB);
    if (!SUPPORT_ASAN)
        cr_assert_lt(support_rss_bytes(), full_bytes - COUNT / 2 * 65536 + 8 * MIB);
    for (int i = 1; i < COUNT; i += 2)
        for (int j = 0; j < 65536; j += 512)
            cr_assert_eq((unsigned char)ptrs[i][j], i & 0xff);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(bound, a_stale_large_buffer_makes_room_for_the_one_in_use)
{
    pool_t *pool = support_pool_bounded(4096, 100 * MIB);
    support_alloc_then_free(pool, 80 * MIB, 1);
    support_alloc_then_free(pool, 40 * MIB, 1);
    support_alloc_then_free(pool, 40 * MIB, 1);
    int before = support_memory_calls();
    for (int i = 0; i < 100; i++)
        support_alloc_then_free(pool, 40 * MIB, 1);
    cr_assert_eq(support_memory_calls(), before);
    pool_destroy(pool);
}

Test(bound, a_stale_large_buffer_makes_room_for_small_ones_in_use)
{
    pool_t *pool = support_pool_bounded(4096, 100 * MIB);
    support_alloc_then_free(pool, 60 * MIB, 1);
    for (int i = 0; i < 3; i++)
        support_alloc_then_free(pool, MIB, 60);
    int before = support_memory_calls();
    for (int i = 0; i < 20; i++)
        support_alloc_then_free(pool, MIB, 60);
    cr_assert_eq(support_memory_calls(), before);
    pool_destroy(pool);
}

Test(bound, changing_sizes_do_not_starve_each_other_of_the_threads_cache)
{
    pool_t *pool = support_pool_bounded(4096, 64 * MIB);
    for (int round = 0; round < 4; round++)
        for (size_t size = 4096; size <= MIB; size += 12288)
            support_alloc_then_free(pool, size, 20);
    cr_assert_leq(support_stats(pool).cached_bytes, 64 * MIB);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(bound, the_default_is_an_eighth_of_memory_within_limits)
{
    pool_t *pool = support_pool(4096);
    for (int i = 0; i < 3; i++)
        support_alloc_then_free(pool, 512 * MIB, 4);
    size_t cached_bytes = support_stats(pool).cached_bytes;
    cr_assert_leq(cached_bytes, GIB);
    pool_destroy(pool);
}

Test(trim, gives_everything_back_when_nothing_is_live)
{
    pool_t *pool = support_pool(512);
    support_alloc_then_free(pool, 512, 100);
    support_alloc_then_free(pool, 4096, 100);
    support_alloc_then_free(pool, 65536, 100);
    support_alloc_then_free(pool, 4 * MIB, 10);
    cr_assert_gt(support_stats(pool).cached_bytes, 40 * MIB);
    pool_trim(pool);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    void *ptr = support_alloc(pool, 4096);
    cr_assert_eq(pool_free(pool, ptr, 4096), 0);
    pool_trim(pool);
    cr_assert_not(pool_find_arena(pool, ptr, 1, &base, &len, &index));
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(trim, leaves_live_buffers_alone)
{
    pool_t *pool = support_pool(512);
    static const size_t sizes[] = {512, 4096, 65536, 4194304};
    char *ptrs[4];
    for (int i = 0; i < 4; i++) {
        ptrs[i] = support_alloc(pool, sizes[i]);
        memset(ptrs[i], i + 1, sizes[i]);
        support_alloc_then_free(pool, sizes[i], 20);
    }
    pool_trim(pool);
    cr_assert(pool_check(pool));
    for (int i = 0; i < 4; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            cr_assert_eq(ptrs[i][j], i + 1);
        cr_assert_eq(pool_free(pool, ptrs[i], sizes[i]), 0);
    }
    pool_trim(pool);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    pool_destroy(pool);
}

Test(trim, and_destroying_return_all_address_space)
{
    if (SUPPORT_ASAN)
        cr_skip("address space says nothing under AddressSanitizer");
    size_t before_bytes = 0;
    for (int i = 0; i < 40; i++) {
        pool_t *pool = support_pool(4096);
        support_alloc_then_free(pool, 3 * MIB, 10);
        support_alloc_then_free(pool, 65536, 100);
        pool_trim(pool);
        support_alloc_then_free(pool, 65536, 100);
        pool_destroy(pool);
        if (i == 0)
            before_bytes = support_address_space_bytes();
    }
    cr_assert_leq(support_address_space_bytes(), before_bytes + MIB);
}

Test(trim, takes_null)
{
    int before = support_memory_calls();
    pool_trim(NULL);
    cr_assert_eq(support_memory_calls(), before);
}

Test(exhaustion, an_allocation_fails_cleanly_whichever_system_call_is_refused)
{
    static const enum support_call calls[] = {SUPPORT_MMAP, SUPPORT_MPROTECT};
    static const size_t sizes[] = {4096, 4 * MIB};
    for (int i = 0; i < 4; i++) {
        int refused = 0;
        int countdown = 0;
        void *ptr = NULL;
        do {
            pool_t *pool = support_pool(4096);
            support_countdown[calls[i % 2]] = countdown++;
            int r = pool_alloc(pool, sizes[i / 2], &ptr);
            support_countdown[calls[i % 2]] = -1;
            cr_assert(r == 0 || (r == -ENOMEM && !ptr));
            refused += r < 0;
            cr_assert(pool_check(pool));
            if (r < 0)
                (void)support_alloc(pool, sizes[i / 2]);
            pool_destroy(pool);
        } while (!ptr);
        cr_assert_eq(refused, 3, "the arena, its record, a leaf of the table");
    }
}

Test(exhaustion, what_was_kept_is_given_back_before_an_allocation_fails)
{
    if (SUPPORT_ASAN)
        cr_skip("AddressSanitizer needs more address space than this test allows");
    pool_t *pool = support_pool_bounded(4096, GIB);
    support_alloc_then_free(pool, 300 * MIB, 1);
    cr_assert_geq(support_stats(pool).cached_bytes, 300 * MIB);
    struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
    size_t mapped_bytes = support_address_space_bytes();
    limit.rlim_cur = limit.rlim_max = mapped_bytes + 200 * MIB;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    void *ptr = support_alloc(pool, 380 * MIB);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    void *none = NULL;
    cr_assert_eq(pool_alloc(pool, GIB, &none), -ENOMEM);
    cr_assert_null(none);
    cr_assert(pool_check(pool));
    cr_assert_eq(pool_free(pool, ptr, 380 * MIB), 0);
    pool_destroy(pool);
}

Test(exhaustion, small_buffers_run_out_and_come_back_under_an_address_space_limit)
{
    if (SUPPORT_ASAN)
        cr_skip("AddressSanitizer needs more address space than this test allows");
    enum { COUNT = 4000 };
    static void *ptrs[COUNT];
    pool_t *pool = support_pool(4096);
    struct rlimit limit = {.rlim_cur = support_address_space_bytes() + 64 * MIB, .rlim_max = RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    int count = 0;
    while (count < COUNT && pool_alloc(pool, 65536, &ptrs[count]) == 0)
        count++;
    cr_assert_gt(count, 100);
    cr_assert_lt(count, COUNT);
    cr_assert(pool_check(pool));
    for (int i = 0; i < count; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    for (int i = 0; i < count; i++)
        (void)support_alloc(pool, 65536);
    pool_destroy(pool);
}

Test(exhaustion, memory_that_cannot_be_unmapped_is_no_error)
{
    pool_t *pool = support_pool(4096);
    support_countdown[SUPPORT_MUNMAP] = 0;
    support_countdown[SUPPORT_MADVISE] = 0;
    void *keep = support_alloc(pool, 4096);
    support_alloc_then_free(pool, 4096, 100);
    support_alloc_then_free(pool, 4 * MIB, 2);
    pool_trim(pool);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    cr_assert(pool_check(pool));
    support_countdown[SUPPORT_MUNMAP] = -1;
    cr_assert_eq(pool_free(pool, keep, 4096), 0);
    pool_destroy(pool);
}
