/* SPDX-License-Identifier: MIT */
/**
 * @file
 * spawn: a task that nobody awaits. It starts at once, on the calling thread, goes on wherever its awaits
 * resume it, and frees itself. What it throws goes to a sink. Engine::drain() waits for spawned tasks that
 * await operations.
 */
#ifndef AURAIO_SPAWN_HPP
#define AURAIO_SPAWN_HPP

#include <concepts>
#include <coroutine>
#include <exception>
#include <stop_token>
#include <utility>

#include <auraio/detail/frame.hpp>
#include <auraio/task.hpp>

namespace auraio
{

namespace detail
{

/** The coroutine that owns a spawned task. Its parameters live in its frame. */
struct Detached {
    struct promise_type : FrameMemory {
        template <typename T, typename Sink>
        promise_type(Task<T> &, Sink &, std::stop_token &token) noexcept : token_(token)
        {
        }
        Detached get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); } /* the sink threw */
        [[nodiscard]] const std::stop_token &stop_token() const noexcept { return token_; }

    private:
        const std::stop_token &token_;
    };
};

template <typename T, typename Sink> Detached detach(Task<T> task, Sink sink, std::stop_token)
{
    try {
        static_cast<void>(co_await task);
    } catch (...) {
        sink(std::current_exception());
    }
}

} // namespace detail

/**
 * Run a task that nobody waits for.
 *
 * @param task   its result is dropped. An empty one is std::logic_error, to the sink.
 * @param sink   called with what the task threw, on the thread where it did; it must not throw
 * (std::terminate).
 * @param token  cancels what the task awaits.
 */
template <typename T, std::invocable<std::exception_ptr> Sink>
void spawn(Task<T> task, Sink sink, std::stop_token token = {})
{
    detail::detach(std::move(task), std::move(sink), std::move(token));
}

/** The same where nothing is expected to fail: an exception is std::terminate. */
template <typename T> void spawn(Task<T> task, std::stop_token token = {})
{
    spawn(
        std::move(task), [](std::exception_ptr) { std::terminate(); }, std::move(token));
}

} // namespace auraio

#endif
