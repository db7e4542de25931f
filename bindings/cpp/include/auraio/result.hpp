/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Results as values: what co_await gives for `operation.nothrow()`.
 *
 * Result<T> is std::expected<T, std::error_code> where the standard library has it (C++23). Elsewhere it is
 * the class below, which has the part of its interface that results need: has_value(), bool, value(),
 * error(), * and
 * ->, value_or(). The two live in inline namespaces of their own, so that code compiled either way links into
 * one program without one's Result being taken for the other's.
 */
#ifndef AURAIO_RESULT_HPP
#define AURAIO_RESULT_HPP

#include <system_error>
#include <utility>
#include <variant>
#include <version>

#if defined(__cpp_lib_expected)
#include <expected>
#endif

#include <auraio/error.hpp>

namespace auraio
{

#if defined(__cpp_lib_expected)

inline namespace with_expected
{

template <typename T> using Result = std::expected<T, std::error_code>;

template <typename T> [[nodiscard]] Result<T> failure(int error) noexcept
{
    return std::unexpected(std::error_code(error, std::generic_category()));
}

} // namespace with_expected

#else

inline namespace without_expected
{

/** A value or an error. */
template <typename T> class [[nodiscard]] Result
{
public:
    Result(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {}
    explicit Result(std::error_code error) noexcept : state_(std::in_place_index<1>, error) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    /** Throws Error when there is none. */
    [[nodiscard]] const T &value() const
    {
        if (!has_value())
            throw Error(error().value());
        return **this;
    }
    /** There must be one. */
    [[nodiscard]] const T &operator*() const noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] const T *operator->() const noexcept { return std::get_if<0>(&state_); }
    [[nodiscard]] T value_or(T other) const noexcept { return has_value() ? **this : other; }
    /** There must be none. */
    [[nodiscard]] const std::error_code &error() const noexcept { return *std::get_if<1>(&state_); }

private:
    std::variant<T, std::error_code> state_;
};

/** Success or an error. */
template <> class [[nodiscard]] Result<void>
{
public:
    Result() noexcept = default;
    explicit Result(std::error_code error) noexcept : error_(error) {}

    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    /** Throws Error when it failed. */
    void value() const
    {
        if (error_)
            throw Error(error_.value());
    }
    [[nodiscard]] const std::error_code &error() const noexcept { return error_; }

private:
    std::error_code error_;
};

template <typename T> [[nodiscard]] Result<T> failure(int error) noexcept
{
    return Result<T>(std::error_code(error, std::generic_category()));
}

} // namespace without_expected

#endif

} // namespace auraio

#endif
