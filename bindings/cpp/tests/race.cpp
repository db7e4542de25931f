/* SPDX-License-Identifier: MIT */
/*
 * Threads against one another: race.cpp SCENE. A plain program, because Criterion aborts under
 * ThreadSanitizer, which is what looks for the races; ends with 1 and a line when a result is wrong.
 */
#include "support.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace auraio;

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                     \
            std::_Exit(1);                                                                                   \
        }                                                                                                    \
    } while (0)

namespace
{

constexpr int threads = 3, rounds = 400;

template <typename F> void on_every_thread(F work)
{
    std::vector<std::thread> running;
    for (int t = 0; t < threads; t++)
        running.emplace_back(work, t);
    for (std::thread &thread : running)
        thread.join();
}

/* Callables built on some threads, called and freed on others. */
void callables()
{
    test::Bench bench;
    int done = 0; /* plain: the turn guards it */
    std::atomic<int> submitted{0};
    auto some = [&](int t) {
        char byte;
        for (int i = 0; i < rounds; i++) {
            auto owned = std::make_unique<int>(i);
            std::array<char, 100> big{};
            (void)bench.engine.read(
                bench.file, &byte, 1, t,
                [&done, owned = std::move(owned)](Request &, ssize_t n) { done += static_cast<int>(n); });
            (void)bench.engine.read(bench.file, &byte, 1, t, [&done, big](Request &, ssize_t n) {
                done += static_cast<int>(n) + big[0];
            });
            submitted += 2;
            if (i % 16 == t)
                bench.engine.poll();
        }
        bench.engine.drain(test::patience_ms);
    };
    {
        test::Runner runner(bench.engine);
        on_every_thread(some);
    }
    on_every_thread(some);
    bench.engine.drain(test::patience_ms);
    REQUIRE(submitted == 2 * 2 * threads * rounds);
    REQUIRE(done == submitted);
}

Task<int> read_one(Engine &engine, int fd, off_t at)
{
    char byte;
    REQUIRE(co_await engine.async_read(fd, &byte, 1, at) == 1);
    co_return pattern_holds(&byte, 1, at);
}

Task<int> await_started(Task<int> &first, Task<int> &second)
{
    co_return co_await second + co_await first;
}

/* Tasks that end on the driving thread while others are about to await them. */
void started_tasks()
{
    test::Bench bench;
    test::Runner runner(bench.engine);
    on_every_thread([&](int t) {
        for (int i = 0; i < rounds; i++) {
            Task<int> first = read_one(bench.engine, bench.file, i),
                      second = read_one(bench.engine, bench.file, t);
            first.resume();
            second.resume();
            REQUIRE(sync_wait(bench.engine, await_started(first, second)) == 2);
        }
    });
}

void combined_tasks()
{
    test::Bench bench;
    test::Pipe pipe;
    test::Runner runner(bench.engine);
    on_every_thread([&](int t) {
        for (int i = 0; i < rounds / 4; i++) {
            auto [a, b, c] = sync_wait(bench.engine, when_all(read_one(bench.engine, bench.file, i),
                                                              read_one(bench.engine, bench.file, t),
                                                              read_one(bench.engine, bench.file, i + t)));
            REQUIRE(a + b + c == 3);
            auto first = sync_wait(bench.engine, when_any(read_one(bench.engine, bench.file, i),
                                                          read_one(bench.engine, pipe.reader(), -1)));
            REQUIRE(first.index == 0);
        }
    });
}

Task<> count_result(Engine &engine, int fd, std::atomic<int> &cancelled, std::atomic<int> &read)
{
    char byte;
    const Result<ssize_t> got = co_await engine.async_read(fd, &byte, 1, -1).nothrow();
    if (got)
        read++;
    else if (got.error() == std::errc::operation_canceled)
        cancelled++;
}

/* A stop, a completion, and the submission itself, all at the same moment. */
void stops()
{
    Engine engine;
    test::Pipe pipe;
    std::atomic<int> cancelled{0}, read{0};
    {
        test::Runner runner(engine);
        on_every_thread([&](int) {
            for (int i = 0; i < rounds; i++) {
                std::stop_source stop;
                std::thread stopper([&] { stop.request_stop(); });
                pipe.put();
                sync_wait(engine, count_result(engine, pipe.reader(), cancelled, read), stop.get_token());
                stopper.join();
            }
        });
    }
    REQUIRE(cancelled + read == threads * rounds);
}

/* Buffers given back while their engine dies, or after. */
void buffers()
{
    for (int i = 0; i < rounds / 4; i++) {
        std::array<Buffer, threads * 8> held;
        std::optional<Engine> engine(std::in_place);
        for (Buffer &buffer : held)
            buffer = engine->allocate_buffer(4096);
        std::thread dying([&] { engine.reset(); });
        on_every_thread([&](int t) {
            for (std::size_t mine = static_cast<std::size_t>(t); mine < held.size(); mine += threads) {
                std::memset(held[mine].data(), t, held[mine].size());
                held[mine] = Buffer();
            }
        });
        dying.join();
    }
}

/* Every way to drive, beside every other; and stops. */
void drivers()
{
    test::Bench bench;
    for (int i = 0; i < rounds / 10; i++) {
        std::atomic<int> ended{0};
        auto run = [&] {
            bench.engine.run();
            ended++;
        };
        std::thread first(run), second(run);
        on_every_thread([&](int t) {
            for (int k = 0; k < 20; k++) {
                char byte;
                std::atomic<bool> done{false};
                (void)bench.engine.read(bench.file, &byte, 1, 0,
                                        [&done](Request &, ssize_t) { done = true; });
                while (!done) {
                    if (t == 0)
                        bench.engine.poll();
                    else if (t == 1)
                        bench.engine.wait(1);
                    else
                        bench.engine.drain(test::patience_ms);
                }
            }
        });
        while (ended < 2) { /* one stop is enough for those that have begun to run */
            bench.engine.stop();
            std::this_thread::yield();
        }
        first.join();
        second.join();
    }
}

/* An engine, tasks and buffers per thread, all at once. */
void many_engines()
{
    on_every_thread([](int t) {
        for (int i = 0; i < rounds / 20; i++) {
            test::Bench bench;
            Buffer buffer = bench.engine.allocate_buffer(4096);
            int done = 0;
            for (int k = 0; k < 100; k++)
                (void)bench.engine.read(bench.file, buffer, 4096, t, [&done](Request &, ssize_t) { done++; });
            REQUIRE(sync_wait(bench.engine, read_one(bench.engine, bench.file, t)) == 1);
            bench.engine.drain(test::patience_ms);
            REQUIRE(done == 100);
        }
    });
}

constexpr struct {
    const char *name;
    void (*play)();
} scenes[] = {{"callables", callables}, {"started", started_tasks}, {"combined", combined_tasks},
              {"stops", stops},         {"buffers", buffers},       {"drivers", drivers},
              {"engines", many_engines}};

} // namespace

int main(int argc, char **argv)
{
    for (const auto &scene : scenes) {
        if (argc == 2 && std::strcmp(argv[1], scene.name) == 0) {
            scene.play();
            return 0;
        }
    }
    std::fprintf(stderr, "usage: %s SCENE\n", argv[0]);
    return 2;
}
