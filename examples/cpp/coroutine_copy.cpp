/* SPDX-License-Identifier: MIT */
/*
 * Copy a file with a coroutine: one that reads and writes in turns, then eight of them at once, each a part
 * of the file. Both copies are compared with the original, byte by byte.
 *
 *     coroutine_copy [MIB]
 */
#include "example.hpp"

#include <cstring>

auraio::Task<void> copy_file(auraio::Engine &engine, int src, int dst)
{
    auto buf = engine.allocate_buffer(65536);
    for (off_t off = 0;; off += 65536) {
        ssize_t n = co_await engine.async_read(src, buf, 65536, off);
        if (n <= 0)
            break;
        co_await engine.async_write(dst, buf, static_cast<std::size_t>(n), off);
    }
}

static auraio::Task<> copy_part(auraio::Engine &engine, int src, int dst, off_t begin, off_t end)
{
    auto buf = engine.allocate_buffer(1 << 18);
    for (off_t at = begin; at < end; at += static_cast<off_t>(buf.size())) {
        const std::size_t length = std::min(buf.size(), static_cast<std::size_t>(end - at));
        const ssize_t n = co_await engine.async_read(src, buf, length, at);
        co_await engine.async_write(dst, buf, static_cast<std::size_t>(n), at);
    }
}

static auraio::Task<> copy_in_parts(auraio::Engine &engine, int src, int dst, off_t size)
{
    constexpr off_t parts = 8;
    const off_t part = (size + parts - 1) / parts;
    std::vector<auraio::Task<>> tasks;
    for (off_t begin = 0; begin < size; begin += part)
        tasks.push_back(copy_part(engine, src, dst, begin, std::min(begin + part, size)));
    co_await auraio::when_all(std::move(tasks));
    co_await engine.async_fdatasync(dst);
}

static void expect_same(const example::File &one, const example::File &other)
{
    example::expect(one.size() == other.size(), "the copy has another size");
    std::vector<char> a(1 << 20), b(1 << 20);
    for (off_t at = 0; at < one.size(); at += static_cast<off_t>(a.size())) {
        const ssize_t n = ::pread(one, a.data(), a.size(), at);
        example::expect(n > 0 && ::pread(other, b.data(), b.size(), at) == n, "pread");
        example::expect(std::memcmp(a.data(), b.data(), static_cast<std::size_t>(n)) == 0,
                        "the copy differs");
    }
}

int main(int argc, char **argv)
{
    return example::run([&] {
        const off_t mib = argc > 1 ? std::atol(argv[1]) : 16;
        example::File original((mib << 20) + 12345), copy, copy_of_parts;
        auraio::Engine engine;
        auraio::sync_wait(engine, copy_file(engine, original, copy));
        expect_same(original, copy);
        auraio::sync_wait(engine, copy_in_parts(engine, original, copy_of_parts, original.size()));
        expect_same(original, copy_of_parts);
        std::printf("two copies of %ld MiB, byte for byte\n", static_cast<long>(mib));
    });
}
