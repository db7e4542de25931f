/* SPDX-License-Identifier: MIT */
/*
 * AuraIO in somebody else's event loop: poll(2) waits for a pipe and for the engine's descriptor; when that
 * becomes readable, Engine::poll() runs the callbacks. Each byte that comes through the pipe asks for a block
 * of a file.
 */
#include "example.hpp"

#include <array>
#include <poll.h>
#include <thread>

namespace
{

constexpr std::size_t block = 4096;
constexpr int requests = 64;

class Server
{
public:
    Server(auraio::Engine &engine, const example::File &file, int requests_fd)
        : engine_(engine), file_(file), requests_(requests_fd)
    {
    }

    void serve()
    {
        std::array<pollfd, 2> watched = {{{requests_, POLLIN, 0}, {engine_.poll_fd(), POLLIN, 0}}};
        while (served_ < requests) {
            auraio::check(::poll(watched.data(), watched.size(), -1) >= 0, "poll");
            if (watched[0].revents & POLLIN)
                accept();
            if (watched[1].revents & POLLIN)
                engine_.poll();
        }
    }

private:
    void accept()
    {
        unsigned char number;
        auraio::check(::read(requests_, &number, 1) == 1, "read");
        auraio::spawn(answer(number * static_cast<off_t>(block)));
    }

    auraio::Task<> answer(off_t at)
    {
        auraio::Buffer buffer = engine_.allocate_buffer(block);
        co_await engine_.async_read(file_, buffer, block, at);
        example::check(buffer.span(), at);
        served_++;
    }

    auraio::Engine &engine_;
    const example::File &file_;
    int requests_;
    int served_ = 0;
};

} // namespace

int main()
{
    return example::run([] {
        example::File file(requests * static_cast<off_t>(block));
        int ends[2];
        auraio::check(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
        std::thread client([&] {
            for (unsigned char number = 0; number < requests; number++)
                auraio::check(::write(ends[1], &number, 1) == 1, "write");
        });
        auraio::Engine engine;
        Server(engine, file, ends[0]).serve();
        client.join();
        ::close(ends[0]);
        ::close(ends[1]);
        std::printf("%d blocks served\n", requests);
    });
}
