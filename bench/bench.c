/* SPDX-License-Identifier: MIT */
/* What the cases have in common; see bench.h. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct watcher {
    struct report *report;
    const char *label;
};

static void show(double done, void *user_data)
{
    struct watcher *watcher = user_data;
    report_progress(watcher->report, watcher->label, done);
}

struct duel bench_duel(struct bench *bench, unsigned depth)
{
    return (struct duel){
        .path = bench->path,
        .depth = depth,
        .lanes = 1,
        .metric = DUEL_CPU,
        .rounds = bench->quick ? 9 : 41,
        .turn_ms = bench->quick ? 10 : 25,
    };
}

static void report_peer(struct bench *bench, const struct duel *duel, const struct duel_result *results,
                        unsigned seat, const char *label, double target)
{
    const struct duel_result *result = &results[seat];
    const struct peer *peer = duel->peers[seat];
    if (result->error < 0) {
        report_left_out(bench->report, label, peer->name,
                        peer->missing ? peer->missing : strerror(-result->error));
        return;
    }
    report_row(bench->report, &(struct report_row){
                                  .label = label,
                                  .subject = duel->peers[0]->name,
                                  .against = peer->name,
                                  .value = result->ratio,
                                  .low = result->ratio_low,
                                  .high = result->ratio_high,
                                  .subject_rate = results[0].rate,
                                  .against_rate = result->rate,
                                  .target_kind = target > 0 ? REPORT_AT_LEAST : REPORT_NO_TARGET,
                                  .target = target,
                              });
}

int bench_report_duel(struct bench *bench, struct duel duel, const char *label, double target)
{
    char what[64];
    snprintf(what, sizeof(what), "%s, %s", duel.peers[0]->name, label);
    struct watcher watcher = {bench->report, what};
    duel.progress = show;
    duel.user_data = &watcher;

    struct duel_result results[DUEL_PEERS];
    int r = duel_run(&duel, results);
    if (r < 0)
        return r;
    for (unsigned seat = 1; seat < duel.peer_count; seat++)
        report_peer(bench, &duel, results, seat, label, target);
    return 0;
}
