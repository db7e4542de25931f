/*
 * Size classes and bitmaps, on their own.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "../src/bits.h"
#include "../src/size.h"
#include "support.h"

Test(size, a_class_is_the_smallest_that_holds_the_request)
{
    for (size_t size = 8; size <= 64 * KIB; size++) {
        unsigned class_index = pool_class_of(size);
        cr_assert_geq(pool_class_bytes(class_index), size);
        if (class_index > 0)
            cr_assert_lt(pool_class_bytes(class_index - 1), size);
    }
}

Test(size, classes_grow_by_a_quarter_of_an_octave_and_cover_everything)
{
    cr_assert_eq(pool_class_bytes(0), 8);
    cr_assert_eq(pool_class_bytes(POOL_CLASS_COUNT - 1), GIB);
    cr_assert_eq(pool_class_bytes(POOL_SMALL_CLASS_COUNT - 1), POOL_SMALL_MAX_BYTES);
    for (unsigned i = 1; i < POOL_CLASS_COUNT; i++) {
        size_t smaller = pool_class_bytes(i - 1);
        size_t larger = pool_class_bytes(i);
        cr_assert_gt(larger, smaller);
        cr_assert_leq(larger * 4, smaller * 5, "class %u", i);
        cr_assert_eq(pool_class_of(larger), i);
        cr_assert_eq(pool_class_of(smaller + 1), i);
    }
}

Test(size, rounding_follows_the_alignment_and_from_one_page_the_page)
{
    struct pool_geometry fine = {.align_mask = 63, .page_align_mask = 4095, .page_bytes = 4096};
    cr_assert_eq(pool_size_round(&fine, 1), 64);
    cr_assert_eq(pool_size_round(&fine, 64), 64);
    cr_assert_eq(pool_size_round(&fine, 4095), 4096);
    cr_assert_eq(pool_size_round(&fine, 4097), 8192);
    struct pool_geometry coarse = {.align_mask = 65535, .page_align_mask = 65535, .page_bytes = 4096};
    cr_assert_eq(pool_size_round(&coarse, 1), 65536);
    cr_assert_eq(pool_size_round(&coarse, 65537), 131072);
}

Test(bits, ranges_answer_how_many_bits_they_changed)
{
    uint64_t bits[3] = {0};
    cr_assert_eq(pool_bits_set_range(bits, 60, 140), 80);
    cr_assert_eq(pool_bits_set_range(bits, 50, 70), 10);
    cr_assert_eq(pool_bits_count(bits, 0, 192), 90);
    cr_assert_eq(pool_bits_clear_range(bits, 100, 192), 40);
    cr_assert_eq(pool_bits_clear_range(bits, 100, 192), 0);
    cr_assert_eq(pool_bits_count(bits, 0, 192), 50);
    cr_assert_eq(pool_bits_set_range(bits, 64, 64), 0);
}

Test(bits, searching_stays_inside_its_range)
{
    uint64_t bits[2] = {0};
    pool_bit_set(bits, 5);
    pool_bit_set(bits, 100);
    cr_assert_eq(pool_bits_next(bits, 0, 128), 5);
    cr_assert_eq(pool_bits_next(bits, 6, 128), 100);
    cr_assert_eq(pool_bits_next(bits, 6, 100), 100);
    cr_assert_eq(pool_bits_next(bits, 101, 128), 128);
    pool_bit_clear(bits, 5);
    cr_assert_not(pool_bit_test(bits, 5));
    memset(bits, 0xff, sizeof(bits));
    cr_assert_eq(pool_bits_next_clear(bits, 3, 128), 128);
    pool_bit_clear(bits, 127);
    cr_assert_eq(pool_bits_next_clear(bits, 3, 128), 127);
    cr_assert_eq(pool_bits_next_clear(bits, 3, 127), 127);
}
