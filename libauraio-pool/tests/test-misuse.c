/*
 * Misuse: every mistake is refused and named, and leaves the pool as it was.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* Frees what must not be freed, and checks that nothing changed but the log. */
static void expect_refused(pool_t *pool, void *ptr, size_t size, const char *reason)
{
    struct pool_stats before = support_stats(pool);
    int logged = support_log.count;
    cr_assert_eq(pool_free(pool, ptr, size), -EINVAL);
    cr_assert_eq(support_log.count, logged + 1);
    cr_assert_not_null(strstr(support_log.last, reason), "\"%s\" lacks \"%s\"", support_log.last, reason);
    struct pool_stats after = support_stats(pool);
    cr_assert_eq(after.live_bytes, before.live_bytes);
    cr_assert_eq(after.live_buffers, before.live_buffers);
    cr_assert_eq(after.cached_bytes, before.cached_bytes);
    cr_assert(pool_check(pool));
}

static const size_t sizes[] = {1, 512, 4096, 65536, 1048576, 2097152, 67108864};
#define SIZE_COUNT (sizeof(sizes) / sizeof(sizes[0]))

Test(misuse, a_second_free_is_refused)
{
    pool_t *pool = support_pool(512);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *ptr = support_alloc(pool, sizes[i]);
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), 0);
        expect_refused(pool, ptr, sizes[i], "not live");
    }
    pool_destroy(pool);
}

Test(misuse, a_second_free_is_refused_after_the_memory_was_given_back)
{
    pool_t *pool = support_pool(512);
    void *keep = support_alloc(pool, 4096);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *ptr = support_alloc(pool, sizes[i]);
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), 0);
        pool_trim(pool);
        expect_refused(pool, ptr, sizes[i], sizes[i] > MIB ? "not memory of this pool" : "not live");
    }
    cr_assert_eq(pool_free(pool, keep, 4096), 0);
    pool_destroy(pool);
}

Test(misuse, a_wrong_size_is_refused_even_of_the_same_class)
{
    pool_t *pool = support_pool(4096);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *ptr = support_alloc(pool, sizes[i]);
        expect_refused(pool, ptr, sizes[i] + 1, "was allocated with");
        expect_refused(pool, ptr, 0, "was allocated with");
        expect_refused(pool, ptr, SIZE_MAX, "was allocated with");
        expect_refused(pool, ptr, sizes[i] + ((size_t)1 << 32), "was allocated with");
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), 0);
        expect_refused(pool, ptr, 0, "not live");
    }
    pool_destroy(pool);
}

Test(misuse, a_foreign_pointer_is_refused)
{
    pool_t *pool = support_pool(4096);
    pool_t *other = support_pool(4096);
    int local = 0;
    void *from_malloc = malloc(4096);
    void *from_other = support_alloc(other, 4096);
    expect_refused(pool, &local, sizeof(local), "not memory of this pool");
    expect_refused(pool, from_malloc, 4096, "not memory of this pool");
    expect_refused(pool, from_other, 4096, "not memory of this pool");
    expect_refused(pool, (void *)(uintptr_t)1, 4096, "not memory of this pool");
    expect_refused(pool, (void *)UINTPTR_MAX, 4096, "not memory of this pool");
    cr_assert_eq(pool_free(other, from_other, 4096), 0);
    free(from_malloc);
    pool_destroy(other);
    pool_destroy(pool);
}

Test(misuse, a_pointer_into_a_buffer_is_refused)
{
    pool_t *pool = support_pool(512);
    for (size_t i = 1; i < SIZE_COUNT; i++) {
        char *ptr = support_alloc(pool, sizes[i]);
        expect_refused(pool, ptr + 1, sizes[i] - 1, "not the start of a buffer");
        if (sizes[i] > 512)
            expect_refused(pool, ptr + 512, sizes[i], "not the start of a buffer");
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), 0);
    }
    pool_destroy(pool);
}

Test(misuse, a_pointer_to_memory_never_handed_out_is_refused)
{
    pool_t *pool = support_pool(4096);
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    cr_assert(pool_find_arena(pool, support_alloc(pool, 4096), 1, &base, &len, &index));
    expect_refused(pool, (char *)base + len - 4096, 4096, "not live");
    pool_destroy(pool);
}

Test(misuse, null_is_freed_silently_but_needs_a_pool)
{
    pool_t *pool = support_pool(4096);
    cr_assert_eq(pool_free(pool, NULL, 4096), 0);
    cr_assert_eq(pool_free(NULL, NULL, 4096), -EINVAL);
    cr_assert_eq(support_log.count, 0);
    pool_destroy(pool);
}

Test(misuse, needs_no_log_function)
{
    pool_t *pool = NULL;
    int local = 0;
    cr_assert_eq(pool_create(&(struct pool_options){.alignment = 4096}, &pool), 0);
    cr_assert_eq(pool_free(pool, &local, sizeof(local)), -EINVAL);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

Test(misuse, aborts_when_the_options_say_so, .signal = SIGABRT)
{
    struct pool_options options = support_options(4096);
    options.abort_on_misuse = true;
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&options, &pool), 0);
    void *ptr = support_alloc(pool, 4096);
    cr_assert_eq(pool_free(pool, ptr, 4096), 0);
    (void)pool_free(pool, ptr, 4096);
}

static void free_another(void *ctx, const char *message)
{
    (void)message;
    void **held = ctx;
    pool_t *pool = held[0];
    cr_assert_eq(pool_free(pool, held[1], 8192), 0);
    held[1] = NULL;
}

Test(misuse, the_log_function_may_call_the_pool)
{
    void *held[2] = {NULL, NULL};
    struct pool_options options = {.alignment = 4096, .log = free_another, .log_ctx = held};
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&options, &pool), 0);
    held[0] = pool;
    held[1] = support_alloc(pool, 8192);
    void *ptr = support_alloc(pool, 4096);
    cr_assert_eq(pool_free(pool, ptr, 8192), -EINVAL);
    cr_assert_null(held[1]);
    cr_assert_eq(support_stats(pool).live_buffers, 1);
    pool_destroy(pool);
}

Test(misuse, the_application_overwriting_its_buffers_changes_nothing)
{
    pool_t *pool = support_pool(4096);
    void *base = NULL;
    size_t len = 0;
    int index = -1;
    char *ptr = support_alloc(pool, 4096);
    cr_assert(pool_find_arena(pool, ptr, 1, &base, &len, &index));
    if (SUPPORT_ASAN)
        cr_skip("AddressSanitizer would report the overrun that this test makes on purpose");
    memset(base, 0xff, len);
    cr_assert_eq(pool_free(pool, ptr, 4096), 0);
    cr_assert(pool_check(pool));
    expect_refused(pool, ptr, 4096, "not live");
    pool_destroy(pool);
}
