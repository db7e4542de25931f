/* SPDX-License-Identifier: MIT */
/*
 * A duel: several peers do the same load in turns, in one process and one run: A B C, C B A, A B C and so on.
 * Each round gives one ratio of the first peer to each other one; their median is the figure. Whatever slows
 * the machine for longer than a round slows all of them, and absolute speeds don't matter.
 */
#ifndef BENCH_DUEL_H
#define BENCH_DUEL_H

#include "peer.h"

enum { DUEL_PEERS = 8 };

enum duel_metric {
    DUEL_CPU, /* operations per second of CPU time, of the whole process: threads and kernel workers included
               */
    DUEL_WALL /* operations per second */
};

struct duel {
    const char *path;
    bool direct;
    unsigned depth, lanes;
    enum duel_metric metric;
    unsigned rounds;
    unsigned limit_ms; /* no new round after that; 0: no limit */
    unsigned turn_ms;  /* what a turn of the first peer should take */
    const struct peer *peers[DUEL_PEERS];
    unsigned peer_count;
    void (*progress)(double done, void *user_data); /* may be NULL */
    void *user_data;
};

struct duel_result {
    int error;                           /* negative: the peer could not run; the rest is zero */
    double rate;                         /* median, operations per second of the metric */
    double ratio, ratio_low, ratio_high; /* first peer's rate to this one's: median and quartiles */
};

/*
 * Run it; results has room for peer_count. A peer that fails to open is left out and its error kept.
 * Returns 0 or a negative errno when the first peer fails or the load can't be set up; -EBADMSG when a peer
 * delivered wrong bytes.
 */
int duel_run(const struct duel *duel, struct duel_result *results);

/* Run one peer alone, once, `ops` reads per lane: for tools that watch a process from outside. */
int duel_run_alone(const struct duel *duel, uint64_t ops);

#endif
