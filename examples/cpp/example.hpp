/* SPDX-License-Identifier: MIT */
/*
 * What the examples share and what is not AuraIO: temporary files whose every byte is known, so that an
 * example can check what it read, and the end of one that found something wrong.
 *
 * Byte number n of such a file is byte_at(n). The files are made in the current directory and are gone when
 * the program ends.
 */
#ifndef EXAMPLE_HPP
#define EXAMPLE_HPP

#include <auraio.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <span>
#include <unistd.h>
#include <vector>

namespace example
{

/** End the program with a message unless the condition holds. */
inline void expect(bool condition, const char *what)
{
    if (condition)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::exit(EXIT_FAILURE);
}

inline std::byte byte_at(off_t offset)
{
    return static_cast<std::byte>(offset * 7 + (offset >> 12) * 13);
}

inline void fill(std::span<std::byte> bytes, off_t offset)
{
    for (std::byte &byte : bytes)
        byte = byte_at(offset++);
}

/** The bytes read at offset are those written there. */
inline void check(std::span<const std::byte> bytes, off_t offset)
{
    expect(std::all_of(bytes.begin(), bytes.end(), [&](std::byte byte) { return byte == byte_at(offset++); }),
           "the file holds other bytes");
}

/** A temporary file, of known bytes where it has a size. */
class File
{
public:
    explicit File(off_t size = 0, int open_flags = 0)
    {
        char path[] = "auraio-example-XXXXXX";
        fd_ = ::mkostemp(path, O_CLOEXEC | open_flags);
        auraio::check(fd_ >= 0, path);
        ::unlink(path);
        std::vector<std::byte> block(1 << 20);
        for (off_t at = 0; at < size; at += static_cast<off_t>(block.size())) {
            const auto length =
                static_cast<std::size_t>(std::min(size - at, static_cast<off_t>(block.size())));
            fill({block.data(), length}, at);
            auraio::check(::pwrite(fd_, block.data(), length, at) == static_cast<ssize_t>(length), "pwrite");
        }
    }
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    ~File() { ::close(fd_); }

    operator int() const { return fd_; }
    off_t size() const { return ::lseek(fd_, 0, SEEK_END); }

private:
    int fd_;
};

/** Run an example: what it throws is its end. */
template <typename F> int run(F program)
{
    try {
        program();
        return EXIT_SUCCESS;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return EXIT_FAILURE;
    }
}

} // namespace example

#endif
