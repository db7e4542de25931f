/* SPDX-License-Identifier: MIT */
/*
 * A thread asleep in an engine that has read something and has nothing to do, for a minute. To be run under
 * `strace -f`, which shows what is called between the two lines that are printed: nothing.
 */
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "fatal.h"

static const int64_t reading_ns = 100 * 1000 * 1000;
static const struct timespec watched = {.tv_sec = 60}, settling = {.tv_sec = 1};

static void *run(void *engine)
{
    auraio_run(engine);
    return NULL;
}

int live_idle(const struct live_disk *disk)
{
    const struct live_access access = {.block_bytes = 4096};
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_ADAPTIVE, 0, 0);
    struct live_load *load = live_load_create(engine, disk, access, LIVE_OFFERED);
    pthread_t thread;
    live_load_start(load);
    live_load_drive(&load, 1, reading_ns);
    live_load_stop(&load, 1);
    errno = pthread_create(&thread, NULL, run, engine);
    if (errno != 0)
        fatal("pthread_create");
    nanosleep(&settling, NULL);
    printf("  idle from now\n");
    nanosleep(&watched, NULL);
    printf("  idle until now\n");
    auraio_stop(engine);
    pthread_join(thread, NULL);
    live_load_destroy(load);
    auraio_destroy(engine);
    return 0;
}
