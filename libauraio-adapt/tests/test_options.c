/* Options: defaults where nothing is said, refusal of what makes no sense. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static auraio_adapt_options_t defaults(void)
{
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    return options;
}

static void expect_refused(auraio_adapt_options_t options)
{
    auraio_adapt_t adapt, untouched;
    memset(&adapt, 0x5a, sizeof(adapt));
    memset(&untouched, 0x5a, sizeof(untouched));
    cr_assert_eq(auraio_adapt_init(&adapt, &options), -EINVAL);
    cr_assert_arr_eq(&adapt, &untouched, sizeof(adapt), "a refused init left its mark");
}

Test(options, none_at_all_begin_at_four_in_the_baseline_phase)
{
    auraio_adapt_t adapt;
    cr_assert_eq(auraio_adapt_init(&adapt, NULL), 0);
    cr_assert_eq(auraio_adapt_limit(&adapt), 4);
    cr_assert_eq(auraio_adapt_base_limit(&adapt), 4);
    cr_assert_eq(auraio_adapt_phase(&adapt), AURAIO_ADAPT_BASELINE);
    cr_assert(auraio_adapt_is_valid(&adapt));
}

Test(options, initialising_null_options_is_harmless)
{
    auraio_adapt_options_init(NULL);
    auraio_adapt_options_t options = defaults();
    cr_assert_eq(options.struct_size, sizeof(options));
}

Test(options, initial_limit_is_clamped_into_the_bounds)
{
    auraio_adapt_t adapt;
    auraio_adapt_options_t options = defaults();
    options.min_limit = 10;
    options.max_limit = 20;
    options.initial_limit = 500;
    cr_assert_eq(auraio_adapt_init(&adapt, &options), 0);
    cr_assert_eq(auraio_adapt_limit(&adapt), 20);
    options.initial_limit = 1;
    cr_assert_eq(auraio_adapt_init(&adapt, &options), 0);
    cr_assert_eq(auraio_adapt_limit(&adapt), 10);
}

Test(options, a_struct_of_an_unknown_release_is_refused)
{
    auraio_adapt_options_t options = defaults();
    options.struct_size = sizeof(options) - 1;
    expect_refused(options);
    options.struct_size = 0;
    expect_refused(options);
}

Test(options, negative_values_are_refused)
{
    auraio_adapt_options_t options = defaults();
    options.p99_target_ns = -1;
    expect_refused(options);
    options = defaults();
    options.min_limit = -1;
    expect_refused(options);
    options = defaults();
    options.max_limit = -1;
    expect_refused(options);
    options = defaults();
    options.initial_limit = -1;
    expect_refused(options);
}

Test(options, bounds_that_contradict_each_other_are_refused)
{
    auraio_adapt_options_t options = defaults();
    options.min_limit = 30;
    options.max_limit = 20;
    expect_refused(options);
    options = defaults();
    options.max_limit = AURAIO_ADAPT_MAX_LIMIT + 1;
    expect_refused(options);
}

Test(options, reserved_fields_must_be_zero)
{
    auraio_adapt_options_t options = defaults();
    options.reserved[3] = 1;
    expect_refused(options);
    options = defaults();
    options.reserved_int = 1;
    expect_refused(options);
}
