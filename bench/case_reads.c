/* SPDX-License-Identifier: MIT */
/*
 * Random reads of 4 KiB against the best that can be written by hand, at every depth. Cached, the price of
 * the library itself: the kernel's part is short and the same for all, so what is spent above it shows. From
 * the disk what the library can gain is wake-ups: a waiter that takes several completions at once leaves the
 * CPU to the device's interrupts.
 */
#include "cases.h"

#include "peers.h"

#define DEPTHS 9

static const unsigned depths[DEPTHS] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

static enum precision precision_for(enum goal goal)
{
    return goal == GOAL_NONE ? PRECISION_ROUGH : PRECISION_FINE;
}

static void add(struct plan *plan, const char *name, const struct peer *ours, const struct peer *theirs,
                struct task task, enum goal goal)
{
    struct row row = bench_duel_row(ours, theirs, task, goal, precision_for(goal));
    plan_add(plan, &row, "%s/%u/%s", name, task.depth, theirs->name);
}

void case_cached(struct plan *plan)
{
    for (unsigned i = 0; i < DEPTHS; i++) {
        unsigned depth = depths[i];
        enum goal goal = depth == 1 ? GOAL_CACHED_1 : depth == 32 || depth == 128 ? GOAL_CACHED : GOAL_NONE;
        add(plan, "cached", &peer_auraio, &peer_raw, (struct task){.depth = depth, .lanes = 1}, goal);
    }
}

void case_zero(struct plan *plan)
{
    for (unsigned i = 0; i < DEPTHS; i++) {
        struct task task = {.depth = depths[i], .lanes = 1};
        enum goal goal = task.depth == 1 ? GOAL_ZERO_1 : task.depth == 32 ? GOAL_ZERO : GOAL_NONE;
        add(plan, "zero", &peer_auraio_zero, &peer_raw_shared, task, goal);
        if (goal != GOAL_NONE)
            add(plan, "zero", &peer_auraio_zero, &peer_raw_plain, task, GOAL_NONE);
    }
}

void case_direct(struct plan *plan)
{
    for (unsigned i = 0; i < DEPTHS; i++) {
        struct task task = {.direct = true, .depth = depths[i], .lanes = 1};
        add(plan, "direct", &peer_auraio, &peer_raw, task, task.depth == 32 ? GOAL_DIRECT : GOAL_NONE);
    }
}

void case_zero_direct(struct plan *plan)
{
    for (unsigned i = 0; i < DEPTHS; i++) {
        struct task task = {.direct = true, .depth = depths[i], .lanes = 1};
        add(plan, "zero-direct", &peer_auraio_zero, &peer_raw_shared, task, GOAL_NONE);
        if (task.depth == 32)
            add(plan, "zero-direct", &peer_auraio_zero, &peer_raw, task, GOAL_DIRECT);
    }
}

void case_threads(struct plan *plan)
{
    static const struct peer *const others[] = {&peer_raw_shared, &peer_libaio,    &peer_pool,
                                                &peer_libuv,      &peer_posix_aio, &peer_threads};
    struct task two = {.depth = 32, .lanes = 2};
    add(plan, "threads", &peer_auraio, &peer_raw, two, GOAL_THREADS);
    add(plan, "threads", &peer_auraio, &peer_raw, (struct task){.depth = 1, .lanes = 2}, GOAL_NONE);
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        add(plan, "threads", &peer_auraio_zero, others[i], two, GOAL_NONE);
}

/* Reads of many pages care what their memory is made of. The peers' buffers lie on huge pages; in one row on
 * small ones, with nothing registered, as in a program that asks for neither. */
void case_mixed(struct plan *plan)
{
    static const struct peer *const others[] = {&peer_raw_shared, &peer_libaio,    &peer_pool,
                                                &peer_libuv,      &peer_posix_aio, &peer_threads};
    for (unsigned direct = 0; direct < 2; direct++) {
        struct task task = {.direct = direct, .mixed = true, .depth = 32, .lanes = 1};
        const char *file = direct ? "direct" : "cached";
        struct row row = bench_duel_row(&peer_auraio, &peer_raw, task, GOAL_NONE, PRECISION_ROUGH);
        plan_add(plan, &row, "mixed/%s/raw", file);
        for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            row = bench_duel_row(&peer_auraio_zero, others[i], task, GOAL_NONE, PRECISION_ROUGH);
            plan_add(plan, &row, "mixed/%s/%s", file, others[i]->name);
        }
    }
    struct task small = {.direct = true, .mixed = true, .small_pages = true, .depth = 32, .lanes = 1};
    struct row row = bench_duel_row(&peer_auraio_zero, &peer_raw_plain, small, GOAL_NONE, PRECISION_ROUGH);
    plan_add(plan, &row, "mixed/small-pages/%s", row.theirs);
}
