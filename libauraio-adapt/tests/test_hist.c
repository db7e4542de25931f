/* The histogram: bounds and index are inverse, the error is bounded, nothing wraps. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>
#include <math.h>

Test(hist, every_bucket_begins_where_the_last_one_ended)
{
    for (int i = 1; i < auraio_hist_bucket_count(); i++)
        cr_assert_eq(auraio_hist_bucket_high_ns(i - 1), auraio_hist_bucket_low_ns(i));
    cr_assert_eq(auraio_hist_bucket_low_ns(0), 0);
    cr_assert_eq(auraio_hist_bucket_high_ns(auraio_hist_bucket_count() - 1), INT64_MAX);
}

Test(hist, index_and_bounds_are_inverse)
{
    for (int i = 0; i < auraio_hist_bucket_count(); i++) {
        cr_assert_eq(auraio_hist_index(auraio_hist_bucket_low_ns(i)), i);
        cr_assert_eq(auraio_hist_index(auraio_hist_bucket_high_ns(i) - 1), i);
    }
}

Test(hist, negative_values_count_as_zero_and_enormous_ones_as_the_last_bucket)
{
    auraio_hist_t hist;
    auraio_hist_reset(&hist);
    auraio_hist_record(&hist, -1);
    auraio_hist_record(&hist, INT64_MIN);
    auraio_hist_record(&hist, INT64_MAX);
    cr_assert_eq(auraio_hist_bucket(&hist, 0), 2);
    cr_assert_eq(auraio_hist_bucket(&hist, auraio_hist_bucket_count() - 1), 1);
    cr_assert_eq(auraio_hist_count(&hist), 3);
}

Test(hist, percentile_of_a_single_value_is_off_by_less_than_two_percent)
{
    for (int64_t value_ns = 1000; value_ns < 100000000000; value_ns += value_ns / 7) {
        auraio_hist_t hist;
        auraio_hist_reset(&hist);
        auraio_hist_record(&hist, value_ns);
        double error = (double)(auraio_hist_percentile(&hist, 99) - value_ns) / (double)value_ns;
        cr_assert(error < 0.02 && error > -0.02, "%lld ns: %f", (long long)value_ns, error);
    }
}

Test(hist, percentiles_split_a_uniform_range_where_they_say)
{
    auraio_hist_t hist;
    auraio_hist_reset(&hist);
    for (int64_t value_ns = 1; value_ns <= 100000; value_ns++)
        auraio_hist_record(&hist, value_ns);
    const double percents[] = {1, 10, 50, 90, 99};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        double exact_ns = percents[i] * 1000;
        double got_ns = (double)auraio_hist_percentile(&hist, percents[i]);
        cr_assert(got_ns > exact_ns * 0.97 && got_ns < exact_ns * 1.03, "p%g: %g", percents[i], got_ns);
    }
}

Test(hist, percentile_arguments_out_of_range_are_clamped)
{
    auraio_hist_t hist;
    auraio_hist_reset(&hist);
    auraio_hist_record(&hist, 10);
    auraio_hist_record(&hist, 30);
    cr_assert_eq(auraio_hist_percentile(&hist, -5), 10);
    cr_assert_eq(auraio_hist_percentile(&hist, 500), 30);
    cr_assert_eq(auraio_hist_percentile(&hist, (double)NAN), 30);
}

Test(hist, an_empty_histogram_has_percentile_zero)
{
    auraio_hist_t hist;
    auraio_hist_reset(&hist);
    cr_assert_eq(auraio_hist_percentile(&hist, 99), 0);
    cr_assert_eq(auraio_hist_count(&hist), 0);
}

Test(hist, counters_saturate_when_recording_and_merging)
{
    auraio_hist_t one, other;
    auraio_hist_reset(&one);
    auraio_hist_reset(&other);
    int index = auraio_hist_index(5000);
    one.buckets[index] = UINT32_MAX - 1;
    auraio_hist_record(&one, 5000);
    auraio_hist_record(&one, 5000);
    cr_assert_eq(auraio_hist_bucket(&one, index), UINT32_MAX);
    other.buckets[index] = 7;
    auraio_hist_merge(&other, &one);
    cr_assert_eq(auraio_hist_bucket(&other, index), UINT32_MAX);
}

Test(hist, merging_gives_the_same_as_recording_everything_into_one)
{
    auraio_hist_t one, other, both;
    auraio_hist_reset(&one);
    auraio_hist_reset(&other);
    auraio_hist_reset(&both);
    for (int64_t i = 0; i < 5000; i++) {
        auraio_hist_record(i % 3 ? &one : &other, i * i * 977);
        auraio_hist_record(&both, i * i * 977);
    }
    auraio_hist_merge(&one, &other);
    cr_assert_arr_eq(one.buckets, both.buckets, sizeof(both.buckets));
}

Test(hist, an_index_out_of_range_is_harmless)
{
    auraio_hist_t hist;
    auraio_hist_reset(&hist);
    cr_assert_eq(auraio_hist_bucket(&hist, -1), 0);
    cr_assert_eq(auraio_hist_bucket(&hist, auraio_hist_bucket_count()), 0);
    cr_assert_eq(auraio_hist_bucket_low_ns(-9), 0);
    cr_assert_eq(auraio_hist_bucket_high_ns(1 << 30), INT64_MAX);
}
