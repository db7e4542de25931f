/*
 * Writes into free buffers, and arenas that are announced.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

static const size_t sizes[] = {1, 512, 4096, 5000, 65536, 1048576, 2097152};
#define SIZE_COUNT (sizeof(sizes) / sizeof(sizes[0]))

static pool_t *watching_pool(bool aborts)
{
    struct pool_options options = support_options(512);
    options.find_late_writes = true;
    options.abort_on_misuse = aborts;
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&options, &pool), 0);
    return pool;
}

/* Frees a buffer, writes to it, and has it handed out again. */
static void write_late(pool_t *pool, size_t size, size_t offset, char byte)
{
    char *freed = support_alloc(pool, size);
    memset(freed, 1, size);
    cr_assert_eq(pool_free(pool, freed, size), 0);
    freed[offset] = byte;
    char *again = support_alloc(pool, size);
    cr_assert_eq(again, freed);
    cr_assert_eq(pool_free(pool, again, size), 0);
}

Test(watch, a_write_into_a_freed_buffer_is_found_when_it_is_handed_out_again)
{
    if (SUPPORT_ASAN)
        cr_skip("AddressSanitizer finds the write itself");
    pool_t *pool = watching_pool(false);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        static const char bytes[] = {0, 1, (char)0xff};
        for (int j = 0; j < 3; j++) {
            size_t offset = j == 0 ? 0 : j == 1 ? sizes[i] / 2 : sizes[i] - 1;
            char expected[40];
            int logged = support_log.count;
            write_late(pool, sizes[i], offset, bytes[j]);
            snprintf(expected, sizeof(expected), "offset %zu", offset);
            cr_assert_eq(support_log.count, logged + 1);
            cr_assert_not_null(strstr(support_log.last, "after it was freed"), "%s", support_log.last);
            cr_assert_not_null(strstr(support_log.last, expected), "%s", support_log.last);
            cr_assert(pool_check(pool));
        }
    }
    pool_destroy(pool);
}

Test(watch, correct_use_raises_no_alarm)
{
    pool_t *pool = watching_pool(false);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            void *ptrs[40];
            for (int j = 0; j < 40; j++)
                memset(ptrs[j] = support_alloc(pool, sizes[i]), round, sizes[i]);
            for (int j = 0; j < 40; j++)
                cr_assert_eq(pool_free(pool, ptrs[j], sizes[i]), 0);
            cr_assert(pool_check(pool));
        }
        /* Pages that were given back are zero, and spans are cut anew. */
        pool_trim(pool);
        cr_assert(pool_check(pool));
    }
    cr_assert_eq(support_log.count, 0, "%s", support_log.last);
    pool_destroy(pool);
}

Test(watch, misuse_is_refused_as_ever)
{
    pool_t *pool = watching_pool(false);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *ptr = support_alloc(pool, sizes[i]);
        cr_assert_eq(pool_free(pool, ptr, sizes[i] + 1), -EINVAL);
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), 0);
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), -EINVAL);
        cr_assert_not_null(strstr(support_log.last, "not live"), "%s", support_log.last);
        cr_assert_eq(pool_free(pool, ptr, 0x80000000u), -EINVAL);
        cr_assert_not_null(strstr(support_log.last, "not live"), "%s", support_log.last);
        cr_assert(pool_check(pool));
    }
    pool_destroy(pool);
}

Test(watch, a_late_write_aborts_when_the_options_say_so, .signal = SIGABRT)
{
    pool_t *pool = watching_pool(true);
    if (SUPPORT_ASAN)
        raise(SIGABRT);
    write_late(pool, 4096, 17, 1);
}

Test(watch, without_the_option_nobody_looks)
{
    if (SUPPORT_ASAN)
        cr_skip("AddressSanitizer finds the write itself");
    pool_t *pool = support_pool(512);
    write_late(pool, 4096, 17, 1);
    cr_assert_eq(support_log.count, 0);
    pool_destroy(pool);
}

enum { ARENAS = 64 };

/* The arenas there are, as the pool announced them. */
struct announced {
    char *bases[ARENAS];
    size_t lens[ARENAS];
    int count;
    bool pins;
};

static bool on_created(void *ctx, int index, void *base, size_t len_bytes)
{
    struct announced *announced = ctx;
    cr_assert(index >= 0 && index < ARENAS);
    cr_assert_null(announced->bases[index], "two arenas with one number");
    announced->bases[index] = base;
    announced->lens[index] = len_bytes;
    announced->count++;
    return announced->pins;
}

static void on_destroyed(void *ctx, int index, void *base, size_t len_bytes)
{
    struct announced *announced = ctx;
    cr_assert_eq(announced->bases[index], (char *)base);
    cr_assert_eq(announced->lens[index], len_bytes);
    if (!SUPPORT_ASAN)
        (void)*(volatile char *)base; /* still mapped */
    announced->bases[index] = NULL;
    announced->count--;
}

static pool_t *announcing_pool(struct announced *announced)
{
    struct pool_options options = support_options(4096);
    options.arena_created = on_created;
    options.arena_destroyed = on_destroyed;
    options.arena_ctx = announced;
    options.max_cached_bytes = 256 * MIB;
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&options, &pool), 0);
    return pool;
}

Test(arenas, every_buffer_lies_in_one_that_was_announced)
{
    static struct announced announced;
    pool_t *pool = announcing_pool(&announced);
    for (size_t size = 1; size <= 32 * MIB; size = size * 3 + 1) {
        char *ptr = support_alloc(pool, size);
        void *base = NULL;
        size_t len = 0;
        int index = -1;
        cr_assert(pool_find_arena(pool, ptr, size, &base, &len, &index));
        cr_assert_eq(announced.bases[index], (char *)base);
        cr_assert_eq(announced.lens[index], len);
    }
    cr_assert_gt(announced.count, 3);
    pool_destroy(pool);
    cr_assert_eq(announced.count, 0, "destroying announces the end of each");
}

Test(arenas, their_end_is_announced_and_their_numbers_are_used_again)
{
    static struct announced announced;
    pool_t *pool = announcing_pool(&announced);
    for (int round = 0; round < 20; round++) {
        void *ptrs[30];
        for (int i = 0; i < 30; i++)
            ptrs[i] = support_alloc(pool, i % 2 ? 2 * MIB : 4096);
        cr_assert_eq(announced.count, 16);
        for (int i = 0; i < 30; i++)
            cr_assert_eq(pool_free(pool, ptrs[i], i % 2 ? 2 * MIB : 4096), 0);
        pool_trim(pool);
        cr_assert_eq(announced.count, 0);
    }
    pool_destroy(pool);
}

/* Whether the first byte of memory that is no buffer any more is still what it was. */
static bool has_stayed(pool_t *pool, const char *keep, const char *freed, char byte)
{
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    cr_assert(pool_find_arena(pool, keep, 1, &base, &len, &index));
    bool is_there = freed >= (char *)base && freed < (char *)base + len;
    return !is_there || SUPPORT_ASAN || *freed == byte;
}

Test(arenas, a_pinned_one_keeps_its_pages_until_it_ends)
{
    static struct announced announced = {.pins = true};
    pool_t *pool = announcing_pool(&announced);
    char *keep = support_alloc(pool, 4096);
    void *ptrs[200];
    for (int i = 0; i < 200; i++)
        memset(ptrs[i] = support_alloc(pool, 65536), 7, 65536);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    pool_trim(pool);
    for (int i = 0; i < 200; i++)
        cr_assert(has_stayed(pool, keep, ptrs[i], 7));
    cr_assert_eq(announced.count, 1, "the one with a live buffer");
    cr_assert_gt(support_stats(pool).cached_bytes, 0, "what is pinned is still kept, and counted");
    cr_assert(pool_check(pool));
    cr_assert_eq(pool_free(pool, keep, 4096), 0);
    pool_trim(pool);
    cr_assert_eq(announced.count, 0);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(arenas, one_may_be_pinned_later)
{
    static struct announced announced;
    pool_t *pool = announcing_pool(&announced);
    char *keep = support_alloc(pool, 4096);
    void *ptrs[200];
    for (int i = 0; i < 200; i++)
        memset(ptrs[i] = support_alloc(pool, 65536), 7, 65536);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    for (int i = 0; i < 2; i++)
        pool_pin_arena(pool, keep);
    cr_assert(pool_check(pool));
    pool_trim(pool);
    for (int i = 0; i < 200; i++)
        cr_assert(has_stayed(pool, keep, ptrs[i], 7));
    cr_assert_gt(support_stats(pool).cached_bytes, 0);
    cr_assert(pool_check(pool));
    cr_assert_eq(pool_free(pool, keep, 4096), 0);
    pool_trim(pool);
    cr_assert_eq(announced.count, 0);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    pool_pin_arena(pool, &announced); /* not the pool's */
    pool_pin_arena(NULL, keep);
    pool_destroy(pool);
}

Test(arenas, pinned_memory_beyond_the_bound_is_not_purged_in_vain)
{
    enum { COUNT = 3000 };
    static struct announced announced = {.pins = true};
    static void *ptrs[COUNT];
    struct pool_options options = support_options(4096);
    options.arena_created = on_created;
    options.arena_destroyed = on_destroyed;
    options.arena_ctx = &announced;
    options.max_cached_bytes = 4 * MIB;
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&options, &pool), 0);
    for (int i = 0; i < COUNT; i++)
        ptrs[i] = support_alloc(pool, 65536);
    for (int i = 0; i < COUNT; i++)
        if (i % 8)
            cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 0);
    cr_assert(pool_check(pool));
    for (int i = 0; i < COUNT; i += 8)
        cr_assert_eq(pool_free(pool, ptrs[i], 65536), 0);
    pool_trim(pool);
    cr_assert_eq(announced.count, 0);
    pool_destroy(pool);
}

Test(arenas, large_ones_ask_for_huge_pages_as_they_are_made)
{
    pool_t *pool = support_pool(4096);
    (void)support_alloc(pool, 4096);
    (void)support_alloc(pool, 1500000);
    cr_assert_eq(support_calls[SUPPORT_MADVISE], 0);
    for (int i = 0; i < 3; i++) {
        void *ptr = support_alloc(pool, 2 * MIB);
        cr_assert_eq(pool_free(pool, ptr, 2 * MIB), 0);
        cr_assert_eq(support_calls[SUPPORT_MADVISE], 1);
    }
    pool_destroy(pool);
}
