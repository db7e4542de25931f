/* SPDX-License-Identifier: MIT */
/*
 * The meter: windows on a clock that the tests turn, percentiles against the raw samples, and the 50 us view.
 *
 * meter_observe() takes its time from the caller, so no test waits for a window to pass.
 */
#include "meter.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"

static const int64_t us = 1000, ms = 1000 * 1000, second = 1000 * 1000 * 1000;

static const struct meter_part everything = {METER_ALL, METER_ALL};

static auraio_engine_t *engine;
static int64_t now; /* the tests' clock; starts at the real time, which auraio_get_*() read */

static void set_up(void)
{
    struct timespec time;
    struct topology_cpu cpus[2] = {{0, 0}, {1, 0}};
    struct topology topology;
    check_is(topology_make(cpus, 2, 0, &topology), 0);
    engine = engine_create(NULL, &topology);
    topology_free(&topology);
    check_that(engine != NULL);
    clock_gettime(CLOCK_MONOTONIC, &time);
    now = (int64_t)time.tv_sec * second + time.tv_nsec;
}

static void tear_down(void)
{
    auraio_destroy(engine);
}

TestSuite(meter, .init = set_up, .fini = tear_down, .timeout = 60);

static void observe(int ring, int64_t latency_ns, uint64_t bytes)
{
    struct ring_sample sample = {
        .latency_ns = latency_ns, .bytes = bytes, .kind = RING_SAMPLE_READ, .count = 1};
    meter_observe(engine, ring, &sample, 1, now);
}

static struct meter_reading recent(void)
{
    struct meter_reading reading = {0};
    meter_add_recent(meter_of(engine, 0), everything, now, &reading);
    return reading;
}

static auraio_hist_t total(void)
{
    struct meter_total all = {0};
    meter_add_total(meter_of(engine, 0), everything, &all);
    return all.latency;
}

static int64_t recent_percentile_ns(double percentile)
{
    struct meter_reading reading = recent();
    return auraio_hist_percentile(&reading.recent, percentile);
}

static bool is_near(double value, double wanted, double share)
{
    return fabs(value - wanted) <= share * wanted;
}

/* ----------------------------------------------------------------- windows */

Test(meter, a_ring_that_has_completed_nothing_has_no_meter_and_zero_figures)
{
    auraio_ring_stats_t stats;
    auraio_histogram_t histogram;
    check_that(meter_of(engine, 1) == NULL);
    check_is(auraio_get_ring_stats(engine, 1, &stats), 0);
    check_that(stats.p99_latency_ms == 0 && stats.throughput_bps == 0);
    check_is(auraio_get_histogram(engine, 1, &histogram), 0);
    check_is(histogram.total_count, 0);
    check_is(auraio_get_latency_percentile(engine, -1, 99), 0);
}

Test(meter, recent_figures_forget_what_is_more_than_two_windows_old)
{
    for (int i = 0; i < 100; i++)
        observe(0, 50 * ms, 0);
    check_that(is_near((double)recent_percentile_ns(99), 50e6, 0.03));
    for (int i = 0; i < 800; i++) { /* 800 ms of fast ones */
        now += ms;
        observe(0, 100 * us, 0);
    }
    check_that(is_near((double)recent_percentile_ns(100), 100e3, 0.03));
    auraio_hist_t all = total();
    check_is(auraio_hist_count(&all), 900);
    check_that(is_near((double)auraio_hist_percentile(&all, 100), 50e6, 0.03));
}

Test(meter, recent_figures_span_at_least_one_window_and_at_most_two)
{
    for (int i = 0; i < 2000; i++) {
        now += ms;
        observe(0, 100 * us, 0);
        struct meter_reading reading = recent();
        uint64_t count = auraio_hist_count(&reading.recent);
        check_that(count <= 500);
        if (i >= 250)
            check_at_least(count, 250);
    }
}

Test(meter, throughput_is_bytes_over_the_time_they_took)
{
    for (int i = 0; i < 3000; i++) {
        now += ms;
        observe(0, 100 * us, 4096);
        if (i >= 100) {
            double rate = recent().bytes_per_second;
            cr_assert(is_near(rate, 4096e3, 0.02), "after %d ms: %g", i, rate);
        }
    }
}

Test(meter, throughput_falls_while_nothing_comes_and_is_zero_after_a_second)
{
    for (int i = 0; i < 500; i++) {
        now += ms;
        observe(0, 100 * us, 4096);
    }
    double busy = recent().bytes_per_second, before = busy;
    for (int i = 0; i < 10; i++) {
        now += 99 * ms;
        double rate = recent().bytes_per_second;
        check_that(rate < before && rate > 0);
        before = rate;
    }
    check_that(before < busy / 2);
    now += 11 * ms; /* 1.001 s since the last sample */
    check_that(recent().bytes_per_second == 0);
    check_is(recent_percentile_ns(100), 0);
    auraio_hist_t all = total();
    check_is(auraio_hist_count(&all), 500);
}

Test(meter, the_public_figures_decay_to_zero_too)
{
    auraio_stats_t stats;
    auraio_ring_stats_t ring;
    now -= 10 * ms;
    observe(0, 3 * ms, 4096);
    auraio_get_stats(engine, &stats);
    check_that(stats.p99_latency_ms > 2.9 && stats.p99_latency_ms < 3.1 && stats.current_throughput_bps > 0);
    check_is(auraio_get_ring_stats(engine, 0, &ring), 0);
    check_that(ring.p99_latency_ms == stats.p99_latency_ms && ring.throughput_bps > 0);
    now -= 2 * second; /* as if the last sample had been 2 s ago */
    observe(0, 3 * ms, 4096);
    auraio_get_stats(engine, &stats);
    check_that(stats.p99_latency_ms == 0 && stats.current_throughput_bps == 0);
    check_is(auraio_get_ring_stats(engine, 0, &ring), 0);
    check_that(ring.p99_latency_ms == 0 && ring.throughput_bps == 0);
}

Test(meter, after_a_pause_the_load_before_it_does_not_count)
{
    for (int i = 0; i < 100; i++) {
        now += ms;
        observe(0, 80 * ms, 1 << 20);
    }
    now += 700 * ms;
    for (int i = 0; i < 100; i++) {
        observe(0, 100 * us, 4096);
        now += ms;
    }
    struct meter_reading reading = recent();
    check_is(auraio_hist_count(&reading.recent), 100);
    check_that(is_near(reading.bytes_per_second, 4096e3, 0.02));
    auraio_hist_t all = total();
    check_is(auraio_hist_count(&all), 200);
}

Test(meter, what_is_no_storage_moves_bytes_but_has_no_latency)
{
    observe(0, -1, 1000);
    observe(0, 200 * us, 1000);
    now += 100 * ms;
    struct meter_reading reading = recent();
    check_is(auraio_hist_count(&reading.recent), 1);
    check_that(is_near(reading.bytes_per_second, 20000, 0.001));
    auraio_hist_t all = total();
    check_is(auraio_hist_count(&all), 1);
}

Test(meter, rings_are_measured_apart_and_added_up_for_the_engine)
{
    now -= 10 * ms;
    observe(0, 100 * us, 4096);
    observe(1, 900 * us, 4096);
    check_that(is_near((double)auraio_get_latency_percentile(engine, 0, 100), 100e3, 0.03));
    check_that(is_near((double)auraio_get_latency_percentile(engine, 1, 0), 900e3, 0.03));
    check_that(is_near((double)auraio_get_latency_percentile(engine, -1, 50), 100e3, 0.03));
    check_that(is_near((double)auraio_get_latency_percentile(engine, -1, 51), 900e3, 0.03));
}

/* ----------------------------------------------------------- parts of a ring */

static struct meter_total part_total(int target, int kind)
{
    struct meter_total total = {0};
    meter_add_total(meter_of(engine, 0), (struct meter_part){target, kind}, &total);
    return total;
}

Test(meter, targets_and_kinds_are_measured_apart)
{
    struct ring_sample samples[2 * RING_TARGETS * 3];
    int count = 0;
    for (int target = -1; target < RING_TARGETS - 1; target++) {
        for (int kind = 0; kind <= RING_SAMPLE_OTHER; kind++) {
            struct ring_sample sample = {.latency_ns = target < 0 ? -1 : (target * 3 + kind + 1) * 1000 * us,
                                         .bytes = (uint64_t)(1000 * (target + 1) + kind),
                                         .kind = (enum ring_sample_kind)kind,
                                         .target = target,
                                         .count = 1};
            samples[count++] = sample; /* runs of two */
            samples[count++] = sample;
        }
    }
    meter_observe(engine, 0, samples, count, now);
    now += 300 * ms; /* another window */
    meter_observe(engine, 0, samples, count, now);
    for (int target = 0; target < RING_TARGETS - 1; target++) {
        for (int kind = 0; kind <= RING_SAMPLE_OTHER; kind++) {
            struct meter_total total = part_total(target, kind);
            check_is(total.operations, 4);
            check_is(total.bytes, 4 * (1000 * (target + 1) + kind));
            check_is(auraio_hist_count(&total.latency), 4);
            check_that(is_near((double)auraio_hist_percentile(&total.latency, 50),
                               (target * 3 + kind + 1) * 1e6, 0.03));
        }
        check_is(part_total(target, METER_ALL).operations, 12);
    }
    check_is(part_total(METER_ALL, RING_SAMPLE_WRITE).operations, 4 * RING_TARGETS);
    check_is(part_total(METER_ALL, METER_ALL).operations, 2 * count);
    check_is(part_total(RING_TARGETS - 1, METER_ALL).operations, 0);
}

Test(meter, a_run_of_samples_ends_where_the_kind_changes)
{
    const enum ring_sample_kind kinds[] = {RING_SAMPLE_READ,  RING_SAMPLE_WRITE, RING_SAMPLE_WRITE,
                                           RING_SAMPLE_OTHER, RING_SAMPLE_READ,  RING_SAMPLE_WRITE};
    struct ring_sample samples[6];
    for (int i = 0; i < 6; i++)
        samples[i] = (struct ring_sample){
            .latency_ns = 100 * us, .bytes = UINT64_C(1) << i, .kind = kinds[i], .count = 1};
    for (int count = 1; count <= 6; count++)
        meter_observe(engine, 0, samples, count, now);
    check_is(part_total(0, RING_SAMPLE_READ).bytes, 6 * 1 + 2 * 16);
    check_is(part_total(0, RING_SAMPLE_WRITE).bytes, 5 * 2 + 4 * 4 + 32);
    check_is(part_total(0, RING_SAMPLE_OTHER).bytes, 3 * 8);
    check_is(part_total(0, RING_SAMPLE_READ).operations, 6 + 2);
    check_is(part_total(0, RING_SAMPLE_WRITE).operations, 5 + 4 + 1);
    check_is(part_total(0, METER_ALL).operations, 21);
}

Test(meter, throughput_and_p99_are_of_the_part_that_is_asked_for)
{
    struct ring_sample samples[] = {
        {.latency_ns = 100 * us, .bytes = 1000, .kind = RING_SAMPLE_READ, .target = 1, .count = 1},
        {.latency_ns = 10 * ms, .bytes = 500, .kind = RING_SAMPLE_WRITE, .target = 1, .count = 1},
        {.latency_ns = second, .bytes = 7000, .kind = RING_SAMPLE_READ, .target = 2, .count = 1},
    };
    for (int i = 0; i < 500; i++) {
        now += ms;
        meter_observe(engine, 0, samples, 3, now);
    }
    struct meter_reading reads = {0}, writes = {0};
    meter_add_recent(meter_of(engine, 0), (struct meter_part){1, RING_SAMPLE_READ}, now, &reads);
    meter_add_recent(meter_of(engine, 0), (struct meter_part){1, RING_SAMPLE_WRITE}, now, &writes);
    check_that(is_near(reads.bytes_per_second, 1e6, 0.02));
    check_that(is_near(writes.bytes_per_second, 0.5e6, 0.02));
    check_that(is_near((double)auraio_hist_percentile(&reads.recent, 99), 100e3, 0.03));
    check_that(is_near((double)auraio_hist_percentile(&writes.recent, 99), 10e6, 0.03));
}

/* ------------------------------------------------------------- percentiles */

static int ascending(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

Test(meter, a_sample_of_several_operations_counts_as_so_many)
{
    const struct ring_sample samples[] = {
        {.latency_ns = 100 * us, .bytes = 4096, .kind = RING_SAMPLE_READ, .count = 31},
        {.latency_ns = -1, .bytes = 512, .kind = RING_SAMPLE_OTHER, .target = -1, .count = 2},
        {.latency_ns = 900 * us, .bytes = 8192, .kind = RING_SAMPLE_WRITE, .count = 1}};
    meter_observe(engine, 0, samples, 3, now);
    auraio_hist_t hist = total();
    check_is(auraio_hist_count(&hist), 32);
    check_is(hist.buckets[auraio_hist_index(100 * us)], 31);
    check_is(part_total(0, RING_SAMPLE_READ).operations, 31);
    check_is(part_total(-1, RING_SAMPLE_OTHER).bytes, 2 * 512);
    now += 100 * ms;
    check_that(is_near(recent().bytes_per_second, (31 * 4096 + 2 * 512 + 8192) * 10.0, 0.001));
}

Test(meter, percentiles_are_within_three_percent_of_the_raw_samples)
{
    enum { SAMPLES = 20000 };
    static int64_t raw_ns[SAMPLES];
    const double percents[] = {0, 1, 25, 50, 90, 95, 99, 99.9, 100};
    uint64_t random = 20260101;
    for (int i = 0; i < SAMPLES; i++) { /* from 1 us to 100 s, evenly in the logarithm */
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        raw_ns[i] = (int64_t)(1e3 * pow(1e8, (double)(random >> 11) * 0x1p-53));
        now += ms / 10; /* 2 s: windows change on the way */
        observe(0, raw_ns[i], 0);
    }
    qsort(raw_ns, SAMPLES, sizeof(raw_ns[0]), ascending);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        int rank = (int)ceil(percents[i] / 100 * SAMPLES);
        double exact_ns = (double)raw_ns[rank > 0 ? rank - 1 : 0];
        double measured_ns = (double)auraio_get_latency_percentile(engine, 0, percents[i]);
        cr_assert(is_near(measured_ns, exact_ns, 0.03), "p%g is %g, the samples say %g", percents[i],
                  measured_ns, exact_ns);
    }
}

/* ----------------------------------------------------------- the 50 us view */

Test(meter, the_view_puts_each_latency_into_its_50_us)
{
    auraio_histogram_t view;
    for (int i = 0; i < 190; i++)
        observe(0, i * 50 * us + 25 * us, 0);
    check_is(auraio_get_histogram(engine, 0, &view), 0);
    check_is(view.bucket_width_us, 50);
    check_is(view.max_tracked_us, 10000);
    check_is(view.total_count, 190);
    check_is(view.overflow, 0);
    /* A fine bucket is 1/32 octave wide: below 1.6 ms that is less than a view bucket, and the middle of the
     * one is sure to lie in the other. */
    for (int i = 0; i < 32; i++)
        check_is(view.buckets[i], 1);
    for (int i = 36; i < 184; i += 4) { /* above, a neighbour at most 1/64 away */
        int around = 0;
        for (int j = i - 4; j < i + 8; j++)
            around += (int)view.buckets[j];
        check_at_least(around, 4);
    }
}

Test(meter, the_view_counts_what_is_over_10_ms_as_overflow_and_loses_nothing)
{
    auraio_histogram_t view;
    observe(0, 0, 0);
    observe(0, 9700 * us, 0);
    observe(0, 10400 * us, 0);
    observe(0, second, 0);
    observe(0, INT64_MAX, 0);
    check_is(auraio_get_histogram(engine, 0, &view), 0);
    check_is(view.total_count, 5);
    check_is(view.overflow, 3);
    check_is(view.buckets[0], 1);
    uint32_t sum = view.overflow;
    for (int i = 0; i < AURAIO_HISTOGRAM_BUCKETS; i++)
        sum += view.buckets[i];
    check_is(sum, view.total_count);
}

Test(meter, the_view_spans_the_life_of_the_engine)
{
    auraio_histogram_t view;
    for (int i = 0; i < 50; i++) {
        observe(0, 75 * us, 0);
        now += 300 * ms; /* a window each */
    }
    check_is(auraio_get_histogram(engine, 0, &view), 0);
    check_is(view.total_count, 50);
    check_is(view.buckets[1], 50);
}

/* ------------------------------------------------------- readers and writer */

enum { WRITTEN = 400000 };

static void *write_samples(void *unused)
{
    for (int i = 0; i < WRITTEN; i++) {
        if (i % 16 == 0)
            now += 251 * ms; /* windows change all the time */
        struct ring_sample sample = {.latency_ns = 100 * us,
                                     .kind = (enum ring_sample_kind)(i % 3),
                                     .target = i / 3 % RING_TARGETS,
                                     .count = 1};
        meter_observe(engine, 0, &sample, 1, now);
    }
    return unused;
}

Test(meter, a_reader_never_sees_a_sample_twice_or_a_count_that_falls)
{
    pthread_t writer;
    uint64_t before = 0, count = 0;
    observe(0, 100 * us, 0); /* the meter exists */
    check_is(pthread_create(&writer, NULL, write_samples, NULL), 0);
    while (count < WRITTEN + 1) {
        auraio_hist_t all = total();
        count = auraio_hist_count(&all);
        check_that(count >= before && count <= WRITTEN + 1);
        before = count;
    }
    check_is(pthread_join(writer, NULL), 0);
}
