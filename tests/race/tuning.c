/* SPDX-License-Identifier: MIT */
/*
 * Limits that change while everybody works: threads read from two devices far above the limit, one keeps
 * changing the latency target, one reads statistics, decisions and metrics of every target and ring.
 */
#include <auraio/metrics.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "require.h"

enum { WORKERS = 4, ROUNDS = 60, READS = 64, BYTES = 4096, BLOCKS = 64 };

static struct {
    auraio_engine_t *engine;
    auraio_ring_select_t mode;
    int files[2];
    atomic_int working;
} world;

static void *work(void *unused)
{
    static _Thread_local char buf[BYTES];
    (void)unused;
    for (int round = 0; round < ROUNDS; round++) {
        tally_t tally = {0};
        for (int i = 0; i < READS; i++)
            require(auraio_read(world.engine, world.files[i % 2], auraio_buf(buf), 1,
                                (off_t)(i % BLOCKS) * BYTES, tally_record, &tally) != NULL);
        require(drive_until(world.engine, &tally.calls, READS));
        require(tally.bytes == READS);
    }
    atomic_fetch_sub(&world.working, 1);
    return NULL;
}

static void *retarget(void *unused)
{
    (void)unused;
    for (int i = 0; atomic_load(&world.working) > 0; i++) {
        require(auraio_set_target_p99(world.engine, i % 3 * 0.05) == 0);
        sched_yield();
    }
    return NULL;
}

static void *look(void *unused)
{
    auraio_decision_t decisions[AURAIO_DECISIONS_MAX];
    auraio_target_stats_t target;
    auraio_target_io_t io;
    auraio_ring_stats_t ring;
    auraio_stats_t stats;
    static char text[1 << 16];
    (void)unused;
    while (atomic_load(&world.working) > 0) {
        for (int i = 0; i < auraio_get_target_count(world.engine); i++) {
            require(auraio_get_target_stats(world.engine, i, &target) == 0);
            require(auraio_get_target_io(world.engine, i, AURAIO_KIND_READ, &io) == 0);
            require(io.ops_completed >= 0 && io.bytes_transferred >= 0);
            require(target.in_flight_limit >= 1 && target.in_flight_limit <= 8);
            const int count = auraio_get_decisions(world.engine, i, decisions, AURAIO_DECISIONS_MAX);
            require(count >= 1);
            for (int decision = 0; decision < count; decision++)
                require(decisions[decision].new_limit >= 1 && decisions[decision].new_limit <= 8);
        }
        for (int i = 0; i < auraio_get_ring_count(world.engine); i++)
            require(auraio_get_ring_stats(world.engine, i, &ring) == 0);
        auraio_get_stats(world.engine, &stats);
        require(auraio_format_metrics(world.engine, text, sizeof(text)) > 0);
        sched_yield();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static char zeros[BLOCKS * BYTES];
    pthread_t workers[WORKERS], retargeter, looker;
    world.mode = mode_argument(argc, argv);
    auraio_options_t options = mode_options(world.mode);
    options.queue_depth = 8;
    options.initial_in_flight = options.min_in_flight = 1;
    world.engine = engine_with(&options);
    world.files[0] = file_of_pattern(BLOCKS * BYTES);
    world.files[1] = memfd_create("target", MFD_CLOEXEC);
    fd_write_all(world.files[1], zeros, sizeof(zeros));
    atomic_store(&world.working, WORKERS);
    for (int i = 0; i < WORKERS; i++)
        require(pthread_create(&workers[i], NULL, work, NULL) == 0);
    require(pthread_create(&retargeter, NULL, retarget, NULL) == 0);
    require(pthread_create(&looker, NULL, look, NULL) == 0);
    for (int i = 0; i < WORKERS; i++)
        require(pthread_join(workers[i], NULL) == 0);
    require(pthread_join(retargeter, NULL) == 0);
    require(pthread_join(looker, NULL) == 0);
    require(auraio_get_target_count(world.engine) == 3);
    auraio_destroy(world.engine);
    close(world.files[0]);
    close(world.files[1]);
    return 0;
}
