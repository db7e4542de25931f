/* SPDX-License-Identifier: MIT */
/* Many threads submit, one drives: as a server has it whose workers ask and whose event loop answers. */
#include "cases.h"

#include "peers.h"

enum { DEPTH = 8 };

void case_submitters(struct plan *plan)
{
    static const unsigned lanes[] = {2, 4, 16};
    for (unsigned direct = 0; direct < 2; direct++) {
        for (unsigned i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
            struct task task = {.direct = direct, .depth = DEPTH, .lanes = lanes[i]};
            /* How threads fall on CPUs changes from turn to turn: only many rounds make it even. */
            enum precision precision = direct ? PRECISION_ROUGH : PRECISION_FINE;
            struct row row = bench_duel_row(&peer_driven, &peer_raw_driven, task, GOAL_NONE, precision);
            plan_add(plan, &row, "submitters/%s/%u/%s", direct ? "direct" : "cached", lanes[i],
                     peer_raw_driven.name);
        }
    }
}
