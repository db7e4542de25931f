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

enum { SHORT = 2000, LONG = 22000 };

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

static int count_enters(const struct bench *bench, const char *output, const struct row *row, uint64_t ops,
                        uint64_t *ret_count)
{
    const char *const strace[] = {"strace", "-f",   "-c", "-U", "calls,name", "-e", "trace=io_uring_enter",
                                  "-o",     output, NULL};
    int r = child_run(bench, strace, row->peers[0], row->task.depth, ops);
    return r < 0 ? r : read_count(output, ret_count);
}

static int measure_enters(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    uint64_t few = 0, many = 0, longer = bench_scaled(bench, LONG - SHORT, SHORT);
    char *output = child_output(bench);
    if (!output)
        return -errno;
    int r = bench_prepare_file(bench, row);
    if (r == 0)
        r = count_enters(bench, output, row, SHORT, &few);
    if (r == 0)
        r = count_enters(bench, output, row, SHORT + longer, &many);
    unlink(output);
    free(output);
    if (r == -ENOENT)
        return outcome_leave_out(outcome, "strace is not installed");
    if (r == -ECHILD)
        return outcome_leave_out(outcome, "the run under strace failed");
    if (r == 0)
        outcome_add_single(outcome, "calls", "1/op", ((double)many - (double)few) / (double)longer);
    return r;
}

void case_enters(struct plan *plan)
{
    static const struct {
        const struct peer *peer;
        unsigned depth;
        enum goal goal;
    } rows[] = {
        {&peer_auraio, 32, GOAL_ENTERS}, {&peer_auraio_zero, 32, GOAL_ENTERS}, {&peer_raw, 32, GOAL_NONE},
        {&peer_auraio, 1, GOAL_NONE},    {&peer_auraio_zero, 1, GOAL_NONE},    {&peer_raw, 1, GOAL_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct row row = {
            .ours = rows[i].peer->name,
            .goal = rows[i].goal,
            .counted = true,
            .seconds = 1.5,
            .measure = measure_enters,
            .task = {.depth = rows[i].depth, .lanes = 1},
            .peers = {rows[i].peer},
        };
        plan_add(plan, &row, "enters/%u/%s", rows[i].depth, row.ours);
    }
}
