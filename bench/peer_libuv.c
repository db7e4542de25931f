/* SPDX-License-Identifier: MIT */
/*
 * libuv: uv_fs_read on an event loop of the lane's own; a callback starts its slot's next read.
 *
 * Its thread pool is one per process and its size is read from the environment once, at the first use: the
 * first load of a process decides, or the environment itself. For cached reads, which never sleep, one thread
 * a lane does best; for the disk one for each read in flight.
 */
#include "peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct slot {
    uv_fs_t request;
    uv_buf_t buf;
    struct state *state;
};

struct state {
    struct lane *lane;
    uv_loop_t loop;
    uint64_t to_start;
    int error;
    struct slot slots[];
};

static void on_read(uv_fs_t *request);

static void start(struct slot *slot)
{
    struct state *state = slot->state;
    state->to_start--;
    struct read read = lane_next(state->lane);
    slot->buf.len = read.bytes;
    int r =
        uv_fs_read(&state->loop, &slot->request, state->lane->load->fd, &slot->buf, 1, read.offset, on_read);
    if (r < 0)
        state->error = r;
}

static void on_read(uv_fs_t *request)
{
    struct slot *slot = (struct slot *)request->data;
    struct state *state = slot->state;
    if (request->result != (ssize_t)slot->buf.len)
        state->error = request->result < 0 ? (int)request->result : -EIO;
    uv_fs_req_cleanup(request);
    if (state->to_start > 0 && state->error == 0)
        start(slot);
}

static int libuv_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    state->to_start = ops;
    for (unsigned i = 0; i < state->lane->load->depth && state->to_start > 0; i++)
        start(&state->slots[i]);
    uv_run(&state->loop, UV_RUN_DEFAULT);
    return state->error;
}

static int libuv_prepare(const struct load *load, void **ret_shared)
{
    char size[16];
    (void)ret_shared;
    snprintf(size, sizeof(size), "%u", load->lanes * (load->direct ? load->depth : 1));
    return setenv("UV_THREADPOOL_SIZE", size, 0) == 0 ? 0 : -errno;
}

static int libuv_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    unsigned depth = lane->load->depth;
    struct state *state = calloc(1, sizeof(*state) + depth * sizeof(state->slots[0]));
    if (!state)
        return -ENOMEM;
    int r = uv_loop_init(&state->loop);
    if (r < 0) {
        free(state);
        return r;
    }
    state->lane = lane;
    for (unsigned i = 0; i < depth; i++) {
        struct slot *slot = &state->slots[i];
        slot->state = state;
        slot->request.data = slot;
        slot->buf = uv_buf_init((char *)lane_buffer(lane, i), DATA_PAGE);
    }
    *ret_state = state;
    return 0;
}

static void libuv_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    uv_loop_close(&state->loop);
    free(state);
}

const struct peer peer_libuv = {
    .name = "libuv",
    .summary = "libuv's file reads",
    .prepare = libuv_prepare,
    .open = libuv_open,
    .run = libuv_run,
    .close = libuv_close,
};
