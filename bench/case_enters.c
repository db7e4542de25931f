/* SPDX-License-Identifier: MIT */
/*
 * System calls on io_uring per operation. strace counts two runs of different length, so that what setting up
 * and tearing down cost falls out of the difference.
 */
#include "cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "peers.h"

/* The count in strace's table, 0 when the call does not appear. */
static int read_count(const char *path, uint64_t *ret_count)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return -errno;
    char line[256], name[64];
    unsigned long long calls;
    *ret_count = 0;
    while (fgets(line, sizeof(line), in)) {
        if (sscanf(line, "%llu %63s", &calls, name) == 2 && strcmp(name, "io_uring_enter") == 0)
            *ret_count = calls;
    }
    fclose(in);
    return 0;
}

static int count_enters(struct bench *bench, const char *output, const struct peer *peer, unsigned depth,
                        uint64_t ops, uint64_t *ret_count)
{
    const char *const strace[] = {"strace", "-f",   "-c", "-U", "calls,name", "-e", "trace=io_uring_enter",
                                  "-o",     output, NULL};
    int r = child_run(bench, strace, peer, depth, ops);
    return r < 0 ? r : read_count(output, ret_count);
}

static int report_enters(struct bench *bench, const char *output, const struct peer *peer, unsigned depth,
                         double target)
{
    enum { SHORT = 2000, LONG = 22000 };
    char label[32];
    uint64_t few = 0, many = 0;
    snprintf(label, sizeof(label), "depth %u", depth);
    report_progress(bench->report, "counting io_uring_enter", 0.5);
    int r = count_enters(bench, output, peer, depth, SHORT, &few);
    if (r == 0)
        r = count_enters(bench, output, peer, depth, LONG, &many);
    if (r < 0) {
        const char *reason = r == -ENOENT   ? "strace is not installed"
                             : r == -ECHILD ? "the run under strace failed"
                                            : strerror(-r);
        report_left_out(bench->report, label, peer->name, reason);
        return 0;
    }
    report_row(bench->report, &(struct report_row){
                                  .label = label,
                                  .subject = peer->name,
                                  .value = ((double)many - (double)few) / (LONG - SHORT),
                                  .unit = "calls/op",
                                  .target_kind = target > 0 ? REPORT_AT_MOST : REPORT_NO_TARGET,
                                  .target = target,
                              });
    return 0;
}

int case_enters(struct bench *bench)
{
    report_group(bench->report, "enters", "io_uring_enter calls per operation, cached reads");
    char *output = child_output(bench);
    if (!output)
        return -errno;
    int r = data_file_heat(bench->path);
    for (unsigned depth = 32; r == 0 && depth > 0; depth = depth == 32 ? 1 : 0) {
        double target = depth == 32 ? 1.0 / 16 : 0;
        r = report_enters(bench, output, &peer_auraio, depth, target);
        if (r == 0)
            r = report_enters(bench, output, &peer_auraio_zero, depth, target);
        if (r == 0)
            r = report_enters(bench, output, &peer_raw, depth, 0);
    }
    unlink(output);
    free(output);
    return r;
}
