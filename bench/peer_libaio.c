/* SPDX-License-Identifier: MIT */
/*
 * Linux AIO through libaio. Reads are submitted in one io_submit per turn; completions are taken from the
 * ring that the kernel maps into the process, without a system call when there are any.
 */
#include "peers.h"

#include <errno.h>
#include <libaio.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The mapped ring, at the address io_context_t holds: part of the kernel's interface (fs/aio.c). */
struct aio_ring {
    unsigned id, nr;
    _Atomic unsigned head, tail;
    unsigned magic, compat_features, incompat_features, header_length;
    struct io_event events[];
};

static const unsigned aio_ring_magic = 0xa10a10a1;

struct state {
    struct lane *lane;
    io_context_t context;
    struct iocb **batch;
    struct io_event *events;
    struct iocb blocks[];
};

/* Take up to max completions. The acquire pairs with the kernel's release of tail after it wrote the events.
 */
static int reap_mapped(struct state *state, int max)
{
    struct aio_ring *ring = (struct aio_ring *)state->context;
    if (ring->magic != aio_ring_magic || ring->incompat_features != 0)
        return 0;
    unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    int count = 0;
    while (head != tail && count < max) {
        state->events[count++] = ring->events[head];
        head = head + 1 == ring->nr ? 0 : head + 1;
    }
    /* Releases the slots only after they were copied. */
    atomic_store_explicit(&ring->head, head, memory_order_release);
    return count;
}

static int reap(struct state *state)
{
    int max = (int)state->lane->load->depth;
    int count = reap_mapped(state, max);
    while (count == 0) {
        count = io_getevents(state->context, 1, max, state->events, NULL);
        if (count == -EINTR)
            count = 0;
    }
    return count;
}

static int submit(struct state *state, int count)
{
    for (int done = 0; done < count;) {
        int r = io_submit(state->context, count - done, state->batch + done);
        if (r < 0)
            return r;
        done += r;
    }
    return 0;
}

static void set_read(struct state *state, struct iocb *block)
{
    struct read read = lane_next(state->lane);
    block->u.c.offset = read.offset;
    block->u.c.nbytes = read.bytes;
}

static int libaio_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    uint64_t started = 0, completed = 0;
    int batch = 0;
    for (; started < state->lane->load->depth && started < ops; started++) {
        struct iocb *block = &state->blocks[started];
        set_read(state, block);
        state->batch[batch++] = block;
    }
    while (completed < ops) {
        int r = submit(state, batch);
        if (r < 0)
            return r;
        batch = 0;
        int count = reap(state);
        if (count < 0)
            return count;
        completed += (uint64_t)count;
        for (int i = 0; i < count; i++) {
            if (state->events[i].res != state->events[i].obj->u.c.nbytes)
                return (long)state->events[i].res < 0 ? (int)(long)state->events[i].res : -EIO;
            if (started == ops)
                continue;
            started++;
            struct iocb *block = state->events[i].obj;
            set_read(state, block);
            state->batch[batch++] = block;
        }
    }
    return 0;
}

static void libaio_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    if (state->context)
        io_destroy(state->context);
    free(state->batch);
    free(state->events);
    free(state);
}

static int libaio_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    unsigned depth = lane->load->depth;
    struct state *state = calloc(1, sizeof(*state) + depth * sizeof(state->blocks[0]));
    if (!state)
        return -ENOMEM;
    state->lane = lane;
    state->batch = calloc(depth, sizeof(state->batch[0]));
    state->events = calloc(depth, sizeof(state->events[0]));
    int r = state->batch && state->events ? io_setup((int)depth, &state->context) : -ENOMEM;
    if (r < 0) {
        libaio_close(state);
        return r;
    }
    for (unsigned i = 0; i < depth; i++)
        io_prep_pread(&state->blocks[i], lane->load->fd, lane_buffer(lane, i), DATA_PAGE, 0);
    *ret_state = state;
    return 0;
}

const struct peer peer_libaio = {
    .name = "libaio",
    .summary = "Linux AIO, one io_submit per turn, completions from the mapped ring",
    .open = libaio_open,
    .run = libaio_run,
    .close = libaio_close,
};
