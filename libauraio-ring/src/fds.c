/* SPDX-License-Identifier: MIT */
#include "fds.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

enum { FIRST_OF_OURS = 256 };

static pthread_mutex_t numbers_lock = PTHREAD_MUTEX_INITIALIZER;

void fd_lock(void)
{
    pthread_mutex_lock(&numbers_lock);
}

void fd_unlock(void)
{
    pthread_mutex_unlock(&numbers_lock);
}

int fd_out_of_the_way(int fd)
{
    if (fd < 0 || fd >= FIRST_OF_OURS)
        return fd;
    fd_lock();
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OF_OURS);
    fd_unlock();
    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}

int fd_duplicate(int fd)
{
    fd_lock();
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OF_OURS);
    if (copy < 0)
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    fd_unlock();
    return copy;
}

void fd_close(int fd)
{
    fd_lock();
    close(fd);
    fd_unlock();
}
