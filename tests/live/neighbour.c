/* SPDX-License-Identifier: MIT */
/* Two threads beside the reader write 128 KiB at a time to another file of the disk, past the page cache. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"

enum { WRITERS = 2, WRITE_BYTES = 128 * 1024, BLOCKS = 1024 };

struct writers {
    int fd;
    atomic_bool writing;
    pthread_t threads[WRITERS];
};

static void *write_on(void *context)
{
    struct writers *writers = context;
    void *block;
    if (posix_memalign(&block, 4096, WRITE_BYTES) != 0)
        fatal("posix_memalign");
    memset(block, 0x5a, WRITE_BYTES);
    for (unsigned i = 0; atomic_load(&writers->writing); i++)
        if (pwrite(writers->fd, block, WRITE_BYTES, (off_t)(i % BLOCKS) * WRITE_BYTES) != WRITE_BYTES)
            fatal("pwrite");
    free(block);
    return NULL;
}

static void apply(void *context, bool changed)
{
    struct writers *writers = context;
    if (atomic_exchange(&writers->writing, changed) == changed)
        return;
    for (int i = 0; i < WRITERS; i++) {
        errno = changed ? pthread_create(&writers->threads[i], NULL, write_on, writers)
                        : pthread_join(writers->threads[i], NULL);
        if (errno != 0)
            fatal("a thread that writes");
    }
}

int live_neighbour(const struct live_disk *disk)
{
    struct writers writers = {.fd = file_empty(O_DIRECT)};
    errno = posix_fallocate(writers.fd, 0, (off_t)BLOCKS * WRITE_BYTES);
    if (errno != 0)
        fatal("posix_fallocate");
    const struct live_change change = {
        .states = {"4K random", "beside two writers"},
        .access = {{.block_bytes = 4096}, {.block_bytes = 4096}},
        .apply = apply,
        .context = &writers,
    };
    live_change_run(disk, &change, 0);
    close(writers.fd);
    return 0;
}
