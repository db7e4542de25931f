/* SPDX-License-Identifier: MIT */
/* See duel.h. A turn's buffers are emptied before and checked after it, outside the measured time. */
#include "duel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* What the turns of a round came to, there and back together. */
struct tally {
    uint64_t ops[DUEL_PEERS];
    uint64_t ns[DUEL_METRICS][DUEL_PEERS];
};

struct course {
    const struct duel *duel;
    struct crew *crew;
    uint64_t turn_ops[DUEL_PEERS]; /* that make a turn last turn_ms */
    struct tally *tallies;         /* by round */
    double *scratch;               /* a value for each round */
    unsigned rounds;               /* done */
};

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static int turn(struct crew *crew, unsigned seat, uint64_t ops, uint64_t seed, struct crew_time *ret_time)
{
    crew_scrub(crew, seat);
    int r = crew_run(crew, seat, ops, seed, ret_time);
    if (r < 0)
        return r;
    return crew_verify(crew, seat) ? 0 : -EBADMSG;
}

/* How many reads make a turn last turn_ms. Also the warm-up. */
static int calibrate(struct course *course, unsigned seat)
{
    const struct duel *duel = course->duel;
    struct crew_time time = {0};
    uint64_t ops = duel->task.depth, turn_ns = (uint64_t)duel->turn_ms * 1000000u;
    for (;;) {
        int r = crew_run(course->crew, seat, ops, ops, &time);
        if (r < 0)
            return r;
        if (time.wall_ns >= turn_ns / 2)
            break;
        ops *= 2;
    }
    uint64_t fitting = (uint64_t)((double)ops * (double)turn_ns / (double)time.wall_ns);
    course->turn_ops[seat] = fitting > duel->task.depth ? fitting : duel->task.depth;
    return 0;
}

static int round_of(struct course *course, const struct duel_result *results)
{
    const struct duel *duel = course->duel;
    struct tally *tally = &course->tallies[course->rounds];
    for (unsigned i = 0; i < 2 * duel->peer_count; i++) {
        bool back = i >= duel->peer_count;
        unsigned seat = back ? 2 * duel->peer_count - 1 - i : i;
        struct crew_time time;
        if (results[seat].error < 0)
            continue;
        int r = turn(course->crew, seat, course->turn_ops[seat], 2 * course->rounds + back, &time);
        if (r < 0)
            return r;
        tally->ops[seat] += course->turn_ops[seat] * duel->task.lanes;
        tally->ns[DUEL_CPU][seat] += time.cpu_ns;
        tally->ns[DUEL_WALL][seat] += time.wall_ns;
    }
    course->rounds++;
    return 0;
}

static int all_rounds(struct course *course, const struct duel_result *results)
{
    const struct duel *duel = course->duel;
    uint64_t start_ms = now_ms();
    do {
        int r = round_of(course, results);
        if (r < 0)
            return r;
        if (duel->progress)
            duel->progress((double)course->rounds / duel->rounds, duel->user_data);
    } while (course->rounds < duel->rounds && (duel->limit_ms == 0 || now_ms() - start_ms < duel->limit_ms));
    return 0;
}

static int open_peers(struct course *course, struct duel_result *results)
{
    for (unsigned i = 0; i < course->duel->peer_count; i++) {
        results[i] = (struct duel_result){.error = crew_open(course->crew, i, course->duel->peers[i])};
        if (results[i].error < 0)
            continue;
        int r = calibrate(course, i);
        if (r < 0)
            return r;
    }
    return results[0].error;
}

static double rate_of(const struct tally *tally, unsigned metric, unsigned seat)
{
    return (double)tally->ops[seat] * 1e9 / (double)(tally->ns[metric][seat] + 1);
}

static void summarise(const struct course *course, unsigned metric, unsigned seat, struct duel_result *result)
{
    for (unsigned i = 0; i < course->rounds; i++)
        course->scratch[i] = rate_of(&course->tallies[i], metric, seat);
    result->rate[metric] = stats_quantile(course->scratch, course->rounds, 0.5);
    for (unsigned i = 0; i < course->rounds; i++)
        course->scratch[i] =
            rate_of(&course->tallies[i], metric, 0) / rate_of(&course->tallies[i], metric, seat);
    result->ratio[metric] = stats_median(course->scratch, course->rounds);
}

int duel_run(const struct duel *duel, struct duel_result *results)
{
    assert(duel->peer_count > 0 && duel->peer_count <= DUEL_PEERS && duel->rounds > 0);
    struct course course = {.duel = duel};
    int r = -ENOMEM;
    course.tallies = calloc(duel->rounds, sizeof(course.tallies[0]));
    course.scratch = calloc(duel->rounds, sizeof(course.scratch[0]));
    if (!course.tallies || !course.scratch)
        goto out;
    r = crew_new(&duel->task, &course.crew);
    if (r == 0)
        r = open_peers(&course, results);
    if (r == 0)
        r = all_rounds(&course, results);
    for (unsigned seat = 0; r == 0 && seat < duel->peer_count; seat++) {
        for (unsigned metric = 0; metric < DUEL_METRICS && results[seat].error == 0; metric++)
            summarise(&course, metric, seat, &results[seat]);
    }
out:
    crew_free(course.crew);
    free(course.scratch);
    free(course.tallies);
    return r;
}

int duel_run_alone(const struct task *task, const struct peer *peer, uint64_t ops)
{
    struct crew *crew;
    struct crew_time time;
    int r = crew_new(task, &crew);
    if (r < 0)
        return r;
    r = crew_open(crew, 0, peer);
    if (r == 0)
        r = turn(crew, 0, ops, 0, &time);
    crew_free(crew);
    return r;
}
