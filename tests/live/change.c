/* SPDX-License-Identifier: MIT */
/*
 * A change and its end. Rounds of: the fixed depths in both states, then an engine that tunes itself through
 * before, during and after. Two times are told of each: from when on 100 ms have 95 % of the oracle's
 * throughput, and from when on the limit stays within a quarter of where it is in the last third.
 */
#include "live.h"

#include <stdio.h>

enum { ROUNDS = 2, PHASES = 3 };

#define REACHED 0.95
#define NEAR 0.25

static const int64_t second_ns = 1000 * 1000 * 1000;
static const int64_t window_ns = 100 * 1000 * 1000; /* a throttled device serves in slices as long as this */
static const int64_t each_ns = 300 * 1000 * 1000;
static const int ends_s[PHASES + 1] = {0, 3, 7, 11};

static void apply(const struct live_change *change, bool changed)
{
    if (change->apply)
        change->apply(change->context, changed);
}

static int64_t reached_ns(const struct live_load *load, int64_t from_ns, int64_t to_ns, double wanted)
{
    for (int64_t at_ns = from_ns; at_ns + window_ns <= to_ns; at_ns += LIVE_BIN_NS)
        if (live_load_rate(load, at_ns, at_ns + window_ns) >= REACHED * wanted)
            return at_ns - from_ns;
    return -1;
}

/* The limit in the last third, and since when it is near that. */
static int settled_limit(const struct live_load *load, int64_t from_ns, int64_t to_ns, int64_t *ret_since_ns)
{
    static double limits[LIVE_BINS];
    const int from = (int)(from_ns / LIVE_BIN_NS), to = (int)(to_ns / LIVE_BIN_NS);
    int count = 0, bin = to;
    for (int i = to - (to - from) / 3; i < to; i++)
        limits[count++] = load->limits[i];
    const double median = live_median(limits, count);
    while (bin > from && load->limits[bin - 1] <= median * (1 + NEAR) + 1 &&
           load->limits[bin - 1] >= median * (1 - NEAR) - 1)
        bin--;
    *ret_since_ns = (int64_t)(bin - from) * LIVE_BIN_NS;
    return (int)median;
}

static void print_phase(const struct live_load *load, const char *state, const struct live_sweep *sweep,
                        int phase)
{
    const int64_t from_ns = ends_s[phase] * second_ns, to_ns = ends_s[phase + 1] * second_ns;
    double oracle_rate;
    int64_t settled_ns;
    const int oracle = live_sweep_oracle(sweep, &oracle_rate);
    const int limit = settled_limit(load, from_ns, to_ns, &settled_ns);
    const int64_t reached = reached_ns(load, from_ns, to_ns, oracle_rate);
    const double rate = live_load_rate(load, (from_ns + to_ns) / 2, to_ns);
    printf("  %-22s %6d %9.0f %9.0f %7.3f %6d", state, oracle, oracle_rate, rate, rate / oracle_rate, limit);
    if (reached < 0)
        printf("     never");
    else
        printf(" %6.2f s ", (double)reached / 1e9);
    printf(" %6.2f s\n", (double)settled_ns / 1e9);
}

static void print_decisions(const auraio_engine_t *engine, const struct live_load *load)
{
    auraio_decision_t decisions[AURAIO_DECISIONS_MAX];
    auraio_target_stats_t stats = {0};
    const int targets = auraio_get_target_count(engine);
    const int count = auraio_get_decisions(engine, targets - 1, decisions, AURAIO_DECISIONS_MAX);
    for (int i = 0; i < count; i++)
        fprintf(stderr, "    %8.3f s  %3d -> %3d  %-10s %-24s %8.0f/s  gain %+.3f +- %.3f\n",
                (double)(decisions[i].time_ns - load->start_ns) / 1e9, decisions[i].old_limit,
                decisions[i].new_limit, auraio_phase_name(decisions[i].aimd_phase),
                auraio_cause_name(decisions[i].cause), decisions[i].throughput_ops, decisions[i].gain,
                decisions[i].gain_error);
    (void)live_target(engine, load->disk->device, &stats);
    fprintf(stderr, "    %.1f %% of what was judged had waited for the application\n",
            100.0 * (double)stats.ops_late / (double)stats.ops_judged);
}

static void run_round(const struct live_disk *disk, const struct live_change *change,
                      const struct live_sweep *sweeps, double target_ms)
{
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_ADAPTIVE, 0, target_ms);
    struct live_load *load = live_load_create(engine, disk, change->access[0], LIVE_OFFERED);
    live_load_start(load);
    for (int phase = 0; phase < PHASES; phase++) {
        const bool changed = phase == 1;
        apply(change, changed);
        load->access = change->access[changed];
        live_load_drive(&load, 1, ends_s[phase + 1] * second_ns);
    }
    live_load_stop(&load, 1);
    for (int phase = 0; phase < PHASES; phase++)
        print_phase(load, change->states[phase == 1], &sweeps[phase == 1], phase);
    print_decisions(engine, load);
    live_load_destroy(load);
    auraio_destroy(engine);
}

void live_change_run(const struct live_disk *disk, const struct live_change *change, double target_ms)
{
    struct live_sweep sweeps[2] = {0};
    printf("  %-22s %6s %9s %9s %7s %6s %9s  %s\n", "state", "oracle", "its IOPS", "AuraIO", "share", "limit",
           "95 % after", "limit settled");
    for (int round = 0; round < ROUNDS; round++) {
        for (int state = 0; state < 2; state++) {
            apply(change, state == 1);
            live_sweep_add(&sweeps[state], disk, change->access[state], each_ns);
        }
        apply(change, false);
        run_round(disk, change, sweeps, target_ms);
    }
}
