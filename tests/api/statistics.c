/* SPDX-License-Identifier: MIT */
/* Figures: of the engine, of its rings, histograms and percentiles. */
#include <auraio.h>
#include <math.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, RINGS = 4 };

static char buf[BYTES];

/* Four rings in turn, so that sums over rings mean something. */
static void set_up_rings(void)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = RINGS;
    options.queue_depth = 64;
    file_fd = file_of_pattern(FIXTURE_FILE_BYTES);
    channel = pipe_open(0);
    engine = engine_with(&options);
}

TestSuite(stats, .init = set_up_rings, .fini = tear_down_pipe, .timeout = 60);
TestSuite(histogram, .init = set_up_rings, .fini = tear_down_pipe, .timeout = 60);

static void read_pages(int count)
{
    tally_t tally = {0};
    for (int i = 0; i < count; i++)
        check_accepted(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, (off_t)(i % 256) * BYTES,
                                   tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, count));
    check_is(tally.bytes, count * BYTES);
}

Test(stats, of_a_fresh_engine_are_zero)
{
    auraio_stats_t stats;
    memset(&stats, 0x5a, sizeof(stats));
    auraio_get_stats(engine, &stats);
    check_is(stats.ops_completed, 0);
    check_is(stats.bytes_transferred, 0);
    check_is(stats.current_in_flight, 0);
    check_is(stats.adaptive_spills, 0);
    check_that(stats.current_throughput_bps == 0 && stats.p99_latency_ms == 0);
    check_at_least(stats.optimal_batch_size, 1);
}

Test(stats, of_the_engine_are_the_sum_over_its_rings)
{
    auraio_stats_t stats;
    int64_t ops = 0, bytes = 0;
    read_pages(100);
    auraio_get_stats(engine, &stats);
    for (int ring = 0; ring < auraio_get_ring_count(engine); ring++) {
        auraio_ring_stats_t ring_stats;
        check_is(auraio_get_ring_stats(engine, ring, &ring_stats), 0);
        ops += ring_stats.ops_completed;
        bytes += ring_stats.bytes_transferred;
    }
    check_is(stats.ops_completed, 100);
    check_is(stats.bytes_transferred, 100 * BYTES);
    check_is(ops, stats.ops_completed);
    check_is(bytes, stats.bytes_transferred);
}

Test(stats, failures_complete_without_bytes)
{
    auraio_stats_t stats;
    check_is(perform_read(engine, channel.write_fd, buf, BYTES, -1), -EBADF);
    auraio_get_stats(engine, &stats);
    check_is(stats.ops_completed, 1);
    check_is(stats.bytes_transferred, 0);
}

Test(stats, of_a_ring_show_its_settings_and_what_is_pending)
{
    auraio_ring_stats_t stats;
    int pending = 0;
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(buf), 1, -1, NULL, NULL));
    for (int ring = 0; ring < RINGS; ring++) {
        check_is(auraio_get_ring_stats(engine, ring, &stats), 0);
        check_is(stats.queue_depth, 64);
        check_at_least(stats.in_flight_limit, 1);
        check_below(stats.in_flight_limit, 65);
        check_at_least(stats.batch_threshold, 1);
        check_that(strcmp(auraio_phase_name(stats.aimd_phase), "UNKNOWN") != 0);
        pending += stats.pending_count;
    }
    check_is(pending, 1);
}

Test(stats, latency_and_throughput_show_under_load_and_decay_when_it_stops)
{
    auraio_stats_t stats = {0};
    int64_t deadline_ms = now_ms() + PATIENCE_MS;
    while ((stats.current_throughput_bps <= 0 || stats.p99_latency_ms <= 0) && now_ms() < deadline_ms) {
        read_pages(256);
        auraio_get_stats(engine, &stats);
    }
    check_that(stats.current_throughput_bps > 0);
    check_that(stats.p99_latency_ms > 0 && isfinite(stats.p99_latency_ms));
    check_at_least(stats.optimal_in_flight, 1);
    /* A read that stays pending makes wait() last: time passes without load. */
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(buf), 1, -1, NULL, NULL));
    deadline_ms = now_ms() + PATIENCE_MS;
    while ((stats.current_throughput_bps > 0 || stats.p99_latency_ms > 0) && now_ms() < deadline_ms) {
        check_is(auraio_wait(engine, 100), 0);
        auraio_get_stats(engine, &stats);
    }
    check_that(stats.current_throughput_bps == 0);
    check_that(stats.p99_latency_ms == 0);
    check_is(stats.ops_completed % 256, 0);
}

Test(stats, null_leaves_the_other_argument_untouched)
{
    auraio_stats_t stats = {.ops_completed = 77};
    auraio_ring_stats_t ring_stats = {.ops_completed = 77};
    auraio_get_stats(NULL, &stats);
    auraio_get_stats(engine, NULL);
    check_is(stats.ops_completed, 77);
    check_fails(auraio_get_ring_stats(NULL, 0, &ring_stats), EINVAL);
    check_fails(auraio_get_ring_stats(engine, 0, NULL), EINVAL);
    check_is(ring_stats.ops_completed, 77);
    check_is(auraio_get_ring_count(NULL), 0);
}

Test(stats, a_ring_out_of_range_is_refused_and_zeroed)
{
    static const int outside[] = {-1, RINGS, INT32_MAX, INT32_MIN};
    const auraio_ring_stats_t zero = {0};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        auraio_ring_stats_t stats;
        memset(&stats, 0x5a, sizeof(stats));
        check_fails(auraio_get_ring_stats(engine, outside[i], &stats), EINVAL);
        check_is(memcmp(&stats, &zero, sizeof(stats)), 0);
    }
}

Test(histogram, of_every_ring_holds_its_share_after_sixteen_reads)
{
    read_pages(16);
    for (int ring = 0; ring < RINGS; ring++) {
        auraio_histogram_t histogram;
        uint32_t sum = 0;
        check_is(auraio_get_histogram(engine, ring, &histogram), 0);
        for (int i = 0; i < AURAIO_HISTOGRAM_BUCKETS; i++)
            sum += histogram.buckets[i];
        check_is(histogram.total_count, 4);
        check_is(sum + histogram.overflow, histogram.total_count);
        check_is(histogram.bucket_width_us, AURAIO_HISTOGRAM_BUCKET_WIDTH_US);
        check_is(histogram.max_tracked_us, AURAIO_HISTOGRAM_BUCKETS * AURAIO_HISTOGRAM_BUCKET_WIDTH_US);
    }
}

Test(histogram, of_a_ring_not_used_is_empty)
{
    auraio_histogram_t histogram;
    memset(&histogram, 0x5a, sizeof(histogram));
    check_is(auraio_get_histogram(engine, RINGS - 1, &histogram), 0);
    check_is(histogram.total_count, 0);
    check_is(histogram.overflow, 0);
    for (int i = 0; i < AURAIO_HISTOGRAM_BUCKETS; i++)
        check_is(histogram.buckets[i], 0);
}

Test(histogram, null_is_untouched_and_a_ring_out_of_range_zeroed)
{
    const auraio_histogram_t zero = {0};
    auraio_histogram_t histogram = {.total_count = 77};
    check_fails(auraio_get_histogram(NULL, 0, &histogram), EINVAL);
    check_is(histogram.total_count, 77);
    check_fails(auraio_get_histogram(engine, 0, NULL), EINVAL);
    check_fails(auraio_get_histogram(engine, RINGS, &histogram), EINVAL);
    check_is(memcmp(&histogram, &zero, sizeof(zero)), 0);
    histogram.total_count = 77;
    check_fails(auraio_get_histogram(engine, -1, &histogram), EINVAL);
    check_is(memcmp(&histogram, &zero, sizeof(zero)), 0);
}

Test(histogram, percentiles_grow_with_the_percentage)
{
    check_is(auraio_get_latency_percentile(engine, -1, 99), 0);
    read_pages(200);
    int64_t before_ns = 1;
    for (double percentile = 0; percentile <= 100; percentile += 12.5) {
        const int64_t latency_ns = auraio_get_latency_percentile(engine, -1, percentile);
        check_at_least(latency_ns, before_ns);
        before_ns = latency_ns;
    }
    check_below(before_ns, (int64_t)PATIENCE_MS * 1000000);
    for (int ring = 0; ring < RINGS; ring++)
        check_at_least(auraio_get_latency_percentile(engine, ring, 50), 1);
}

Test(histogram, percentiles_refuse_what_they_cannot_mean)
{
    check_fails(auraio_get_latency_percentile(NULL, 0, 50), EINVAL);
    check_fails(auraio_get_latency_percentile(engine, RINGS, 50), EINVAL);
    check_fails(auraio_get_latency_percentile(engine, -2, 50), EINVAL);
    check_fails(auraio_get_latency_percentile(engine, 0, -0.001), EINVAL);
    check_fails(auraio_get_latency_percentile(engine, 0, 100.001), EINVAL);
    check_fails(auraio_get_latency_percentile(engine, 0, (double)NAN), EINVAL);
}
