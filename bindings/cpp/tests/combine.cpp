/* SPDX-License-Identifier: MIT */
/* when_all, when_any, sync_wait, spawn. */
#include "support.hpp"

#include <atomic>
#include <criterion/criterion.h>
#include <csignal>

using namespace auraio;

namespace
{

char byte;

Task<int> value(int n)
{
    co_return n;
}

Task<> nothing()
{
    co_return;
}

Task<int> failing(int error)
{
    throw Error(error, "failing");
    co_return 0;
}

Task<ssize_t> read(Engine &engine, int fd)
{
    co_return co_await engine.async_read(fd, &byte, 1, -1);
}

Task<> read_void(Engine &engine, int fd)
{
    co_await engine.async_read(fd, &byte, 1, -1);
}

/* Resumed from a thread that has nothing to do with an engine. */
struct Elsewhere {
    std::coroutine_handle<> waiter;
    std::atomic<bool> ready{false};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept
    {
        waiter = handle;
        ready = true;
    }
    void await_resume() const noexcept {}
};

Task<int> from_elsewhere(Elsewhere &event)
{
    co_await event;
    co_return 3;
}

template <typename T> std::vector<Task<T>> list(Task<T> a, Task<T> b)
{
    std::vector<Task<T>> tasks;
    tasks.push_back(std::move(a));
    tasks.push_back(std::move(b));
    return tasks;
}

Task<> read_and_count(Engine &engine, int fd, int &done)
{
    co_await engine.async_read(fd, &byte, 1, 0);
    done++;
}

} // namespace

Test(when_all, gives_every_result)
{
    test::Bench bench;
    auto [a, b, c] = sync_wait(bench.engine, when_all(value(1), nothing(), read(bench.engine, bench.file)));
    cr_assert_eq(a, 1);
    cr_assert(b == std::monostate());
    cr_assert_eq(c, 1);
}

Test(when_all, takes_any_number_of_one_kind)
{
    test::Bench bench;
    std::vector<Task<ssize_t>> reads;
    std::vector<Task<>> voids;
    for (int i = 0; i < 100; i++) {
        reads.push_back(read(bench.engine, bench.file));
        voids.push_back(read_void(bench.engine, bench.file));
    }
    cr_assert_eq(sync_wait(bench.engine, when_all(std::move(reads))), std::vector<ssize_t>(100, 1));
    sync_wait(bench.engine, when_all(std::move(voids)));
    cr_assert(sync_wait(bench.engine, when_all(std::vector<Task<int>>())).empty());
    sync_wait(bench.engine, when_all(std::vector<Task<>>()));
}

Test(when_all, runs_them_at_the_same_time)
{
    Engine engine;
    test::Pipe first, second;
    Task<std::tuple<ssize_t, ssize_t>> both =
        when_all(read(engine, first.reader()), read(engine, second.reader()));
    both.resume();
    second.put();
    cr_assert_eq(engine.wait(test::patience_ms), 1);
    cr_assert(!both.done());
    first.put();
    engine.wait(test::patience_ms);
    cr_assert(both.done());
    both.get();
}

Test(when_all, takes_tasks_that_were_started)
{
    Engine engine;
    test::Pipe pipe;
    Task<ssize_t> started = read(engine, pipe.reader());
    started.resume();
    Task<int> finished = value(2);
    finished.resume();
    auto both = when_all(std::move(started), std::move(finished));
    both.resume();
    pipe.put();
    engine.wait(test::patience_ms);
    auto [from_started, from_finished] = both.get();
    cr_assert_eq(from_started, 1);
    cr_assert_eq(from_finished, 2);
}

Test(when_all, throws_the_first_failure_and_stops_the_others)
{
    Engine engine;
    test::Pipe pipe;
    auto mixed = [&] {
        return sync_wait(engine, when_all(read(engine, pipe.reader()), failing(EBUSY), failing(EPERM)));
    };
    cr_assert_eq(test::error_of(mixed), EBUSY);
    auto same = [&] {
        return sync_wait(engine, when_all(list(read(engine, pipe.reader()), read(engine, -1))));
    };
    cr_assert_eq(test::error_of(same), EINVAL);
    auto voids = [&] {
        sync_wait(engine, when_all(list(read_void(engine, pipe.reader()), read_void(engine, -1))));
        return 0;
    };
    cr_assert_eq(test::error_of(voids), EINVAL);
    cr_assert_eq(engine.wait(), 0, "something is still pending");
}

Test(when_all, passes_a_stop_on)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    auto both = when_all(read(engine, pipe.reader()), read(engine, pipe.reader())).stop_on(stop.get_token());
    both.resume();
    stop.request_stop();
    engine.drain(test::patience_ms);
    cr_assert_eq(test::error_of([&] { return both.get(); }), ECANCELED);
}

Test(when_all, of_an_empty_task_is_refused_and_starts_nothing)
{
    Engine engine;
    cr_assert(
        test::throws<std::logic_error>([&] { return sync_wait(engine, when_all(value(1), Task<int>())); }));
    cr_assert(test::throws<std::logic_error>(
        [&] { return sync_wait(engine, when_all(list(value(1), Task<int>()))); }));
}

Test(when_any, gives_the_first_and_stops_the_others)
{
    test::Bench bench;
    test::Pipe pipe;
    auto first = sync_wait(
        bench.engine, when_any(read(bench.engine, pipe.reader()), read(bench.engine, bench.file), nothing()));
    cr_assert_eq(first.index, 2U);
    cr_assert_eq(first.value.index(), 2U);
    auto read_first =
        sync_wait(bench.engine, when_any(read(bench.engine, pipe.reader()), read(bench.engine, bench.file)));
    cr_assert_eq(read_first.index, 1U);
    cr_assert_eq(std::get<1>(read_first.value), 1);
    cr_assert_eq(bench.engine.wait(), 0, "something is still pending");
}

Test(when_any, takes_any_number_of_one_kind)
{
    test::Bench bench;
    test::Pipe pipe;
    auto first = sync_wait(bench.engine,
                           when_any(list(read(bench.engine, pipe.reader()), read(bench.engine, bench.file))));
    cr_assert_eq(first.index, 1U);
    cr_assert_eq(first.value, 1);
    auto nothing_first =
        sync_wait(bench.engine, when_any(list(read_void(bench.engine, pipe.reader()), nothing())));
    cr_assert_eq(nothing_first.index, 1U);
    cr_assert(test::throws<std::invalid_argument>(
        [&] { return sync_wait(bench.engine, when_any(std::vector<Task<int>>())); }));
}

Test(when_any, throws_when_the_first_failed)
{
    Engine engine;
    test::Pipe pipe;
    auto any = [&] { return sync_wait(engine, when_any(read(engine, pipe.reader()), failing(EBUSY))); };
    cr_assert_eq(test::error_of(any), EBUSY);
}

Test(when_any, nests)
{
    test::Bench bench;
    test::Pipe pipe;
    auto inner = when_any(read(bench.engine, pipe.reader()), read(bench.engine, pipe.reader()));
    auto outer = sync_wait(bench.engine, when_any(std::move(inner), read(bench.engine, bench.file)));
    cr_assert_eq(outer.index, 1U);
}

Test(sync_wait, returns_what_was_computed)
{
    test::Bench bench;
    cr_assert_eq(sync_wait(bench.engine, value(7)), 7);
    sync_wait(bench.engine, nothing());
    cr_assert_eq(sync_wait(bench.engine, bench.engine.async_read(bench.file, &byte, 1, 0)), 1);
    cr_assert_eq(test::error_of([&] { return sync_wait(bench.engine, failing(EBUSY)); }), EBUSY);
}

Test(sync_wait, takes_a_task_that_was_started)
{
    Engine engine;
    test::Pipe pipe;
    Task<ssize_t> task = read(engine, pipe.reader());
    task.resume();
    pipe.put();
    cr_assert_eq(sync_wait(engine, std::move(task)), 1);
}

Test(sync_wait, beside_run_leaves_the_driving_to_it)
{
    test::Bench bench;
    test::Runner runner(bench.engine);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(sync_wait(bench.engine, read(bench.engine, bench.file)), 1);
}

Test(sync_wait, by_several_threads_at_once)
{
    test::Bench bench;
    std::vector<std::thread> threads;
    std::atomic<int> done{0};
    test::Fd null(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&] {
            for (int i = 0; i < 100; i++)
                done += static_cast<int>(sync_wait(bench.engine, read(bench.engine, null)));
        });
    for (std::thread &thread : threads)
        thread.join();
    cr_assert_eq(done, 400);
}

Test(sync_wait, sees_a_task_that_ends_on_a_thread_of_the_users)
{
    test::Bench bench;
    test::Pipe pipe;
    (void)bench.engine.read(pipe.reader(), &byte, 1, -1, [](Request &, ssize_t) {}); /* never comes */
    for (int i = 0; i < 50; i++) {
        Elsewhere event;
        std::thread other([&] {
            while (!event.ready)
                std::this_thread::yield();
            event.waiter.resume();
        });
        cr_assert_eq(sync_wait(bench.engine, from_elsewhere(event)), 3);
        other.join();
    }
}

Test(spawn, runs_what_nobody_waits_for)
{
    test::Bench bench;
    int done = 0;
    for (int i = 0; i < 100; i++)
        spawn(read_and_count(bench.engine, bench.file, done));
    cr_assert_eq(done, 0);
    bench.engine.drain(test::patience_ms);
    cr_assert_eq(done, 100);
}

Test(spawn, gives_exceptions_to_the_sink)
{
    test::Bench bench;
    int error = 0, logic_errors = 0;
    auto sink = [&](std::exception_ptr thrown) {
        error = test::error_of([&]() -> int { std::rethrow_exception(thrown); });
    };
    spawn(read(bench.engine, -1), sink);
    cr_assert_eq(error, EINVAL);
    test::Fd directory(::open("/", O_RDONLY | O_CLOEXEC));
    spawn(read(bench.engine, directory), sink);
    bench.engine.drain(test::patience_ms);
    cr_assert_eq(error, EISDIR);
    spawn(Task<int>(), [&](std::exception_ptr thrown) {
        logic_errors = test::throws<std::logic_error>([&]() -> int { std::rethrow_exception(thrown); });
    });
    cr_assert_eq(logic_errors, 1);
}

Test(spawn, can_be_cancelled)
{
    Engine engine;
    test::Pipe pipe;
    std::stop_source stop;
    int error = 0;
    spawn(
        read(engine, pipe.reader()),
        [&](std::exception_ptr thrown) {
            error = test::error_of([&]() -> int { std::rethrow_exception(thrown); });
        },
        stop.get_token());
    stop.request_stop();
    engine.drain(test::patience_ms);
    cr_assert_eq(error, ECANCELED);
}

Test(spawn, without_a_sink_ends_the_program_on_an_exception, .signal = SIGABRT)
{
    spawn(failing(EBUSY));
    _exit(0);
}
