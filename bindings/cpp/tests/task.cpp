/* SPDX-License-Identifier: MIT */
/* Tasks: lazy, resumed once, awaited once, their results and exceptions, and their ends. */
#include "support.hpp"

#include <atomic>
#include <criterion/criterion.h>
#include <csignal>
#include <memory>
#include <optional>

using namespace auraio;

namespace
{

char byte;

Task<int> value(int n)
{
    co_return n;
}

Task<int> failing()
{
    throw Error(EBUSY, "deep");
    co_return 0;
}

Task<int> middle()
{
    co_return co_await failing() + 1;
}

Task<int> top()
{
    co_return co_await middle() + 1;
}

Task<> failing_void()
{
    throw std::runtime_error("void");
    co_return;
}

Task<ssize_t> read_byte(Engine &engine, int fd)
{
    co_return co_await engine.async_read(fd, &byte, 1, -1);
}

Task<> count_start(int &starts)
{
    starts++;
    co_return;
}

Task<std::unique_ptr<int>> move_only()
{
    co_return std::make_unique<int>(5);
}

Task<int &> reference(int &place)
{
    co_return place;
}

Task<> await_it(Task<ssize_t> &task, ssize_t &result)
{
    result = co_await task;
}

Task<int> await_empty()
{
    Task<int> empty;
    co_return co_await empty;
}

/* Somebody else's awaitable: resumed by whoever has the handle. */
struct Event {
    std::coroutine_handle<> waiter;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { waiter = handle; }
    int await_resume() const noexcept { return 9; }
};

Task<int> wait_for(Event &event)
{
    const int first = co_await event;
    co_return first + co_await event;
}

Task<> step(int &steps)
{
    steps++;
    co_await std::suspend_always();
    steps++;
    co_await std::suspend_always();
    steps++;
}

Task<> await_value(Task<int> &inner, int &done)
{
    done = co_await inner;
}

} // namespace

Test(task, is_lazy)
{
    int starts = 0;
    Task<> task = count_start(starts);
    cr_assert_eq(starts, 0);
    cr_assert(!task.done());
    cr_assert(!task.resume());
    cr_assert_eq(starts, 1);
    cr_assert(task.done());
    cr_assert(!task.resume(), "a task that is done stays so");
    cr_assert_eq(starts, 1);
    task.get();
}

Test(task, that_is_empty_is_done_and_has_nothing)
{
    Task<int> empty;
    Task<> empty_void;
    cr_assert(empty.done() && empty_void.done());
    cr_assert(!empty.resume() && !empty_void.resume());
    cr_assert(test::throws<std::logic_error>([&] { return empty.get(); }));
    cr_assert(test::throws<std::logic_error>([&] {
        empty_void.get();
        return 0;
    }));
    Engine engine;
    cr_assert(test::throws<std::logic_error>([&] { return sync_wait(engine, await_empty()); }));
    cr_assert(test::throws<std::logic_error>([&] { return sync_wait(engine, Task<int>()); }));
}

Test(task, that_is_not_complete_has_no_result_yet)
{
    Task<int> task = value(1);
    cr_assert(test::throws<std::logic_error>([&] { return task.get(); }));
    task.resume();
    cr_assert_eq(task.get(), 1);
}

Test(task, gives_its_value_once)
{
    Task<int> task = value(4);
    task.resume();
    cr_assert_eq(task.get(), 4);
    cr_assert(test::throws<std::logic_error>([&] { return task.get(); }));
}

Test(task, gives_what_is_move_only_and_references)
{
    Task<std::unique_ptr<int>> owned = move_only();
    owned.resume();
    cr_assert_eq(*owned.get(), 5);
    int place = 0;
    Task<int &> ref = reference(place);
    ref.resume();
    cr_assert_eq(&ref.get(), &place);
}

Test(task, moves_and_leaves_an_empty_one)
{
    Task<int> first = value(3);
    Task<int> second = std::move(first);
    cr_assert(first.done());
    second.resume();
    Task<int> third;
    third = std::move(second);
    Task<int> &alias = third;
    third = std::move(alias);
    cr_assert_eq(third.get(), 3);
    third = value(6);
    third.resume();
    cr_assert_eq(third.get(), 6);
}

Test(task, carries_exceptions_through_three_levels)
{
    Task<int> task = top();
    cr_assert(!task.resume());
    cr_assert_eq(test::error_of([&] { return task.get(); }), EBUSY);
    cr_assert(test::names(test::message_of([&] { return task.get(); }), "deep"), "it stays there");
    Task<> failed = failing_void();
    failed.resume();
    cr_assert(test::throws<std::runtime_error>([&] {
        failed.get();
        return 0;
    }));
}

Test(task, that_was_never_started_must_not_be_dropped, .signal = SIGABRT)
{
    Task<int> dropped = value(1);
}

Test(task, that_is_suspended_must_not_be_dropped, .signal = SIGABRT)
{
    Engine engine;
    test::Pipe pipe;
    Task<ssize_t> dropped = read_byte(engine, pipe.reader());
    dropped.resume();
}

Test(task, that_is_suspended_must_not_be_assigned_over, .signal = SIGABRT)
{
    Task<int> task = value(1);
    task = value(2);
    _exit(0);
}

Test(task, that_is_done_may_be_dropped_with_its_result)
{
    Task<int> task = value(1);
    task.resume();
    Task<int> failed = failing();
    failed.resume();
}

Test(task, that_waits_for_io_is_not_resumed_from_outside)
{
    Engine engine;
    test::Pipe pipe;
    Task<ssize_t> task = read_byte(engine, pipe.reader());
    for (int i = 0; i < 10; i++)
        cr_assert(task.resume());
    cr_assert(!task.done());
    pipe.put();
    cr_assert_eq(engine.wait(test::patience_ms), 1);
    cr_assert(task.done());
    cr_assert(!task.resume());
    cr_assert_eq(task.get(), 1);
}

Test(task, that_waits_for_another_is_not_resumed_from_outside)
{
    Engine engine;
    test::Pipe pipe;
    ssize_t result = 0;
    Task<ssize_t> inner = read_byte(engine, pipe.reader());
    Task<> outer = await_it(inner, result);
    cr_assert(outer.resume());
    for (int i = 0; i < 10; i++) {
        cr_assert(outer.resume());
        cr_assert(inner.resume());
    }
    pipe.put();
    engine.wait(test::patience_ms);
    cr_assert(outer.done());
    cr_assert_eq(result, 1);
}

Test(task, that_was_started_and_waits_for_io_is_only_given_its_continuation)
{
    Engine engine;
    test::Pipe pipe;
    ssize_t result = 0;
    Task<ssize_t> inner = read_byte(engine, pipe.reader());
    cr_assert(inner.resume());
    Task<> outer = await_it(inner, result);
    cr_assert(outer.resume());
    cr_assert_eq(result, 0);
    pipe.put();
    engine.wait(test::patience_ms);
    cr_assert(outer.done());
    cr_assert_eq(result, 1);
    outer.get();
}

Test(task, that_is_done_is_awaited_without_suspension)
{
    Engine engine;
    test::Fd file(file_of_pattern(16));
    ssize_t result = 0;
    Task<ssize_t> inner = read_byte(engine, file);
    inner.resume();
    engine.wait(test::patience_ms);
    cr_assert(inner.done());
    Task<> outer = await_it(inner, result);
    cr_assert(!outer.resume());
    cr_assert_eq(result, 1);
    cr_assert(test::throws<std::logic_error>([&] { return inner.get(); }), "the result is taken");
}

Test(task, has_one_awaiter)
{
    Engine engine;
    test::Pipe pipe;
    ssize_t first = 0, second = 0;
    Task<ssize_t> inner = read_byte(engine, pipe.reader());
    Task<> one = await_it(inner, first), two = await_it(inner, second);
    one.resume();
    cr_assert(!two.resume());
    cr_assert(test::throws<std::logic_error>([&] {
        two.get();
        return 0;
    }));
    pipe.put();
    engine.wait(test::patience_ms);
    cr_assert(one.done());
    cr_assert_eq(first, 1);
}

Test(task, that_waits_for_a_foreign_awaitable_is_resumed_by_it_or_by_hand)
{
    Event event;
    Task<int> task = wait_for(event);
    cr_assert(task.resume());
    event.waiter.resume();
    cr_assert(!task.done());
    cr_assert(!task.resume(), "the second time by hand");
    cr_assert_eq(task.get(), 18);
    int steps = 0;
    Task<> stepping = step(steps);
    while (stepping.resume()) {
    }
    cr_assert_eq(steps, 3);
}

Test(task, that_waits_for_a_foreign_awaitable_is_not_resumed_by_who_awaits_it)
{
    int outer_done = 0;
    Event event;
    Task<int> inner = wait_for(event);
    inner.resume();
    Task<> outer = await_value(inner, outer_done);
    outer.resume();
    cr_assert_eq(outer_done, 0);
    event.waiter.resume();
    event.waiter.resume();
    cr_assert_eq(outer_done, 18);
    outer.get();
}

Test(task, made_of_no_handle_is_empty)
{
    Task<int> none{std::coroutine_handle<Task<int>::promise_type>()};
    cr_assert(none.done());
}
