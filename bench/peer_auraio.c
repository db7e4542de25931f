/* SPDX-License-Identifier: MIT */
/*
 * AuraIO, three times. "auraio": THREAD_LOCAL rings, registered buffers and file, one engine for all lanes.
 * "auraio-zero": auraio_create() and auraio_buffer_alloc(), nothing else said, nothing registered; an engine
 * per lane, since callbacks of a shared engine run on whichever lane waits, and a lane's state is its own.
 * "auraio-threads": the same where io_uring is refused, which options.backend stands in for here.
 *
 * A callback starts its slot's next read; the lane only waits.
 */
#include "peers.h"

#include <auraio.h>
#include <errno.h>
#include <stdlib.h>

struct slot {
    struct state *state;
    auraio_buf_t buf;
    unsigned bytes; /* of the read in flight */
};

struct state {
    struct lane *lane;
    auraio_engine_t *engine;
    int fd;
    int error; /* the first one; a lane that has seen one starts nothing more */
    uint64_t started, completed, goal;
    bool owns_engine; /* and the buffers, from its pool */
    struct slot slots[];
};

static void on_read(auraio_request_t *req, ssize_t result, void *user_data);

static void start(struct slot *slot)
{
    struct state *state = slot->state;
    struct read read = lane_next(state->lane);
    slot->bytes = read.bytes;
    if (auraio_read(state->engine, state->fd, slot->buf, read.bytes, read.offset, on_read, slot))
        state->started++;
    else if (state->error == 0)
        state->error = -errno;
}

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct slot *slot = user_data;
    struct state *state = slot->state;
    state->completed++;
    if (result != slot->bytes && state->error == 0)
        state->error = result < 0 ? (int)result : -EIO;
    if (state->started < state->goal && state->error == 0)
        start(slot);
}

static int state_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    unsigned depth = state->lane->load->depth;
    state->started = state->completed = 0;
    state->goal = ops;
    for (unsigned i = 0; i < depth && i < ops && state->error == 0; i++)
        start(&state->slots[i]);
    while (state->completed < state->started) {
        if (auraio_wait(state->engine, -1) < 0)
            return -errno;
    }
    return state->error;
}

static void state_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    if (state->owns_engine) {
        for (unsigned i = 0; i < state->lane->load->depth; i++)
            auraio_buffer_free(state->engine, state->slots[i].buf.u.ptr, state->lane->load->slot_bytes);
        auraio_destroy(state->engine);
    }
    free(state);
}

static struct state *state_new(struct lane *lane, auraio_engine_t *engine)
{
    struct state *state = calloc(1, sizeof(*state) + lane->load->depth * sizeof(state->slots[0]));
    if (!state)
        return NULL;
    state->lane = lane;
    state->engine = engine;
    state->fd = lane->load->fd;
    for (unsigned i = 0; i < lane->load->depth; i++)
        state->slots[i].state = state;
    return state;
}

static void engine_release(void *shared)
{
    auraio_destroy(shared);
}

static int tuned_prepare(const struct load *load, void **ret_shared)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.ring_select = AURAIO_SELECT_THREAD_LOCAL;
    auraio_engine_t *engine = auraio_create_with_options(&options);
    if (!engine)
        return -errno;
    struct iovec memory = {load->buffers, (size_t)load->lanes * load->depth * load->slot_bytes};
    if (auraio_register_buffers(engine, &memory, 1) != 0 ||
        auraio_register_files(engine, &load->fd, 1) != 0) {
        int error = errno;
        auraio_destroy(engine);
        return -error;
    }
    *ret_shared = engine;
    return 0;
}

static int tuned_open(struct lane *lane, void *shared, void **ret_state)
{
    struct state *state = state_new(lane, shared);
    if (!state)
        return -ENOMEM;
    size_t first = (size_t)(lane->buffers - lane->load->buffers);
    for (unsigned i = 0; i < lane->load->depth; i++)
        state->slots[i].buf = auraio_buf_fixed(0, first + (size_t)i * lane->load->slot_bytes);
    *ret_state = state;
    return 0;
}

/* A lane with an engine of its own. Takes the engine: NULL, with errno, when it could not be made. */
static int open_with(struct lane *lane, auraio_engine_t *engine, void **ret_state)
{
    if (!engine)
        return -errno;
    struct state *state = state_new(lane, engine);
    if (!state) {
        auraio_destroy(engine);
        return -ENOMEM;
    }
    state->owns_engine = true;
    for (unsigned i = 0; i < lane->load->depth; i++) {
        void *buf = auraio_buffer_alloc(engine, lane->load->slot_bytes);
        state->slots[i].buf = auraio_buf(buf);
        if (!buf) {
            int error = errno;
            state_close(state);
            return -error;
        }
    }
    *ret_state = state;
    return 0;
}

static int zero_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    return open_with(lane, auraio_create(), ret_state);
}

static int threads_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    auraio_options_t options;
    auraio_options_init(&options);
    options.backend = AURAIO_BACKEND_THREADS;
    return open_with(lane, auraio_create_with_options(&options), ret_state);
}

static unsigned char *own_buffer(void *opaque, unsigned slot)
{
    struct state *state = opaque;
    return state->slots[slot].buf.u.ptr;
}

const struct peer peer_auraio = {
    .name = "auraio",
    .summary = "AuraIO, thread-local rings, registered buffers and file",
    .prepare = tuned_prepare,
    .release = engine_release,
    .open = tuned_open,
    .run = state_run,
    .close = state_close,
};

const struct peer peer_auraio_zero = {
    .name = "auraio-zero",
    .summary = "AuraIO with nothing configured: auraio_create()",
    .open = zero_open,
    .run = state_run,
    .close = state_close,
    .buffer = own_buffer,
};

const struct peer peer_auraio_threads = {
    .name = "auraio-threads",
    .summary = "auraio-zero on the thread backend, as where io_uring is refused",
    .open = threads_open,
    .run = state_run,
    .close = state_close,
    .buffer = own_buffer,
};
