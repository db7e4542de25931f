/* SPDX-License-Identifier: MIT */
/*
 * Making and destroying. An engine by itself, with as many rings as a machine of 256 CPUs gets; and against
 * others, from nothing to being ready for 32 reads and back, with all that takes: registering, buffers,
 * threads.
 */
#include "cases.h"

#include <auraio.h>
#include <errno.h>
#include <time.h>

#include "peers.h"

enum { TIMES = 200, PAIRS = 60, RINGS = 256 };

static double now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int measure_engine(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    double us[TIMES];
    unsigned times = bench_scaled(bench, TIMES, 3);
    (void)row;
    auraio_options_t options;
    auraio_options_init(&options);
    options.ring_count = RINGS;
    for (unsigned i = 0; i < times; i++) {
        double start_us = now_us();
        auraio_engine_t *engine = auraio_create_with_options(&options);
        if (!engine)
            return -errno;
        auraio_destroy(engine);
        us[i] = now_us() - start_us;
    }
    outcome_add_single(outcome, "create and destroy", "us", stats_quantile(us, times, 0.5));
    return 0;
}

static int open_and_close(struct crew *crew, const struct peer *peer, double *ret_us)
{
    double start_us = now_us();
    int r = crew_open(crew, 0, peer);
    crew_close(crew, 0);
    *ret_us = now_us() - start_us;
    return r;
}

/* A B, B A and so on; a ratio for each pair. */
static int measure_pairs(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    double us[2][PAIRS], ratios[PAIRS];
    unsigned pairs = bench_scaled(bench, PAIRS, 3);
    struct crew *crew = NULL;
    struct task task = row->task;
    task.path = bench->path;
    if (row->peers[1]->missing)
        return outcome_leave_out(outcome, "%s", row->peers[1]->missing);
    int r = crew_new(&task, &crew);
    for (unsigned i = 0; r == 0 && i < 2; i++)
        r = open_and_close(crew, row->peers[i], &us[i][0]); /* warm-up */
    for (unsigned i = 0; r == 0 && i < pairs; i++) {
        unsigned first = i % 2;
        r = open_and_close(crew, row->peers[first], &us[first][i]);
        if (r == 0)
            r = open_and_close(crew, row->peers[1 - first], &us[1 - first][i]);
        ratios[i] = us[1][i] / us[0][i];
    }
    crew_free(crew);
    if (r < 0)
        return r;
    outcome_add_ratio(outcome, "open and close", "us", stats_quantile(us[0], pairs, 0.5),
                      stats_quantile(us[1], pairs, 0.5), stats_median(ratios, pairs));
    return 0;
}

void case_create(struct plan *plan)
{
    static const struct peer *const pairs[][2] = {
        {&peer_auraio, &peer_raw},         {&peer_auraio_zero, &peer_raw_shared},
        {&peer_auraio_zero, &peer_libaio}, {&peer_auraio_zero, &peer_pool},
        {&peer_auraio_zero, &peer_libuv},
    };
    struct row engine = {
        .ours = peer_auraio_zero.name, .goal = GOAL_CREATE, .seconds = 0.1, .measure = measure_engine};
    plan_add(plan, &engine, "create/%d-rings", RINGS);
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct row row = {
            .ours = pairs[i][0]->name,
            .theirs = pairs[i][1]->name,
            .seconds = 0.3,
            .measure = measure_pairs,
            .task = {.depth = 32, .lanes = 1},
            .peers = {pairs[i][0], pairs[i][1]},
        };
        plan_add(plan, &row, "create/ready/%s", row.theirs);
    }
}
