/* SPDX-License-Identifier: MIT */
/*
 * Blocking threads: one for each read in flight, which preads one place after the other. There is no queue
 * and nothing to hand over; a program pays with a stack for each and with a context switch for each read that
 * sleeps. Each does an equal share.
 */
#include "peers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct state;

struct reader {
    struct state *state;
    struct lane lane; /* with places of its own */
    unsigned slot;
    int result;
    pthread_t thread;
};

struct state {
    struct lane *lane;
    pthread_mutex_t lock;
    pthread_cond_t go, done;
    /* Under the lock. */
    uint64_t runs, ops; /* how many so far, how many reads in this one */
    unsigned busy;      /* readers still at it */
    bool quit;
    unsigned count; /* of the readers */
    struct reader readers[];
};

static int read_share(struct reader *reader, uint64_t ops)
{
    unsigned depth = reader->lane.load->depth;
    uint64_t share = ops / depth + (reader->slot < ops % depth);
    for (uint64_t i = 0; i < share; i++) {
        struct read read = lane_next(&reader->lane);
        ssize_t got =
            pread(reader->lane.load->fd, lane_buffer(&reader->lane, reader->slot), read.bytes, read.offset);
        if (got != (ssize_t)read.bytes)
            return got < 0 ? -errno : -EIO;
    }
    return 0;
}

static void *reader_main(void *opaque)
{
    struct reader *reader = opaque;
    struct state *state = reader->state;
    uint64_t seen = 0;
    pthread_mutex_lock(&state->lock);
    for (;;) {
        while (state->runs == seen && !state->quit)
            pthread_cond_wait(&state->go, &state->lock);
        if (state->quit)
            break;
        seen = state->runs;
        uint64_t ops = state->ops;
        pthread_mutex_unlock(&state->lock);
        reader->result = read_share(reader, ops);
        pthread_mutex_lock(&state->lock);
        if (--state->busy == 0)
            pthread_cond_signal(&state->done);
    }
    pthread_mutex_unlock(&state->lock);
    return NULL;
}

static int threads_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    pthread_mutex_lock(&state->lock);
    for (unsigned i = 0; i < state->count; i++) {
        struct read seed = lane_next(state->lane);
        state->readers[i].lane.random = (uint64_t)seed.offset << 16 | (i + 1); /* never 0 */
    }
    state->runs++;
    state->ops = ops;
    state->busy = state->count;
    pthread_cond_broadcast(&state->go);
    while (state->busy > 0)
        pthread_cond_wait(&state->done, &state->lock);
    pthread_mutex_unlock(&state->lock);
    for (unsigned i = 0; i < state->count; i++) {
        if (state->readers[i].result < 0)
            return state->readers[i].result;
    }
    return 0;
}

static void threads_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    pthread_mutex_lock(&state->lock);
    state->quit = true;
    pthread_cond_broadcast(&state->go);
    pthread_mutex_unlock(&state->lock);
    for (unsigned i = 0; i < state->count; i++)
        pthread_join(state->readers[i].thread, NULL);
    pthread_cond_destroy(&state->done);
    pthread_cond_destroy(&state->go);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

static int threads_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    unsigned depth = lane->load->depth;
    int r = 0;
    struct state *state = calloc(1, sizeof(*state) + depth * sizeof(state->readers[0]));
    if (!state)
        return -ENOMEM;
    state->lane = lane;
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->go, NULL);
    pthread_cond_init(&state->done, NULL);
    while (r == 0 && state->count < depth) {
        struct reader *reader = &state->readers[state->count];
        *reader = (struct reader){.state = state, .lane = *lane, .slot = state->count};
        r = -pthread_create(&reader->thread, NULL, reader_main, reader);
        if (r == 0)
            state->count++;
    }
    if (r < 0) {
        threads_close(state);
        return r;
    }
    *ret_state = state;
    return 0;
}

const struct peer peer_threads = {
    .name = "threads",
    .summary = "blocking threads, one for each read in flight",
    .open = threads_open,
    .run = threads_run,
    .close = threads_close,
};
