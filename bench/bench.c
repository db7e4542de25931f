/* SPDX-License-Identifier: MIT */
/* What the cases have in common; see bench.h. */
#include "bench.h"

#include <string.h>

/* How long a turn is and how many rounds there are. Long enough that starting and ending with fewer reads in
 * flight than the depth hardly counts, and many rather than long, since only the number of rounds brings the
 * confidence interval down. The disk's speed wanders more than the processor's. */
static const struct {
    unsigned turn_ms, rounds;
} durations[2][2] = {
    {[PRECISION_ROUGH] = {25, 7}, [PRECISION_FINE] = {25, 25}},  /* cached */
    {[PRECISION_ROUGH] = {60, 6}, [PRECISION_FINE] = {100, 21}}, /* direct */
};

enum { DUELLISTS = 2, SETTING_UP_MS = 200 };

const struct bench_case *bench_case_of(const struct row *row)
{
    const struct bench_case *c = bench_cases;
    size_t length = strcspn(row->name, "/");
    while (c->name && (strlen(c->name) != length || strncmp(c->name, row->name, length) != 0))
        c++;
    return c;
}

unsigned bench_scaled(const struct bench *bench, unsigned full, unsigned least)
{
    static const unsigned divisors[] = {[EFFORT_FULL] = 1, [EFFORT_QUICK] = 3, [EFFORT_SMOKE] = 1000};
    unsigned scaled = full / divisors[bench->effort];
    return scaled > least ? scaled : least;
}

double bench_seconds(const struct bench *bench, const struct row *row)
{
    static const double shares[] = {[EFFORT_FULL] = 1, [EFFORT_QUICK] = 0.35, [EFFORT_SMOKE] = 0.02};
    return row->seconds * shares[bench->effort] + SETTING_UP_MS / 1e3;
}

static int measure_duel(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    struct duel duel = {
        .task = row->task,
        .rounds = bench_scaled(bench, row->rounds, bench->effort == EFFORT_SMOKE ? 1 : 5),
        .turn_ms = bench->effort == EFFORT_SMOKE ? 1 : row->turn_ms,
        .peers = {row->peers[0], row->peers[1]},
        .peer_count = DUELLISTS,
    };
    duel.task.path = bench->path;
    for (unsigned i = 0; i < DUELLISTS; i++) {
        if (row->peers[i]->missing)
            return outcome_leave_out(outcome, "%s", row->peers[i]->missing);
    }
    int r = bench_prepare_file(bench, row);
    if (r < 0)
        return r;
    struct duel_result results[DUEL_PEERS];
    r = duel_run(&duel, results);
    if (r < 0)
        return r;
    if (results[1].error < 0)
        return results[1].error;
    static const char *const labels[] = {[DUEL_CPU] = "per CPU-second", [DUEL_WALL] = "per second"};
    for (unsigned i = 0; i < DUEL_METRICS; i++) {
        unsigned metric = (row->metric + i) % DUEL_METRICS;
        outcome_add_ratio(outcome, labels[metric], "op/s", results[0].rate[metric], results[1].rate[metric],
                          results[1].ratio[metric]);
    }
    return 0;
}

struct row bench_duel_row(const struct peer *ours, const struct peer *theirs, struct task task,
                          enum goal goal, enum precision precision)
{
    struct row row = {
        .ours = ours->name,
        .theirs = theirs->name,
        .goal = goal,
        .measure = measure_duel,
        .task = task,
        .peers = {ours, theirs},
        .metric = task.direct ? DUEL_WALL : DUEL_CPU,
        .rounds = durations[task.direct][precision].rounds,
        .turn_ms = durations[task.direct][precision].turn_ms,
    };
    row.seconds = (row.rounds + 1) * 2 * DUELLISTS * row.turn_ms / 1e3;
    return row;
}

int bench_prepare_file(const struct bench *bench, const struct row *row)
{
    return row->task.direct ? data_file_cool(bench->path) : data_file_heat(bench->path);
}
