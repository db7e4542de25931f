/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Callables as callbacks of C.
 *
 * C calls a function with a pointer. The function is complete(), compiled for each type of callable, so
 * nothing has to be looked up; the pointer is where the callable was built, and where it stays until it has
 * been called and destroyed: a slot when it fits (Slots; no allocation), the heap when it does not. Nothing
 * in it refers to the Engine. The callable is called once, as an rvalue where it can be.
 */
#ifndef AURAIO_DETAIL_CALLBACK_HPP
#define AURAIO_DETAIL_CALLBACK_HPP

#include <auraio.h>

#include <concepts>
#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

#include <auraio/detail/slots.hpp>
#include <auraio/error.hpp>
#include <auraio/request.hpp>

namespace auraio
{

/** What an operation calls when it has completed: with its Request and its result. It may be move-only. */
template <typename F>
concept Callback = std::invocable<F, Request &, ssize_t>;

namespace detail
{

using CallbackSlots = Slots<64>;

/** A pointer that is null, a std::function that is empty. */
template <typename F> [[nodiscard]] constexpr bool is_empty_callable(const F &f) noexcept
{
    if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>)
        return f == nullptr;
    else if constexpr (requires {
                           {
                               f.operator bool()
                               } -> std::same_as<bool>;
                       })
        return !f.operator bool();
    else
        return false;
}

/** A callable of type F in flight. */
template <typename F> class InFlight
{
public:
    /** Build it; the pointer is for C, with complete(). Throws Error(EINVAL), std::bad_alloc and what F
     * throws. */
    template <typename G> [[nodiscard]] static void *create(G &&callable, const char *operation)
    {
        if (is_empty_callable(callable))
            throw_error(EINVAL, operation);
        if constexpr (!fits)
            return new F(std::forward<G>(callable));
        void *place = CallbackSlots::take();
        if constexpr (std::is_nothrow_constructible_v<F, G>)
            return new (place) F(std::forward<G>(callable));
        try {
            return new (place) F(std::forward<G>(callable));
        } catch (...) {
            CallbackSlots::give(place);
            throw;
        }
    }

    /** The callback that C knows. An exception has nowhere to go from here: std::terminate. */
    static void complete(auraio_request_t *req, ssize_t result, void *user_data) noexcept
    {
        F *callable = static_cast<F *>(user_data);
        Request request(req);
        if constexpr (Callback<F>)
            static_cast<void>(std::invoke(std::move(*callable), request, result));
        else
            static_cast<void>(std::invoke(*callable, request, result));
        discard(callable);
    }

    /** The submission was refused with errno, which is saved before the callable goes. */
    [[noreturn, gnu::noinline, gnu::cold]] static void refused(void *callable, const char *operation)
    {
        const int error = errno;
        discard(static_cast<F *>(callable));
        throw Error(error, operation);
    }

private:
    static constexpr bool fits = sizeof(F) <= CallbackSlots::size && alignof(F) <= CallbackSlots::alignment;

    static void discard(F *callable) noexcept
    {
        if constexpr (fits) {
            callable->~F();
            CallbackSlots::give(callable);
        } else {
            delete callable;
        }
    }
};

} // namespace detail

} // namespace auraio

#endif
