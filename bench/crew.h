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

enum { CREW_LANES = 16, CREW_SEATS = 8 };

struct crew;

/* What is to be done, whoever does it. */
struct task {
    const char *path;
    bool direct;      /* O_DIRECT, reads wait for the disk; else of a file in the page cache */
    bool mixed;       /* reads of several sizes */
    bool small_pages; /* buffers on pages of 4 KiB, else on huge ones where there are any */
    unsigned depth, lanes;
};

/* Open the file and make the lanes and their buffers. Returns 0 or a negative errno; -EFBIG when the file is
 * too small for a read or too big to be numbered, -EMEDIUMTYPE when its file system refuses O_DIRECT. */
int crew_new(const struct task *task, struct crew **ret_crew);

/* Close every peer, end the threads. NULL is a no-op. */
void crew_free(struct crew *crew);

/* Give a peer a seat, a small number, and open its state on every lane. Returns 0 or a negative errno. */
int crew_open(struct crew *crew, unsigned seat, const struct peer *peer);

/* Close it and free the seat; an empty one is left alone. */
void crew_close(struct crew *crew, unsigned seat);

struct crew_time {
    uint64_t cpu_ns, wall_ns;
};

/* `ops` reads on every lane by the peer of that seat, of places that follow from `seed`: the same for every
 * peer. Returns 0 or a negative errno. */
int crew_run(struct crew *crew, unsigned seat, uint64_t ops, uint64_t seed, struct crew_time *ret_time);

/* One read after the other on the only lane, each timed. Returns 0 or a negative errno. */
int crew_time_each(struct crew *crew, unsigned seat, unsigned ops, uint64_t seed, double *ret_us);

/* Where a slot's bytes land. */
unsigned char *crew_buffer(struct crew *crew, unsigned seat, unsigned lane, unsigned slot);

/* Forget what the seat's buffers hold; and, after a run of at least depth reads, check that each of them
 * holds a page of the file. */
void crew_scrub(struct crew *crew, unsigned seat);
bool crew_verify(struct crew *crew, unsigned seat);

#endif
