/* SPDX-License-Identifier: MIT */
/*
 * Internal interface of the simulated world: a clock that nobody's watch agrees with, files whose content a
 * crash may take back, a device that is slow and faulty, and a backend for rings that live there. Everything
 * that happens follows from the seed and from the order of the calls.
 *
 * A world belongs to one OS thread. What blocks in it moves its clock to the next thing that happens; with
 * hooks, which know of many virtual threads, it asks them to run something else meanwhile.
 */
#ifndef AURAIO_RING_WORLD_H
#define AURAIO_RING_WORLD_H

#include <auraio-ring/ring.h>

struct world;

/* What goes wrong, each with a probability from 0 to 1. Values of auraio_sim_fault_t. */
enum world_fault {
    WORLD_READ_ERROR,     /* EIO */
    WORLD_WRITE_ERROR,    /* EIO, nothing is written */
    WORLD_NO_SPACE,       /* ENOSPC of writes and allocations */
    WORLD_SYNC_ERROR,     /* EIO; what was not durable may stay so for ever */
    WORLD_META_ERROR,     /* EIO of everything else */
    WORLD_SHORT,          /* fewer bytes than asked for */
    WORLD_INTERRUPTED,    /* EINTR of operations and waits */
    WORLD_AGAIN,          /* EAGAIN of transfers */
    WORLD_UNSUPPORTED,    /* EOPNOTSUPP of transfers with flags */
    WORLD_LATE,           /* up to a thousand times the latency */
    WORLD_REFUSED,        /* a call that submits: EAGAIN or EBUSY */
    WORLD_CANCEL_FAILS,   /* too late for what the device has begun */
    WORLD_SETUP_FAILS,    /* no ring: ENOMEM */
    WORLD_REGISTER_FAILS, /* registered buffers and files: ENOMEM */
    WORLD_FAULTS
};

enum world_event { WORLD_STARTED, WORLD_COMPLETED, WORLD_INJECTED };

/* Of many virtual threads; any may be NULL. */
struct world_hooks {
    void *context;
    /* A place where another thread may run. */
    void (*point)(void *context);
    /* Return once @ready(@subject), or when the clock has reached @until_ns. */
    void (*block)(void *context, bool (*ready)(void *subject), void *subject, int64_t until_ns);
    /* @key: the handle of an operation; @value: its opcode, its result, the (negative) errno to come. */
    void (*tell)(void *context, enum world_event event, uint64_t key, int64_t value);
};

struct world_options {
    uint64_t seed;
    int64_t latency_ns; /* of an operation alone, about; 1 to WORLD_LATENCY_MAX_NS */
    int parallel;       /* operations that the device works on at a time, 1 to WORLD_PARALLEL_MAX */
    const struct world_hooks *hooks; /* NULL: one thread. Outlives the world */
};

enum { WORLD_PARALLEL_MAX = 64 };

/* An hour; and a year, beyond which the clock is not moved on: what is summed up of latencies, those of a
 * batch for instance, stays below 2^63. */
#define WORLD_LATENCY_MAX_NS (INT64_C(3600) * 1000 * 1000 * 1000)
#define WORLD_END_NS (INT64_C(365) * 24 * WORLD_LATENCY_MAX_NS)

/* 0 or -ENOMEM. */
int world_create(const struct world_options *options, struct world **ret_world);
/* Groups that live in it are destroyed before. NULL ok. */
void world_destroy(struct world *world);

/* Whether a group that lives in it has rings. */
bool world_is_used(const struct world *world);

/* For struct ring_config; lives as long as the world. */
const struct ring_system *world_system(const struct world *world);

void world_set_device(struct world *world, int64_t latency_ns, int parallel);
void world_set_fault(struct world *world, enum world_fault fault, double probability);

int64_t world_now_ns(const struct world *world);

/*
 * Move the clock to the next thing that happens, at most to @until_ns, and let it happen. False: nothing will
 * ever happen by itself, and @until_ns is INT64_MAX.
 */
bool world_advance(struct world *world, int64_t until_ns);

/* A descriptor of the file of that name, as open(2) with O_* @flags; the caller closes it. -1 with errno. */
int world_open(struct world *world, const char *name, int flags);

/*
 * The power fails: what was not synced is there, or not, or in part, and operations under way fail with -EIO.
 * So does everything in groups that live in the world now; new ones work.
 */
void world_crash(struct world *world);

/* The virtual thread that runs from now on, and one that has ended: what it has in the kernel suffers. */
void world_set_thread(struct world *world, uint64_t thread);
void world_end_thread(struct world *world, uint64_t thread);

/* Completions that found no room, since the start: there must be none. */
int world_overflows(const struct world *world);

/* Operations that backends have not completed. */
int world_in_flight(const struct world *world);

#endif
