/* SPDX-License-Identifier: MIT */
/* The README's coroutine copy, to the letter, on a file of MIB mebibytes: the copy is the same, byte for byte. */
#include "support.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

auraio::Task<void> copy_file(auraio::Engine& engine, int src, int dst) {
    auto buf = engine.allocate_buffer(65536);
    for (off_t off = 0; ; off += 65536) {
        ssize_t n = co_await engine.async_read(src, buf, 65536, off);
        if (n <= 0) break;
        co_await engine.async_write(dst, buf, n, off);
    }
}

static void expect(bool condition, const char *what)
{
    if (condition)
        return;
    std::perror(what);
    std::exit(1);
}

int main(int argc, char **argv)
{
    expect(argc == 2, "usage: cpp-seed-copy MIB");
    const std::size_t size = static_cast<std::size_t>(std::atol(argv[1])) << 20;
    test::Fd source(file_of_pattern(size + 777)), copy(file_empty(0));
    auraio::Engine engine;
    auraio::sync_wait(engine, copy_file(engine, source, copy));
    expect(file_size(copy) == static_cast<off_t>(size + 777), "size");
    std::vector<char> block(1 << 20);
    off_t at = 0;
    for (ssize_t n; (n = pread(copy, block.data(), block.size(), at)) > 0; at += n)
        expect(pattern_holds(block.data(), static_cast<std::size_t>(n), at), "contents");
    expect(at == static_cast<off_t>(size + 777), "pread");
    std::printf("%s MiB and 777 bytes, the same\n", argv[1]);
}
