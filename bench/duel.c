/* SPDX-License-Identifier: MIT */
/* See duel.h. A turn's buffers are emptied before and checked after it, outside the measured time. */
#include "duel.h"

#include "crew.h"
#include "stats.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static double rate_of(const struct duel *duel, uint64_t ops, struct crew_time time)
{
    uint64_t ns = duel->metric == DUEL_CPU ? time.cpu_ns : time.wall_ns;
    return ns > 0 ? (double)(ops * duel->lanes) * 1e9 / (double)ns : 0;
}

static int turn(const struct duel *duel, struct crew *crew, unsigned seat, uint64_t ops, double *ret_rate)
{
    struct crew_time time;
    crew_scrub(crew, seat);
    int r = crew_run(crew, seat, ops, &time);
    if (r < 0)
        return r;
    if (!crew_verify(crew, seat))
        return -EBADMSG;
    *ret_rate = rate_of(duel, ops, time);
    return 0;
}

/* How many reads make a turn of the first peer last turn_ms. Also the warm-up. */
static int calibrate(const struct duel *duel, struct crew *crew, uint64_t *ret_ops)
{
    struct crew_time time = {0};
    uint64_t ops = 16 * (uint64_t)duel->depth, turn_ns = (uint64_t)duel->turn_ms * 1000000u;
    for (;;) {
        int r = crew_run(crew, 0, ops, &time);
        if (r < 0)
            return r;
        if (time.wall_ns >= turn_ns / 2)
            break;
        ops *= 2;
    }
    uint64_t fitting = (uint64_t)((double)ops * (double)turn_ns / (double)time.wall_ns);
    *ret_ops = fitting > duel->depth ? fitting : duel->depth;
    return 0;
}

static int round_of(const struct duel *duel, struct crew *crew, unsigned number, uint64_t ops,
                    const struct duel_result *results, double *rates)
{
    for (unsigned i = 0; i < duel->peer_count; i++) {
        unsigned seat = number % 2 == 0 ? i : duel->peer_count - 1 - i;
        if (results[seat].error < 0)
            continue;
        int r = turn(duel, crew, seat, ops, &rates[seat]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int open_peers(const struct duel *duel, struct crew *crew, struct duel_result *results)
{
    for (unsigned i = 0; i < duel->peer_count; i++) {
        results[i] = (struct duel_result){0};
        results[i].error = crew_open(crew, i, duel->peers[i]);
    }
    return results[0].error;
}

/* rates[round * DUEL_PEERS + seat] into medians. */
static void summarise(const struct duel *duel, const double *rates, unsigned rounds, double *scratch,
                      struct duel_result *results)
{
    for (unsigned seat = 0; seat < duel->peer_count; seat++) {
        struct duel_result *result = &results[seat];
        if (result->error < 0)
            continue;
        for (unsigned i = 0; i < rounds; i++)
            scratch[i] = rates[i * DUEL_PEERS + seat];
        result->rate = stats_quantile(scratch, rounds, 0.5);
        for (unsigned i = 0; i < rounds; i++)
            scratch[i] = rates[i * DUEL_PEERS] / rates[i * DUEL_PEERS + seat];
        result->ratio = stats_quantile(scratch, rounds, 0.5);
        result->ratio_low = stats_quantile(scratch, rounds, 0.25);
        result->ratio_high = stats_quantile(scratch, rounds, 0.75);
    }
}

/* The rounds that count. rates has rows of DUEL_PEERS. */
static int all_rounds(const struct duel *duel, struct crew *crew, uint64_t ops,
                      const struct duel_result *results, double *rates, unsigned *ret_rounds)
{
    uint64_t start_ms = now_ms();
    unsigned done = 0;
    do {
        int r = round_of(duel, crew, done, ops, results, rates + (size_t)done * DUEL_PEERS);
        if (r < 0)
            return r;
        done++;
        if (duel->progress)
            duel->progress((double)done / duel->rounds, duel->user_data);
    } while (done < duel->rounds && (duel->limit_ms == 0 || now_ms() - start_ms < duel->limit_ms));
    *ret_rounds = done;
    return 0;
}

int duel_run(const struct duel *duel, struct duel_result *results)
{
    assert(duel->peer_count > 0 && duel->peer_count <= DUEL_PEERS && duel->rounds > 0);
    struct crew *crew = NULL;
    uint64_t ops = 0;
    unsigned rounds = 0;
    int r = -ENOMEM;
    double *rates = calloc(duel->rounds * (size_t)(DUEL_PEERS + 1), sizeof(*rates));
    if (!rates)
        goto out;
    r = crew_new(duel->path, duel->direct, duel->depth, duel->lanes, &crew);
    if (r < 0)
        goto out;
    r = open_peers(duel, crew, results);
    if (r == 0)
        r = calibrate(duel, crew, &ops);
    /* One round to warm up, overwritten by the first that counts. */
    if (r == 0)
        r = round_of(duel, crew, 0, ops, results, rates);
    if (r == 0)
        r = all_rounds(duel, crew, ops, results, rates, &rounds);
    if (r == 0)
        summarise(duel, rates, rounds, rates + (size_t)duel->rounds * DUEL_PEERS, results);
out:
    crew_free(crew);
    free(rates);
    return r;
}

int duel_run_alone(const struct duel *duel, uint64_t ops)
{
    struct crew *crew;
    double rate;
    int r = crew_new(duel->path, duel->direct, duel->depth, duel->lanes, &crew);
    if (r < 0)
        return r;
    r = crew_open(crew, 0, duel->peers[0]);
    if (r == 0)
        r = turn(duel, crew, 0, ops, &rate);
    crew_free(crew);
    return r;
}
