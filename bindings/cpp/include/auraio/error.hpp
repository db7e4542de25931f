/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What the bindings throw: an errno, and the name of the call that gave it.
 */
#ifndef AURAIO_ERROR_HPP
#define AURAIO_ERROR_HPP

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace auraio
{

/** An errno as an exception. what() begins with the context: the C function, or the async_ member. */
class Error : public std::system_error
{
public:
    explicit Error(int err, std::string_view context = {})
        : std::system_error(err, std::generic_category(), std::string(context))
    {
    }

    /** The errno; the error_code is that of the base class, std::system_error::code(). */
    [[nodiscard]] int code() const noexcept { return std::system_error::code().value(); }

    [[nodiscard]] bool is_invalid() const noexcept { return code() == EINVAL; }
    [[nodiscard]] bool is_again() const noexcept { return code() == EAGAIN; }
    [[nodiscard]] bool is_shutdown() const noexcept { return code() == ESHUTDOWN; }
    [[nodiscard]] bool is_cancelled() const noexcept { return code() == ECANCELED; }
    [[nodiscard]] bool is_busy() const noexcept { return code() == EBUSY; }
    [[nodiscard]] bool is_not_found() const noexcept { return code() == ENOENT; }
};

/** Throw Error(errno, context). */
[[noreturn, gnu::noinline, gnu::cold]] inline void throw_errno(std::string_view context = {})
{
    /*
     * Out of line because the address of errno belongs to a thread: a compiler may take it for a constant,
     * and a coroutine that this were inlined into may have changed threads since it was computed.
     */
    throw Error(errno, context);
}

/** Throw Error(errno, context) unless the condition holds. */
inline void check(bool condition, std::string_view context = {})
{
    if (!condition)
        throw_errno(context);
}

namespace detail
{

/** The errno in a result that is negative; EIO for one that is none. */
[[nodiscard]] constexpr int errno_of(long result) noexcept
{
    constexpr long last_errno = 4095;
    return result < 0 && result >= -last_errno ? static_cast<int>(-result) : EIO;
}

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_error(int err, const char *context)
{
    throw Error(err, context);
}

} // namespace detail

} // namespace auraio

#endif
