/* SPDX-License-Identifier: MIT */
/* What an engine tells about itself. */
#include "control.h"
#include "meter.h"

#include <errno.h>
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

static const struct meter_part everything = {METER_ALL, METER_ALL};

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
            meter_add_recent(meter, everything, now, &reading);
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
        meter_add_recent(meter, everything, ring_group_now_ns(engine->group), &reading);
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

static void fill_histogram(const auraio_hist_t *latency, auraio_histogram_t *histogram)
{
    view_of(latency, histogram);
    histogram->bucket_width_us = AURAIO_HISTOGRAM_BUCKET_WIDTH_US;
    histogram->max_tracked_us = AURAIO_HISTOGRAM_BUCKETS * AURAIO_HISTOGRAM_BUCKET_WIDTH_US;
}

static int check_percentile(double percentile)
{
    if (percentile >= 0 && percentile <= 100)
        return 0;
    return error_real(EINVAL, "percentile is %g: it goes from 0 to 100", percentile);
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
    struct meter_total total = {0};
    struct meter *meter = meter_of(engine, ring);
    if (meter)
        meter_add_total(meter, everything, &total);
    fill_histogram(&total.latency, histogram);
    return 0;
}

int64_t auraio_get_latency_percentile(const auraio_engine_t *engine, int ring, double percentile)
{
    if (!usable(engine) || (ring != -1 && check_ring(engine, ring) < 0))
        return -1;
    if (check_percentile(percentile) < 0)
        return -1;
    struct meter_total total = {0};
    int first = ring == -1 ? 0 : ring, last = ring == -1 ? ring_group_count(engine->group) - 1 : ring;
    for (int i = first; i <= last; i++) {
        struct meter *meter = meter_of(engine, i);
        if (meter)
            meter_add_total(meter, everything, &total);
    }
    return auraio_hist_percentile(&total.latency, percentile);
}

/* ---- of a storage target, over all rings */

/* 0, or -1 with errno. */
static int check_part(const auraio_engine_t *engine, struct meter_part part)
{
    if (engine_check_target(engine, part.target) < 0)
        return -1;
    if (part.kind >= AURAIO_KIND_ALL && part.kind <= AURAIO_KIND_OTHER)
        return 0;
    return error_int(EINVAL, "kind is %lld: it goes from AURAIO_KIND_ALL, %lld, to AURAIO_KIND_OTHER",
                     part.kind, AURAIO_KIND_ALL);
}

void meter_add_part(const auraio_engine_t *engine, struct meter_part part, struct meter_total *into)
{
    for (int ring = 0; ring < ring_group_count(engine->group); ring++) {
        struct meter *meter = meter_of(engine, ring);
        if (meter)
            meter_add_total(meter, part, into);
    }
}

int auraio_get_target_io(const auraio_engine_t *engine, int target, int kind, auraio_target_io_t *io)
{
    struct meter_part part = {target, kind};
    if (!usable(engine))
        return -1;
    if (!io)
        return error_int(EINVAL, "io is NULL", 0, 0);
    memset(io, 0, sizeof(*io));
    if (check_part(engine, part) < 0)
        return -1;
    struct meter_reading reading = {0};
    struct meter_total total = {0};
    int64_t now = ring_group_now_ns(engine->group);
    meter_add_part(engine, part, &total);
    for (int ring = 0; ring < ring_group_count(engine->group); ring++) {
        struct meter *meter = meter_of(engine, ring);
        if (meter)
            meter_add_recent(meter, part, now, &reading);
    }
    io->ops_completed = (int64_t)total.operations;
    io->bytes_transferred = (int64_t)total.bytes;
    io->throughput_bps = reading.bytes_per_second;
    io->p99_latency_ms = p99_ms(&reading.recent);
    return 0;
}

int auraio_get_target_histogram(const auraio_engine_t *engine, int target, int kind,
                                auraio_histogram_t *histogram)
{
    struct meter_part part = {target, kind};
    if (!usable(engine))
        return -1;
    if (!histogram)
        return error_int(EINVAL, "histogram is NULL", 0, 0);
    memset(histogram, 0, sizeof(*histogram));
    if (check_part(engine, part) < 0)
        return -1;
    struct meter_total total = {0};
    meter_add_part(engine, part, &total);
    fill_histogram(&total.latency, histogram);
    return 0;
}

int64_t auraio_get_target_percentile(const auraio_engine_t *engine, int target, int kind, double percentile)
{
    struct meter_part part = {target, kind};
    if (!usable(engine) || check_part(engine, part) < 0 || check_percentile(percentile) < 0)
        return -1;
    struct meter_total total = {0};
    meter_add_part(engine, part, &total);
    return auraio_hist_percentile(&total.latency, percentile);
}

_Static_assert((int)AURAIO_KIND_ALL == METER_ALL && (int)AURAIO_KIND_READ == RING_SAMPLE_READ &&
                   (int)AURAIO_KIND_WRITE == RING_SAMPLE_WRITE && (int)AURAIO_KIND_OTHER == RING_SAMPLE_OTHER,
               "kinds are passed through");

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
