/* SPDX-License-Identifier: MIT */
/* The run's world, its engines and its descriptors, and what is known of each. */
#ifndef TESTS_FUZZ_WORLD_H
#define TESTS_FUZZ_WORLD_H

#include "record.h"

#include <auraio/sim.h>

enum { BUFFERS_MAX = 8, WILD_MAX = 24 };

struct pool_buffer {
    void *bytes; /* NULL: none */
    size_t size;
    bool used; /* by an operation that it must outlive */
};

/* An engine. */
struct life {
    auraio_engine_t *engine; /* NULL: none */
    auraio_options_t options;
    bool whole;    /* `options` are those that it has: none was cut off as unknown */
    int pending;   /* accepted, and no callback has returned */
    int endless;   /* of them, those that may wait for ever */
    int callbacks; /* that are on the stack */
    bool ending;   /* shut down, or about to be destroyed */
    bool doomed;   /* destroyed in a callback: gone when the outermost call returns */
    bool silent;   /* operations without callbacks were submitted: `pending` counts them for ever */
    struct pool_buffer buffers[BUFFERS_MAX];
};

struct world_of_run {
    auraio_sim_t *sim;
    struct life lives[ENGINES];
    int pipe_fds[2];
    int wild_fds[WILD_MAX]; /* that the program closes at the end, -1: none */
    int next_wild_fd;       /* numbers are not used twice: an operation may come late */
    int unbounded;          /* calls on the stack that wait without a timeout: nothing endless is submitted */
    int submitting;         /* calls on the stack that submit: no callback may run in them */
    int keeping;            /* calls on the stack in which no engine may be destroyed */
    int depth;              /* of actions inside callbacks */
};

extern struct world_of_run run;

void world_begin(uint64_t seed);
/* Destroy what is left, and see that nothing is. */
void world_end(void);

/* An engine with options from the input, where there is none. */
void life_begin(struct life *life);
/* Destroy it now, or when the outermost call returns. */
void life_destroy(struct life *life);
/* After every call that runs callbacks. @life->engine may be NULL then. */
void life_settle(struct life *life);

/* Move a new descriptor to a number of its own. */
void wild_adopt(int fd);
int wild_some(void);

/* A call was refused: errno is one of @errors (0 ends them), and there is a sentence. */
void check_refusal(const char *call, const int *errors);

#endif
