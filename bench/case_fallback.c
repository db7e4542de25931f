/* SPDX-License-Identifier: MIT */
/*
 * Where io_uring is refused: ours on its thread backend against what a program would have there by hand, and
 * against ours on io_uring, to show what the refusal costs.
 */
#include "cases.h"

#include "peers.h"

enum { DEPTH = 32 };

static void add(struct plan *plan, const struct peer *theirs, struct task task, enum goal goal)
{
    struct row row = bench_duel_row(&peer_auraio_threads, theirs, task, goal, PRECISION_ROUGH);
    plan_add(plan, &row, "fallback/%s/%s", task.direct ? "direct" : "cached", theirs->name);
}

void case_fallback(struct plan *plan)
{
    struct task cached = {.depth = DEPTH, .lanes = 1}, direct = {.direct = true, .depth = DEPTH, .lanes = 1};
    add(plan, &peer_pool, cached, GOAL_FALLBACK);
    add(plan, &peer_pool_each, cached, GOAL_FALLBACK);
    add(plan, &peer_libuv, cached, GOAL_FALLBACK);
    add(plan, &peer_auraio_zero, cached, GOAL_NONE);
    /* For the disk the pool has a thread for each read in flight as it is. */
    add(plan, &peer_pool, direct, GOAL_FALLBACK);
    add(plan, &peer_libuv, direct, GOAL_FALLBACK);
    add(plan, &peer_auraio_zero, direct, GOAL_NONE);
}
