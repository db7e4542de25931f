/* SPDX-License-Identifier: MIT */
/*
 * What the engine's control does on a real disk. One file for each experiment; they share
 *
 *     load.c     closed loops of reads, and what completed in each 10 ms
 *     sweep.c    fixed depths: the oracle
 *     change.c   before, during and after a change, beside the oracle of each
 *
 * The oracle is the least fixed depth that reaches 95 % of what any reaches, in the same run.
 */
#ifndef TEST_LIVE_H
#define TEST_LIVE_H

#include <auraio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LIVE_DEPTH = 256,               /* queue_depth of every engine */
    LIVE_OFFERED = 2 * LIVE_DEPTH,  /* reads wanted of an engine that tunes itself: it must be the limit */
    LIVE_BLOCK_MAX = 128 * 1024,    /* bytes */
    LIVE_BIN_NS = 10 * 1000 * 1000, /* what is counted together */
    LIVE_BINS = 7000,
};

struct live_access {
    size_t block_bytes;
    bool in_order;
};

/* What an experiment works on. */
struct live_disk {
    const char *path;
    int fd; /* O_DIRECT */
    uint64_t size_bytes;
    dev_t device; /* as in auraio_target_stats_t */
};

/* Ends the program where it cannot be opened or is too small. */
void live_disk_open(const char *path, struct live_disk *ret_disk);

/* A closed loop of reads. One thread submits and reaps. */
struct live_load {
    auraio_engine_t *engine;
    const struct live_disk *disk;
    struct live_access access; /* may be changed while it runs */
    int offered;
    bool running;
    uint64_t random, block_next;
    int64_t start_ns;
    int64_t ops;
    int bin; /* of the present */
    uint32_t counts[LIVE_BINS];
    int limits[LIVE_BINS]; /* without probes, at the end of the bin */
    unsigned char *memory;
    size_t memory_next;
};

struct live_load *live_load_create(auraio_engine_t *engine, const struct live_disk *disk,
                                   struct live_access access, int offered);
void live_load_destroy(struct live_load *load);

/* Begin to count from now. */
void live_load_start(struct live_load *load);
/* Reap until so long after the start. All loads are of one engine. */
void live_load_drive(struct live_load *const *loads, int count, int64_t until_ns);
/* Submit nothing more, and let what is in flight complete. */
void live_load_stop(struct live_load *const *loads, int count);

/* Completions a second between two times after the start. */
double live_load_rate(const struct live_load *load, int64_t from_ns, int64_t to_ns);

/* Of an engine, the target of that disk. False: it has not used it. */
bool live_target(const auraio_engine_t *engine, dev_t device, auraio_target_stats_t *ret_stats);

/* An engine that tunes itself, or with @depth > 0 one that doesn't. @target_ms 0: no target. */
auraio_engine_t *live_engine(auraio_ring_select_t select, int depth, double target_ms);

/* Fixed depths 1, 2, 4 ... LIVE_DEPTH. */
enum { LIVE_ROWS = 9 };

struct live_sweep {
    double rates[LIVE_ROWS]; /* sums over @times */
    int times;
};

/* Measure each for a while, and add it. */
void live_sweep_add(struct live_sweep *sweep, const struct live_disk *disk, struct live_access access,
                    int64_t each_ns);
/* The oracle's depth and its throughput. */
int live_sweep_oracle(const struct live_sweep *sweep, double *ret_rate);

/* Something that is changed during the run and changed back. */
struct live_change {
    const char *states[2];
    struct live_access access[2];
    void (*apply)(void *context, bool changed); /* NULL: nothing but the access changes */
    void *context;
};

/* Run it and print the table. @target_ms 0: none. */
void live_change_run(const struct live_disk *disk, const struct live_change *change, double target_ms);

/* Median of a few. */
double live_median(double *values, int count);

/* Experiments: 0, or 77 when it can't be made here, after saying why. */
int live_throttle(const struct live_disk *disk);
int live_neighbour(const struct live_disk *disk);
int live_access(const struct live_disk *disk);
int live_two(const struct live_disk *disk);
int live_rings(const struct live_disk *disk);
int live_below(const struct live_disk *disk);
int live_idle(const struct live_disk *disk);

#endif
