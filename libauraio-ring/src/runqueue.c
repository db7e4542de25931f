/* SPDX-License-Identifier: MIT */
/*
 * /proc/thread-self/schedstat says "ns on a CPU, ns waiting for one, times put on one". The descriptor means
 * the thread that opened it, so it is opened anew when another thread asks.
 */
#include "runqueue.h"

#include "fds.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int64_t read_waited_ns(int fd)
{
    char text[96];
    unsigned long long on_cpu, waited;
    ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return sscanf(text, "%llu %llu", &on_cpu, &waited) == 2 ? (int64_t)waited : 0;
}

int64_t run_queue_waited_ns(struct run_queue *queue, uint64_t thread)
{
    if (queue->thread != thread) {
        run_queue_close(queue);
        queue->thread = thread;
        queue->fd = fd_out_of_the_way(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
        queue->waited_ns = read_waited_ns(queue->fd);
        return 0;
    }
    int64_t waited_ns = read_waited_ns(queue->fd), since_ns = waited_ns - queue->waited_ns;
    queue->waited_ns = waited_ns;
    return since_ns > 0 ? since_ns : 0;
}

void run_queue_close(struct run_queue *queue)
{
    if (queue->thread != 0 && queue->fd >= 0)
        fd_close(queue->fd);
    queue->thread = 0;
}
