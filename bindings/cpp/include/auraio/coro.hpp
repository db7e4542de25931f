/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Operations for coroutines: what Engine's async_ members return. co_await one in a Task, or in a coroutine
 * of any other type.
 *
 * An awaitable is a description; the operation is submitted when it is awaited. The coroutine goes on on the
 * thread that drives completions, or at once when the submission is refused. Errors are thrown as Error(code,
 * name of the member), or given as values: `co_await engine.async_read(...).nothrow()`. Inside a coroutine
 * with a stop token (Task::stop_on, sync_wait, spawn, when_any) the operation is cancelled when that stops.
 */
#ifndef AURAIO_CORO_HPP
#define AURAIO_CORO_HPP

#include <auraio.h>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <auraio/buffer.hpp>
#include <auraio/detail/completion.hpp>
#include <auraio/engine.hpp>
#include <auraio/fwd.hpp>
#include <auraio/result.hpp>
#include <auraio/task.hpp>

namespace auraio
{

namespace detail
{

/** An awaitable whose failure is a value. */
template <typename Operation> class [[nodiscard]] Nothrow : public OwnAwaitable
{
public:
    explicit Nothrow(Operation operation) noexcept : operation_(std::move(operation)) {}

    [[nodiscard]] bool await_ready() const noexcept { return operation_.await_ready(); }
    template <typename P> bool await_suspend(std::coroutine_handle<P> handle) noexcept
    {
        return operation_.await_suspend(handle);
    }
    [[nodiscard]] auto await_resume() const noexcept { return operation_.as_result(); }

private:
    Operation operation_;
};

} // namespace detail

/** Any operation, with what the plain awaitables leave out. R: ssize_t, int (a descriptor), or void. */
template <typename R> class [[nodiscard]] OpAwaitable : public detail::Completion
{
public:
    OpAwaitable(auraio_engine_t *engine, const auraio_op_t &op, const char *name) noexcept
        : engine_(engine), op_(op), name_(name)
    {
    }

    /** Give up after that long, counted from its submission: Error(ETIMEDOUT), unless it was too late to
     * stop. */
    template <typename Rep, typename Period>
    [[nodiscard]] OpAwaitable within(std::chrono::duration<Rep, Period> time) &&noexcept
    {
        const auto ns = std::chrono::ceil<std::chrono::nanoseconds>(time).count();
        op_.timeout_ns = ns > 0 ? static_cast<std::uint64_t>(ns) : 1; /* 0 would be no deadline */
        return std::move(*this);
    }
    /** RWF_* of preadv2 and pwritev2; see auraio_op_t. */
    [[nodiscard]] OpAwaitable rw_flags(int flags) &&noexcept
    {
        op_.rw_flags = flags;
        return std::move(*this);
    }
    /** Cancel it when the token says so, rather than when the coroutine's does. */
    [[nodiscard]] OpAwaitable stop_on(std::stop_token token) &&noexcept
    {
        token_ = std::move(token);
        return std::move(*this);
    }
    /** Failure as a value: co_await gives a Result. */
    [[nodiscard]] detail::Nothrow<OpAwaitable> nothrow() &&noexcept
    {
        return detail::Nothrow<OpAwaitable>(std::move(*this));
    }

    template <typename P> [[gnu::noinline]] bool await_suspend(std::coroutine_handle<P> handle) noexcept
    {
        auto submit = [this](auraio_callback_t callback, void *user_data) {
            return auraio_submit(engine_, &op_, callback, user_data);
        };
        if (token_.stop_possible())
            return begin_stoppable(handle, token_, engine_, submit);
        return begin(handle, engine_, submit);
    }

    R await_resume() const { return static_cast<R>(value(name_)); }

    [[nodiscard]] Result<R> as_result() const noexcept
    {
        if (result() < 0)
            return failure<R>(detail::errno_of(result()));
        if constexpr (std::is_void_v<R>)
            return {};
        else
            return static_cast<R>(result());
    }

private:
    auraio_engine_t *engine_;
    auraio_op_t op_;
    const char *name_;
    std::stop_token token_;
};

/** A read or a write: bytes. */
class [[nodiscard]] IoAwaitable : public detail::Completion
{
public:
    /* See OpAwaitable. */
    template <typename Rep, typename Period>
    [[nodiscard]] OpAwaitable<ssize_t> within(std::chrono::duration<Rep, Period> time) &&noexcept
    {
        return general().within(time);
    }
    [[nodiscard]] OpAwaitable<ssize_t> rw_flags(int flags) &&noexcept { return general().rw_flags(flags); }
    [[nodiscard]] OpAwaitable<ssize_t> stop_on(std::stop_token token) &&noexcept
    {
        return general().stop_on(std::move(token));
    }
    [[nodiscard]] detail::Nothrow<IoAwaitable> nothrow() &&noexcept
    {
        return detail::Nothrow<IoAwaitable>(std::move(*this));
    }

    template <typename P> [[gnu::noinline]] bool await_suspend(std::coroutine_handle<P> handle) noexcept
    {
        return begin(handle, engine_, [this](auraio_callback_t callback, void *user_data) {
            return is_write_ ? auraio_write(engine_, fd_, buf_, len_, offset_, callback, user_data)
                             : auraio_read(engine_, fd_, buf_, len_, offset_, callback, user_data);
        });
    }

    ssize_t await_resume() const { return value(name()); }

    [[nodiscard]] Result<ssize_t> as_result() const noexcept
    {
        if (result() < 0)
            return failure<ssize_t>(detail::errno_of(result()));
        return result();
    }

private:
    friend class Engine;

    IoAwaitable(auraio_engine_t *engine, int fd, BufferRef buf, std::size_t len, off_t offset,
                bool is_write) noexcept
        : engine_(engine), buf_(buf.c_buf()), len_(len), offset_(offset), fd_(fd), is_write_(is_write)
    {
    }

    [[nodiscard]] const char *name() const noexcept { return is_write_ ? "async_write" : "async_read"; }

    [[nodiscard]] OpAwaitable<ssize_t> general() const noexcept
    {
        auraio_op_t op = auraio_op(is_write_ ? AURAIO_OP_WRITE : AURAIO_OP_READ);
        op.fd = fd_;
        op.buf = buf_;
        op.len = len_;
        op.offset = offset_;
        return OpAwaitable<ssize_t>(engine_, op, name());
    }

    auraio_engine_t *engine_;
    auraio_buf_t buf_;
    std::size_t len_;
    off_t offset_;
    int fd_;
    bool is_write_;
};

/** An fsync or fdatasync. */
class [[nodiscard]] FsyncAwaitable : public detail::Completion
{
public:
    /* See OpAwaitable. */
    template <typename Rep, typename Period>
    [[nodiscard]] OpAwaitable<void> within(std::chrono::duration<Rep, Period> time) &&noexcept
    {
        return general().within(time);
    }
    [[nodiscard]] OpAwaitable<void> stop_on(std::stop_token token) &&noexcept
    {
        return general().stop_on(std::move(token));
    }
    [[nodiscard]] detail::Nothrow<FsyncAwaitable> nothrow() &&noexcept
    {
        return detail::Nothrow<FsyncAwaitable>(std::move(*this));
    }

    template <typename P> [[gnu::noinline]] bool await_suspend(std::coroutine_handle<P> handle) noexcept
    {
        return begin(handle, engine_, [this](auraio_callback_t callback, void *user_data) {
            return auraio_fsync_ex(engine_, fd_, flags(), callback, user_data);
        });
    }

    void await_resume() const { (void)value(name()); }

    [[nodiscard]] Result<void> as_result() const noexcept
    {
        if (result() < 0)
            return failure<void>(detail::errno_of(result()));
        return {};
    }

private:
    friend class Engine;

    FsyncAwaitable(auraio_engine_t *engine, int fd, bool datasync) noexcept
        : engine_(engine), fd_(fd), datasync_(datasync)
    {
    }

    [[nodiscard]] const char *name() const noexcept { return datasync_ ? "async_fdatasync" : "async_fsync"; }
    [[nodiscard]] auraio_fsync_flags_t flags() const noexcept
    {
        return datasync_ ? AURAIO_FSYNC_DATASYNC : AURAIO_FSYNC_DEFAULT;
    }

    [[nodiscard]] OpAwaitable<void> general() const noexcept
    {
        auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
        op.fd = fd_;
        op.sys_flags = flags();
        return OpAwaitable<void>(engine_, op, name());
    }

    auraio_engine_t *engine_;
    int fd_;
    bool datasync_;
};

inline IoAwaitable Engine::async_read(int fd, BufferRef buf, std::size_t len, off_t offset)
{
    return IoAwaitable(handle_, fd, buf, len, offset, false);
}

inline IoAwaitable Engine::async_write(int fd, BufferRef buf, std::size_t len, off_t offset)
{
    return IoAwaitable(handle_, fd, buf, len, offset, true);
}

inline FsyncAwaitable Engine::async_fsync(int fd)
{
    return FsyncAwaitable(handle_, fd, false);
}

inline FsyncAwaitable Engine::async_fdatasync(int fd)
{
    return FsyncAwaitable(handle_, fd, true);
}

inline OpAwaitable<ssize_t> Engine::async_readv(int fd, std::span<const iovec> iov, off_t offset)
{
    auraio_op_t op = auraio_op(AURAIO_OP_READV);
    op.fd = fd;
    op.iov = iov.data();
    op.iovcnt = counted(iov.size(), "iov count exceeds INT_MAX");
    op.offset = offset;
    return OpAwaitable<ssize_t>(handle_, op, "async_readv");
}

inline OpAwaitable<ssize_t> Engine::async_writev(int fd, std::span<const iovec> iov, off_t offset)
{
    auraio_op_t op = auraio_op(AURAIO_OP_WRITEV);
    op.fd = fd;
    op.iov = iov.data();
    op.iovcnt = counted(iov.size(), "iov count exceeds INT_MAX");
    op.offset = offset;
    return OpAwaitable<ssize_t>(handle_, op, "async_writev");
}

inline OpAwaitable<int> Engine::async_openat(int dirfd, const char *path, int flags, mode_t mode)
{
    auraio_op_t op = auraio_op(AURAIO_OP_OPENAT);
    op.fd = dirfd;
    op.path = path;
    op.sys_flags = flags;
    op.mode = mode;
    return OpAwaitable<int>(handle_, op, "async_openat");
}

inline OpAwaitable<void> Engine::async_close(int fd)
{
    auraio_op_t op = auraio_op(AURAIO_OP_CLOSE);
    op.fd = fd;
    return OpAwaitable<void>(handle_, op, "async_close");
}

inline OpAwaitable<void> Engine::async_statx(int dirfd, const char *path, int flags, unsigned mask,
                                             struct statx *statxbuf)
{
    auraio_op_t op = auraio_op(AURAIO_OP_STATX);
    op.fd = dirfd;
    op.path = path;
    op.sys_flags = flags;
    op.mask = mask;
    op.statx = statxbuf;
    return OpAwaitable<void>(handle_, op, "async_statx");
}

inline OpAwaitable<void> Engine::async_fallocate(int fd, int mode, off_t offset, off_t len)
{
    auraio_op_t op = auraio_op(AURAIO_OP_FALLOCATE);
    op.fd = fd;
    op.sys_flags = mode;
    op.offset = offset;
    op.len = static_cast<std::size_t>(len);
    return OpAwaitable<void>(handle_, op, "async_fallocate");
}

inline OpAwaitable<void> Engine::async_ftruncate(int fd, off_t length)
{
    auraio_op_t op = auraio_op(AURAIO_OP_FTRUNCATE);
    op.fd = fd;
    op.offset = length;
    return OpAwaitable<void>(handle_, op, "async_ftruncate");
}

inline OpAwaitable<void> Engine::async_sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
    auraio_op_t op = auraio_op(AURAIO_OP_SYNC_FILE_RANGE);
    op.fd = fd;
    op.offset = offset;
    op.len = static_cast<std::size_t>(len);
    op.sys_flags = static_cast<int>(flags);
    return OpAwaitable<void>(handle_, op, "async_sync_file_range");
}

inline OpAwaitable<ssize_t> Engine::async_submit(const auraio_op_t &op)
{
    return OpAwaitable<ssize_t>(handle_, op, "async_submit");
}

} // namespace auraio

#endif
