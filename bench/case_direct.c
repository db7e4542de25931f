/* SPDX-License-Identifier: MIT */
/*
 * Reads that wait for the disk, by the wall clock. What the library can gain here is wake-ups: a waiter that
 * takes several completions at once leaves the CPU to the device's interrupts.
 */
#include "cases.h"

#include "peers.h"

int case_direct(struct bench *bench)
{
    struct duel duel = bench_duel(bench, 32);
    duel.direct = true;
    duel.metric = DUEL_WALL;
    duel.rounds *= 4; /* the disk's speed wanders more than the CPU's: many short rounds ride on that */
    report_group(bench->report, "direct",
                 "4 KiB random reads of the disk, O_DIRECT, one thread; by the wall clock");
    int r = data_file_cool(bench->path);
    if (r < 0)
        return r;
    duel.peers[1] = &peer_raw;
    duel.peer_count = 2;
    duel.peers[0] = &peer_auraio;
    r = bench_report_duel(bench, duel, "depth 32", 1.10);
    if (r < 0)
        return r;
    duel.peers[0] = &peer_auraio_zero;
    return bench_report_duel(bench, duel, "depth 32", 1.10);
}
