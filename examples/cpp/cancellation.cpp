/* SPDX-License-Identifier: MIT */
/*
 * Four ways to stop waiting for a pipe into which nobody writes: cancelling one operation, a deadline, a stop
 * token that reaches everything a task waits for, and a race that somebody else wins.
 */
#include "example.hpp"

#include <chrono>
#include <thread>

using namespace std::chrono_literals;

namespace
{

struct Pipe {
    Pipe() { auraio::check(::pipe2(ends, O_CLOEXEC) == 0, "pipe2"); }
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    ~Pipe()
    {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    int ends[2];
};

void cancel_one(auraio::Engine &engine, int fd)
{
    char byte;
    ssize_t result = 0;
    auraio::Request read = engine.read(fd, &byte, 1, -1, [&](auraio::Request &, ssize_t n) { result = n; });
    example::expect(engine.cancel(read), "cancel");
    engine.drain();
    example::expect(result == -ECANCELED, "not cancelled");
}

auraio::Task<> give_up_in_time(auraio::Engine &engine, int fd)
{
    char byte;
    const auraio::Result<ssize_t> read = co_await engine.async_read(fd, &byte, 1, -1).within(5ms).nothrow();
    example::expect(!read && read.error() == std::errc::timed_out, "the deadline did not end it");
}

auraio::Task<char> read_byte(auraio::Engine &engine, int fd)
{
    char byte;
    co_await engine.async_read(fd, &byte, 1, -1);
    co_return byte;
}

auraio::Task<int> read_two(auraio::Engine &engine, int fd)
{
    co_return co_await read_byte(engine, fd) + co_await read_byte(engine, fd);
}

void stop_a_task(auraio::Engine &engine, int fd)
{
    std::stop_source stop;
    std::thread impatient([&] { stop.request_stop(); });
    bool cancelled = false;
    try {
        (void)auraio::sync_wait(engine, read_two(engine, fd), stop.get_token());
    } catch (const auraio::Error &error) {
        cancelled = error.is_cancelled();
    }
    impatient.join();
    example::expect(cancelled, "the stop did not reach it");
}

auraio::Task<> race(auraio::Engine &engine, int silent, int file)
{
    const auto first = co_await auraio::when_any(read_byte(engine, silent), read_byte(engine, file));
    example::expect(first.index == 1, "the silent one won");
    example::expect(static_cast<std::byte>(std::get<1>(first.value)) == example::byte_at(0), "another byte");
}

} // namespace

int main()
{
    return example::run([] {
        example::File file(4096);
        auraio::check(::lseek(file, 0, SEEK_SET) == 0, "lseek");
        Pipe pipe;
        auraio::Engine engine;
        cancel_one(engine, pipe.ends[0]);
        auraio::sync_wait(engine, give_up_in_time(engine, pipe.ends[0]));
        stop_a_task(engine, pipe.ends[0]);
        auraio::sync_wait(engine, race(engine, pipe.ends[0], file));
        std::printf("four waits ended\n");
    });
}
