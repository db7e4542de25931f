/* SPDX-License-Identifier: MIT */
/*
 * A crew: the lanes of one load, each with its thread, and one peer at work on them at a time.
 *
 * Rings belong to the thread that made them, so a lane's thread opens, runs and closes every peer's state.
 * One lane needs no thread: the caller is it.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "peer.h"

enum { CREW_LANES = 8, CREW_SEATS = 8 };

struct crew;

/* Open path and make the lanes and their buffers. Returns 0 or a negative errno. */
int crew_new(const char *path, bool direct, unsigned depth, unsigned lanes, struct crew **ret_crew);

/* Close every peer, end the threads. NULL is a no-op. */
void crew_free(struct crew *crew);

/* Give a peer a seat, a small number, and open its state on every lane. Returns 0 or a negative errno. */
int crew_open(struct crew *crew, unsigned seat, const struct peer *peer);

struct crew_time {
    uint64_t cpu_ns, wall_ns;
};

/* `ops` reads on every lane by the peer of that seat. Returns 0 or a negative errno. */
int crew_run(struct crew *crew, unsigned seat, uint64_t ops, struct crew_time *ret_time);

/* Forget what the seat's buffers hold; and, after a run of at least depth reads, check that each of them
 * holds a page of the file. */
void crew_scrub(struct crew *crew, unsigned seat);
bool crew_verify(struct crew *crew, unsigned seat);

#endif
