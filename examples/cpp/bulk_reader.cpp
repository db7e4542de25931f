/* SPDX-License-Identifier: MIT */
/*
 * Read a file with as many reads in flight as the engine allows, in any order, by callables: each checks what
 * it read, gives its buffer to the next read, and starts that.
 */
#include "example.hpp"

namespace
{

constexpr std::size_t block = 64 * 1024;
constexpr off_t file_size = 64 << 20;

class BulkReader
{
public:
    BulkReader(auraio::Engine &engine, const example::File &file) : engine_(engine), file_(file) {}

    void read_all(int in_flight)
    {
        for (int i = 0; i < in_flight; i++)
            start(engine_.allocate_buffer(block));
        engine_.drain();
        example::expect(bytes_ == file_size, "bytes are missing");
    }

private:
    void start(auraio::Buffer buffer)
    {
        if (next_ == file_size)
            return;
        const off_t at = next_;
        next_ += block;
        const auraio::BufferRef into = buffer;
        (void)engine_.read(file_, into, block, at,
                           [this, at, buffer = std::move(buffer)](auraio::Request &, ssize_t n) mutable {
                               example::expect(n == block, "a short read");
                               example::check(buffer.span(), at);
                               bytes_ += n;
                               start(std::move(buffer));
                           });
    }

    auraio::Engine &engine_;
    const example::File &file_;
    off_t next_ = 0, bytes_ = 0;
};

} // namespace

int main()
{
    return example::run([] {
        example::File file(file_size);
        auraio::Engine engine;
        BulkReader(engine, file).read_all(32);
        const auraio::Stats stats = engine.get_stats();
        std::printf("%ld reads, %ld MiB, p99 %.3f ms\n", static_cast<long>(stats.ops_completed()),
                    static_cast<long>(stats.bytes_transferred() >> 20), stats.p99_latency_ms());
    });
}
