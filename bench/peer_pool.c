/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads that pread, as a careful program has it: work handed over in batches under one lock, one
 * lock per job for a worker (it returns a result and takes the next job in the same hold), and no wake-up
 * of somebody who is awake.
 *
 * The workers number as many as do best: two for cached reads, which never sleep; one per read in flight for
 * the disk. "pool-each" has one per read in flight for cached reads too: as many as our thread backend may
 * have. For cached reads the owner is woken when the queue has run dry or half the depth is done, for the
 * disk at each completion, since there the device idles meanwhile.
 */
#include "peers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct job {
    unsigned slot;
    struct read read;
    ssize_t result;
};

struct state {
    struct lane *lane;
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    /* Under the lock. Jobs not taken: [next, queued) of a ring of depth; jobs done: [0, done). */
    struct job *queue, *done_jobs;
    unsigned next, queued, done, idle, wake_at;
    bool owner_waits, quit;
    struct job *batch; /* the owner's own */
    unsigned workers;
    pthread_t threads[];
};

static void return_job(struct state *state, struct job job)
{
    state->done_jobs[state->done++] = job;
    if (state->owner_waits && (state->next == state->queued || state->done >= state->wake_at)) {
        state->owner_waits = false;
        pthread_cond_signal(&state->finished);
    }
}

static void *worker(void *opaque)
{
    struct state *state = opaque;
    unsigned depth = state->lane->load->depth;
    pthread_mutex_lock(&state->lock);
    for (;;) {
        while (state->next == state->queued && !state->quit) {
            state->idle++;
            pthread_cond_wait(&state->work, &state->lock);
        }
        if (state->next == state->queued)
            break;
        struct job job = state->queue[state->next++ % depth];
        pthread_mutex_unlock(&state->lock);
        unsigned char *buf = lane_buffer(state->lane, job.slot);
        job.result = pread(state->lane->load->fd, buf, job.read.bytes, job.read.offset);
        pthread_mutex_lock(&state->lock);
        return_job(state, job);
    }
    pthread_mutex_unlock(&state->lock);
    return NULL;
}

/* Hand over the batch and take back what is done: at least one job, into state->batch. Returns how many. */
static unsigned exchange(struct state *state, unsigned count)
{
    unsigned depth = state->lane->load->depth;
    pthread_mutex_lock(&state->lock);
    for (unsigned i = 0; i < count; i++)
        state->queue[state->queued++ % depth] = state->batch[i];
    /* Woken here rather than by themselves: who is woken is no longer idle, though it may run later. */
    for (; count > 0 && state->idle > 0; count--, state->idle--)
        pthread_cond_signal(&state->work);
    while (state->done == 0) {
        state->owner_waits = true;
        pthread_cond_wait(&state->finished, &state->lock);
    }
    state->owner_waits = false;
    unsigned done = state->done;
    for (unsigned i = 0; i < done; i++)
        state->batch[i] = state->done_jobs[i];
    state->done = 0;
    pthread_mutex_unlock(&state->lock);
    return done;
}

static int pool_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    uint64_t started = 0, completed = 0;
    unsigned batch = 0;
    for (; started < state->lane->load->depth && started < ops; started++)
        state->batch[batch++] = (struct job){(unsigned)started, lane_next(state->lane), 0};
    while (completed < ops) {
        unsigned done = exchange(state, batch);
        completed += done;
        batch = 0;
        for (unsigned i = 0; i < done; i++) {
            if (state->batch[i].result != state->batch[i].read.bytes)
                return -EIO;
            if (started == ops)
                continue;
            started++;
            state->batch[batch++] = (struct job){state->batch[i].slot, lane_next(state->lane), 0};
        }
    }
    return 0;
}

static void pool_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    pthread_mutex_lock(&state->lock);
    state->quit = true;
    pthread_cond_broadcast(&state->work);
    pthread_mutex_unlock(&state->lock);
    for (unsigned i = 0; i < state->workers; i++)
        pthread_join(state->threads[i], NULL);
    pthread_cond_destroy(&state->finished);
    pthread_cond_destroy(&state->work);
    pthread_mutex_destroy(&state->lock);
    free(state->queue);
    free(state->done_jobs);
    free(state->batch);
    free(state);
}

static int open_with(struct lane *lane, unsigned workers, void **ret_state)
{
    unsigned depth = lane->load->depth;
    struct state *state = calloc(1, sizeof(*state) + workers * sizeof(state->threads[0]));
    if (!state)
        return -ENOMEM;
    state->lane = lane;
    state->wake_at = lane->load->direct ? 1 : (depth + 1) / 2;
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->work, NULL);
    pthread_cond_init(&state->finished, NULL);
    state->queue = calloc(depth, sizeof(state->queue[0]));
    state->done_jobs = calloc(depth, sizeof(state->done_jobs[0]));
    state->batch = calloc(depth, sizeof(state->batch[0]));
    int r = state->queue && state->done_jobs && state->batch ? 0 : -ENOMEM;
    while (r == 0 && state->workers < workers) {
        r = -pthread_create(&state->threads[state->workers], NULL, worker, state);
        if (r == 0)
            state->workers++;
    }
    if (r < 0) {
        pool_close(state);
        return r;
    }
    *ret_state = state;
    return 0;
}

static int pool_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    unsigned depth = lane->load->depth;
    return open_with(lane, lane->load->direct || depth < 2 ? depth : 2, ret_state);
}

static int each_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    return open_with(lane, lane->load->depth, ret_state);
}

const struct peer peer_pool = {
    .name = "pool",
    .summary = "a pool of threads that pread",
    .open = pool_open,
    .run = pool_run,
    .close = pool_close,
};

const struct peer peer_pool_each = {
    .name = "pool-each",
    .summary = "the same, a thread for each read in flight",
    .open = each_open,
    .run = pool_run,
    .close = pool_close,
};
