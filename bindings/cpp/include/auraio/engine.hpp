/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The engine: operations with callables, completions, buffers, figures.
 *
 * Threads: as in auraio.h, but for completions: one thread at a time drives an engine, so its callbacks never
 * run at once, except with RingSelect::ThreadLocal, where each thread completes its own operations. Callables
 * run on the thread that drives, inside poll(), wait(), run(), drain(), sync_wait(), unregister_buffers() or
 * the destructor. An exception that leaves one is std::terminate.
 *
 * An Engine may be moved while operations are in flight. Every call on one that was moved from throws
 * Error(EINVAL); those that are noexcept return the empty value. In a forked child every call on an inherited
 * one throws Error(EPERM), and callables in flight are not run or destroyed there.
 */
#ifndef AURAIO_ENGINE_HPP
#define AURAIO_ENGINE_HPP

#include <auraio.h>

#include <climits>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <auraio/buffer.hpp>
#include <auraio/detail/callback.hpp>
#include <auraio/detail/core.hpp>
#include <auraio/detail/drive.hpp>
#include <auraio/error.hpp>
#include <auraio/fwd.hpp>
#include <auraio/options.hpp>
#include <auraio/request.hpp>
#include <auraio/stats.hpp>

namespace auraio
{

namespace detail
{
struct CoreOf;
}

class Engine
{
public:
    /** Throws Error(errno, "auraio_create"). */
    Engine() : Engine(nullptr, true, "auraio_create") {}
    /** Throws Error(errno, "auraio_create_with_options"). */
    explicit Engine(const Options &opts)
        : Engine(&opts.c_options(), opts.ring_select() != RingSelect::ThreadLocal,
                 "auraio_create_with_options")
    {
    }

    Engine(Engine &&other) noexcept
        : core_(std::move(other.core_)), handle_(std::exchange(other.handle_, nullptr))
    {
    }
    /** Destroys the engine it had first. */
    Engine &operator=(Engine &&other) noexcept
    {
        if (this != &other) {
            shut_down();
            core_ = std::move(other.core_);
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    Engine(const Engine &) = delete;
    Engine &operator=(const Engine &) = delete;

    /**
     * Finishes what is pending, cancelling what may wait for ever, and runs the callbacks. From a callback
     * that happens when the outermost call returns. Buffers of its pool stay valid.
     */
    ~Engine() { shut_down(); }

    /*
     * Operations. The callable is taken by value and called once, with the Request and the result: bytes, or
     * what the operation's C function says, or a negative errno. Up to 48 bytes of captures cost no
     * allocation. They throw Error(errno, name of the C function), and what copying or moving the callable
     * throws.
     */

    template <Callback F>
    [[nodiscard]] Request read(int fd, BufferRef buf, std::size_t len, off_t offset, F &&callback)
    {
        return start("auraio_read", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_read(handle_, fd, buf.c_buf(), len, offset, complete, callable);
        });
    }

    template <Callback F>
    [[nodiscard]] Request write(int fd, BufferRef buf, std::size_t len, off_t offset, F &&callback)
    {
        return start("auraio_write", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_write(handle_, fd, buf.c_buf(), len, offset, complete, callable);
        });
    }

    /** The iovecs and their buffers stay valid until the callback. More than INT_MAX of them: Error(EINVAL).
     */
    template <Callback F>
    [[nodiscard]] Request readv(int fd, std::span<const iovec> iov, off_t offset, F &&callback)
    {
        const int count = counted(iov.size(), "iov count exceeds INT_MAX");
        return start("auraio_readv", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_readv(handle_, fd, iov.data(), count, offset, complete, callable);
        });
    }

    template <Callback F>
    [[nodiscard]] Request writev(int fd, std::span<const iovec> iov, off_t offset, F &&callback)
    {
        const int count = counted(iov.size(), "iov count exceeds INT_MAX");
        return start("auraio_writev", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_writev(handle_, fd, iov.data(), count, offset, complete, callable);
        });
    }

    template <Callback F> [[nodiscard]] Request fsync(int fd, F &&callback)
    {
        return start("auraio_fsync", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_fsync(handle_, fd, complete, callable);
        });
    }

    template <Callback F> [[nodiscard]] Request fdatasync(int fd, F &&callback)
    {
        return start("auraio_fsync_ex", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_fsync_ex(handle_, fd, AURAIO_FSYNC_DATASYNC, complete, callable);
        });
    }

    template <Callback F>
    [[nodiscard]] Request openat(int dirfd, const char *path, int flags, mode_t mode, F &&callback)
    {
        return start("auraio_openat", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_openat(handle_, dirfd, path, flags, mode, complete, callable);
        });
    }

    template <Callback F> [[nodiscard]] Request close(int fd, F &&callback)
    {
        return start("auraio_close", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_close(handle_, fd, complete, callable);
        });
    }

    template <Callback F>
    [[nodiscard]] Request statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *statxbuf,
                                F &&callback)
    {
        return start("auraio_statx", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_statx(handle_, dirfd, path, flags, mask, statxbuf, complete, callable);
        });
    }

    template <Callback F>
    [[nodiscard]] Request fallocate(int fd, int mode, off_t offset, off_t len, F &&callback)
    {
        return start("auraio_fallocate", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_fallocate(handle_, fd, mode, offset, len, complete, callable);
        });
    }

    template <Callback F> [[nodiscard]] Request ftruncate(int fd, off_t length, F &&callback)
    {
        return start("auraio_ftruncate", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_ftruncate(handle_, fd, length, complete, callable);
        });
    }

    template <Callback F>
    [[nodiscard]] Request sync_file_range(int fd, off_t offset, off_t len, unsigned flags, F &&callback)
    {
        return start("auraio_sync_file_range", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_sync_file_range(handle_, fd, offset, len, flags, complete, callable);
        });
    }

    /** Any operation, with its RWF_* flags and deadline: auraio_submit(). */
    template <Callback F> [[nodiscard]] Request submit(const auraio_op_t &op, F &&callback)
    {
        return start("auraio_submit", std::forward<F>(callback), [&](auto complete, void *callable) {
            return auraio_submit(handle_, &op, complete, callable);
        });
    }

    /*
     * The same for coroutines, defined in coro.hpp: co_await them. They start when they are awaited; the
     * Engine and what they name stays valid until then, buffers and paths until they have completed. Errors
     * are thrown by co_await, as Error(code, "async_read") and so on.
     */

    [[nodiscard]] inline IoAwaitable async_read(int fd, BufferRef buf, std::size_t len, off_t offset);
    [[nodiscard]] inline IoAwaitable async_write(int fd, BufferRef buf, std::size_t len, off_t offset);
    [[nodiscard]] inline FsyncAwaitable async_fsync(int fd);
    [[nodiscard]] inline FsyncAwaitable async_fdatasync(int fd);
    [[nodiscard]] inline OpAwaitable<ssize_t> async_readv(int fd, std::span<const iovec> iov, off_t offset);
    [[nodiscard]] inline OpAwaitable<ssize_t> async_writev(int fd, std::span<const iovec> iov, off_t offset);
    [[nodiscard]] inline OpAwaitable<int> async_openat(int dirfd, const char *path, int flags,
                                                       mode_t mode = 0);
    [[nodiscard]] inline OpAwaitable<void> async_close(int fd);
    [[nodiscard]] inline OpAwaitable<void> async_statx(int dirfd, const char *path, int flags, unsigned mask,
                                                       struct statx *statxbuf);
    [[nodiscard]] inline OpAwaitable<void> async_fallocate(int fd, int mode, off_t offset, off_t len);
    [[nodiscard]] inline OpAwaitable<void> async_ftruncate(int fd, off_t length);
    [[nodiscard]] inline OpAwaitable<void> async_sync_file_range(int fd, off_t offset, off_t len,
                                                                 unsigned flags);
    /** Any operation: the result is C's. */
    [[nodiscard]] inline OpAwaitable<ssize_t> async_submit(const auraio_op_t &op);

    /** Ask for an operation to be cancelled; its callback still comes. False: it is too late, or was asked.
     */
    bool cancel(Request &req) noexcept { return req && auraio_cancel(handle_, req.handle()) == 0; }

    /*
     * Completions. While another thread drives this engine, poll() returns 0 at once; wait() returns when
     * that one has completed something or has given way, drain() when it could do its work; run() stands by.
     */

    /** A descriptor for event loops; see auraio_get_poll_fd(). */
    [[nodiscard]] int poll_fd() const
    {
        const int fd = auraio_get_poll_fd(handle_);
        check(fd >= 0, "auraio_get_poll_fd");
        return fd;
    }

    /** Run the callbacks of what has completed, without blocking. Returns how many operations completed. */
    int poll()
    {
        const detail::CoreRef core = live("auraio_poll");
        const detail::Turn::Entry entry = core->turn.enter();
        if (entry == detail::Turn::Entry::busy)
            return 0;
        return detail::drive_now(*core.get(), entry == detail::Turn::Entry::taken, 0, "auraio_poll",
                                 [&](int) { return auraio_poll(core->handle); });
    }

    /** Wait until something completes. Returns how many did; 0: @p timeout_ms has passed, or nothing is
     * pending. */
    int wait(int timeout_ms = -1)
    {
        const detail::CoreRef core = live("auraio_wait");
        return detail::drive(*core.get(), timeout_ms, true, "auraio_wait",
                             [&](int left_ms) { return auraio_wait(core->handle, left_ms); });
    }

    /** Complete operations until stop(), then finish what is pending. Sleeps when idle. */
    void run()
    {
        const detail::CoreRef core = live("auraio_run");
        core->runners.fetch_add(1);
        detail::drive_until(*core.get(), [&] { return auraio_stop_asked(core->handle); });
        (void)detail::drive(*core.get(), -1, false, "auraio_run", [&](int) {
            /* A run that ended between our stop and our turn may have taken the stop back. */
            if (core->runners.fetch_sub(1) > 1 || !auraio_stop_asked(core->handle))
                return auraio_drain(core->handle, -1);
            auraio_run(core->handle); /* finishes what is pending, and takes the stop back */
            return 0;
        });
    }

    /** Make run() return, on every thread that is in it; or the next one. */
    void stop() noexcept
    {
        if (!core_)
            return;
        auraio_stop(handle_);
        core_->turn.nudge();
    }

    /** Complete operations until nothing is pending. Returns how many; throws Error(ETIMEDOUT). */
    int drain(int timeout_ms = -1)
    {
        const detail::CoreRef core = live("auraio_drain");
        return detail::drive(*core.get(), timeout_ms, false, "auraio_drain",
                             [&](int left_ms) { return auraio_drain(core->handle, left_ms); });
    }

    /** Hand what is held back for batching to the kernel. Returns how many operations. */
    int flush()
    {
        const int count = auraio_flush(handle_);
        check(count >= 0, "auraio_flush");
        return count;
    }

    /** Memory of the pool, aligned as the options say. */
    [[nodiscard]] Buffer allocate_buffer(std::size_t size)
    {
        void *ptr = auraio_buffer_alloc(handle_, size);
        check(ptr != nullptr, "auraio_buffer_alloc");
        return Buffer(core_, ptr, size);
    }

    void register_buffers(std::span<const iovec> bufs)
    {
        const int count = counted(bufs.size(), "buffer count exceeds INT_MAX");
        check(auraio_register_buffers(handle_, bufs.data(), count) == 0, "auraio_register_buffers");
    }

    /** Drives completions until the operations that use registered buffers are done. */
    void unregister_buffers()
    {
        const detail::CoreRef core = live("auraio_unregister_buffers");
        (void)detail::drive(*core.get(), -1, false, "auraio_unregister_buffers",
                            [&](int) { return auraio_unregister_buffers(core->handle); });
    }

    void register_files(std::span<const int> fds)
    {
        const int count = counted(fds.size(), "file count exceeds INT_MAX");
        check(auraio_register_files(handle_, fds.data(), count) == 0, "auraio_register_files");
    }

    void update_file(int index, int fd)
    {
        check(auraio_update_file(handle_, index, fd) == 0, "auraio_update_file");
    }

    void unregister_files() { check(auraio_unregister_files(handle_) == 0, "auraio_unregister_files"); }

    [[nodiscard]] Stats get_stats() const
    {
        Stats stats;
        auraio_get_stats(live("auraio_get_stats")->handle, &stats.stats_);
        return stats;
    }

    [[nodiscard]] int ring_count() const noexcept { return auraio_get_ring_count(handle_); }

    /** Throws std::out_of_range. */
    [[nodiscard]] RingStats get_ring_stats(int ring_idx) const
    {
        RingStats stats;
        if (auraio_get_ring_stats(live("auraio_get_ring_stats")->handle, ring_idx, &stats.stats_) != 0)
            throw std::out_of_range("ring_idx out of range");
        stats.ring_index_ = ring_idx;
        return stats;
    }

    /** Throws std::out_of_range. */
    [[nodiscard]] Histogram get_histogram(int ring_idx) const
    {
        Histogram histogram;
        if (auraio_get_histogram(live("auraio_get_histogram")->handle, ring_idx, &histogram.hist_) != 0)
            throw std::out_of_range("ring_idx out of range");
        return histogram;
    }

    [[nodiscard]] BufferStats get_buffer_stats() const
    {
        BufferStats stats;
        check(auraio_get_buffer_stats(handle_, &stats.stats_) == 0, "auraio_get_buffer_stats");
        return stats;
    }

    /** The C engine, for everything else; it stays the Engine's. */
    [[nodiscard]] auraio_engine_t *handle() noexcept { return handle_; }
    [[nodiscard]] const auraio_engine_t *handle() const noexcept { return handle_; }
    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }

private:
    friend struct detail::CoreOf;

    /* The Core comes first: nothing can fail once there is a C engine. */
    Engine(const auraio_options_t *options, bool shared, const char *name)
        : core_(new detail::Core(shared)),
          handle_(options ? auraio_create_with_options(options) : auraio_create())
    {
        check(handle_ != nullptr, name);
        core_->handle = handle_;
    }

    /* The callbacks that run meanwhile find the Engine as it was. */
    void shut_down() noexcept
    {
        if (!core_)
            return;
        auraio_shutdown(handle_);
        core_ = {};
        handle_ = nullptr;
        detail::CallbackSlots::trim();
    }

    [[nodiscard]] detail::CoreRef live(const char *operation) const
    {
        if (!core_) [[unlikely]]
            detail::throw_error(EINVAL, operation);
        return core_;
    }

    [[nodiscard]] static int counted(std::size_t count, const char *complaint)
    {
        if (count > static_cast<std::size_t>(INT_MAX)) [[unlikely]]
            detail::throw_error(EINVAL, complaint);
        return static_cast<int>(count);
    }

    template <typename F, typename Submit> Request start(const char *operation, F &&callback, Submit submit)
    {
        using InFlight = detail::InFlight<std::decay_t<F>>;
        void *callable = InFlight::create(std::forward<F>(callback), operation);
        auraio_request_t *req = submit(&InFlight::complete, callable);
        if (!req) [[unlikely]]
            InFlight::refused(callable, operation);
        return Request(req);
    }

    detail::CoreRef core_;
    auraio_engine_t *handle_ = nullptr; /* core_->handle */
};

namespace detail
{

/** The Core of an Engine, for what drives it from outside; throws Error(EINVAL) when it was moved from. */
struct CoreOf {
    [[nodiscard]] static CoreRef engine(const Engine &engine, const char *operation)
    {
        return engine.live(operation);
    }
};

} // namespace detail

} // namespace auraio

#endif
