/* SPDX-License-Identifier: MIT */
/* Cancelling coroutines by stop tokens: before, while and after they wait, and down through tasks. */
#include "support.hpp"

#include <atomic>
#include <criterion/criterion.h>

using namespace auraio;

namespace
{

char byte;

Task<ssize_t> read_pipe(Engine &engine, int fd)
{
    co_return co_await engine.async_read(fd, &byte, 1, -1);
}

Task<int> error_of_child(Engine &engine, int fd)
{
    try {
        co_await read_pipe(engine, fd);
    } catch (const Error &error) {
        co_return error.code();
    }
    co_return 0;
}

Task<int> error_of_grandchild(Engine &engine, int fd)
{
    co_return co_await error_of_child(engine, fd);
}

Task<bool> stops()
{
    const std::stop_token token = co_await get_stop_token();
    co_return token.stop_requested();
}

Task<std::string> message_of_child(Engine &engine, int fd)
{
    try {
        co_await engine.async_read(fd, &byte, 1, -1);
    } catch (const Error &error) {
        co_return error.what();
    }
    co_return "";
}

/* A coroutine type of the user's with a token of its own. */
struct Stoppable {
    struct promise_type {
        std::stop_token token;
        promise_type(Engine &, int, std::stop_token given, int &) : token(std::move(given)) {}
        Stoppable get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
        std::stop_token stop_token() const noexcept { return token; }
    };
};

Stoppable foreign(Engine &engine, int fd, std::stop_token, int &error)
{
    error = (co_await engine.async_read(fd, &byte, 1, -1).nothrow()).error().value();
    error += co_await error_of_grandchild(engine, fd);
}

Task<int> cancelled_then_read(Engine &engine, int slow, int fast, std::stop_token token)
{
    const auto cancelled = co_await engine.async_read(slow, &byte, 1, -1).stop_on(token).nothrow();
    co_await engine.async_read(fast, &byte, 1, 0);
    co_return cancelled.error().value();
}

} // namespace

Test(cancel, ends_an_operation_that_waits)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    Task<ssize_t> task = read_pipe(engine, pipe.reader()).stop_on(stop.get_token());
    task.resume();
    cr_assert_eq(engine.wait(0), 0);
    stop.request_stop();
    cr_assert_eq(engine.wait(test::patience_ms), 1);
    cr_assert_eq(test::error_of([&] { return task.get(); }), ECANCELED);
}

Test(cancel, before_it_begins_submits_nothing)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    stop.request_stop();
    auto cancelled = [&] { return sync_wait(engine, read_pipe(engine, pipe.reader()), stop.get_token()); };
    cr_assert_eq(test::error_of(cancelled), ECANCELED);
    cr_assert_eq(engine.get_stats().ops_completed(), 0);
    cr_assert(test::names(sync_wait(engine, message_of_child(engine, pipe.reader()), stop.get_token()),
                          "async_read"));
}

Test(cancel, after_it_ended_does_nothing)
{
    test::Bench bench;
    std::stop_source stop;
    cr_assert_eq(sync_wait(bench.engine, read_pipe(bench.engine, bench.file), stop.get_token()), 1);
    stop.request_stop();
    cr_assert_eq(bench.engine.wait(0), 0);
}

Test(cancel, goes_down_to_what_the_innermost_task_waits_for)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    Task<int> task = error_of_grandchild(engine, pipe.reader()).stop_on(stop.get_token());
    task.resume();
    stop.request_stop();
    engine.drain(test::patience_ms);
    cr_assert_eq(task.get(), ECANCELED);
}

Test(cancel, of_one_operation_leaves_the_others)
{
    test::Bench bench;
    test::Pipe pipe;
    std::stop_source stop;
    Task<int> task = cancelled_then_read(bench.engine, pipe.reader(), bench.file, stop.get_token());
    task.resume();
    stop.request_stop();
    bench.engine.drain(test::patience_ms);
    cr_assert_eq(task.get(), ECANCELED);
    sync_wait(bench.engine, bench.engine.async_fsync(bench.file).stop_on(std::stop_source().get_token()));
    auto stopped = [&] {
        sync_wait(bench.engine, bench.engine.async_fsync(bench.file).stop_on(stop.get_token()));
        return 0;
    };
    cr_assert_eq(test::error_of(stopped), ECANCELED);
    auto refused = [&] {
        sync_wait(bench.engine, bench.engine.async_fsync(-1).stop_on(std::stop_source().get_token()));
        return 0;
    };
    cr_assert_eq(test::error_of(refused), EINVAL);
}

Test(cancel, can_be_asked_for_by_the_coroutine_itself)
{
    Engine engine;
    std::stop_source stop;
    cr_assert(!sync_wait(engine, stops()));
    cr_assert(!sync_wait(engine, stops(), stop.get_token()));
    stop.request_stop();
    cr_assert(sync_wait(engine, stops(), stop.get_token()));
}

Test(cancel, works_in_coroutines_of_other_types_and_in_tasks_they_await)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    int error = 0;
    foreign(engine, pipe.reader(), stop.get_token(), error);
    stop.request_stop();
    engine.drain(test::patience_ms);
    cr_assert_eq(error, 2 * ECANCELED);
}

Test(cancel, from_another_thread_ends_sync_wait)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    std::atomic<int> tid{0};
    std::thread waiter([&] {
        tid = thread_id();
        auto cancelled = [&] {
            return sync_wait(engine, read_pipe(engine, pipe.reader()), stop.get_token());
        };
        cr_assert_eq(test::error_of(cancelled), ECANCELED);
    });
    cr_assert(test::eventually([&] { return tid != 0; }));
    cr_assert(await_thread_asleep(tid, test::patience_ms));
    stop.request_stop();
    waiter.join();
}
