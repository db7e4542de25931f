/* SPDX-License-Identifier: MIT */
/*
 * A peer: one way to do the same work, random 4 KiB reads of one file with a given number in flight.
 *
 * A lane is one thread's share of a load. A peer opens a state per lane, on the lane's own thread, and runs
 * it there many times; what lanes share (an engine) is made by prepare. Only run is measured. Every peer is
 * written to be as fast as its interface allows: a slow peer would make the comparison worthless.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "data.h"

struct load {
    int fd;
    bool direct;    /* fd is O_DIRECT: reads wait for the disk */
    unsigned depth; /* reads in flight per lane */
    unsigned lanes;
    uint32_t pages;         /* of the file */
    unsigned char *buffers; /* lanes * depth pages; a peer may use its own instead, see peer.buffer */
};

struct lane {
    const struct load *load;
    unsigned char *buffers; /* the lane's part of load->buffers */
    uint64_t random;        /* state of lane_next_offset */
};

struct peer {
    const char *name;
    const char *summary;
    const char *missing; /* not NULL: why this build lacks it; then everything below is NULL */

    /* What the lanes share. Both may be NULL. */
    int (*prepare)(const struct load *load, void **ret_shared);
    void (*release)(void *shared);

    /* On the lane's thread. 0 or a negative errno. */
    int (*open)(struct lane *lane, void *shared, void **ret_state);
    /* Exactly ops reads; none in flight at the end. */
    int (*run)(void *state, uint64_t ops);
    void (*close)(void *state);
    /* Where slot's bytes land, when not in the lane's buffers. May be NULL. */
    unsigned char *(*buffer)(void *state, unsigned slot);
};

/* The next read's place. Marsaglia's xorshift64, and a multiplication in place of a division. */
static inline off_t lane_next_offset(struct lane *lane)
{
    uint64_t x = lane->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    lane->random = x;
    return (off_t)(((x >> 32) * lane->load->pages >> 32) * DATA_PAGE);
}

/* The peer of that name, or NULL. */
const struct peer *peer_find(const char *name);

/* All of them; the table ends with NULL. */
extern const struct peer *const peer_table[];

#endif
