/* SPDX-License-Identifier: MIT */
/*
 * POSIX AIO as glibc does it, with threads: one lio_listio per turn, one aio_suspend when nothing is done.
 *
 * glibc serves all requests of one descriptor number on one thread, in turn. That is the fastest way for
 * cached reads; for the disk each slot gets a descriptor of its own, which is the only way to have them
 * overlap.
 */
#include "peers.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct state {
    struct lane *lane;
    struct aiocb **batch;
    const struct aiocb **waiting; /* by slot; NULL when the slot is idle: aio_suspend skips those */
    struct aiocb blocks[];
};

static void prepare_block(struct state *state, unsigned slot)
{
    struct aiocb *block = &state->blocks[slot];
    struct read read = lane_next(state->lane);
    block->aio_offset = read.offset;
    block->aio_nbytes = read.bytes;
    state->waiting[slot] = block;
}

/* Collect what is done into the next batch; returns how many were done, or an error. */
static int collect(struct state *state, uint64_t *to_start, int *ret_batch)
{
    int done = 0, batch = 0;
    for (unsigned i = 0; i < state->lane->load->depth; i++) {
        if (!state->waiting[i])
            continue;
        int error = aio_error(&state->blocks[i]);
        if (error == EINPROGRESS)
            continue;
        if (error != 0 || aio_return(&state->blocks[i]) != (ssize_t)state->blocks[i].aio_nbytes)
            return error != 0 ? -error : -EIO;
        done++;
        state->waiting[i] = NULL;
        if (*to_start == 0)
            continue;
        --*to_start;
        prepare_block(state, i);
        state->batch[batch++] = &state->blocks[i];
    }
    *ret_batch = batch;
    return done;
}

static int posix_aio_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    unsigned depth = state->lane->load->depth;
    uint64_t to_start = ops, completed = 0;
    int batch = 0;
    for (unsigned i = 0; i < depth && to_start > 0; i++, to_start--) {
        prepare_block(state, i);
        state->batch[batch++] = &state->blocks[i];
    }
    while (completed < ops) {
        if (batch > 0 && lio_listio(LIO_NOWAIT, state->batch, batch, NULL) != 0)
            return -errno;
        int done = collect(state, &to_start, &batch);
        if (done < 0)
            return done;
        completed += (uint64_t)done;
        if (done == 0 && aio_suspend(state->waiting, (int)depth, NULL) != 0 && errno != EINTR)
            return -errno;
    }
    return 0;
}

/* After an error requests may still be under way, in memory that is about to be freed. */
static void finish(struct state *state)
{
    for (unsigned i = 0; state->waiting && i < state->lane->load->depth; i++) {
        const struct aiocb *const one[] = {state->waiting[i]};
        while (one[0] && aio_error(one[0]) == EINPROGRESS)
            aio_suspend(one, 1, NULL);
    }
}

static void posix_aio_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    finish(state);
    if (state->lane->load->direct) {
        for (unsigned i = 0; i < state->lane->load->depth; i++) {
            if (state->blocks[i].aio_fildes > 0)
                close(state->blocks[i].aio_fildes);
        }
    }
    free(state->batch);
    free(state->waiting);
    free(state);
}

static int posix_aio_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    unsigned depth = lane->load->depth;
    struct state *state = calloc(1, sizeof(*state) + depth * sizeof(state->blocks[0]));
    if (!state)
        return -ENOMEM;
    state->lane = lane;
    state->batch = calloc(depth, sizeof(state->batch[0]));
    state->waiting = calloc(depth, sizeof(state->waiting[0]));
    int r = state->batch && state->waiting ? 0 : -ENOMEM;
    for (unsigned i = 0; r == 0 && i < depth; i++) {
        struct aiocb *block = &state->blocks[i];
        block->aio_fildes = lane->load->direct ? fcntl(lane->load->fd, F_DUPFD_CLOEXEC, 0) : lane->load->fd;
        block->aio_buf = lane_buffer(lane, i);
        block->aio_lio_opcode = LIO_READ;
        block->aio_sigevent.sigev_notify = SIGEV_NONE;
        if (block->aio_fildes < 0)
            r = -errno;
    }
    if (r < 0) {
        posix_aio_close(state);
        return r;
    }
    /* Read once, at the process's first request: a thread for each read that is to overlap. */
    int requests = (int)(depth * lane->load->lanes);
    struct aioinit init = {.aio_threads = requests, .aio_num = requests, .aio_idle_time = 1};
    aio_init(&init);
    *ret_state = state;
    return 0;
}

const struct peer peer_posix_aio = {
    .name = "posix-aio",
    .summary = "POSIX AIO of glibc, one lio_listio per turn",
    .open = posix_aio_open,
    .run = posix_aio_run,
    .close = posix_aio_close,
};
