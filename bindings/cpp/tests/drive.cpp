/* SPDX-License-Identifier: MIT */
/* Driving: one thread at a time, beside others, inside callbacks, stopped before, during and by several. */
#include "support.hpp"

#include <atomic>
#include <criterion/criterion.h>

using namespace auraio;

static char byte;

/* Start a thread and see it asleep in the kernel. */
template <typename F> static std::thread asleep(F work)
{
    std::atomic<int> tid{0};
    std::thread thread([&tid, work] {
        tid = thread_id();
        work();
    });
    cr_assert(test::eventually([&] { return tid != 0; }));
    cr_assert(await_thread_asleep(tid, test::patience_ms));
    return thread;
}

Test(drive, counts_what_completes)
{
    test::Bench bench;
    test::Pipe pipe;
    cr_assert_eq(bench.engine.poll(), 0);
    cr_assert_eq(bench.engine.wait(), 0, "nothing is pending");
    cr_assert_eq(bench.engine.drain(), 0);
    (void)bench.engine.read(pipe.reader(), &byte, 1, -1, [](Request &, ssize_t) {});
    cr_assert_eq(bench.engine.wait(1), 0);
    cr_assert_eq(bench.engine.drain(0), 0);
    cr_assert_eq(test::error_of([&] { return bench.engine.drain(1); }), ETIMEDOUT);
    cr_assert(test::names(test::message_of([&] { return bench.engine.drain(1); }), "auraio_drain"));
    pipe.put();
    cr_assert_eq(bench.engine.wait(test::patience_ms), 1);
}

Test(drive, is_served_inside_a_callback)
{
    test::Bench bench;
    int inner = 0, outer = 0;
    auto nested = [&](auto drive) {
        const int before = inner;
        (void)bench.engine.read(bench.file, &byte, 1, 0, [&, drive](Request &, ssize_t) {
            (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) { inner++; });
            drive();
            outer++;
        });
        bench.engine.wait(test::patience_ms);
        cr_assert_eq(inner, before + 1);
    };
    nested([&] { bench.engine.wait(); });
    nested([&] { bench.engine.drain(); });
    nested([&] {
        while (bench.engine.poll() == 0) {
        }
    });
    nested([&] {
        bench.engine.stop();
        bench.engine.run();
    });
    nested([&] {
        sync_wait(bench.engine, bench.engine.async_read(bench.file, &byte, 1, 0));
        bench.engine.drain();
    });
    nested([&] {
        bench.engine.unregister_buffers();
        bench.engine.drain();
    });
    cr_assert_eq(outer, 6);
}

Test(drive, run_sleeps_until_stopped)
{
    Engine engine;
    std::thread runner = asleep([&] { engine.run(); });
    engine.stop();
    runner.join();
}

Test(drive, a_stop_before_run_ends_the_next_one_and_no_other)
{
    test::Bench bench;
    int done = 0;
    for (int i = 0; i < 5; i++)
        (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) { done++; });
    bench.engine.stop();
    bench.engine.run();
    cr_assert_eq(done, 5, "run finishes what is pending");
    std::thread runner = asleep([&] { bench.engine.run(); });
    bench.engine.stop();
    runner.join();
}

Test(drive, a_stop_in_a_callback_still_finishes_the_rest)
{
    test::Bench bench;
    int done = 0;
    for (int i = 0; i < 5; i++)
        (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) {
            if (++done == 3)
                bench.engine.stop();
        });
    bench.engine.run();
    cr_assert_eq(done, 5);
}

Test(drive, one_stop_ends_every_run)
{
    Engine engine;
    std::thread first = asleep([&] { engine.run(); });
    std::thread second = asleep([&] { engine.run(); });
    engine.stop();
    first.join();
    second.join();
}

/* The first has left the count of runs, and takes the stop back while the second waits for its turn. */
Test(drive, a_run_that_saw_the_stop_ends_when_an_earlier_one_takes_it_back)
{
    Engine engine;
    test::Pipe pipe;
    bool done = false;
    (void)engine.read(pipe.reader(), &byte, 1, -1, [&](Request &, ssize_t) { done = true; });
    engine.stop();
    std::thread first = asleep([&] { engine.run(); });
    std::thread second = asleep([&] { engine.run(); });
    pipe.put();
    first.join();
    second.join();
    cr_assert(done);
}

Test(drive, a_stop_through_c_ends_run)
{
    Engine engine;
    std::thread runner = asleep([&] { engine.run(); });
    auraio_stop(engine.handle());
    runner.join();
}

Test(drive, a_second_run_takes_over_from_a_wait)
{
    test::Bench bench;
    test::Pipe pipe;
    std::atomic<int> done{0};
    (void)bench.engine.read(pipe.reader(), &byte, 1, -1, [&](Request &, ssize_t) { done++; });
    std::thread waiter = asleep([&] { bench.engine.wait(); });
    std::thread runner = asleep([&] { bench.engine.run(); });
    pipe.put();
    waiter.join();
    (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) { done++; });
    cr_assert(test::eventually([&] { return done == 2; }));
    bench.engine.stop();
    runner.join();
}

Test(drive, poll_beside_run_returns_at_once)
{
    Engine engine;
    test::Pipe pipe;
    std::atomic<int> done{0};
    std::thread runner = asleep([&] { engine.run(); });
    for (int i = 0; i < 100; i++)
        cr_assert_eq(engine.poll(), 0);
    (void)engine.read(pipe.reader(), &byte, 1, -1, [&](Request &, ssize_t) { done++; });
    for (int i = 0; i < 100; i++)
        engine.poll();
    pipe.put();
    cr_assert(test::eventually([&] { return done == 1; }), "run must go on");
    engine.stop();
    runner.join();
}

Test(drive, wait_beside_run_sees_its_operation_complete)
{
    test::Bench bench;
    std::thread runner = asleep([&] { bench.engine.run(); });
    for (int i = 0; i < 200; i++) {
        std::atomic<bool> done{false};
        (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) { done = true; });
        while (!done)
            bench.engine.wait();
    }
    cr_assert_eq(bench.engine.wait(), 0, "nothing is pending");
    bench.engine.stop();
    runner.join();
}

Test(drive, wait_beside_a_wait_ends_when_that_one_completes_something)
{
    Engine engine;
    test::Pipe quick, endless;
    static char other;
    std::atomic<int> done{0};
    Request forever = engine.read(endless.reader(), &other, 1, -1, [&](Request &, ssize_t) { done++; });
    (void)engine.read(quick.reader(), &byte, 1, -1, [&](Request &, ssize_t) { done++; });
    std::atomic<int> first{-1}, second{-1};
    std::thread one = asleep([&] { first = engine.wait(); });
    std::thread two = asleep([&] { second = engine.wait(); });
    quick.put();
    one.join();
    two.join();
    cr_assert_eq(first, 1);
    cr_assert_eq(second, 1);
    cr_assert(engine.cancel(forever));
    engine.drain(test::patience_ms);
    cr_assert_eq(done, 2);
}

Test(drive, wait_and_drain_beside_a_wait_keep_their_time)
{
    Engine engine;
    test::Pipe pipe;
    (void)engine.read(pipe.reader(), &byte, 1, -1, [](Request &, ssize_t) {});
    std::thread waiter = asleep([&] { engine.wait(); });
    cr_assert_eq(engine.wait(2), 0);
    cr_assert_eq(engine.wait(0), 0);
    cr_assert_eq(engine.drain(0), 0);
    cr_assert_eq(test::error_of([&] { return engine.drain(2); }), ETIMEDOUT);
    pipe.put();
    waiter.join();
}

Test(drive, drain_beside_run_finishes_everything)
{
    test::Bench bench;
    std::atomic<int> done{0};
    std::thread runner = asleep([&] { bench.engine.run(); });
    for (int i = 0; i < 1000; i++)
        (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) { done++; });
    bench.engine.drain();
    cr_assert_eq(done, 1000);
    bench.engine.stop();
    runner.join();
}

Test(drive, unregister_beside_run_is_done)
{
    test::Bench bench;
    std::vector<char> memory(4096);
    const iovec iov = {memory.data(), memory.size()};
    std::thread runner = asleep([&] { bench.engine.run(); });
    for (int i = 0; i < 20; i++) {
        bench.engine.register_buffers({&iov, 1});
        (void)bench.engine.read(bench.file, buf_fixed(0), 4096, 0, [](Request &, ssize_t) {});
        bench.engine.unregister_buffers();
    }
    bench.engine.stop();
    runner.join();
}

Test(drive, callbacks_of_one_engine_never_run_at_once)
{
    test::Bench bench;
    constexpr int threads = 4, each = 500;
    int inside = 0, overlaps = 0, done = 0; /* plain: the turn is what guards them */
    std::vector<std::thread> drivers;
    for (int t = 0; t < threads; t++)
        drivers.emplace_back([&] {
            for (int i = 0; i < each; i++)
                (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) {
                    overlaps += inside++ != 0;
                    done++;
                    inside--;
                });
            bench.engine.drain(test::patience_ms);
        });
    for (std::thread &driver : drivers)
        driver.join();
    bench.engine.drain(test::patience_ms);
    cr_assert_eq(done, threads * each);
    cr_assert_eq(overlaps, 0);
}

Test(drive, thread_local_rings_are_driven_each_by_its_thread)
{
    Engine engine = test::engine_with(RingSelect::ThreadLocal);
    test::Fd file(file_of_pattern(4096));
    test::Pipe pipe;
    (void)engine.read(pipe.reader(), &byte, 1, -1, [](Request &, ssize_t) {});
    std::thread other([&] {
        static char mine;
        int done = 0;
        (void)engine.read(file, &mine, 1, 0, [&](Request &, ssize_t) { done++; });
        engine.wait();
        cr_assert_eq(done, 1);
    });
    other.join();
    pipe.put();
    cr_assert_eq(engine.wait(), 1);
}
