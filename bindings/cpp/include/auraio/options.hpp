/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Options of an engine: auraio_options_t with setters that chain. The meaning of each is in auraio.h.
 */
#ifndef AURAIO_OPTIONS_HPP
#define AURAIO_OPTIONS_HPP

#include <auraio.h>

#include <cstddef>
#include <cstring>

namespace auraio
{

/** How a submission chooses its ring: auraio_ring_select_t. */
enum class RingSelect {
    Adaptive = AURAIO_SELECT_ADAPTIVE,
    CpuLocal = AURAIO_SELECT_CPU_LOCAL,
    RoundRobin = AURAIO_SELECT_ROUND_ROBIN,
    ThreadLocal = AURAIO_SELECT_THREAD_LOCAL,
};

/**
 * What a setter takes by default is chosen over a getter on an object that is not const:
 * `opts.disable_adaptive()` disables, `std::as_const(opts).disable_adaptive()` asks.
 */
class Options
{
public:
    Options() noexcept { auraio_options_init(&opts_); }

    Options &queue_depth(int depth) noexcept { return set(opts_.queue_depth, depth); }
    Options &ring_count(int count) noexcept { return set(opts_.ring_count, count); }
    Options &initial_in_flight(int limit) noexcept { return set(opts_.initial_in_flight, limit); }
    Options &min_in_flight(int limit) noexcept { return set(opts_.min_in_flight, limit); }
    Options &max_p99_latency_ms(double ms) noexcept { return set(opts_.max_p99_latency_ms, ms); }
    Options &buffer_alignment(std::size_t align) noexcept { return set(opts_.buffer_alignment, align); }
    Options &disable_adaptive(bool disable = true) noexcept { return set(opts_.disable_adaptive, disable); }
    Options &enable_sqpoll(bool enable = true) noexcept { return set(opts_.enable_sqpoll, enable); }
    Options &sqpoll_idle_ms(int ms) noexcept { return set(opts_.sqpoll_idle_ms, ms); }
    Options &ring_select(RingSelect mode) noexcept
    {
        /* As bytes: a value that C's enumeration does not have is for C to refuse. */
        std::memcpy(&opts_.ring_select, &mode, sizeof(mode));
        return *this;
    }
    Options &max_pending(int operations) noexcept { return set(opts_.max_pending, operations); }
    Options &backend(auraio_backend_t backend) noexcept { return set(opts_.backend, backend); }
    Options &debug_buffers(bool abort_on_misuse) noexcept
    {
        return set(opts_.debug_buffers, abort_on_misuse);
    }
    Options &log(auraio_log_callback_t callback, void *user_data = nullptr) noexcept
    {
        opts_.log_user_data = user_data;
        return set(opts_.log, callback);
    }

    [[nodiscard]] int queue_depth() const noexcept { return opts_.queue_depth; }
    [[nodiscard]] int ring_count() const noexcept { return opts_.ring_count; }
    [[nodiscard]] int initial_in_flight() const noexcept { return opts_.initial_in_flight; }
    [[nodiscard]] int min_in_flight() const noexcept { return opts_.min_in_flight; }
    [[nodiscard]] double max_p99_latency_ms() const noexcept { return opts_.max_p99_latency_ms; }
    [[nodiscard]] std::size_t buffer_alignment() const noexcept { return opts_.buffer_alignment; }
    [[nodiscard]] bool disable_adaptive() const noexcept { return opts_.disable_adaptive; }
    [[nodiscard]] bool enable_sqpoll() const noexcept { return opts_.enable_sqpoll; }
    [[nodiscard]] int sqpoll_idle_ms() const noexcept { return opts_.sqpoll_idle_ms; }
    /** Adaptive when what was set is no mode. */
    [[nodiscard]] RingSelect ring_select() const noexcept
    {
        RingSelect mode;
        std::memcpy(&mode, &opts_.ring_select, sizeof(mode));
        return mode >= RingSelect::Adaptive && mode <= RingSelect::ThreadLocal ? mode : RingSelect::Adaptive;
    }
    [[nodiscard]] int max_pending() const noexcept { return opts_.max_pending; }
    [[nodiscard]] auraio_backend_t backend() const noexcept { return opts_.backend; }
    [[nodiscard]] bool debug_buffers() const noexcept { return opts_.debug_buffers; }

    [[nodiscard]] const auraio_options_t &c_options() const noexcept { return opts_; }

private:
    template <typename T> Options &set(T &field, T value) noexcept
    {
        field = value;
        return *this;
    }

    static_assert(sizeof(RingSelect) == sizeof(auraio_ring_select_t));
    auraio_options_t opts_;
};

} // namespace auraio

#endif
