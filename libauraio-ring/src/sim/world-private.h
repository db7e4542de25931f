/* SPDX-License-Identifier: MIT */
/*
 * The parts of a simulated world.
 *
 * An *operation* is what a backend was handed: of a ring's slot, or a cancel, a timer, a bell. It waits in
 * the heap of things that happen at a known time, or in the list of those that wait for a descriptor to
 * become ready (pipes, bells), or behind its predecessor in a chain. Every operation but one that waits in a
 * chain is in the list of its backend.
 *
 * Descriptors are real: a simulated file is a memfd, found by its inode, so that fstat(), dup() and close()
 * of the program work on it as on any file. What is in the memfd is what reads see; what a crash leaves of it
 * is decided from the durable copy beside it.
 */
#ifndef AURAIO_RING_WORLD_PRIVATE_H
#define AURAIO_RING_WORLD_PRIVATE_H

#include "../backend.h"

#include <auraio-ring/world.h>
#include <sys/types.h>

enum { SECTOR_BYTES = 512 };

/* splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
static inline uint64_t random_step(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct world_file {
    struct world_file *next;
    char *name;
    int fd; /* the world's own */
    dev_t device;
    ino_t inode;
    unsigned char *durable;
    uint64_t durable_bytes, durable_room;
    uint64_t dirty_from, dirty_to; /* bytes that may differ from the durable ones; equal: none do */
};

enum operation_kind { OPERATION_IO, OPERATION_CANCEL, OPERATION_NOTHING, OPERATION_TIMER, OPERATION_BELL };

/* What was pushed. */
struct entry {
    uint64_t key;
    uint8_t kind; /* enum operation_kind */
    uint8_t opcode;
    bool linked;  /* the next one waits for it */
    bool polling; /* wait for readiness only */
    int fd;
    union {
        void *addr;
        const struct iovec *iov;
        const char *path;
    } u;
    uint64_t len; /* bytes; vectored: number of iovecs */
    int64_t offset;
    int rw_flags, sys_flags;
    unsigned mode, mask;
    struct statx *statx;
    int buffer_slot;     /* registered buffer, -1: plain memory */
    uint64_t cancel_key; /* of a cancel */
    int64_t at_ns;       /* of a timer */
    bool update;         /* of a timer */
};

struct operation {
    struct entry entry;
    struct backend *backend;       /* NULL: dead, it is freed when its time comes */
    struct operation *next, *prev; /* of the backend */
    struct operation *chain;       /* successor */
    struct operation *next_stream; /* that waits for readiness */
    int64_t at_ns;                 /* in the heap: when it happens */
    uint64_t order;                /* in the heap: among those of the same time */
    uint64_t thread;               /* that submitted it */
    int error;                     /* decided at its start: fails with this (negative) errno */
    uint64_t bytes_max;            /* decided at its start: transfers no more than that */
    uint64_t done;                 /* bytes, of a stream */
    bool streaming;                /* in the list of those that wait for readiness */
    bool scheduled;                /* in the heap */
};

enum { OPERATIONS_BLOCK = 64 };

struct operation_block {
    struct operation_block *next;
    struct operation operations[OPERATIONS_BLOCK];
};

struct world {
    struct ring_system system;
    const struct world_hooks *hooks;
    uint64_t random;
    double faults[WORLD_FAULTS];
    int64_t now_ns;
    uint64_t thread;

    int64_t latency_ns;
    int parallel;
    int64_t free_ns[WORLD_PARALLEL_MAX]; /* when each server of the device is free again */

    struct operation **heap; /* earliest first */
    size_t heap_count, heap_room;
    uint64_t order;
    struct operation *streams;
    struct operation *unused;
    int unused_count;
    struct operation_block *blocks;

    struct backend *backends;
    struct world_file *files;
    int overflows;
};

struct backend {
    struct backend_queue queue;
    struct world *world;
    struct backend *next;
    unsigned submission_head, submission_tail, completion_head, completion_tail, state;
    unsigned posted; /* completions written; those from completion_tail on are not to be seen yet */
    struct entry *entries;
    struct backend_completion *completions;
    struct operation *operations;
    struct operation *timer;
    bool owned;
    bool crashed;
    int fd; /* eventfd: readable while there is something to reap */
    bool fd_full;
    int notify_fd;
    struct iovec *buffers;
    unsigned buffer_count;
    int *files;
    unsigned file_count;
};

extern const struct backend_ops backend_sim;

/* ------------------------------------------------------------------ world.c */

/* 0 to limit - 1. */
static inline uint64_t world_random(struct world *world, uint64_t limit)
{
    return random_step(&world->random) % limit;
}

static inline bool world_chance(struct world *world, enum world_fault fault)
{
    double probability = world->faults[fault];
    return probability > 0 && (double)(random_step(&world->random) >> 11) * 0x1p-53 < probability;
}

void world_point(struct world *world);
void world_block(struct world *world, bool (*ready)(void *subject), void *subject, int64_t until_ns);
void world_tell(struct world *world, enum world_event event, uint64_t key, int64_t value);

/* Whether there are @count unused operations, made if need be. */
bool world_reserve(struct world *world, int count);
struct operation *world_take(struct world *world);
void world_give(struct world *world, struct operation *operation);

/* Have world_happen() called for it at @at_ns. There is room: each unused operation has a place. */
void world_schedule(struct world *world, struct operation *operation, int64_t at_ns);

/* When an operation that starts now is done. */
int64_t world_service(struct world *world);

/* ------------------------------------------------------------------- file.c */

struct world_file *file_of_fd(struct world *world, int fd);
void files_free(struct world *world);
/* Bytes [from, to) have changed. */
void file_changed(struct world *world, struct world_file *file, uint64_t from, uint64_t to);
/* Make durable what is there. 0 or -ENOMEM. */
int file_sync(struct world_file *file);
/* What was to become durable is forgotten: the sync that failed had taken it on. */
void file_lose_dirt(struct world *world, struct world_file *file);
void file_crash(struct world *world, struct world_file *file);
int file_statx(struct world *world, const struct entry *entry);

/* -------------------------------------------------------------- operation.c */

/* A submission was taken: decide what becomes of it. */
void operation_start(struct operation *operation);
/* Its time has come. */
void operation_happen(struct operation *operation);
/* The backend forgets it: no completion follows. What is chained to it goes too. */
void operation_drop(struct operation *operation);
/* Post its completion, and start what is chained to it, or complete that as well. */
void operation_complete(struct operation *operation, int64_t result);
bool operation_is_write(const struct operation *operation);
/* Transfer at most @bytes_max bytes. Bytes or -errno. */
int64_t operation_transfer(struct operation *operation, uint64_t bytes_max);
/* Let what waits for readiness look. */
void streams_look(struct world *world);

/* ---------------------------------------------------------------- backend.c */

void backend_post(struct backend *backend, uint64_t key, int64_t result, uint32_t flags);
/* Have descriptors say what there is to reap. */
void backend_level(struct backend *backend);

#endif
