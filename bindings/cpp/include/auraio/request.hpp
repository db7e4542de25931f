/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A handle to one operation: a value that never names another operation, however late it is used.
 */
#ifndef AURAIO_REQUEST_HPP
#define AURAIO_REQUEST_HPP

#include <auraio.h>

namespace auraio
{

class Request
{
public:
    explicit Request(auraio_request_t *h) noexcept : handle_(h) {}

    /** Whether the callback is still to come. */
    [[nodiscard]] bool pending() const noexcept { return handle_ && auraio_request_pending(handle_); }
    /** The descriptor of an operation that is pending or in its callback; else -1. */
    [[nodiscard]] int fd() const noexcept { return handle_ ? auraio_request_fd(handle_) : -1; }

    [[nodiscard]] auraio_request_t *handle() noexcept { return handle_; }
    [[nodiscard]] const auraio_request_t *handle() const noexcept { return handle_; }
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

private:
    auraio_request_t *handle_;
};

} // namespace auraio

#endif
