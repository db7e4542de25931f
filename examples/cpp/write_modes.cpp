/* SPDX-License-Identifier: MIT */
/*
 * Three ways to write the same 8 MiB, from the least safe to the safest:
 *
 *     buffered   into the page cache, and one fsync at the end
 *     direct     O_DIRECT, past the page cache: wants aligned buffers, which is what the pool gives
 *     dsync      RWF_DSYNC on each write: when co_await returns, the bytes are on the disk
 *
 * Each file is read back and checked.
 */
#include "example.hpp"

#include <chrono>
#include <sys/uio.h>

namespace
{

constexpr std::size_t block = 256 * 1024, blocks = 32;

auraio::Task<> write_block(auraio::Engine &engine, int fd, off_t at, int rw_flags)
{
    auraio::Buffer buffer = engine.allocate_buffer(block);
    example::fill(buffer.span(), at);
    const ssize_t n = co_await engine.async_write(fd, buffer, block, at).rw_flags(rw_flags);
    example::expect(n == block, "a short write");
}

auraio::Task<> write_blocks(auraio::Engine &engine, int fd, int rw_flags, bool sync)
{
    std::vector<auraio::Task<>> writes;
    for (std::size_t i = 0; i < blocks; i++)
        writes.push_back(write_block(engine, fd, static_cast<off_t>(i * block), rw_flags));
    co_await auraio::when_all(std::move(writes));
    if (sync)
        co_await engine.async_fsync(fd); /* it covers what was written before it began */
}

auraio::Task<> check_blocks(auraio::Engine &engine, int fd)
{
    auraio::Buffer buffer = engine.allocate_buffer(block);
    for (std::size_t i = 0; i < blocks; i++) {
        const auto at = static_cast<off_t>(i * block);
        example::expect(co_await engine.async_read(fd, buffer, block, at) == block, "a short read");
        example::check(std::as_const(buffer).span(), at);
    }
}

void run_mode(auraio::Engine &engine, const char *name, int open_flags, int rw_flags, bool sync)
{
    example::File file(0, open_flags);
    const auto start = std::chrono::steady_clock::now();
    auraio::sync_wait(engine, write_blocks(engine, file, rw_flags, sync));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    auraio::sync_wait(engine, check_blocks(engine, file));
    std::printf("%-9s %8.2f ms\n", name, took.count());
}

} // namespace

int main()
{
    return example::run([] {
        auraio::Engine engine;
        run_mode(engine, "buffered", 0, 0, true);
        try {
            run_mode(engine, "direct", O_DIRECT, 0, true);
        } catch (const auraio::Error &error) {
            if (!error.is_invalid())
                throw;
            std::printf("direct    this file system has no O_DIRECT\n");
        }
        run_mode(engine, "dsync", 0, RWF_DSYNC, false);
    });
}
