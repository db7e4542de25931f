/*
 * What AddressSanitizer is told about pool memory.
 */
#include <criterion/criterion.h>

#include "support.h"

#if SUPPORT_ASAN
#include <sanitizer/asan_interface.h>

static bool is_poisoned(const char *ptr)
{
    return __asan_address_is_poisoned(ptr) != 0;
}
#else
static bool is_poisoned(const char *ptr)
{
    (void)ptr;
    return false;
}
#endif

static const size_t sizes[] = {100, 4096, 5000, 3145728, 3000001};

Test(annotate, only_the_bytes_asked_for_are_in_bounds)
{
    if (!SUPPORT_ASAN)
        cr_skip("needs AddressSanitizer");
    pool_t *pool = support_pool(64);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *ptr = support_alloc(pool, sizes[i]);
        cr_assert_not(is_poisoned(ptr));
        cr_assert_not(is_poisoned(ptr + sizes[i] - 1));
        if (sizes[i] % 64)
            cr_assert(is_poisoned(ptr + sizes[i]));
        cr_assert_eq(pool_free(pool, ptr, sizes[i]), 0);
        cr_assert(is_poisoned(ptr));
        cr_assert(is_poisoned(ptr + sizes[i] - 1));
    }
    pool_destroy(pool);
}

Test(annotate, memory_given_back_is_no_longer_out_of_bounds)
{
    if (!SUPPORT_ASAN)
        cr_skip("needs AddressSanitizer");
    pool_t *pool = support_pool(64);
    char *freed = support_alloc(pool, 4 * MIB);
    cr_assert_eq(pool_free(pool, freed, 4 * MIB), 0);
    cr_assert(is_poisoned(freed));
    pool_trim(pool);
    cr_assert_not(is_poisoned(freed));
    char *live = support_alloc(pool, 4096);
    cr_assert(is_poisoned(live + 4096));
    pool_destroy(pool);
    cr_assert_not(is_poisoned(live + 4096));
}
