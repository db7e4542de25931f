/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Memory of coroutine frames.
 *
 * A coroutine whose first parameters are std::allocator_arg and an allocator (after the object, for a member
 * function) has its frame from that allocator; any other from operator new. Behind the frame, in the same
 * piece of memory, stands how to give it back: the allocator itself, and a function that knows its type.
 */
#ifndef AURAIO_DETAIL_FRAME_HPP
#define AURAIO_DETAIL_FRAME_HPP

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace auraio::detail
{

/** Base of promises: their operator new and delete. */
class FrameMemory
{
public:
    [[gnu::noinline]] static void *
    operator new(std::size_t size) /* gcc takes an inlined one for a mismatch */
    {
        void *frame = ::operator new(giver_at(size) + sizeof(Giver));
        set_giver(frame, size, nullptr);
        return frame;
    }

    /* Inline at every level: gcc 12 takes a template and the delete below for two that do not belong
     * together, in the program's coroutine and where the call is left standing. */
    template <typename Alloc, typename... Args>
    [[gnu::always_inline]] static void *operator new(std::size_t size, std::allocator_arg_t,
                                                     const Alloc &alloc, const Args &...)
    {
        return allocate(size, alloc);
    }

    /* Of member functions, whose object comes first. */
    template <typename Object, typename Alloc, typename... Args>
    [[gnu::always_inline]] static void *operator new(std::size_t size, const Object &, std::allocator_arg_t,
                                                     const Alloc &alloc, const Args &...)
    {
        return allocate(size, alloc);
    }

    static void operator delete(void *frame, std::size_t size) noexcept
    {
        Giver giver;
        std::memcpy(&giver, static_cast<std::byte *>(frame) + giver_at(size), sizeof(giver));
        if (giver)
            giver(frame, size);
        else
            ::operator delete(frame);
    }

private:
    using Giver = void (*)(void *frame, std::size_t size) noexcept;

    /* Allocators are asked for blocks, so that what they give is aligned for a frame. */
    struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Block {
        std::byte bytes[__STDCPP_DEFAULT_NEW_ALIGNMENT__];
    };

    template <typename Alloc>
    using BlockAllocator = typename std::allocator_traits<Alloc>::template rebind_alloc<Block>;

    static constexpr std::size_t rounded(std::size_t size, std::size_t to)
    {
        return (size + to - 1) / to * to;
    }
    static constexpr std::size_t giver_at(std::size_t size) { return rounded(size, alignof(Giver)); }
    template <typename A> static constexpr std::size_t allocator_at(std::size_t size)
    {
        return rounded(giver_at(size) + sizeof(Giver), alignof(A));
    }
    template <typename A> static constexpr std::size_t blocks(std::size_t size)
    {
        return rounded(allocator_at<A>(size) + sizeof(A), sizeof(Block)) / sizeof(Block);
    }

    static void set_giver(void *frame, std::size_t size, Giver giver) noexcept
    {
        std::memcpy(static_cast<std::byte *>(frame) + giver_at(size), &giver, sizeof(giver));
    }

    template <typename Alloc> static void *allocate(std::size_t size, const Alloc &alloc)
    {
        using A = BlockAllocator<Alloc>;
        static_assert(alignof(A) <= alignof(Block), "an allocator that needs more alignment than a frame");
        A allocator(alloc);
        void *frame = std::to_address(std::allocator_traits<A>::allocate(allocator, blocks<A>(size)));
        new (static_cast<std::byte *>(frame) + allocator_at<A>(size)) A(std::move(allocator));
        set_giver(frame, size, [](void *memory, std::size_t frame_size) noexcept {
            A *stored = std::launder(
                reinterpret_cast<A *>(static_cast<std::byte *>(memory) + allocator_at<A>(frame_size)));
            A giving(std::move(*stored));
            stored->~A();
            using Pointer = typename std::allocator_traits<A>::pointer;
            std::allocator_traits<A>::deallocate(
                giving, std::pointer_traits<Pointer>::pointer_to(*static_cast<Block *>(memory)),
                blocks<A>(frame_size));
        });
        return frame;
    }
};

} // namespace auraio::detail

#endif
