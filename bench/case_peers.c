/* SPDX-License-Identifier: MIT */
/* Against every other way to have several reads in flight: ours with nothing configured. */
#include "cases.h"

#include "peers.h"

static void plan_peers(struct plan *plan, const char *name, bool direct)
{
    static const struct peer *const others[] = {&peer_libaio, &peer_pool, &peer_libuv, &peer_posix_aio,
                                                &peer_threads};
    static const unsigned depths[] = {1, 4, 16, 64, 256};
    for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        struct task task = {.direct = direct, .depth = depths[i], .lanes = 1};
        for (unsigned k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
            /* Nobody promises anything about one read at a time, nor against threads without a queue. */
            bool promised = task.depth >= 4 && others[k] != &peer_threads;
            /* libaio is close; what the others cost is not subtle. */
            enum precision precision =
                others[k] == &peer_libaio && !direct ? PRECISION_FINE : PRECISION_ROUGH;
            struct row row = bench_duel_row(&peer_auraio_zero, others[k], task,
                                            promised ? GOAL_PEERS : GOAL_NONE, precision);
            plan_add(plan, &row, "%s/%u/%s", name, task.depth, others[k]->name);
        }
    }
    struct row row =
        bench_duel_row(&peer_auraio_zero, &peer_pread,
                       (struct task){.direct = direct, .depth = 1, .lanes = 1}, GOAL_NONE, PRECISION_ROUGH);
    plan_add(plan, &row, "%s/1/pread", name);
}

void case_peers(struct plan *plan)
{
    plan_peers(plan, "peers", false);
}

void case_peers_direct(struct plan *plan)
{
    plan_peers(plan, "peers-direct", true);
}
