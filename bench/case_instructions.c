/* SPDX-License-Identifier: MIT */
/*
 * User instructions per operation. This program runs itself under callgrind, which counts from the moment the
 * measured call begins to its end; the harness's own few instructions per operation are part of it.
 */
#include "cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "peers.h"

enum { OPS = 32000, OPS_LEAST = 2000 };

/* callgrind's file says "totals: N" once; nothing counted means that it never saw the measured call. */
static int read_total(const char *path, uint64_t *ret_total)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return -errno;
    int r = -ECHILD;
    char line[512];
    unsigned long long total;
    while (fgets(line, sizeof(line), in)) {
        if (sscanf(line, "totals: %llu", &total) == 1 && total > 0) {
            *ret_total = total;
            r = 0;
        }
    }
    fclose(in);
    return r;
}

static int measure_instructions(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    uint64_t total = 0, ops = bench_scaled(bench, OPS, OPS_LEAST);
    char *output = child_output(bench), *out_option = NULL;
    if (!output)
        return -errno;
    int r = asprintf(&out_option, "--callgrind-out-file=%s", output) < 0 ? -ENOMEM : 0;
    const char *const callgrind[] = {"valgrind", "--tool=callgrind", "--toggle-collect=bench_measured",
                                     out_option, NULL};
    if (r == 0)
        r = bench_prepare_file(bench, row);
    if (r == 0)
        r = child_run(bench, callgrind, row->peers[0], row->task.depth, ops);
    if (r == 0)
        r = read_total(output, &total);
    unlink(output);
    free(out_option);
    free(output);
    if (r == -ENOENT)
        return outcome_leave_out(outcome, "valgrind is not installed");
    if (r == -ECHILD)
        return outcome_leave_out(outcome, "the run under callgrind failed");
    if (r == 0)
        outcome_add_single(outcome, "instructions", "1/op", (double)total / (double)ops);
    return r;
}

void case_instructions(struct plan *plan)
{
    static const struct peer *const all[] = {&peer_auraio, &peer_auraio_zero, &peer_raw, &peer_raw_shared};
    static const unsigned depths[] = {32, 1};
    for (unsigned d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
        for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            enum goal goal = depths[d] == 32 ? GOAL_INSTRUCTIONS : GOAL_INSTRUCTIONS_1;
            struct row row = {
                .ours = all[i]->name,
                .goal = all[i] == &peer_auraio ? goal : GOAL_NONE,
                .counted = true,
                .seconds = 2,
                .measure = measure_instructions,
                .task = {.depth = depths[d], .lanes = 1},
                .peers = {all[i]},
            };
            plan_add(plan, &row, "instructions/%u/%s", depths[d], row.ours);
        }
    }
}
