/* SPDX-License-Identifier: MIT */
/*
 * run and stop, over and over, from threads that race with each other and with submissions.
 *
 * Each stop must end exactly one run; what a run leaves behind must be nothing, as far as the thread that
 * runs has submitted it.
 */
#include <pthread.h>
#include <unistd.h>

#include "require.h"

enum { RUNS = 2000, READS = 4, SUBMITTERS = 2, AHEAD = 64, BYTES = 512 };

static struct {
    auraio_engine_t *engine;
    auraio_ring_select_t mode;
    int file;
    atomic_int returned;
    atomic_bool done;
    tally_t others;
    atomic_int others_accepted;
} world;

static void *run_over_and_over(void *unused)
{
    static char bufs[READS][BYTES];
    (void)unused;
    for (int i = 0; i < RUNS; i++) {
        tally_t own = {0};
        for (int read = 0; read < READS; read++)
            require(auraio_read(world.engine, world.file, auraio_buf(bufs[read]), BYTES, (off_t)read * BYTES,
                                tally_record, &own) != NULL);
        auraio_run(world.engine);
        require(own.calls == READS && own.bytes == READS * BYTES);
        atomic_store(&world.returned, i + 1);
    }
    return NULL;
}

static void *stop_over_and_over(void *unused)
{
    (void)unused;
    for (int i = 0; i < RUNS; i++) {
        const int64_t deadline_ms = now_ms() + PATIENCE_MS;
        auraio_stop(world.engine);
        while (atomic_load(&world.returned) < i + 1) {
            require(now_ms() < deadline_ms);
            sched_yield();
        }
        require(atomic_load(&world.returned) == i + 1);
    }
    atomic_store(&world.done, true);
    return NULL;
}

static void *submit_over_and_over(void *unused)
{
    static char sink[BYTES];
    (void)unused;
    while (!atomic_load(&world.done)) {
        if (atomic_load(&world.others_accepted) - atomic_load(&world.others.calls) > AHEAD) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&world.others_accepted, 1);
        require(auraio_read(world.engine, world.file, auraio_buf(sink), 1, 0, tally_record, &world.others) !=
                NULL);
        if (world.mode == AURAIO_SELECT_THREAD_LOCAL)
            require(auraio_drain(world.engine, PATIENCE_MS) == 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t runner, stopper, submitters[SUBMITTERS];
    world.mode = mode_argument(argc, argv);
    world.engine = mode_engine(world.mode);
    world.file = file_of_pattern(READS * BYTES);
    require(pthread_create(&runner, NULL, run_over_and_over, NULL) == 0);
    require(pthread_create(&stopper, NULL, stop_over_and_over, NULL) == 0);
    for (int i = 0; i < SUBMITTERS; i++)
        require(pthread_create(&submitters[i], NULL, submit_over_and_over, NULL) == 0);
    require(pthread_join(runner, NULL) == 0);
    require(pthread_join(stopper, NULL) == 0);
    for (int i = 0; i < SUBMITTERS; i++)
        require(pthread_join(submitters[i], NULL) == 0);
    require(auraio_drain(world.engine, PATIENCE_MS) >= 0);
    require(world.others.calls == world.others_accepted && world.others.failures == 0);
    auraio_destroy(world.engine);
    close(world.file);
    return 0;
}
