/* SPDX-License-Identifier: MIT */
#include "fds.h"

#include <fcntl.h>
#include <unistd.h>

enum { FIRST_OF_OURS = 256 };

int fd_out_of_the_way(int fd)
{
    if (fd < 0 || fd >= FIRST_OF_OURS)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OF_OURS);
    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}
