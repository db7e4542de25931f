/* SPDX-License-Identifier: MIT */
/*
 * Cached reads, the price of the library itself: the kernel's part is short and the same for all, so what is
 * spent above it shows. Tuned against tuned, untuned against a raw loop on a ring of the same kind, and two
 * threads with a ring each.
 */
#include "cases.h"

#include <stdio.h>

#include "peers.h"

struct step {
    unsigned depth;
    double target; /* 0: none */
};

static int run_steps(struct bench *bench, struct duel duel, const struct step *steps, unsigned count)
{
    int r = data_file_heat(bench->path);
    for (unsigned i = 0; r == 0 && i < count; i++) {
        char label[32];
        duel.depth = steps[i].depth;
        snprintf(label, sizeof(label), "depth %u", duel.depth);
        r = bench_report_duel(bench, duel, label, steps[i].target);
    }
    return r;
}

int case_cached(struct bench *bench)
{
    static const struct step steps[] = {{1, 0.93}, {4, 0}, {32, 0.97}, {128, 0.97}};
    struct duel duel = bench_duel(bench, 1);
    duel.peers[0] = &peer_auraio;
    duel.peers[1] = &peer_raw;
    duel.peer_count = 2;
    report_group(bench->report, "cached",
                 "4 KiB random reads of a hot file, one thread, thread-local + registered; per CPU-second");
    return run_steps(bench, duel, steps, sizeof(steps) / sizeof(steps[0]));
}

int case_zero(struct bench *bench)
{
    static const struct step steps[] = {{1, 0.92}, {4, 0}, {32, 0.95}, {128, 0}};
    struct duel duel = bench_duel(bench, 1);
    duel.peers[0] = &peer_auraio_zero;
    duel.peers[1] = &peer_raw_shared;
    duel.peers[2] = &peer_raw_plain;
    duel.peer_count = 3;
    report_group(bench->report, "zero", "the same with nothing configured; per CPU-second");
    return run_steps(bench, duel, steps, sizeof(steps) / sizeof(steps[0]));
}

int case_threads(struct bench *bench)
{
    static const struct step steps[] = {{32, 0.95}};
    struct duel duel = bench_duel(bench, 1);
    duel.lanes = 2;
    duel.peers[0] = &peer_auraio;
    duel.peers[1] = &peer_raw;
    duel.peer_count = 2;
    report_group(bench->report, "threads", "the same from two threads with a ring each; per CPU-second");
    return run_steps(bench, duel, steps, sizeof(steps) / sizeof(steps[0]));
}
