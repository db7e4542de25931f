/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Slots: small pieces of memory of one size, for what lives from a submission to its callback.
 *
 * A slot is taken by the thread that submits and given back by the thread that completes, so the pool belongs
 * to the process and not to an engine: engines may move, or die, while slots are out. It is the magazine
 * layer of Bonwick and Adams (USENIX 2001). Each thread has up to two magazines of free slots, one in use and
 * a full spare, and takes and gives with a handful of instructions; full magazines go to a depot behind a
 * mutex and come from there, one lock for `magazine` slots. So where one thread submits and another
 * completes, slots travel back by the magazine. Memory is allocated only where more slots are out than ever
 * before since the last trim().
 *
 * Thread exit: the magazines' slots are freed, and the thread's later calls (destructors of other
 * thread-local objects) go past the magazines. Process exit: the depot has no destructor, so engines with
 * static lifetime may use it to the end.
 */
#ifndef AURAIO_DETAIL_SLOTS_HPP
#define AURAIO_DETAIL_SLOTS_HPP

#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

namespace auraio::detail
{

template <std::size_t Bytes> class Slots
{
public:
    static constexpr std::size_t size = Bytes;
    static constexpr std::size_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    /**
     * A slot. Throws std::bad_alloc.
     *
     * Out of line: inlined into a coroutine, the address of the thread's magazines could be kept across a
     * suspension by compilers that take it for a constant, and used on another thread.
     */
    [[nodiscard, gnu::noinline]] static void *take()
    {
        Free *slot = magazines_.loaded;
        if (slot == nullptr) [[unlikely]]
            return take_slowly();
        magazines_.loaded = slot->next;
        magazines_.count--;
        return slot;
    }

    /** Give one back, on any thread. Not from the body of a coroutine: it may be inlined. */
    static void give(void *slot) noexcept
    {
        if (magazines_.count == magazines_.capacity) [[unlikely]] {
            if (!make_room()) {
                ::operator delete(slot);
                return;
            }
        }
        magazines_.loaded = new (slot) Free{magazines_.loaded, nullptr};
        magazines_.count++;
    }

    /** Free what is in the depot. */
    static void trim() noexcept
    {
        std::unique_lock lock(depot_.mutex);
        Free *full = std::exchange(depot_.full, nullptr);
        lock.unlock();
        while (full != nullptr) {
            Free *next = full->next_magazine;
            free_all(full);
            full = next;
        }
    }

private:
    static constexpr unsigned magazine = 32;

    struct Free {
        Free *next;
        Free *next_magazine; /* of a full magazine's first slot, in the depot */
    };
    static_assert(sizeof(Free) <= Bytes);

    /* Trivial, so that using it costs no check for its construction. */
    struct Magazines {
        Free *loaded;
        unsigned count;    /* slots in it */
        unsigned capacity; /* 0 until the thread's end is watched, and after it */
        Free *spare;       /* full, or null */
        bool closed;       /* the thread is ending */
    };

    struct Depot {
        std::mutex mutex;
        Free *full;
    };

    /* Constructed in the slow path of a thread's first use; its destructor is the thread's end. */
    struct Watch {
        Watch() noexcept { magazines_.capacity = magazine; }
        Watch(const Watch &) = delete;
        Watch &operator=(const Watch &) = delete;
        ~Watch()
        {
            Magazines left = std::exchange(magazines_, Magazines{nullptr, 0, 0, nullptr, true});
            free_all(left.loaded);
            free_all(left.spare);
        }
    };

    [[gnu::noinline, gnu::cold]] static void free_all(Free *slot) noexcept
    {
        while (slot != nullptr)
            ::operator delete(std::exchange(slot, slot->next));
    }

    static void open() noexcept
    {
        if (!magazines_.closed) {
            [[maybe_unused]] thread_local Watch watch;
        }
    }

    /* The loaded magazine is empty. */
    [[gnu::noinline, gnu::cold]] static void *take_slowly()
    {
        open();
        Free *full = std::exchange(magazines_.spare, nullptr);
        if (full == nullptr && !magazines_.closed) {
            std::lock_guard lock(depot_.mutex);
            full = depot_.full;
            if (full != nullptr)
                depot_.full = full->next_magazine;
        }
        if (full == nullptr)
            return ::operator new(Bytes);
        magazines_.loaded = full->next;
        magazines_.count = magazine - 1;
        return full;
    }

    /* The loaded magazine is full, or not there yet. False: there is none any more. */
    [[gnu::noinline, gnu::cold]] static bool make_room() noexcept
    {
        if (magazines_.capacity == 0) {
            open();
            return !magazines_.closed;
        }
        Free *surplus = std::exchange(magazines_.spare, std::exchange(magazines_.loaded, nullptr));
        magazines_.count = 0;
        if (surplus != nullptr) {
            std::lock_guard lock(depot_.mutex);
            surplus->next_magazine = std::exchange(depot_.full, surplus);
        }
        return true;
    }

    static inline constinit thread_local Magazines magazines_{};
    static inline constinit Depot depot_{};
};

} // namespace auraio::detail

#endif
