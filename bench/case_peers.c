/* SPDX-License-Identifier: MIT */
/* Against every other way to have several reads in flight, all in one run: ours with nothing configured. */
#include "cases.h"

#include <stdio.h>

#include "peers.h"

static int run_depths(struct bench *bench, struct duel duel)
{
    static const unsigned depths[] = {1, 4, 16, 32};
    static const struct peer *const others[] = {&peer_libaio, &peer_pool, &peer_libuv, &peer_posix_aio,
                                                &peer_pread};
    duel.peers[0] = &peer_auraio_zero;
    duel.peer_count = 1;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        duel.peers[duel.peer_count++] = others[i];
    /* These differences are not subtle, and the slowest peer takes thirty times the first one's turn. */
    duel.rounds = duel.rounds / 2 + 1;

    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(depths) / sizeof(depths[0]); i++) {
        char label[32];
        duel.depth = depths[i];
        snprintf(label, sizeof(label), "depth %u", duel.depth);
        /* Nobody promises anything about one read at a time, and pread knows nothing else. */
        if (duel.depth == 1) {
            r = bench_report_duel(bench, duel, label, 0);
            duel.peer_count--;
        } else {
            r = bench_report_duel(bench, duel, label, 1.0);
        }
    }
    return r;
}

int case_peers(struct bench *bench)
{
    report_group(bench->report, "peers", "4 KiB random reads of a hot file, one thread; per CPU-second");
    int r = data_file_heat(bench->path);
    struct duel duel = bench_duel(bench, 1);
    duel.turn_ms = 10;
    return r < 0 ? r : run_depths(bench, duel);
}

int case_peers_direct(struct bench *bench)
{
    struct duel duel = bench_duel(bench, 1);
    duel.direct = true;
    duel.metric = DUEL_WALL;
    report_group(bench->report, "peers-direct",
                 "4 KiB random reads of the disk, O_DIRECT; by the wall clock");
    int r = data_file_cool(bench->path);
    return r < 0 ? r : run_depths(bench, duel);
}
