// SPDX-License-Identifier: MIT
// A program of somebody else's in C++: reads the file it is given in a coroutine, and compares it with what a
// stream reads.
#include <auraio.hpp>

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

static auraio::Task<ssize_t> read_file(auraio::Engine &engine, int fd, auraio::Buffer &buffer)
{
    co_return co_await engine.async_read(fd, buffer, buffer.size(), 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " FILE\n";
        return 2;
    }
    std::ifstream stream(argv[1]);
    const std::string expected{std::istreambuf_iterator<char>(stream), {}};

    auraio::Engine engine;
    auto buffer = engine.allocate_buffer(64 * 1024);
    const int fd = open(argv[1], O_RDONLY);
    const ssize_t result = auraio::sync_wait(engine, read_file(engine, fd, buffer));
    close(fd);
    if (expected.empty() || result != static_cast<ssize_t>(expected.size()) ||
        std::memcmp(buffer.data(), expected.data(), expected.size()) != 0) {
        std::cerr << argv[1] << ": what was read is not what it holds\n";
        return 1;
    }
    std::cout << "auraio.hpp " << AURAIO_VERSION_STRING << ": " << result << " bytes\n";
}
