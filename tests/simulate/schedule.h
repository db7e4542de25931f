/* SPDX-License-Identifier: MIT */
/*
 * The schedule of a seed: an engine with random options in a world with random faults, threads that make
 * random calls, and one that watches over them, looks for who sleeps in vain, and ends it all.
 */
#ifndef SIMULATE_SCHEDULE_H
#define SIMULATE_SCHEDULE_H

#include "random.h"
#include "token.h"

#include <auraio-ring/world.h>

enum { WORKERS_MAX = 4, BUFFERS_HELD = 4 };

/* What a thread is in that does not end by itself. */
enum endless { ENDS, ENDLESS_WAIT, ENDLESS_RUN };

struct worker {
    int fibre;
    int steps;
    bool submitting; /* in a call that submits */
    int driving;     /* in calls that complete operations */
    enum endless endless;
    bool ending; /* its own rings are being left */
    struct held_buffer {
        unsigned char *bytes;
        size_t size;
    } held[BUFFERS_HELD];
};

struct schedule {
    uint64_t seed;
    uint64_t random;
    struct world *world;
    auraio_engine_t *engine;
    auraio_options_t options;
    int file_count, worker_count;
    int pipe_fds[2]; /* -1: none */
    bool faulty_memory;
    bool destroy_in_callback; /* the next one destroys the engine */
    bool destroyed;
    int callbacks_deep;
    struct worker workers[WORKERS_MAX + 1]; /* by fibre; the first is the one that watches */
};

extern struct schedule plan;

static inline uint64_t below(uint64_t limit)
{
    return random_below(&plan.random, limit);
}

/* Run a seed to its end; every check is a report_failure(). */
void schedule_run(uint64_t seed);

/* Asked by the model. */
bool schedule_is_submitting(void);
bool schedule_may_be_torn_down(const struct token *token);
int schedule_threads_ended(void);
void schedule_completed(struct token *token);

/* ---------------------------------------------------------------- actions.c */

/* One random call by the running thread. */
void action(void);
void action_in_callback(void);
void actions_free_buffers(void);

/* A read that will complete. Whether it was accepted. */
bool action_read(void);

/* ------------------------------------------------------------------ world of a seed: schedule.c */

/* Around calls of the library. */
bool library_enter(void);
void library_leave(bool was_inside);

#endif
