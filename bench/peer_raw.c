/* SPDX-License-Identifier: MIT */
/*
 * io_uring by hand, three ways. "raw": the best there is for one thread, SINGLE_ISSUER and DEFER_TASKRUN,
 * with the file, the buffers and the ring's own descriptor registered. "raw-shared": the same on a ring that
 * any thread may use (COOP_TASKRUN only). "ring": what one writes at first, no flags, nothing registered.
 *
 * The loop reaps at most BATCH completions, starts as many reads, and enters the kernel once for both
 * directions: it submits and waits for one.
 */
#include "peers.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

/* Introduced in Linux 5.19 and 6.1; liburing 2.3's headers know them, older ones may not. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* user_data holds the slot, and above it how many bytes are to come. */
enum { BATCH = 32, BYTES_SHIFT = 32 };

struct state {
    struct io_uring ring;
    struct lane *lane;
    bool registered;
};

static inline void start(struct state *state, uint32_t slot)
{
    struct io_uring_sqe *sqe =
        io_uring_get_sqe(&state->ring); /* never NULL: BATCH entries, submitted when full */
    unsigned char *buf = lane_buffer(state->lane, slot);
    struct read read = lane_next(state->lane);
    if (state->registered) {
        io_uring_prep_read_fixed(sqe, 0, buf, read.bytes, (uint64_t)read.offset, 0);
        sqe->flags = IOSQE_FIXED_FILE;
    } else {
        io_uring_prep_read(sqe, state->lane->load->fd, buf, read.bytes, (uint64_t)read.offset);
    }
    sqe->user_data = slot | (uint64_t)read.bytes << BYTES_SHIFT;
}

/* Reap up to BATCH completions and start as many of the reads still to do. Returns how many, or an error. */
static inline int turn(struct state *state, uint64_t *to_start)
{
    struct io_uring *ring = &state->ring;
    struct io_uring_cqe *cqe;
    unsigned head, reaped = 0;
    int error = 0;
    io_uring_for_each_cqe(ring, head, cqe)
    {
        if (cqe->res != (int)(cqe->user_data >> BYTES_SHIFT))
            error = cqe->res < 0 ? cqe->res : -EIO;
        if (*to_start > 0) {
            start(state, (uint32_t)cqe->user_data);
            --*to_start;
        }
        if (++reaped == BATCH)
            break;
    }
    io_uring_cq_advance(ring, reaped);
    return error < 0 ? error : (int)reaped;
}

static int raw_run(void *opaque, uint64_t ops)
{
    struct state *state = opaque;
    uint64_t depth = state->lane->load->depth, to_start = ops, completed = 0;
    if (depth > ops)
        depth = ops;
    for (uint32_t slot = 0; slot < depth; slot++) {
        start(state, slot);
        to_start--;
        if (slot % BATCH == BATCH - 1 && slot + 1 < depth) {
            int r = io_uring_submit(&state->ring);
            if (r < 0)
                return r;
        }
    }
    while (completed < ops) {
        int r = io_uring_submit_and_wait(&state->ring, 1);
        if (r < 0 && r != -EINTR)
            return r;
        r = turn(state, &to_start);
        if (r < 0)
            return r;
        completed += (uint64_t)r;
    }
    return 0;
}

static void raw_close(void *opaque)
{
    struct state *state = opaque;
    if (!state)
        return;
    io_uring_queue_exit(&state->ring);
    free(state);
}

static int register_memory(struct state *state)
{
    const struct load *load = state->lane->load;
    struct iovec memory = {state->lane->buffers, (size_t)load->depth * load->slot_bytes};
    int r = io_uring_register_files(&state->ring, &load->fd, 1);
    return r == 0 ? io_uring_register_buffers(&state->ring, &memory, 1) : r;
}

enum { REGISTER_MEMORY = 1, REGISTER_RING = 2 };

static int open_with(struct lane *lane, unsigned flags, unsigned registered, void **ret_state)
{
    struct state *state = calloc(1, sizeof(*state));
    if (!state)
        return -ENOMEM;
    struct io_uring_params params = {.flags = flags | IORING_SETUP_CQSIZE};
    /* Room for every completion at once, however far the batches lag behind. */
    params.cq_entries = lane->load->depth > BATCH ? 2 * lane->load->depth : 2 * BATCH;
    int r = io_uring_queue_init_params(BATCH, &state->ring, &params);
    if (r < 0) {
        free(state);
        return r;
    }
    state->lane = lane;
    state->registered = registered & REGISTER_MEMORY;
    if (registered & REGISTER_MEMORY)
        r = register_memory(state);
    if (r == 0 && registered & REGISTER_RING && io_uring_register_ring_fd(&state->ring) != 1)
        r = -EINVAL;
    if (r < 0) {
        raw_close(state);
        return r;
    }
    *ret_state = state;
    return 0;
}

static int raw_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    return open_with(lane, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
                     REGISTER_MEMORY | REGISTER_RING, ret_state);
}

static int raw_shared_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    return open_with(lane, IORING_SETUP_COOP_TASKRUN, REGISTER_MEMORY | REGISTER_RING, ret_state);
}

static int raw_plain_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    return open_with(lane, IORING_SETUP_COOP_TASKRUN, REGISTER_RING, ret_state);
}

static int ring_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    return open_with(lane, 0, 0, ret_state);
}

const struct peer peer_raw = {
    .name = "raw",
    .summary = "liburing, SINGLE_ISSUER|DEFER_TASKRUN, registered file, buffers and ring, batches of 32",
    .open = raw_open,
    .run = raw_run,
    .close = raw_close,
};

const struct peer peer_raw_shared = {
    .name = "raw-shared",
    .summary = "liburing, COOP_TASKRUN, registered file, buffers and ring, batches of 32",
    .open = raw_shared_open,
    .run = raw_run,
    .close = raw_close,
};

const struct peer peer_raw_plain = {
    .name = "raw-plain",
    .summary = "liburing, COOP_TASKRUN, registered ring, plain file and buffers, batches of 32",
    .open = raw_plain_open,
    .run = raw_run,
    .close = raw_close,
};

const struct peer peer_ring = {
    .name = "ring",
    .summary = "liburing, no flags, nothing registered",
    .open = ring_open,
    .run = raw_run,
    .close = raw_close,
};
