/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Figures of an engine, of a ring, of its latencies, and of the buffer pool: copies, as of the call that
 * gave them. The meaning of each is in auraio.h.
 */
#ifndef AURAIO_STATS_HPP
#define AURAIO_STATS_HPP

#include <auraio.h>

#include <cstddef>
#include <cstdint>

#include <auraio/fwd.hpp>

namespace auraio
{

class Stats
{
public:
    [[nodiscard]] std::int64_t ops_completed() const noexcept { return stats_.ops_completed; }
    [[nodiscard]] std::int64_t bytes_transferred() const noexcept { return stats_.bytes_transferred; }
    [[nodiscard]] double throughput_bps() const noexcept { return stats_.current_throughput_bps; }
    [[nodiscard]] double p99_latency_ms() const noexcept { return stats_.p99_latency_ms; }
    [[nodiscard]] int current_in_flight() const noexcept { return stats_.current_in_flight; }
    [[nodiscard]] int optimal_in_flight() const noexcept { return stats_.optimal_in_flight; }
    [[nodiscard]] int optimal_batch_size() const noexcept { return stats_.optimal_batch_size; }
    [[nodiscard]] std::uint64_t adaptive_spills() const noexcept { return stats_.adaptive_spills; }

    [[nodiscard]] const auraio_stats_t &c_stats() const &noexcept { return stats_; }
    [[nodiscard]] auraio_stats_t c_stats() const &&noexcept { return stats_; }

private:
    friend class Engine;
    auraio_stats_t stats_{};
};

class RingStats
{
public:
    [[nodiscard]] std::int64_t ops_completed() const noexcept { return stats_.ops_completed; }
    [[nodiscard]] std::int64_t bytes_transferred() const noexcept { return stats_.bytes_transferred; }
    [[nodiscard]] int pending_count() const noexcept { return stats_.pending_count; }
    [[nodiscard]] int in_flight_limit() const noexcept { return stats_.in_flight_limit; }
    [[nodiscard]] int batch_threshold() const noexcept { return stats_.batch_threshold; }
    [[nodiscard]] double p99_latency_ms() const noexcept { return stats_.p99_latency_ms; }
    [[nodiscard]] double throughput_bps() const noexcept { return stats_.throughput_bps; }
    [[nodiscard]] int aimd_phase() const noexcept { return stats_.aimd_phase; }
    [[nodiscard]] const char *aimd_phase_name() const noexcept
    {
        return auraio_phase_name(stats_.aimd_phase);
    }
    [[nodiscard]] int queue_depth() const noexcept { return stats_.queue_depth; }
    /** The ring these are of; -1: none. */
    [[nodiscard]] int ring_index() const noexcept { return ring_index_; }

    [[nodiscard]] const auraio_ring_stats_t &c_stats() const &noexcept { return stats_; }
    [[nodiscard]] auraio_ring_stats_t c_stats() const &&noexcept { return stats_; }

private:
    friend class Engine;
    auraio_ring_stats_t stats_{};
    int ring_index_ = -1;
};

class Histogram
{
public:
    static constexpr int bucket_count = AURAIO_HISTOGRAM_BUCKETS;
    static constexpr int bucket_width_us = AURAIO_HISTOGRAM_BUCKET_WIDTH_US;

    /** How many latencies fell into a bucket; 0 for one that does not exist. */
    [[nodiscard]] std::uint32_t bucket(int idx) const noexcept
    {
        return exists(idx) ? hist_.buckets[idx] : 0;
    }
    [[nodiscard]] std::uint32_t overflow() const noexcept { return hist_.overflow; }
    [[nodiscard]] std::uint32_t total_count() const noexcept { return hist_.total_count; }
    [[nodiscard]] int max_tracked_us() const noexcept { return hist_.max_tracked_us; }
    [[nodiscard]] int bucket_lower_us(int idx) const noexcept
    {
        return exists(idx) ? idx * hist_.bucket_width_us : 0;
    }
    [[nodiscard]] int bucket_upper_us(int idx) const noexcept
    {
        return exists(idx) ? (idx + 1) * hist_.bucket_width_us : 0;
    }

    [[nodiscard]] const auraio_histogram_t &c_histogram() const &noexcept { return hist_; }
    [[nodiscard]] auraio_histogram_t c_histogram() const &&noexcept { return hist_; }

private:
    friend class Engine;
    static bool exists(int idx) noexcept { return idx >= 0 && idx < bucket_count; }
    auraio_histogram_t hist_{};
};

class BufferStats
{
public:
    [[nodiscard]] std::size_t total_allocated_bytes() const noexcept { return stats_.total_allocated_bytes; }
    [[nodiscard]] std::size_t total_buffers() const noexcept { return stats_.total_buffers; }
    [[nodiscard]] int shard_count() const noexcept { return stats_.shard_count; }

    [[nodiscard]] const auraio_buffer_stats_t &c_stats() const &noexcept { return stats_; }
    [[nodiscard]] auraio_buffer_stats_t c_stats() const &&noexcept { return stats_; }

private:
    friend class Engine;
    auraio_buffer_stats_t stats_{};
};

} // namespace auraio

#endif
