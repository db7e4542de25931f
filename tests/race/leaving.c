/* SPDX-License-Identifier: MIT */
/* Threads that submit and end at once, in storms, while another drives and one changes what is registered,
 * which visits the rings that they leave and take: every operation is told once, and nobody is locked out. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "require.h"

enum { LEAVERS = 8, STORMS = 60, READS = 16, BYTES = 4096 };

static struct {
    auraio_engine_t *engine;
    int file;
    pipe_pair_t pipe;
    tally_t files, pipes;
    atomic_bool stop;
    char (*bufs)[2 * READS][BYTES]; /* allocated: Linux 6.1 registers no static variables */
} world;

static void *submit_and_leave(void *context)
{
    char(*bufs)[BYTES] = world.bufs[(intptr_t)context];
    for (int i = 0; i < READS; i++) {
        require(auraio_read(world.engine, world.file, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES,
                            tally_record, &world.files) != NULL);
        require(auraio_read(world.engine, world.pipe.read_fd, auraio_buf(bufs[READS + i]), 1, -1,
                            tally_record, &world.pipes) != NULL);
    }
    return NULL;
}

static void *drive(void *unused)
{
    (void)unused;
    while (!atomic_load(&world.stop)) {
        require(auraio_wait(world.engine, 5) >= 0);
        sched_yield();
    }
    return NULL;
}

static void *change_registrations(void *unused)
{
    const struct iovec iov = {world.bufs, LEAVERS * sizeof(*world.bufs)};
    (void)unused;
    while (!atomic_load(&world.stop)) {
        require(auraio_register_buffers(world.engine, &iov, 1) == 0);
        require(auraio_register_files(world.engine, &world.file, 1) == 0);
        require(auraio_unregister_files(world.engine) == 0);
        require(auraio_unregister_buffers(world.engine) == 0);
        sched_yield();
    }
    return NULL;
}

static void play_storm(int storm)
{
    static const char bytes[LEAVERS * READS];
    pthread_t leavers[LEAVERS];
    file_make_cold(world.file);
    for (int i = 0; i < LEAVERS; i++)
        require(pthread_create(&leavers[i], NULL, submit_and_leave, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < LEAVERS; i++)
        require(pthread_join(leavers[i], NULL) == 0);
    fd_write_all(world.pipe.write_fd, bytes, sizeof(bytes));
    require(drive_until(world.engine, &world.files.calls, (storm + 1) * LEAVERS * READS));
    require(drive_until(world.engine, &world.pipes.calls, (storm + 1) * LEAVERS * READS));
    for (int i = 0; i < LEAVERS; i++)
        require(pattern_holds(world.bufs[i], (size_t)READS * BYTES, 0));
}

int main(int argc, char **argv)
{
    pthread_t driver, registrar;
    world.engine = mode_engine(mode_argument(argc, argv));
    world.bufs = calloc(LEAVERS, sizeof(*world.bufs));
    require(world.bufs != NULL);
    world.file = file_of_pattern(READS * BYTES);
    world.pipe = pipe_open(0);
    require(pthread_create(&driver, NULL, drive, NULL) == 0);
    require(pthread_create(&registrar, NULL, change_registrations, NULL) == 0);
    for (int storm = 0; storm < STORMS; storm++)
        play_storm(storm);
    atomic_store(&world.stop, true);
    require(pthread_join(driver, NULL) == 0);
    require(pthread_join(registrar, NULL) == 0);
    require(auraio_drain(world.engine, PATIENCE_MS) == 0);
    require(world.files.calls == STORMS * LEAVERS * READS && world.files.failures == 0);
    require(world.pipes.calls == STORMS * LEAVERS * READS && world.pipes.failures == 0);
    auraio_destroy(world.engine);
    pipe_close(world.pipe);
    close(world.file);
    free(world.bufs);
    return 0;
}
