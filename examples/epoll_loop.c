/* SPDX-License-Identifier: MIT */
/*
 * AuraIO inside an event loop that already exists: its poll descriptor is one more source beside the
 * program's own sockets and timers.
 *
 * Here the loop has two sources: a timer, which starts one more read each time it expires, and the engine,
 * which says that reads have completed. The loop blocks in epoll_wait and nowhere else.
 */
#include "example.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

enum { READS = 50, BLOCK = 4096, PERIOD_US = 1000 };

struct job {
    unsigned char buf[BLOCK];
    off_t offset;
    int *completed;
};

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct job *job = user_data;
    if (result != BLOCK)
        example_fail_errno("read", result < 0 ? (int)-result : EIO);
    example_check(job->buf, BLOCK, job->offset);
    *job->completed += 1;
}

static void watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        example_fail_errno("epoll_ctl", errno);
}

static int make_timer(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec every = {.it_interval.tv_nsec = PERIOD_US * 1000, .it_value.tv_nsec = PERIOD_US * 1000};
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0)
        example_fail_errno("timerfd", errno);
    return fd;
}

static void loop(auraio_engine_t *engine, int fd)
{
    static struct job jobs[READS];
    int submitted = 0, completed = 0;
    int timer_fd = make_timer();
    int engine_fd = auraio_get_poll_fd(engine);
    if (engine_fd < 0)
        example_fail("auraio_get_poll_fd");
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        example_fail_errno("epoll_create1", errno);
    watch(epoll_fd, timer_fd);
    watch(epoll_fd, engine_fd);

    while (completed < READS) {
        struct epoll_event event;
        if (epoll_wait(epoll_fd, &event, 1, -1) < 0) {
            if (errno == EINTR)
                continue;
            example_fail_errno("epoll_wait", errno);
        }
        if (event.data.fd == engine_fd) {
            auraio_poll(engine); /* runs the callbacks; the descriptor belongs to the engine, don't read it */
            continue;
        }
        uint64_t expirations;
        if (read(timer_fd, &expirations, sizeof(expirations)) != sizeof(expirations))
            example_fail_errno("timer", errno);
        if (submitted == READS)
            continue;
        struct job *job = &jobs[submitted];
        *job = (struct job){.offset = (off_t)submitted * BLOCK, .completed = &completed};
        submitted++;
        if (!auraio_read(engine, fd, auraio_buf(job->buf), BLOCK, job->offset, on_read, job))
            example_fail("auraio_read");
    }
    close(epoll_fd);
    close(timer_fd);
}

int main(void)
{
    int fd = example_file(READS * BLOCK);
    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    loop(engine, fd);
    auraio_destroy(engine);
    close(fd);
    printf("%d reads started by a timer and completed by epoll\n", READS);
    return EXIT_SUCCESS;
}
