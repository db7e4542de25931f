/* SPDX-License-Identifier: MIT */
/* What an engine tells about itself. */
#include "control.h"
#include "meter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool usable(const auraio_engine_t *engine)
{
    const char *reason;
    int error = engine_refuses(engine, &reason);
    if (error)
        (void)error_int(error, reason, 0, 0);
    return !error;
}

/* 0, or -1 with errno for a ring that the engine does not have. */
static int check_ring(const auraio_engine_t *engine, int ring)
{
    int count = ring_group_count(engine->group);
    if (ring >= 0 && ring < count)
        return 0;
    return error_int(EINVAL, "ring is %lld: the engine has %lld", ring, count);
}

static double p99_ms(const auraio_hist_t *latency)
{
    return (double)auraio_hist_percentile(latency, 99) / 1e6;
}

void auraio_get_stats(const auraio_engine_t *engine, auraio_stats_t *stats)
{
    if (!stats || !usable(engine))
        return;
    auraio_stats_t sum = {.adaptive_spills = ring_group_spills(engine->group)};
    struct meter_reading reading = {0};
    int64_t now = ring_group_now_ns(engine->group);
    for (int ring = 0; ring < ring_group_count(engine->group); ring++) {
        struct meter *meter = meter_of(engine, ring);
        struct ring_status status;
        ring_group_status(engine->group, ring, &status);
        sum.ops_completed += status.ops_completed;
        sum.bytes_transferred += status.bytes_transferred;
        sum.current_in_flight += status.in_kernel;
        sum.optimal_batch_size = status.batch_threshold;
        if (!engine->control && (status.ops_completed > 0 || status.pending > 0 || ring == 0))
            sum.optimal_in_flight += status.limit;
        if (meter)
            meter_add_recent(meter, now, &reading);
    }
    if (engine->control)
        sum.optimal_in_flight = control_optimum(engine->control);
    sum.p99_latency_ms = p99_ms(&reading.recent);
    sum.current_throughput_bps = reading.bytes_per_second;
    *stats = sum;
}

int auraio_get_ring_count(const auraio_engine_t *engine)
{
    return engine && usable(engine) ? ring_group_count(engine->group) : 0;
}

int auraio_get_ring_stats(const auraio_engine_t *engine, int ring, auraio_ring_stats_t *stats)
{
    if (!usable(engine))
        return -1;
    if (!stats)
        return error_int(EINVAL, "stats is NULL", 0, 0);
    memset(stats, 0, sizeof(*stats));
    if (check_ring(engine, ring) < 0)
        return -1;
    struct ring_status status;
    struct meter_reading reading = {0};
    struct meter *meter = meter_of(engine, ring);
    ring_group_status(engine->group, ring, &status);
    if (meter)
        meter_add_recent(meter, ring_group_now_ns(engine->group), &reading);
    stats->ops_completed = status.ops_completed;
    stats->bytes_transferred = status.bytes_transferred;
    stats->pending_count = status.pending;
    struct control_share share = {.limit = status.limit, .phase = AURAIO_PHASE_CONVERGED};
    if (engine->control)
        control_ring_share(engine->control, ring, &share);
    stats->in_flight_limit = share.limit;
    stats->batch_threshold = status.batch_threshold;
    stats->p99_latency_ms = p99_ms(&reading.recent);
    stats->throughput_bps = reading.bytes_per_second;
    stats->aimd_phase = share.phase;
    stats->queue_depth = engine->options.queue_depth;
    return 0;
}

/* The fine histogram as buckets of a fixed width: a fine bucket goes where its middle lies. */
static void view_of(const auraio_hist_t *latency, auraio_histogram_t *view)
{
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++) {
        uint32_t count = latency->buckets[i];
        if (!count)
            continue;
        int64_t low_ns = auraio_hist_bucket_low_ns(i), high_ns = auraio_hist_bucket_high_ns(i);
        int64_t place = (low_ns + (high_ns - low_ns) / 2) / (AURAIO_HISTOGRAM_BUCKET_WIDTH_US * 1000);
        if (place < AURAIO_HISTOGRAM_BUCKETS)
            view->buckets[place] += count;
        else
            view->overflow += count;
        view->total_count += count;
    }
}

int auraio_get_histogram(const auraio_engine_t *engine, int ring, auraio_histogram_t *histogram)
{
    if (!usable(engine))
        return -1;
    if (!histogram)
        return error_int(EINVAL, "histogram is NULL", 0, 0);
    memset(histogram, 0, sizeof(*histogram));
    if (check_ring(engine, ring) < 0)
        return -1;
    auraio_hist_t latency = {0};
    struct meter *meter = meter_of(engine, ring);
    if (meter)
        meter_add_total(meter, &latency);
    view_of(&latency, histogram);
    histogram->bucket_width_us = AURAIO_HISTOGRAM_BUCKET_WIDTH_US;
    histogram->max_tracked_us = AURAIO_HISTOGRAM_BUCKETS * AURAIO_HISTOGRAM_BUCKET_WIDTH_US;
    return 0;
}

int64_t auraio_get_latency_percentile(const auraio_engine_t *engine, int ring, double percentile)
{
    if (!usable(engine) || (ring != -1 && check_ring(engine, ring) < 0))
        return -1;
    if (isnan(percentile) || percentile < 0 || percentile > 100)
        return error_real(EINVAL, "percentile is %g: it goes from 0 to 100", percentile);
    auraio_hist_t latency = {0};
    int first = ring == -1 ? 0 : ring, last = ring == -1 ? ring_group_count(engine->group) - 1 : ring;
    for (int i = first; i <= last; i++) {
        struct meter *meter = meter_of(engine, i);
        if (meter)
            meter_add_total(meter, &latency);
    }
    return auraio_hist_percentile(&latency, percentile);
}

int auraio_get_buffer_stats(const auraio_engine_t *engine, auraio_buffer_stats_t *stats)
{
    if (!usable(engine))
        return -1;
    if (!stats)
        return error_int(EINVAL, "stats is NULL", 0, 0);
    struct pool_stats pool;
    pool_get_stats(engine->pool, &pool);
    *stats = (auraio_buffer_stats_t){
        .total_allocated_bytes = pool.live_bytes,
        .total_buffers = pool.live_buffers,
        .shard_count = pool.shard_count,
        .cached_bytes = pool.cached_bytes,
    };
    return 0;
}
