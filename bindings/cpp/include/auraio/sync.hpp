/* SPDX-License-Identifier: MIT */
/**
 * @file
 * sync_wait: from ordinary code into coroutines. Drives the engine until a task is done, and returns its
 * result.
 *
 * The task may finish on any thread: here, in another thread's run(), or wherever an awaitable of the user's
 * own resumes it. A coroutine of ours awaits it, and its end raises a flag and wakes the thread that waits.
 * Raising the flag is the last it does with anything of that thread's, which may go on at once; the Core,
 * through which it wakes, is held by a reference of its own.
 */
#ifndef AURAIO_SYNC_HPP
#define AURAIO_SYNC_HPP

#include <atomic>
#include <coroutine>
#include <exception>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <auraio/coro.hpp>
#include <auraio/detail/core.hpp>
#include <auraio/detail/drive.hpp>
#include <auraio/engine.hpp>
#include <auraio/task.hpp>

namespace auraio
{

namespace detail
{

/** A coroutine that waits for a task and then raises a flag. */
class SyncRoot
{
public:
    struct promise_type {
        template <typename T>
        promise_type(Task<T> &, std::atomic<bool> &done, const CoreRef &core) noexcept
            : done_(&done), core_(core)
        {
        }

        struct FinalAwaiter {
            bool await_ready() const noexcept { return false; }
            [[gnu::noinline]] void await_suspend(std::coroutine_handle<promise_type> handle) const noexcept
            {
                const CoreRef core = handle.promise().core_;
                handle.promise().done_->store(true, std::memory_order_release);
                auraio_wake(core->handle);
                core->turn.nudge();
            }
            void await_resume() const noexcept {}
        };

        SyncRoot get_return_object() noexcept
        {
            return SyncRoot(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        FinalAwaiter final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); } /* waiting throws nothing */

    private:
        std::atomic<bool> *done_;
        CoreRef core_;
    };

    explicit SyncRoot(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    SyncRoot(SyncRoot &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    SyncRoot &operator=(SyncRoot &&) = delete;
    ~SyncRoot()
    {
        if (handle_)
            handle_.destroy();
    }

    void start() { handle_.resume(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

template <typename T> SyncRoot sync_root(Task<T> &task, std::atomic<bool> &, const CoreRef &)
{
    co_await TaskAccess::until_done(task);
}

/** Start a task, and drive until it is done. */
template <typename T> void run_to_end(Engine &engine, Task<T> &task)
{
    std::atomic<bool> done{false};
    try {
        const CoreRef core = CoreOf::engine(engine, "sync_wait");
        SyncRoot root = sync_root(TaskAccess::existing(task), done, core);
        root.start();
        drive_until(*core.get(), [&] { return done.load(std::memory_order_acquire); });
    } catch (...) {
        TaskAccess::discard(task);
        throw;
    }
}

/** A task for any awaitable. */
template <typename A>
auto as_task(A awaitable) -> Task<decltype(awaiter_of(std::declval<A>()).await_resume())>
{
    co_return co_await std::move(awaitable);
}

} // namespace detail

/**
 * Run a task to its end, driving the engine, and return its result or throw what it threw. May be called
 * beside other threads that drive, and inside callbacks. Throws std::logic_error for an empty task,
 * Error(EINVAL) for an engine that was moved from.
 */
template <typename T> T sync_wait(Engine &engine, Task<T> task)
{
    detail::run_to_end(engine, task);
    return task.get();
}

/** The same, cancelled when the token says so. */
template <typename T> T sync_wait(Engine &engine, Task<T> task, std::stop_token token)
{
    return sync_wait(engine, std::move(task).stop_on(std::move(token)));
}

/** The same for any awaitable. */
template <typename A>
requires std::is_base_of_v<detail::Completion, A>
auto sync_wait(Engine &engine, A awaitable)
{
    return sync_wait(engine, detail::as_task(std::move(awaitable)));
}

} // namespace auraio

#endif
