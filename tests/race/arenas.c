/* SPDX-License-Identifier: MIT */
/*
 * Threads that take buffers, read files into them by direct I/O, look at what came, and give the buffers
 * back, while the pool is trimmed and the application registers buffers of its own: so arenas come and go at
 * the same addresses, registered on some rings and not on others. An operation that found the pages of an
 * arena that has gone would bring nothing.
 */
#include <auraio.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "require.h"

enum { WORKERS = 3, ROUNDS = 60, READS = 24, PAGE = 4096, FILE_BYTES = 4 << 20 };

static const size_t sizes[] = {PAGE, 16 * PAGE, 300 * PAGE, 600 * PAGE};

static struct {
    auraio_engine_t *engine;
    auraio_ring_select_t mode;
    int fd;
    atomic_int working;
} world;

static void read_and_look(char *buf, size_t size, unsigned seed)
{
    for (unsigned i = 0; i < READS; i++) {
        const off_t offset = (off_t)((seed + i * 37) % ((FILE_BYTES - size) / PAGE)) * PAGE;
        outcome_t outcome = {0};
        memset(buf, 0xee, PAGE);
        require(auraio_read(world.engine, world.fd, auraio_buf(buf), size, offset, outcome_record,
                            &outcome) != NULL);
        require_reached(world.engine, AURAIO_SELECT_THREAD_LOCAL, &outcome.calls, 1);
        require(outcome.result == (ssize_t)size);
        require(pattern_holds(buf, size, offset));
    }
}

static void *work(void *context)
{
    const unsigned self = (unsigned)(uintptr_t)context;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const size_t size = sizes[(round + self) % 4];
        char *buf = auraio_buffer_alloc(world.engine, size);
        require(buf != NULL);
        read_and_look(buf, size, round * 131 + self);
        auraio_buffer_free(world.engine, buf, size);
        if (round % 3 == 0)
            auraio_buffer_trim(world.engine);
    }
    atomic_fetch_sub(&world.working, 1);
    return NULL;
}

static void *register_own(void *unused)
{
    static char own[3][PAGE] __attribute__((aligned(4096)));
    const struct iovec iovs[] = {{own[0], PAGE}, {own[1], PAGE}, {own[2], PAGE}};
    (void)unused;
    for (int i = 0; atomic_load(&world.working) > 0; i++) {
        require(auraio_register_buffers(world.engine, iovs, 1 + i % 3) == 0);
        require(auraio_unregister_buffers(world.engine) == 0);
        sched_yield();
    }
    return NULL;
}

static int open_direct(void)
{
    static char bytes[FILE_BYTES];
    char path[64];
    const int fd = file_empty(0);
    pattern_fill(bytes, FILE_BYTES, 0);
    fd_write_all(fd, bytes, FILE_BYTES);
    require(fsync(fd) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const int direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    close(fd);
    return direct;
}

int main(int argc, char **argv)
{
    enum { SKIPPED = 77 };
    pthread_t workers[WORKERS], registrar;
    world.mode = mode_argument(argc, argv);
    world.fd = open_direct();
    if (world.fd < 0) {
        fprintf(stderr, "skipped: the file system of the tests has no direct I/O\n");
        return SKIPPED;
    }
    world.engine = mode_engine(world.mode);
    atomic_store(&world.working, WORKERS);
    for (uintptr_t i = 0; i < WORKERS; i++)
        require(pthread_create(&workers[i], NULL, work, (void *)i) == 0);
    require(pthread_create(&registrar, NULL, register_own, NULL) == 0);
    for (int i = 0; i < WORKERS; i++)
        require(pthread_join(workers[i], NULL) == 0);
    require(pthread_join(registrar, NULL) == 0);
    auraio_destroy(world.engine);
    close(world.fd);
    return 0;
}
