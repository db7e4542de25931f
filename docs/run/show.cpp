// SPDX-License-Identifier: MIT
// Calls show() on a file: what it prints is what is in it.
#include BLOCK

#include <cstdlib>
#include <sstream>
#include <unistd.h>

int main()
{
    char path[] = "show-XXXXXX";
    const int fd = mkstemp(path);
    if (fd < 0 || write(fd, "hello", 5) != 5)
        return 1;
    unlink(path);
    std::ostringstream printed;
    auto *screen = std::cout.rdbuf(printed.rdbuf());
    auraio::Engine engine;
    show(engine, fd);
    std::cout.rdbuf(screen);
    close(fd);
    return printed.str() == "hello" ? 0 : 1;
}
