/* SPDX-License-Identifier: MIT */
/*
 * A buffer allocated and freed: the pool against the best of the other allocators. The measuring is the
 * pool's own benchmark's (libauraio-pool/bench), where there is more of it: this program starts itself once
 * for each allocator, see contender.h.
 */
#include "cases.h"

#include <string.h>

#include "allocator.h"
#include "contender.h"
#include "pattern.h"

enum { ROUNDS = 21 };

static int measure_round(struct contender *contenders, const struct row *row, double *ret_ns)
{
    for (int i = 0; i < ALLOCATOR_COUNT; i++) {
        if (contenders[i].pid == 0)
            continue;
        ret_ns[i] = contender_measure(&contenders[i], row->pattern, row->size_bytes);
        if (ret_ns[i] < 0)
            return -1;
    }
    return 0;
}

/* The peer with the lowest median; the pool's own figures come first. */
static int best_peer(const struct contender *contenders, double rounds_ns[][ROUNDS], unsigned rounds,
                     double *medians_ns)
{
    int best = 0;
    for (int i = 0; i < ALLOCATOR_COUNT; i++) {
        double scratch[ROUNDS];
        if (contenders[i].pid == 0)
            continue;
        memcpy(scratch, rounds_ns[i], sizeof(scratch));
        medians_ns[i] = stats_quantile(scratch, rounds, 0.5);
        if (i > 0 && (best == 0 || medians_ns[i] < medians_ns[best]))
            best = i;
    }
    return best;
}

static int run_rounds(struct contender *contenders, const struct row *row, unsigned rounds,
                      struct outcome *outcome)
{
    double rounds_ns[ALLOCATOR_COUNT][ROUNDS] = {{0}}, ns[ALLOCATOR_COUNT] = {0}, medians_ns[ALLOCATOR_COUNT];
    int r = measure_round(contenders, row, ns); /* warm-up */
    for (unsigned round = 0; r == 0 && round < rounds; round++) {
        r = measure_round(contenders, row, ns);
        for (int i = 0; i < ALLOCATOR_COUNT; i++)
            rounds_ns[i][round] = ns[i];
    }
    if (r < 0)
        return outcome_leave_out(outcome, "an allocator gave up");
    int best = best_peer(contenders, rounds_ns, rounds, medians_ns);
    double ratios[ROUNDS];
    for (unsigned round = 0; round < rounds; round++)
        ratios[round] = rounds_ns[0][round] / rounds_ns[best][round];
    outcome_add_ratio(outcome, contenders[best].name, "ns", medians_ns[0], medians_ns[best],
                      stats_median(ratios, rounds));
    return 0;
}

static int measure_pool(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    struct contender contenders[ALLOCATOR_COUNT];
    int r = 0, peers = 0;
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        peers += contender_start(&contenders[i], i) == 0 && i > 0;
    if (contenders[0].pid == 0 || peers == 0)
        outcome_leave_out(outcome, "the allocators did not start");
    else
        r = run_rounds(contenders, row, bench_scaled(bench, ROUNDS, bench->effort == EFFORT_SMOKE ? 1 : 5),
                       outcome);
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        contender_end(&contenders[i]);
    return r;
}

static int pattern_of(const char *name)
{
    int pattern = 0;
    while (strcmp(pattern_names[pattern], name) != 0)
        pattern++;
    return pattern;
}

void case_pool(struct plan *plan)
{
    static const size_t sizes_kib[] = {4, 64, 1024};
    static const struct {
        const char *pattern, *name;
    } patterns[] = {{"lifo", "lifo"}, {"batch of 64", "batch-64"}};
    for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        for (unsigned k = 0; k < sizeof(sizes_kib) / sizeof(sizes_kib[0]); k++) {
            struct row row = {
                .ours = "pool",
                .theirs = "best",
                .goal = GOAL_POOL,
                .seconds = 1.5,
                .measure = measure_pool,
                .pattern = pattern_of(patterns[i].pattern),
                .size_bytes = sizes_kib[k] << 10,
            };
            plan_add(plan, &row, "pool/%s/%zuK", patterns[i].name, sizes_kib[k]);
        }
    }
}
