/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Stop tokens on their way through coroutines.
 *
 * A promise with a member stop_token() gives what its coroutine awaits the token by which it may be
 * cancelled. Task's promise has one, which is its parent's unless it was given its own; other coroutine types
 * may have one.
 */
#ifndef AURAIO_DETAIL_TOKEN_HPP
#define AURAIO_DETAIL_TOKEN_HPP

#include <concepts>
#include <coroutine>
#include <stop_token>
#include <utility>

namespace auraio
{

namespace detail
{

/** Base of our own awaitables: Task's promise knows that it can't be resumed from outside while it awaits
 * one. */
struct OwnAwaitable {
};

template <typename P>
concept HasStopToken = requires(P &promise)
{
    {
        promise.stop_token()
        } -> std::convertible_to<const std::stop_token &>;
};

/** A copy of the promise's token, or one that never stops. */
template <typename P> [[nodiscard]] std::stop_token stop_token_of(std::coroutine_handle<P> handle) noexcept
{
    if constexpr (HasStopToken<P>)
        return handle.promise().stop_token();
    else
        return {};
}

/** Whether what the coroutine awaits may be asked to stop. */
template <typename P> [[nodiscard]] bool may_be_stopped(std::coroutine_handle<P> handle) noexcept
{
    if constexpr (HasStopToken<P>)
        return handle.promise().stop_token().stop_possible();
    else
        return false;
}

/** What get_stop_token() returns. */
class CurrentToken : public OwnAwaitable
{
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename P> bool await_suspend(std::coroutine_handle<P> handle) noexcept
    {
        token_ = stop_token_of(handle);
        return false;
    }
    [[nodiscard]] std::stop_token await_resume() noexcept { return std::move(token_); }

private:
    std::stop_token token_;
};

} // namespace detail

/** co_await it for the token by which the running coroutine may be cancelled. Never suspends. */
[[nodiscard]] inline detail::CurrentToken get_stop_token() noexcept
{
    return {};
}

} // namespace auraio

#endif
