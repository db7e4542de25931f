/*
 * Small blocks on huge pages: when a part of an arena becomes one, what that counts as, and the way back.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "../src/internal.h"
#include "../src/os.h"
#include "../src/trim.h"
#include "support.h"

enum { BLOCK = 128 << 10, SPAN_BLOCKS = 4, PART_BLOCKS = 16 };

static void pass_epoch(pool_t *pool)
{
    support_clock_ms += POOL_EPOCH_MS + 1000; /* the coarse clock may lag by a tick of the kernel */
    pool_tick(pool);
}

static void need_small_pages_of_4_KiB(void)
{
    if (pool_os_page_bytes() != POOL_OS_HUGE_BASE_BYTES)
        cr_skip("huge pages are not of 2 MiB here");
}

static void alloc_filled(pool_t *pool, void **ret_ptrs, int count)
{
    for (int i = 0; i < count; i++) {
        ret_ptrs[i] = support_alloc(pool, BLOCK);
        memset(ret_ptrs[i], i + 1, BLOCK);
    }
}

static void free_all(pool_t *pool, void *const *ptrs, int count)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], BLOCK), 0);
}

static bool holds(const void *ptr, int value)
{
    const unsigned char *bytes = ptr;
    for (size_t i = 0; i < BLOCK; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

Test(huge, a_part_is_asked_for_once_when_half_of_it_is_cut_or_the_arena_is_not_the_first)
{
    need_small_pages_of_4_KiB();
    void *ptrs[2 * PART_BLOCKS + 1];
    pool_t *pool = support_pool(4096);
    alloc_filled(pool, ptrs, SPAN_BLOCKS);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 0);
    alloc_filled(pool, ptrs + SPAN_BLOCKS, 1);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 2); /* advice, and what was touched collapsed */
    cr_assert(pool_check(pool));
    alloc_filled(pool, ptrs + SPAN_BLOCKS + 1, PART_BLOCKS - SPAN_BLOCKS - 1);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 2);
    alloc_filled(pool, ptrs + PART_BLOCKS, PART_BLOCKS);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 4);
    alloc_filled(pool, ptrs + 2 * PART_BLOCKS, 1); /* in a new arena, untouched: advice alone, and at once */
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 5);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(huge, what_lies_in_a_part_survives_the_change)
{
    void *ptrs[PART_BLOCKS];
    pool_t *pool = support_pool(4096);
    alloc_filled(pool, ptrs, PART_BLOCKS);
    for (int i = 0; i < PART_BLOCKS; i++)
        cr_assert(holds(ptrs[i], i + 1));
    pool_destroy(pool);
}

Test(huge, what_a_page_holds_beyond_live_blocks_counts_as_kept)
{
    need_small_pages_of_4_KiB();
    void *ptrs[PART_BLOCKS];
    pool_t *pool = support_pool(4096);
    alloc_filled(pool, ptrs, SPAN_BLOCKS);
    size_t live = SPAN_BLOCKS * (size_t)BLOCK;
    cr_assert_leq(support_stats(pool).cached_bytes, live);
    alloc_filled(pool, ptrs + SPAN_BLOCKS, 1);
    cr_assert_eq(support_stats(pool).cached_bytes, POOL_OS_HUGE_BYTES - live - BLOCK);
    alloc_filled(pool, ptrs + SPAN_BLOCKS + 1, PART_BLOCKS - SPAN_BLOCKS - 1);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(huge, what_is_not_used_goes_back_after_an_epoch_and_for_good)
{
    need_small_pages_of_4_KiB();
    void *ptrs[PART_BLOCKS];
    pool_t *pool = support_pool(4096);
    alloc_filled(pool, ptrs, SPAN_BLOCKS + 1);
    pass_epoch(pool);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 4); /* small pages from now on, and the rest given back */
    cr_assert_leq(support_stats(pool).cached_bytes, SPAN_BLOCKS * (size_t)BLOCK);
    cr_assert(pool_check(pool));
    for (int i = 0; i <= SPAN_BLOCKS; i++)
        cr_assert(holds(ptrs[i], i + 1));
    /* The next span that is cut makes it a huge page again, its last one nothing to give back. */
    alloc_filled(pool, ptrs + SPAN_BLOCKS + 1, PART_BLOCKS - SPAN_BLOCKS - 1);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 6);
    pass_epoch(pool);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 6);
    free_all(pool, ptrs, PART_BLOCKS);
    pool_trim(pool);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

/* How much of the part that a block lies in is resident. */
static size_t resident_bytes(const void *block)
{
    unsigned char pages[POOL_OS_HUGE_BYTES / POOL_OS_HUGE_BASE_BYTES];
    uintptr_t start = (uintptr_t)block & ~(POOL_OS_HUGE_BYTES - 1);
    cr_assert_eq(mincore((void *)start, POOL_OS_HUGE_BYTES, pages), 0);
    size_t count = 0;
    for (size_t i = 0; i < sizeof(pages); i++)
        count += pages[i] & 1;
    return count * POOL_OS_HUGE_BASE_BYTES;
}

Test(huge, only_live_blocks_stay_when_the_rest_is_given_back)
{
    need_small_pages_of_4_KiB();
    void *ptrs[SPAN_BLOCKS + 1];
    pool_t *pool = support_pool(4096);
    alloc_filled(pool, ptrs, SPAN_BLOCKS + 1);
    size_t most = support_stats(pool).live_bytes + support_stats(pool).cached_bytes;
    cr_assert_leq(resident_bytes(ptrs[0]), most);
    pass_epoch(pool);
    most = support_stats(pool).live_bytes + support_stats(pool).cached_bytes;
    cr_assert_lt(most, POOL_OS_HUGE_BYTES);
    cr_assert_leq(resident_bytes(ptrs[0]), most);
    pool_destroy(pool);
}

Test(huge, where_the_system_has_none_nothing_is_counted)
{
    void *ptrs[SPAN_BLOCKS + 1];
    pool_t *pool = support_pool(4096);
    alloc_filled(pool, ptrs, SPAN_BLOCKS);
    support_countdown[SUPPORT_MADVISE] = 0;
    alloc_filled(pool, ptrs + SPAN_BLOCKS, 1);
    cr_assert_leq(support_stats(pool).cached_bytes, SPAN_BLOCKS * (size_t)BLOCK);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(huge, a_bound_leaves_no_room_for_them)
{
    void *ptrs[PART_BLOCKS];
    pool_t *pool = support_pool_bounded(4096, POOL_OS_HUGE_BYTES - 1);
    alloc_filled(pool, ptrs, PART_BLOCKS);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(huge, blocks_smaller_than_a_page_lie_on_them_too)
{
    need_small_pages_of_4_KiB();
    enum { SMALL = 512, COUNT = 4096 };
    static void *ptrs[COUNT];
    pool_t *pool = support_pool(SMALL);
    for (int i = 0; i < COUNT; i++)
        ptrs[i] = support_alloc(pool, SMALL);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 2);
    cr_assert(pool_check(pool));
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], SMALL), 0);
    pool_trim(pool);
    cr_assert(pool_check(pool));
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    pool_destroy(pool);
}
