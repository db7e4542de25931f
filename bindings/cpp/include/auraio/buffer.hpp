/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Memory for operations: BufferRef names a place, Buffer owns one.
 *
 * A Buffer from Engine::allocate_buffer() keeps the engine's pool alive. It outlives its Engine safely,
 * contents included, and may be destroyed on any thread.
 */
#ifndef AURAIO_BUFFER_HPP
#define AURAIO_BUFFER_HPP

#include <auraio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <auraio/detail/core.hpp>
#include <auraio/error.hpp>
#include <auraio/fwd.hpp>

namespace auraio
{

/** Where an operation reads or writes: plain memory, or a place in a registered buffer. Owns nothing. */
class BufferRef
{
public:
    BufferRef(void *ptr) noexcept : buf_(auraio_buf(ptr)) {}
    /** Memory that is only read, for writes. */
    explicit BufferRef(const void *ptr) noexcept : buf_(auraio_buf(const_cast<void *>(ptr))) {}

    /** Byte @p offset of registered buffer @p index; negative: a null pointer, which submission refuses. */
    [[nodiscard]] static BufferRef fixed(int index, std::size_t offset = 0) noexcept
    {
        BufferRef ref;
        ref.buf_ = auraio_buf_fixed(index, offset);
        return ref;
    }

    [[nodiscard]] bool is_registered() const noexcept { return buf_.type == AURAIO_BUF_REGISTERED; }
    [[nodiscard]] auraio_buf_t c_buf() const noexcept { return buf_; }

private:
    BufferRef() noexcept = default;
    auraio_buf_t buf_{};
};

inline BufferRef buf(void *ptr) noexcept
{
    return BufferRef(ptr);
}

inline BufferRef buf_fixed(int index, std::size_t offset = 0) noexcept
{
    return BufferRef::fixed(index, offset);
}

class Buffer
{
public:
    Buffer() noexcept = default;
    Buffer(Buffer &&other) noexcept
        : core_(std::move(other.core_)), ptr_(std::exchange(other.ptr_, nullptr)),
          size_(std::exchange(other.size_, 0))
    {
    }
    Buffer &operator=(Buffer &&other) noexcept
    {
        if (this != &other) {
            give_back();
            core_ = std::move(other.core_);
            ptr_ = std::exchange(other.ptr_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer() { give_back(); }

    /** Memory of somebody else, which stays somebody else's. */
    [[nodiscard]] static Buffer wrap(void *ptr, std::size_t size) noexcept
    {
        return Buffer(detail::CoreRef(), ptr, size);
    }

    [[nodiscard]] void *data() noexcept { return ptr_; }
    [[nodiscard]] const void *data() const noexcept { return ptr_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] explicit operator bool() const noexcept { return ptr_ != nullptr; }
    /** Whether it goes back to a pool when it is destroyed. */
    [[nodiscard]] bool owned() const noexcept { return static_cast<bool>(core_); }

    /** The bytes. Throws Error(EINVAL) when there are none. */
    [[nodiscard]] std::span<std::byte> span() { return elements<std::byte>(); }
    [[nodiscard]] std::span<const std::byte> span() const { return elements<const std::byte>(); }

    /** As many whole T as fit. Throws Error(EINVAL) when it is null, or not aligned for T. */
    template <typename T> [[nodiscard]] std::span<T> as() { return elements<T>(); }
    template <typename T> [[nodiscard]] std::span<const T> as() const { return elements<const T>(); }

    [[nodiscard]] BufferRef ref() noexcept { return BufferRef(ptr_); }
    [[nodiscard]] BufferRef ref() const noexcept { return BufferRef(static_cast<const void *>(ptr_)); }
    operator BufferRef() noexcept { return ref(); }
    operator BufferRef() const = delete; /* a read would write to it: say ref() to write from a const one */

    struct ReleasedBuffer {
        void *data;
        std::size_t size;
        auraio_engine_t *engine; /* null when it was wrapped */
    };

    /**
     * Give up ownership. The memory is the caller's, who gives it back with auraio_buffer_free(engine, data,
     * size) while the Engine lives.
     */
    [[nodiscard]] ReleasedBuffer release() noexcept
    {
        const detail::CoreRef core = std::move(core_);
        return {std::exchange(ptr_, nullptr), std::exchange(size_, 0), core ? core->handle : nullptr};
    }

private:
    friend class Engine;

    Buffer(detail::CoreRef core, void *ptr, std::size_t size) noexcept
        : core_(std::move(core)), ptr_(ptr), size_(size)
    {
    }

    template <typename T> std::span<T> elements() const
    {
        if (!ptr_)
            throw Error(EINVAL, "Buffer is null");
        if (reinterpret_cast<std::uintptr_t>(ptr_) % alignof(T) != 0)
            throw Error(EINVAL, "Buffer not aligned for requested type");
        return {static_cast<T *>(ptr_), size_ / sizeof(T)};
    }

    void give_back() noexcept
    {
        if (core_)
            auraio_buffer_free(core_->handle, ptr_, size_);
    }

    detail::CoreRef core_; /* the pool it goes back to */
    void *ptr_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace auraio

#endif
