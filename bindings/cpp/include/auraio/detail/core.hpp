/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The part of an engine that stays where it is.
 *
 * An Engine is a reference to its Core, so moving one moves a pointer, whatever is in flight. Three kinds of
 * owner keep a Core alive: the Engine, every Buffer of its pool, and every call that drives it (whose
 * callback may destroy the Engine). When the Engine dies its operations are finished, auraio_shutdown(); when
 * the last owner does, the C engine and the memory of its buffers go, auraio_destroy().
 */
#ifndef AURAIO_DETAIL_CORE_HPP
#define AURAIO_DETAIL_CORE_HPP

#include <auraio.h>

#include <atomic>
#include <cstddef>
#include <utility>

#include <auraio/detail/turn.hpp>

namespace auraio::detail
{

class Core
{
public:
    explicit Core(bool shared) noexcept : turn(shared) {}
    Core(const Core &) = delete;
    Core &operator=(const Core &) = delete;

    auraio_engine_t *handle = nullptr;
    Turn turn;
    std::atomic<int> runners{0}; /* threads in Engine::run() */

private:
    friend class CoreRef;
    ~Core() { auraio_destroy(handle); }

    std::atomic<std::size_t> owners_{1};
};

/** An owner of a Core, or of none. */
class CoreRef
{
public:
    CoreRef() noexcept = default;
    /** Takes over the reference that a new Core begins with. */
    explicit CoreRef(Core *core) noexcept : core_(core) {}
    CoreRef(const CoreRef &other) noexcept : core_(other.core_)
    {
        if (core_)
            core_->owners_.fetch_add(1, std::memory_order_relaxed);
    }
    CoreRef(CoreRef &&other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    CoreRef &operator=(CoreRef other) noexcept
    {
        std::swap(core_, other.core_);
        return *this;
    }
    ~CoreRef()
    {
        /* Whoever frees must have seen what all others did before they let go. */
        if (core_ && core_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete core_;
    }

    [[nodiscard]] Core *get() const noexcept { return core_; }
    [[nodiscard]] Core *operator->() const noexcept { return core_; }
    [[nodiscard]] explicit operator bool() const noexcept { return core_ != nullptr; }

private:
    Core *core_ = nullptr;
};

} // namespace auraio::detail

#endif
