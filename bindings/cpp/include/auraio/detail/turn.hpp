/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The turn: one thread at a time drives an engine's completions, so that its callbacks never run at once.
 *
 * Who drives owns the turn. A call from inside a callback finds its own thread to be the owner and is served
 * without taking it. Others come in two kinds. Those with something to finish (wait, drain) claim the turn: a
 * driver that could go on for ever (run, sync_wait) gives way to a claim. Those that only want the driving to
 * go on stand by until the turn is free and nobody claims it.
 *
 * No wake-up is lost by a rule of two sides: one who sleeps counts itself, then looks; the driver changes
 * what they look at, then looks at the counts. All sequentially consistent: one sees the other.
 *
 * Rings of a thread's own have no turn: only their thread may complete them, so each thread drives what is
 * its.
 */
#ifndef AURAIO_DETAIL_TURN_HPP
#define AURAIO_DETAIL_TURN_HPP

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

namespace auraio::detail
{

class Turn
{
public:
    using Deadline = std::optional<std::chrono::steady_clock::time_point>; /* none: for ever */

    /** @param shared  false: every thread drives its own rings. */
    explicit Turn(bool shared) noexcept : owner_(shared ? nullptr : &everybody_) {}

    enum class Entry {
        taken,  /* to be given back with leave() */
        nested, /* this thread drives already, or threads don't take turns here */
        busy,   /* another thread drives */
    };

    /* Out of line, like all that asks which thread it is on: see Slots::take(). */
    [[nodiscard, gnu::noinline]] Entry enter() noexcept
    {
        const void *owner = nullptr;
        if (owner_.compare_exchange_strong(owner, &identity_, std::memory_order_seq_cst)) [[likely]]
            return Entry::taken;
        return owner == &identity_ || owner == &everybody_ ? Entry::nested : Entry::busy;
    }

    /** Give the turn back, having completed so many operations. */
    void leave(int completed) noexcept
    {
        count(completed);
        owner_.store(nullptr, std::memory_order_seq_cst);
        if (sleepers_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
            wake(true);
    }

    /** So many operations completed, and the turn is kept. */
    void progress(int completed) noexcept
    {
        count(completed);
        if (claims() != 0) [[unlikely]]
            wake(false);
    }

    /** Operations completed by those who had the turn. */
    [[nodiscard]] std::uint64_t completed() const noexcept
    {
        return completed_.load(std::memory_order_seq_cst);
    }

    /** How many threads want the turn from a driver that could go on for ever. */
    [[nodiscard]] unsigned claims() const noexcept { return claims_.load(std::memory_order_seq_cst); }

    enum class Outcome { taken, ended, timed_out };

    /** Ask for the turn: until it is ours, or @p ended() holds, or it is too late. @p nudge() makes a driver
     * that sleeps look at claims(). */
    template <typename Nudge, typename Ended>
    [[nodiscard]] Outcome claim(Deadline deadline, Nudge nudge, Ended ended)
    {
        claims_.fetch_add(1, std::memory_order_seq_cst);
        nudge();
        const Outcome outcome = sleep(progressed_, deadline, ended, [] { return true; });
        claims_.fetch_sub(1, std::memory_order_seq_cst);
        if (outcome != Outcome::taken && sleepers_.load(std::memory_order_seq_cst) != 0)
            wake(true); /* whoever gave way to us */
        return outcome;
    }

    /** Sleep until the turn is free and nobody claims it, or @p ended() holds; who makes that so calls
     * nudge(). */
    template <typename Ended> [[nodiscard]] Outcome stand_by(Ended ended)
    {
        return sleep(freed_, {}, ended, [this] { return claims() == 0; });
    }

    /** Have those who stand by look again at what they wait for. */
    void nudge() noexcept
    {
        if (sleepers_.load(std::memory_order_seq_cst) != 0)
            wake(true);
    }

private:
    template <typename Ended, typename May>
    Outcome sleep(std::condition_variable &changed, Deadline deadline, Ended &ended, May may_enter)
    {
        Outcome outcome = Outcome::timed_out;
        auto over = [&] {
            if (ended())
                outcome = Outcome::ended;
            else if (may_enter() && enter() == Entry::taken)
                outcome = Outcome::taken;
            return outcome != Outcome::timed_out;
        };
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        if (deadline)
            (void)changed.wait_until(lock, *deadline, over);
        else
            changed.wait(lock, over);
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
        return outcome;
    }

    void count(int completed) noexcept
    {
        if (completed > 0)
            completed_.fetch_add(static_cast<std::uint64_t>(completed), std::memory_order_seq_cst);
    }

    /* Under the mutex: who has looked and is not asleep yet holds it. */
    [[gnu::noinline]] void wake(bool all) noexcept
    {
        std::lock_guard lock(mutex_);
        progressed_.notify_all();
        if (all)
            freed_.notify_all();
    }

    static inline constinit thread_local char identity_ = 0; /* its address names the thread */
    static inline constinit char everybody_ = 0; /* the owner where nobody has to take turns, for ever */

    std::atomic<const void *> owner_;
    std::atomic<unsigned> sleepers_{0}, claims_{0};
    std::atomic<std::uint64_t> completed_{0};
    std::mutex mutex_;
    std::condition_variable progressed_, freed_; /* claimers sleep on the first, the others on the second */
};

} // namespace auraio::detail

#endif
