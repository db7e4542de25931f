// SPDX-License-Identifier: MIT
// Copies a file of two buffers and a bit with copy_file(), and compares.
#include BLOCK

#include <cstdlib>
#include <string>
#include <unistd.h>

namespace
{

int scratch()
{
    char path[] = "copy-XXXXXX";
    const int fd = mkstemp(path);
    unlink(path);
    return fd;
}

std::string content(int fd, std::size_t size)
{
    std::string bytes(size + 1, '\0');
    const ssize_t count = pread(fd, bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
}

} // namespace

int main()
{
    std::string bytes;
    for (int i = 0; bytes.size() < 2 * 65536 + 777; i++)
        bytes += std::to_string(i);
    const int src = scratch(), dst = scratch();
    if (src < 0 || dst < 0 ||
        pwrite(src, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return 1;
    auraio::Engine engine;
    auraio::sync_wait(engine, copy_file(engine, src, dst));
    return content(dst, bytes.size()) == bytes ? 0 : 1;
}
