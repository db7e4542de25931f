/* SPDX-License-Identifier: MIT */
/*
 * Many rings on one disk: threads with a ring of their own each, beside one thread with one, in turns. The
 * same number of reads is wanted of both.
 */
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "fatal.h"

enum { ROUNDS = 4, RINGS = 16 };

static const int64_t turn_ns = (int64_t)4000 * 1000 * 1000;
static const int64_t counted_ns = (int64_t)2000 * 1000 * 1000; /* from here on */

struct user {
    auraio_engine_t *engine;
    const struct live_disk *disk;
    int offered;
    double rate;
    pthread_t thread;
};

static void *read_on(void *context)
{
    struct user *user = context;
    const struct live_access access = {.block_bytes = 4096};
    struct live_load *load = live_load_create(user->engine, user->disk, access, user->offered);
    live_load_start(load);
    live_load_drive(&load, 1, turn_ns);
    user->rate = live_load_rate(load, counted_ns, turn_ns);
    live_load_stop(&load, 1);
    live_load_destroy(load);
    return NULL;
}

struct figures {
    double rate, p99_ms, jain;
    int limit;
};

/* Jain's index (Jain, Chiu and Hawe 1984): 1 is fair, 1 / count one takes all. */
static double jain(const struct user *users, int count)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++) {
        sum += users[i].rate;
        squares += users[i].rate * users[i].rate;
    }
    return sum * sum / (count * squares);
}

static struct figures turn(const struct live_disk *disk, int rings)
{
    struct user users[RINGS];
    struct figures figures = {0};
    auraio_target_stats_t stats = {0};
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_THREAD_LOCAL, 0, 0);
    for (int i = 0; i < rings; i++) {
        users[i] = (struct user){.engine = engine, .disk = disk, .offered = LIVE_OFFERED / rings};
        errno = pthread_create(&users[i].thread, NULL, read_on, &users[i]);
        if (errno != 0)
            fatal("pthread_create");
    }
    for (int i = 0; i < rings; i++) {
        pthread_join(users[i].thread, NULL);
        figures.rate += users[i].rate;
    }
    figures.p99_ms = (double)auraio_get_latency_percentile(engine, -1, 99) / 1e6;
    figures.jain = jain(users, rings);
    (void)live_target(engine, disk->device, &stats);
    figures.limit = stats.optimal_in_flight;
    auraio_destroy(engine);
    return figures;
}

int live_rings(const struct live_disk *disk)
{
    double shares[ROUNDS], ratios[ROUNDS], fairness[ROUNDS];
    printf("  %-8s %10s %8s %6s %12s %8s %6s %8s\n", "round", "one ring", "p99 ms", "limit", "16 rings",
           "p99 ms", "limit", "Jain");
    for (int round = 0; round < ROUNDS; round++) {
        struct figures one = {0}, many;
        if (round % 2 == 0)
            one = turn(disk, 1);
        many = turn(disk, RINGS);
        if (round % 2 == 1)
            one = turn(disk, 1);
        shares[round] = many.rate / one.rate;
        ratios[round] = many.p99_ms / one.p99_ms;
        fairness[round] = many.jain;
        printf("  %-8d %10.0f %8.2f %6d %12.0f %8.2f %6d %8.4f\n", round + 1, one.rate, one.p99_ms, one.limit,
               many.rate, many.p99_ms, many.limit, many.jain);
    }
    printf("  16 rings have %.3f of one ring's throughput, %.2f times its p99, Jain's index %.4f (medians)\n",
           live_median(shares, ROUNDS), live_median(ratios, ROUNDS), live_median(fairness, ROUNDS));
    return 0;
}
