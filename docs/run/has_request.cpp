// SPDX-License-Identifier: MIT
// Calls serve() on a pipe that has a byte, on one that has none, and with a stop that was asked for.
#include BLOCK

#include <sstream>
#include <unistd.h>

int main()
{
    int fds[2];
    if (pipe(fds))
        return 1;
    std::ostringstream printed;
    auto *screen = std::cout.rdbuf(printed.rdbuf());
    auraio::Engine engine;
    std::stop_source stop;
    if (write(fds[1], "x", 1) != 1)
        return 1;
    serve(engine, fds[0], stop.get_token());
    serve(engine, fds[0], stop.get_token());
    stop.request_stop();
    serve(engine, fds[0], stop.get_token());
    std::cout.rdbuf(screen);
    return printed.str() == "10" ? 0 : 1;
}
