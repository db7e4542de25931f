/* SPDX-License-Identifier: MIT */
/*
 * A peer: one way to do the same work, random reads of one file with a given number in flight.
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
    bool mixed;             /* reads of several sizes, else of one page */
    uint32_t pages;         /* of the file */
    uint32_t places;        /* pages at which a read may begin */
    unsigned slot_bytes;    /* what the longest read needs */
    unsigned char *buffers; /* lanes * depth slots; a peer may use its own instead, see peer.buffer */
};

struct lane {
    const struct load *load;
    unsigned char *buffers; /* the lane's part of load->buffers */
    uint64_t random;        /* state of lane_next */
};

struct read {
    off_t offset;
    unsigned bytes;
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

enum { MIXED_SIZES = 8, MIXED_MOST = 32 * DATA_PAGE };

/* Of a load of mixed sizes, each equally often: half of the reads are of one page, as in most programs. */
static const unsigned mixed_sizes[MIXED_SIZES] = {
    DATA_PAGE, DATA_PAGE, DATA_PAGE, DATA_PAGE, 2 * DATA_PAGE, 4 * DATA_PAGE, 16 * DATA_PAGE, MIXED_MOST,
};

/* The next read. Marsaglia's xorshift64, and a multiplication in place of a division. */
static inline struct read lane_next(struct lane *lane)
{
    uint64_t x = lane->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    lane->random = x;
    return (struct read){
        .offset = (off_t)(((x >> 32) * lane->load->places >> 32) * DATA_PAGE),
        .bytes = lane->load->mixed ? mixed_sizes[x % MIXED_SIZES] : DATA_PAGE,
    };
}

/* Where a slot's bytes land, in the lane's own buffers. */
static inline unsigned char *lane_buffer(const struct lane *lane, unsigned slot)
{
    return lane->buffers + (size_t)slot * lane->load->slot_bytes;
}

/* The peer of that name, or NULL. */
const struct peer *peer_find(const char *name);

/* All of them; the table ends with NULL. */
extern const struct peer *const peer_table[];

#endif
