/* SPDX-License-Identifier: MIT */
/*
 * One read at a time, each timed from its submission to its completion: the round trip and its tail. Two
 * peers take turns as in a duel; the ratio is that of a round's medians, the percentiles are those of all
 * reads.
 */
#include "cases.h"

#include <errno.h>
#include <stdlib.h>

#include "peers.h"

enum { SIDES = 2, ROUNDS = 15, READS_CACHED = 4000, READS_DIRECT = 400 };

/* What the reads of one peer took. */
struct side {
    double *us;
    double *medians_us; /* by round */
};

struct trip {
    struct crew *crew;
    unsigned rounds, reads; /* in a turn; two turns of each side in a round */
    struct side sides[SIDES];
};

static int round_of(struct trip *trip, unsigned round)
{
    for (unsigned i = 0; i < 2 * SIDES; i++) {
        unsigned back = i / SIDES, seat = back ? 2 * SIDES - 1 - i : i;
        double *us = trip->sides[seat].us + (size_t)(2 * round + back) * trip->reads;
        crew_scrub(trip->crew, seat);
        int r = crew_time_each(trip->crew, seat, trip->reads, 2 * round + back, us);
        if (r < 0)
            return r;
        if (!crew_verify(trip->crew, seat))
            return -EBADMSG;
    }
    for (unsigned seat = 0; seat < SIDES; seat++) {
        double *us = trip->sides[seat].us + (size_t)(2 * round) * trip->reads;
        trip->sides[seat].medians_us[round] = stats_quantile(us, 2 * trip->reads, 0.5);
    }
    return 0;
}

static void summarise(struct trip *trip, struct outcome *outcome)
{
    static const struct {
        const char *label;
        double q;
    } percentiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    unsigned all = 2 * trip->rounds * trip->reads;
    for (unsigned i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        double ours = stats_quantile(trip->sides[0].us, all, percentiles[i].q);
        double theirs = stats_quantile(trip->sides[1].us, all, percentiles[i].q);
        struct interval ratio = {theirs / ours, theirs / ours, theirs / ours};
        if (i == 0) {
            for (unsigned round = 0; round < trip->rounds; round++)
                trip->sides[0].medians_us[round] =
                    trip->sides[1].medians_us[round] / trip->sides[0].medians_us[round];
            ratio = stats_median(trip->sides[0].medians_us, trip->rounds);
        }
        outcome_add_ratio(outcome, percentiles[i].label, "us", ours, theirs, ratio);
    }
}

static int run(struct trip *trip, const struct row *row, struct outcome *outcome)
{
    int r = 0;
    for (unsigned seat = 0; r == 0 && seat < SIDES; seat++) {
        trip->sides[seat].us = calloc((size_t)2 * trip->rounds * trip->reads, sizeof(double));
        trip->sides[seat].medians_us = calloc(trip->rounds, sizeof(double));
        r = trip->sides[seat].us && trip->sides[seat].medians_us
                ? crew_open(trip->crew, seat, row->peers[seat])
                : -ENOMEM;
        /* A warm-up, overwritten by the first turn. */
        if (r == 0)
            r = crew_time_each(trip->crew, seat, trip->reads, 0, trip->sides[seat].us);
    }
    for (unsigned round = 0; r == 0 && round < trip->rounds; round++)
        r = round_of(trip, round);
    if (r == 0)
        summarise(trip, outcome);
    return r;
}

static int measure_latency(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    if (row->peers[1]->missing)
        return outcome_leave_out(outcome, "%s", row->peers[1]->missing);
    struct trip trip = {
        .rounds = bench_scaled(bench, ROUNDS, bench->effort == EFFORT_SMOKE ? 1 : 5),
        .reads = bench_scaled(bench, row->task.direct ? READS_DIRECT : READS_CACHED, 10),
    };
    struct task task = row->task;
    task.path = bench->path;
    int r = bench_prepare_file(bench, row);
    if (r == 0)
        r = crew_new(&task, &trip.crew);
    if (r == 0)
        r = run(&trip, row, outcome);
    crew_free(trip.crew);
    for (unsigned seat = 0; seat < SIDES; seat++) {
        free(trip.sides[seat].us);
        free(trip.sides[seat].medians_us);
    }
    return r;
}

void case_latency(struct plan *plan)
{
    static const struct peer *const pairs[][SIDES] = {
        {&peer_auraio, &peer_raw},         {&peer_auraio_zero, &peer_raw_shared},
        {&peer_auraio_zero, &peer_libaio}, {&peer_auraio_zero, &peer_pool},
        {&peer_auraio_zero, &peer_libuv},  {&peer_auraio_zero, &peer_posix_aio},
        {&peer_auraio_zero, &peer_pread},
    };
    for (unsigned direct = 0; direct < 2; direct++) {
        for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
            struct row row = {
                .ours = pairs[i][0]->name,
                .theirs = pairs[i][1]->name,
                .seconds = direct ? 5 : 1,
                .measure = measure_latency,
                .task = {.direct = direct, .depth = 1, .lanes = 1},
                .peers = {pairs[i][0], pairs[i][1]},
            };
            plan_add(plan, &row, "latency/%s/%s", direct ? "direct" : "cached", row.theirs);
        }
    }
}
