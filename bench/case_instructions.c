/* SPDX-License-Identifier: MIT */
/*
 * User instructions per operation. This program runs itself under callgrind, which counts from the moment the
 * measured call begins to its end; the harness's own few instructions per operation are part of it.
 */
#include "cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "peers.h"

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

static int report_instructions(struct bench *bench, const char *output, const struct peer *peer,
                               unsigned depth, double target)
{
    enum { OPS = 32000 };
    char label[32], out_option[512];
    snprintf(label, sizeof(label), "depth %u", depth);
    snprintf(out_option, sizeof(out_option), "--callgrind-out-file=%s", output);
    const char *const callgrind[] = {"valgrind", "--tool=callgrind", "--toggle-collect=bench_measured",
                                     out_option, NULL};
    uint64_t total = 0;
    report_progress(bench->report, "counting instructions", 0.5);
    int r = child_run(bench, callgrind, peer, depth, OPS);
    if (r == 0)
        r = read_total(output, &total);
    if (r < 0) {
        const char *reason = r == -ENOENT   ? "valgrind is not installed"
                             : r == -ECHILD ? "the run under callgrind failed"
                                            : strerror(-r);
        report_left_out(bench->report, label, peer->name, reason);
        return 0;
    }
    report_row(bench->report, &(struct report_row){
                                  .label = label,
                                  .subject = peer->name,
                                  .value = (double)total / OPS,
                                  .unit = "instructions/op",
                                  .target_kind = target > 0 ? REPORT_AT_MOST : REPORT_NO_TARGET,
                                  .target = target,
                              });
    return 0;
}

int case_instructions(struct bench *bench)
{
    static const struct {
        const struct peer *peer;
        unsigned depth;
        double target;
    } runs[] = {
        {&peer_auraio, 32, 250},   {&peer_auraio, 1, 420},   {&peer_auraio_zero, 32, 0},
        {&peer_auraio_zero, 1, 0}, {&peer_raw, 32, 0},       {&peer_raw, 1, 0},
        {&peer_raw_shared, 32, 0}, {&peer_raw_shared, 1, 0},
    };
    report_group(bench->report, "instructions",
                 "user instructions per operation, harness included, cached reads");
    char *output = child_output(bench);
    if (!output)
        return -errno;
    int r = data_file_heat(bench->path);
    for (size_t i = 0; r == 0 && i < sizeof(runs) / sizeof(runs[0]); i++)
        r = report_instructions(bench, output, runs[i].peer, runs[i].depth, runs[i].target);
    unlink(output);
    free(output);
    return r;
}
