/*
 * Pools and buffers: options, sizes, alignment, figures.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

Test(pool_create, refuses_alignments_that_are_no_power_of_two_or_out_of_range)
{
    static const size_t bad[] = {0, 1, sizeof(void *) / 2, 24, 4095, 4097, 2 * POOL_ALIGNMENT_MAX_BYTES};
    pool_t *pool = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pool_options options = support_options(bad[i]);
        cr_assert_eq(pool_create(&options, &pool), -EINVAL, "alignment %zu", bad[i]);
        cr_assert_null(pool);
    }
}

Test(pool_create, refuses_null_arguments)
{
    struct pool_options options = support_options(4096);
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(NULL, &pool), -EINVAL);
    cr_assert_eq(pool_create(&options, NULL), -EINVAL);
    cr_assert_null(pool);
}

Test(pool_create, fails_cleanly_without_memory)
{
    struct pool_options options = support_options(4096);
    static const enum support_call calls[] = {SUPPORT_MMAP, SUPPORT_MPROTECT};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        size_t before_bytes = support_address_space_bytes();
        support_countdown[calls[i]] = 0;
        for (int j = 0; j < 100; j++) {
            pool_t *pool = NULL;
            cr_assert_eq(pool_create(&options, &pool), -ENOMEM);
            cr_assert_null(pool);
        }
        support_countdown[calls[i]] = -1;
        cr_assert_leq(support_address_space_bytes(), before_bytes + MIB);
    }
}

Test(pool_create, fails_when_forks_cannot_be_watched)
{
    struct pool_options options = support_options(4096);
    pool_t *pool = NULL;
    support_countdown[SUPPORT_ATFORK] = 0;
    cr_assert_eq(pool_create(&options, &pool), -ENOMEM);
    cr_assert_null(pool);
}

Test(pool_create, works_once_forks_can_be_watched_again)
{
    struct pool_options options = support_options(4096);
    pool_t *pool = NULL;
    support_countdown[SUPPORT_ATFORK] = 0;
    cr_assert_eq(pool_create(&options, &pool), -ENOMEM);
    support_countdown[SUPPORT_ATFORK] = -1;
    cr_assert_eq(pool_create(&options, &pool), 0);
    pool_destroy(pool);
}

Test(pool_destroy, takes_null)
{
    int unmapped = support_calls[SUPPORT_MUNMAP];
    pool_destroy(NULL);
    cr_assert_eq(support_calls[SUPPORT_MUNMAP], unmapped);
}

Test(pool_destroy, frees_live_buffers_too)
{
    size_t before_bytes = support_rss_bytes();
    for (int i = 0; i < 8; i++) {
        pool_t *pool = support_pool(4096);
        memset(support_alloc(pool, 16 * MIB), 1, 16 * MIB);
        for (int j = 0; j < 64; j++)
            memset(support_alloc(pool, 64 * KIB), 1, 64 * KIB);
        pool_destroy(pool);
    }
    if (SUPPORT_ASAN)
        cr_skip("resident memory says nothing under AddressSanitizer");
    cr_assert_lt(support_rss_bytes(), before_bytes + 8 * MIB);
}

static const size_t alignments[] = {
    8, 64, 512, 4096, 16384, 65536, 262144, 1048576, POOL_ALIGNMENT_MAX_BYTES};

static void check_buffer(pool_t *pool, size_t alignment, size_t size)
{
    char *ptr = support_alloc(pool, size);
    cr_assert_eq((uintptr_t)ptr % alignment, 0, "%zu bytes at alignment %zu", size, alignment);
    if (size >= (size_t)sysconf(_SC_PAGESIZE))
        cr_assert_eq((uintptr_t)ptr % (size_t)sysconf(_SC_PAGESIZE), 0);
    ptr[0] = 1;
    ptr[size - 1] = 1;
    cr_assert_eq(pool_free(pool, ptr, size), 0);
}

Test(pool_alloc, every_buffer_is_aligned)
{
    for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
        pool_t *pool = support_pool(alignments[i]);
        for (size_t size = 1; size <= 32 * MIB; size = size * 3 / 2 + 1)
            check_buffer(pool, alignments[i], size);
        check_buffer(pool, alignments[i], alignments[i] - 1);
        check_buffer(pool, alignments[i], alignments[i]);
        check_buffer(pool, alignments[i], alignments[i] + 1);
        cr_assert(pool_check(pool));
        pool_destroy(pool);
    }
    cr_assert_eq(support_log.count, 0, "%s", support_log.last);
}

Test(pool_alloc, live_buffers_never_overlap)
{
    enum { COUNT = 3000 };
    static char *ptrs[COUNT];
    static size_t sizes[COUNT];
    pool_t *pool = support_pool(64);
    unsigned seed = 1;
    for (int i = 0; i < COUNT; i++) {
        sizes[i] = (size_t)rand_r(&seed) % (i % 10 ? 3000 : 300000) + 1;
        ptrs[i] = support_alloc(pool, sizes[i]);
        memset(ptrs[i], i & 0xff, sizes[i]);
    }
    cr_assert(pool_check(pool));
    for (int i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            cr_assert_eq((unsigned char)ptrs[i][j], i & 0xff);
        cr_assert_eq(pool_free(pool, ptrs[i], sizes[i]), 0);
    }
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(pool_alloc, serves_one_gibibyte_and_refuses_more)
{
    pool_t *pool = support_pool(4096);
    char *ptr = support_alloc(pool, GIB);
    ptr[0] = 1;
    ptr[GIB - 1] = 1;
    cr_assert(pool_check(pool));
    cr_assert_eq(pool_free(pool, ptr, GIB), 0);
    void *untouched = pool;
    cr_assert_eq(pool_alloc(pool, GIB + 1, &untouched), -EINVAL);
    cr_assert_eq(pool_alloc(pool, SIZE_MAX, &untouched), -EINVAL);
    cr_assert_eq(pool_alloc(pool, 0, &untouched), -EINVAL);
    cr_assert_eq(untouched, pool);
    pool_destroy(pool);
}

Test(pool_alloc, refuses_null_arguments)
{
    pool_t *pool = support_pool(4096);
    void *ptr = NULL;
    cr_assert_eq(pool_alloc(NULL, 4096, &ptr), -EINVAL);
    cr_assert_eq(pool_alloc(pool, 4096, NULL), -EINVAL);
    cr_assert_null(ptr);
    cr_assert_eq(support_stats(pool).live_buffers, 0);
    pool_destroy(pool);
}

Test(pool_free, gives_the_same_buffer_to_the_next_request)
{
    pool_t *pool = support_pool(4096);
    static const size_t sizes[] = {4096, 65536, 1048576, 2097152};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *first = support_alloc(pool, sizes[i]);
        cr_assert_eq(pool_free(pool, first, sizes[i]), 0);
        cr_assert_eq(support_alloc(pool, sizes[i]), first);
    }
    pool_destroy(pool);
}

Test(pool_get_stats, counts_live_buffers_at_the_size_asked_for)
{
    pool_t *pool = support_pool(4096);
    void *small = support_alloc(pool, 100);
    void *big = support_alloc(pool, 5 * MIB + 1);
    struct pool_stats stats = support_stats(pool);
    cr_assert_eq(stats.live_buffers, 2);
    cr_assert_eq(stats.live_bytes, 5 * MIB + 101);
    cr_assert_eq(stats.shard_count, 1);
    size_t cached_bytes = stats.cached_bytes;
    cr_assert_eq(pool_free(pool, small, 100), 0);
    cr_assert_eq(pool_free(pool, big, 5 * MIB + 1), 0);
    stats = support_stats(pool);
    cr_assert_eq(stats.live_buffers, 0);
    cr_assert_eq(stats.live_bytes, 0);
    cr_assert_eq(stats.cached_bytes, cached_bytes + 4096 + 6 * MIB);
    pool_destroy(pool);
}

Test(pool_get_stats, leaves_the_result_alone_without_a_pool)
{
    struct pool_stats stats = {.live_bytes = 7};
    pool_get_stats(NULL, &stats);
    cr_assert_eq(stats.live_bytes, 7);
    pool_t *pool = support_pool(4096);
    pool_get_stats(pool, NULL);
    pool_destroy(pool);
}

Test(pool_find_arena, finds_the_mapping_of_a_range)
{
    pool_t *pool = support_pool(4096);
    char *small = support_alloc(pool, 4096);
    char *big = support_alloc(pool, 9 * MIB);
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    cr_assert(pool_find_arena(pool, small + 10, 100, &base, &len, &index));
    cr_assert(small >= (char *)base && small + 4096 <= (char *)base + len);
    int small_index = index;
    cr_assert(pool_find_arena(pool, big + 8 * MIB, MIB, &base, &len, &index));
    cr_assert_eq(base, big);
    cr_assert_geq(len, 9 * MIB);
    cr_assert_neq(index, small_index);
    pool_destroy(pool);
}

Test(pool_find_arena, refuses_ranges_that_leave_the_arena)
{
    pool_t *pool = support_pool(4096);
    char *big = support_alloc(pool, 2 * MIB);
    int local = 0;
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    cr_assert_not(pool_find_arena(pool, big, 2 * MIB + 1, &base, &len, &index));
    cr_assert_not(pool_find_arena(pool, big + 2 * MIB, 1, &base, &len, &index));
    cr_assert_not(pool_find_arena(pool, big, 0, &base, &len, &index));
    cr_assert_not(pool_find_arena(pool, big, SIZE_MAX, &base, &len, &index));
    cr_assert_not(pool_find_arena(pool, &local, 1, &base, &len, &index));
    cr_assert_not(pool_find_arena(NULL, big, 1, &base, &len, &index));
    cr_assert_eq(index, -1);
    pool_destroy(pool);
}
