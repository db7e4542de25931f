/* SPDX-License-Identifier: MIT */
/*
 * A duel: peers do the same work in turns, in one process and one run. A round goes there and back, A B B A:
 * what drifts during a round falls out of it. Each round gives one ratio of the first peer to each other one;
 * their median is the figure. Whatever slows the machine for longer than a turn slows all of them, and
 * absolute speeds don't matter.
 *
 * Turns last equally long for all; both turns of a pair read the same places in the same order, as far as
 * each gets.
 */
#ifndef BENCH_DUEL_H
#define BENCH_DUEL_H

#include "crew.h"
#include "stats.h"

enum { DUEL_PEERS = 3 };

enum duel_metric {
    DUEL_CPU,  /* operations per second of CPU time of the whole process, kernel workers included */
    DUEL_WALL, /* operations per second */
    DUEL_METRICS,
};

struct duel {
    struct task task;
    unsigned rounds;
    unsigned limit_ms; /* no new round after that; 0: no limit */
    unsigned turn_ms;  /* what a turn should take */
    const struct peer *peers[DUEL_PEERS];
    unsigned peer_count;
    void (*progress)(double done, void *user_data); /* may be NULL */
    void *user_data;
};

struct duel_result {
    int error;                           /* negative: the peer could not run; the rest is zero */
    double rate[DUEL_METRICS];           /* median, operations per second */
    struct interval ratio[DUEL_METRICS]; /* of the first peer's rate to this one's */
};

/*
 * Run it; results has room for peer_count. A peer that fails to open is left out and its error kept.
 * Returns 0 or a negative errno when the first peer fails or the load can't be set up; -EBADMSG when a peer
 * delivered wrong bytes.
 */
int duel_run(const struct duel *duel, struct duel_result *results);

/* Run one peer alone, once, `ops` reads per lane: for tools that watch a process from outside. */
int duel_run_alone(const struct task *task, const struct peer *peer, uint64_t ops);

#endif
