/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Driving completions under the turn: once (a call of C that ends by itself), or until something has
 * happened.
 *
 * Callbacks are noexcept, so nothing leaves C by an exception. Whoever drives holds a CoreRef meanwhile: a
 * callback may destroy the Engine.
 */
#ifndef AURAIO_DETAIL_DRIVE_HPP
#define AURAIO_DETAIL_DRIVE_HPP

#include <auraio.h>

#include <cerrno>
#include <chrono>
#include <exception>

#include <auraio/detail/core.hpp>
#include <auraio/error.hpp>

namespace auraio::detail
{

[[nodiscard]] inline Turn::Deadline deadline_after(int timeout_ms)
{
    if (timeout_ms < 0)
        return {};
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
}

/** What is left, rounded up so that a wait never ends early. */
[[nodiscard]] inline int left_ms(Turn::Deadline deadline)
{
    using std::chrono::milliseconds;
    if (!deadline)
        return -1;
    const auto left = std::chrono::ceil<milliseconds>(*deadline - std::chrono::steady_clock::now());
    return left > milliseconds(0) ? static_cast<int>(left.count()) : 0;
}

/** A call of C failed: give the turn back if we have it, and throw its errno. */
[[noreturn, gnu::noinline, gnu::cold]] inline void drive_failed(Core &core, bool taken, const char *name)
{
    const int error = errno;
    if (taken)
        core.turn.leave(0);
    throw Error(error, name);
}

/** step(ms) with the turn ours, or inside a callback of ours. */
template <typename Step> int drive_now(Core &core, bool taken, int timeout_ms, const char *name, Step step)
{
    const int completed = step(timeout_ms);
    if (completed < 0) [[unlikely]]
        drive_failed(core, taken, name);
    if (taken)
        core.turn.leave(completed);
    return completed;
}

/** Wait for the turn while another thread drives, then do it; @p enough: what that one completes will do. */
template <typename Step>
[[gnu::noinline]] int drive_beside(Core &core, int timeout_ms, bool enough, const char *name, Step step)
{
    const Turn::Deadline deadline = deadline_after(timeout_ms);
    const std::uint64_t before = core.turn.completed();
    const Turn::Outcome outcome = core.turn.claim(
        deadline, [&core] { auraio_wake(core.handle); },
        [&] { return enough && core.turn.completed() != before; });
    if (outcome == Turn::Outcome::taken)
        return drive_now(core, true, left_ms(deadline), name, step);
    if (outcome == Turn::Outcome::timed_out && !enough && timeout_ms != 0)
        throw_error(ETIMEDOUT, name);
    return static_cast<int>(core.turn.completed() - before);
}

/** One call of C that drives: step(ms). Returns how many operations completed, or throws Error. */
template <typename Step> int drive(Core &core, int timeout_ms, bool enough, const char *name, Step step)
{
    const Turn::Entry entry = core.turn.enter();
    if (entry == Turn::Entry::busy) [[unlikely]]
        return drive_beside(core, timeout_ms, enough, name, step);
    return drive_now(core, entry == Turn::Entry::taken, timeout_ms, name, step);
}

/**
 * Drive until ended(), sleeping while nothing is pending, and giving way to claims. Whoever makes ended()
 * true calls auraio_wake() and Turn::nudge() then.
 */
template <typename Ended> void drive_until(Core &core, Ended ended)
{
    Turn::Entry entry = core.turn.enter();
    for (;;) {
        const std::uint64_t wakes = auraio_wake_count(core.handle);
        if (entry == Turn::Entry::busy) {
            if (core.turn.stand_by(ended) == Turn::Outcome::ended)
                return;
            entry = Turn::Entry::taken;
        }
        if (ended())
            break;
        if (entry == Turn::Entry::taken && core.turn.claims() != 0) {
            core.turn.leave(0);
            entry = Turn::Entry::busy;
            continue;
        }
        const int completed = auraio_wait_wake(core.handle, -1, wakes);
        if (completed < 0) /* the engine was inherited by fork */
            drive_failed(core, entry == Turn::Entry::taken, "auraio_wait_wake");
        if (entry == Turn::Entry::taken)
            core.turn.progress(completed);
    }
    if (entry == Turn::Entry::taken)
        core.turn.leave(0);
}

} // namespace auraio::detail

#endif
