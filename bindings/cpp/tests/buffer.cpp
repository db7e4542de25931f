/* SPDX-License-Identifier: MIT */
/* Buffers: ownership, views, and what becomes of them when engine or thread are gone. */
#include "support.hpp"

#include <criterion/criterion.h>
#include <cstring>
#include <optional>

using namespace auraio;

static std::size_t live_buffers(const Engine &engine)
{
    return engine.get_buffer_stats().total_buffers();
}

Test(buffer, is_null_by_default)
{
    Buffer none;
    cr_assert(!none);
    cr_assert(!none.owned());
    cr_assert_null(none.data());
    cr_assert_null(std::as_const(none).data());
    cr_assert_eq(none.size(), 0U);
    cr_assert_eq(test::error_of([&] { return none.span(); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return std::as_const(none).span(); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return none.as<int>(); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return std::as_const(none).as<int>(); }), EINVAL);
}

Test(buffer, of_the_pool_is_aligned_and_goes_back_to_it)
{
    Engine engine(Options().buffer_alignment(4096));
    {
        Buffer buffer = engine.allocate_buffer(10000);
        cr_assert(buffer && buffer.owned());
        cr_assert_eq(buffer.size(), 10000U);
        cr_assert_eq(reinterpret_cast<std::uintptr_t>(buffer.data()) % 4096, 0U);
        cr_assert_eq(live_buffers(engine), 1U);
        cr_assert_eq(engine.get_buffer_stats().total_allocated_bytes(),
                     engine.get_buffer_stats().c_stats().total_allocated_bytes);
        const BufferStats stats = engine.get_buffer_stats();
        cr_assert(stats.total_allocated_bytes() >= 10000);
        cr_assert(stats.shard_count() > 0);
        cr_assert_eq(stats.c_stats().total_buffers, 1U);
    }
    cr_assert_eq(live_buffers(engine), 0U);
}

Test(buffer, of_no_bytes_is_refused)
{
    Engine engine;
    cr_assert_eq(test::error_of([&] { return engine.allocate_buffer(0); }), EINVAL);
    cr_assert(
        test::names(test::message_of([&] { return engine.allocate_buffer(0); }), "auraio_buffer_alloc"));
}

Test(buffer, moves_leave_nothing_behind)
{
    Engine engine;
    Buffer first = engine.allocate_buffer(4096);
    void *const place = first.data();
    Buffer second = std::move(first);
    cr_assert(!first && !first.owned() && first.size() == 0);
    cr_assert_eq(second.data(), place);
    Buffer third = engine.allocate_buffer(512);
    third = std::move(second);
    cr_assert_eq(live_buffers(engine), 1U, "the one assigned over did not go back");
    cr_assert_eq(third.data(), place);
    cr_assert_eq(third.size(), 4096U);
    Buffer &alias = third;
    third = std::move(alias);
    cr_assert_eq(third.data(), place);
    third = Buffer();
    cr_assert_eq(live_buffers(engine), 0U);
}

Test(buffer, views_cover_it)
{
    Engine engine;
    Buffer buffer = engine.allocate_buffer(1001);
    const Buffer &readonly = buffer;
    cr_assert_eq(buffer.span().size(), 1001U);
    cr_assert_eq(readonly.span().data(), buffer.span().data());
    cr_assert_eq(buffer.as<std::uint32_t>().size(), 250U);
    buffer.as<std::uint32_t>()[249] = 77;
    cr_assert_eq(readonly.as<std::uint32_t>()[249], 77U);
    cr_assert_eq(buffer.as<char>().size(), 1001U);
}

Test(buffer, that_is_not_aligned_for_a_type_is_refused)
{
    alignas(8) char memory[16];
    Buffer odd = Buffer::wrap(memory + 1, 8);
    cr_assert_eq(test::error_of([&] { return odd.as<std::uint64_t>(); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return std::as_const(odd).as<std::uint64_t>(); }), EINVAL);
    cr_assert_eq(odd.as<char>().size(), 8U);
}

Test(buffer, that_is_wrapped_stays_somebody_elses)
{
    char memory[64];
    {
        Buffer wrapped = Buffer::wrap(memory, sizeof(memory));
        cr_assert(wrapped && !wrapped.owned());
        cr_assert_eq(wrapped.data(), memory);
        cr_assert_eq(wrapped.size(), sizeof(memory));
        const Buffer::ReleasedBuffer released = wrapped.release();
        cr_assert_eq(released.data, memory);
        cr_assert_null(released.engine);
        cr_assert(!wrapped);
    }
    std::memset(memory, 1, sizeof(memory)); /* the sanitizer would tell if it had been freed */
}

Test(buffer, refs_name_its_memory)
{
    Engine engine;
    Buffer buffer = engine.allocate_buffer(64);
    const BufferRef converted = buffer;
    cr_assert_eq(buffer.ref().c_buf().u.ptr, buffer.data());
    cr_assert_eq(std::as_const(buffer).ref().c_buf().u.ptr, buffer.data());
    cr_assert_eq(converted.c_buf().u.ptr, buffer.data());
}

Test(buffer, that_is_released_is_the_callers)
{
    Engine engine;
    Buffer buffer = engine.allocate_buffer(4096);
    const Buffer::ReleasedBuffer released = buffer.release();
    cr_assert(!buffer && !buffer.owned());
    cr_assert_eq(released.size, 4096U);
    cr_assert_eq(released.engine, engine.handle());
    cr_assert_eq(live_buffers(engine), 1U);
    auraio_buffer_free(released.engine, released.data, released.size);
    cr_assert_eq(live_buffers(engine), 0U);
}

Test(buffer, survives_its_engine_with_its_contents)
{
    const int descriptors = open_fd_count();
    {
        Buffer survivor;
        {
            test::Bench bench;
            survivor = bench.engine.allocate_buffer(test::file_bytes);
            sync_wait(bench.engine, bench.engine.async_read(bench.file, survivor, survivor.size(), 0));
        }
        cr_assert(pattern_holds(survivor.data(), survivor.size(), 0));
        Buffer moved = std::move(survivor);
        std::memset(moved.data(), 0, moved.size());
    }
    cr_assert_eq(open_fd_count(), descriptors, "the last buffer must take the engine with it");
}

Test(buffer, survives_an_engine_assigned_over)
{
    Engine engine;
    Buffer survivor = engine.allocate_buffer(4096);
    engine = Engine();
    std::memset(survivor.data(), 1, survivor.size());
    survivor = engine.allocate_buffer(4096);
    cr_assert_eq(live_buffers(engine), 1U);
}

Test(buffer, follows_a_moved_engine)
{
    std::optional<Engine> first(std::in_place);
    Buffer buffer = first->allocate_buffer(4096);
    Engine second = std::move(*first);
    first.reset();
    cr_assert_eq(live_buffers(second), 1U);
    buffer = Buffer();
    cr_assert_eq(live_buffers(second), 0U);
}

Test(buffer, may_be_freed_on_any_thread_and_after_the_engine)
{
    constexpr int count = 64;
    std::vector<Buffer> buffers;
    std::vector<std::thread> threads;
    {
        Engine engine;
        for (int i = 0; i < count; i++)
            buffers.push_back(engine.allocate_buffer(4096));
        for (int i = 0; i < 4; i++)
            threads.emplace_back([&buffers, i] {
                for (int mine = i; mine < count; mine += 4)
                    buffers[static_cast<std::size_t>(mine)] = Buffer();
            });
    } /* while they free */
    for (std::thread &thread : threads)
        thread.join();
    for (const Buffer &buffer : buffers)
        cr_assert(!buffer);
}
