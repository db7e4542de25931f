/* What everything else stands on: the event queue, the generator, the normal table, the text
 * reader. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "heap.h"
#include "normal.h"
#include "rng.h"
#include "text.h"

Test(sim_heap, events_leave_in_order_of_time_and_then_of_arrival)
{
    sim_heap_t heap;
    sim_rng_t rng;
    sim_rng_seed(&rng, 1, 0);
    cr_assert_eq(sim_heap_init(&heap, 1000), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        /* Few distinct times, so that ties are common; the id is the order of arrival. */
        sim_heap_push(&heap, (int64_t)(sim_rng_next(&rng) % 50), i);
        cr_assert(sim_heap_check(&heap));
    }
    int64_t last_key = -1;
    uint32_t last_id = 0;
    while (heap.count > 0) {
        int64_t key = sim_heap_first(&heap);
        uint32_t id = sim_heap_pop(&heap);
        cr_assert(sim_heap_check(&heap));
        cr_assert(key > last_key || (key == last_key && id > last_id));
        last_key = key;
        last_id = id;
    }
    sim_heap_destroy(&heap);
}

Test(sim_heap, order_of_arrival_survives_the_wrap_of_its_counter)
{
    sim_heap_t heap;
    cr_assert_eq(sim_heap_init(&heap, 4), 0);
    heap.order = UINT32_MAX - 1;
    for (uint32_t i = 0; i < 4; i++)
        sim_heap_push(&heap, 7, i);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(sim_heap_pop(&heap), i);
    sim_heap_destroy(&heap);
}

Test(sim_rng, first_output_of_splitmix_is_the_published_one)
{
    /* seed 1234567, as in Rosetta Code's task "Pseudo-random numbers/Splitmix64" */
    uint64_t state = 1234567;
    cr_assert_eq(sim_mix(&state), UINT64_C(6457827717110365317));
    cr_assert_eq(sim_mix(&state), UINT64_C(3203168211198807973));
}

Test(sim_rng, streams_of_one_seed_differ)
{
    sim_rng_t a, b;
    sim_rng_seed(&a, 9, 1);
    sim_rng_seed(&b, 9, 2);
    int equal = 0;
    for (int i = 0; i < 64; i++)
        equal += sim_rng_next(&a) == sim_rng_next(&b);
    cr_assert_eq(equal, 0);
}

Test(sim_rng, uniform_has_the_mean_and_variance_of_a_uniform)
{
    sim_rng_t rng;
    sim_rng_seed(&rng, 3, 0);
    double sum = 0, squares = 0;
    const int count = 1000000;
    for (int i = 0; i < count; i++) {
        double u = sim_rng_uniform(&rng);
        cr_assert(u > 0 && u <= 1);
        sum += u;
        squares += u * u;
    }
    double mean = sum / count;
    /* Five standard errors: 0.289 / 1000 each. */
    cr_assert_float_eq(mean, 0.5, 0.0015);
    cr_assert_float_eq(squares / count - mean * mean, 1.0 / 12, 0.0005);
}

Test(sim_normal, quantiles_are_those_of_the_tables)
{
    cr_assert_float_eq(sim_normal_quantile(0.5), 0, 1e-9);
    cr_assert_float_eq(sim_normal_quantile(0.975), 1.959963985, 1e-7);
    cr_assert_float_eq(sim_normal_quantile(0.99), 2.326347874, 1e-7);
    cr_assert_float_eq(sim_normal_quantile(1e-9), -5.997807015, 1e-6);
}

Test(sim_normal, draws_have_mean_0_and_deviation_1)
{
    sim_normal_t normal;
    sim_rng_t rng;
    sim_normal_init(&normal);
    sim_rng_seed(&rng, 5, 0);
    double sum = 0, squares = 0;
    const int count = 1000000;
    for (int i = 0; i < count; i++) {
        double z = sim_normal_draw(&normal, &rng);
        sum += z;
        squares += z * z;
    }
    cr_assert_float_eq(sum / count, 0, 0.005);
    /* The table cuts the tails at 3.3 deviations: half a percent of the variance. */
    cr_assert_float_eq(squares / count, 1, 0.01);
}

Test(sim_text, comments_and_blank_lines_count_as_lines_and_are_passed_over)
{
    static const char bytes[] = "# head\n\n  \t\n one 2 3.5 # tail\nlast";
    sim_text_t text;
    sim_text_init(&text, bytes, strlen(bytes));
    int64_t integer = 0;
    double number = 0;
    cr_assert(sim_text_next_line(&text));
    cr_assert_eq(text.line, 4);
    cr_assert_not(sim_text_word(&text, "two"));
    cr_assert(sim_text_word(&text, "one"));
    cr_assert(sim_text_integer(&text, 0, 10, &integer));
    cr_assert_eq(integer, 2);
    cr_assert(sim_text_number(&text, &number));
    cr_assert_float_eq(number, 3.5, 0);
    cr_assert(sim_text_line_over(&text));
    cr_assert(sim_text_next_line(&text));
    cr_assert_eq(text.line, 5);
    cr_assert(sim_text_word(&text, "last"));
    cr_assert_not(sim_text_next_line(&text));
}

Test(sim_text, numbers_may_have_a_fraction_and_an_exponent)
{
    static const struct {
        const char *text;
        double value;
    } numbers[] = {{"0", 0},      {"12.25", 12.25},  {".5", 0.5},  {"3.", 3},
                   {"2e3", 2000}, {"1.5E-2", 0.015}, {"7e+1", 70}, {"1e15", 1e15},
                   {"e5", -1},    {".", -1},         {"1e", -1},   {"1e16", -1},
                   {"1e999", -1}, {"0x10", -1},      {"inf", -1},  {"1.2.3", -1}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sim_text_t text;
        double value = -1;
        sim_text_init(&text, numbers[i].text, strlen(numbers[i].text));
        cr_assert(sim_text_next_line(&text));
        cr_assert_eq(sim_text_number(&text, &value), numbers[i].value >= 0, "%s", numbers[i].text);
        cr_assert_float_eq(value, numbers[i].value, 1e-12 * fabs(numbers[i].value), "%s: %g", numbers[i].text,
                           value);
    }
}

Test(sim_text, numbers_out_of_bounds_or_with_tails_are_refused_and_not_passed)
{
    static const char bytes[] = "99999999999999999999 7x nan -1";
    sim_text_t text;
    int64_t integer = 42;
    double number = 42;
    sim_text_init(&text, bytes, strlen(bytes));
    cr_assert(sim_text_next_line(&text));
    cr_assert_not(sim_text_integer(&text, INT64_MIN, INT64_MAX, &integer));
    cr_assert(sim_text_word(&text, "99999999999999999999"));
    cr_assert_not(sim_text_integer(&text, 0, 10, &integer));
    cr_assert(sim_text_word(&text, "7x"));
    cr_assert_not(sim_text_number(&text, &number));
    cr_assert(sim_text_word(&text, "nan"));
    cr_assert_not(sim_text_number(&text, &number));
    cr_assert_not(sim_text_integer(&text, 0, 10, &integer));
    cr_assert_eq(integer, 42);
    cr_assert_float_eq(number, 42, 0);
}
