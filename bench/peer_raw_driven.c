/* SPDX-License-Identifier: MIT */
/*
 * Many submitters and one driver by hand: one ring with a lock around filling and submitting, since
 * liburing's submission side belongs to one thread at a time, and a driver that sleeps in io_uring_wait_cqe()
 * and hands back all completions there are. A lane submits what it has got back in one call.
 */
#include "peers.h"

#include "driven.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdlib.h>

enum { MOST_COMPLETIONS = 1 << 15 };

struct shared {
    struct driven driven; /* first: a lane knows its address */
    struct io_uring ring;
    pthread_mutex_t lock; /* of the submission side */
};

/* A completion without a slot tells the driver to end. */
static void *drive(void *opaque)
{
    struct shared *shared = opaque;
    struct io_uring_cqe *cqe;
    for (bool quit = false; !quit;) {
        unsigned head, count = 0;
        if (io_uring_wait_cqe(&shared->ring, &cqe) < 0)
            continue;
        io_uring_for_each_cqe(&shared->ring, head, cqe)
        {
            struct driven_slot *slot = io_uring_cqe_get_data(cqe);
            quit |= !slot;
            if (slot)
                driven_complete(slot, cqe->res);
            count++;
        }
        io_uring_cq_advance(&shared->ring, count);
    }
    return NULL;
}

static int submit(struct driven_lane *lane, const unsigned *slots, unsigned count)
{
    struct shared *shared = (struct shared *)lane->driven;
    pthread_mutex_lock(&shared->lock);
    for (unsigned i = 0; i < count; i++) {
        struct driven_slot *slot = &lane->slots[slots[i]];
        struct read read = lane_next(lane->lane);
        slot->bytes = read.bytes;
        /* Never NULL: there are DRIVEN_SLOTS entries, and each hold of the lock submits all it fills. */
        struct io_uring_sqe *sqe = io_uring_get_sqe(&shared->ring);
        io_uring_prep_read(sqe, 0, lane_buffer(lane->lane, slot->number), read.bytes, (uint64_t)read.offset);
        sqe->flags = IOSQE_FIXED_FILE;
        io_uring_sqe_set_data(sqe, slot);
    }
    int r = io_uring_submit(&shared->ring);
    pthread_mutex_unlock(&shared->lock);
    return r == (int)count ? 0 : r < 0 ? r : -EAGAIN;
}

static int raw_driven_run(void *lane, uint64_t ops)
{
    return driven_run(lane, ops, submit);
}

static int prepare(const struct load *load, void **ret_shared)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    if (!shared)
        return -ENOMEM;
    struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN};
    params.cq_entries = load->lanes * load->depth + 1;
    if (params.cq_entries < 2 * DRIVEN_SLOTS)
        params.cq_entries = 2 * DRIVEN_SLOTS;
    int r = params.cq_entries <= MOST_COMPLETIONS
                ? io_uring_queue_init_params(DRIVEN_SLOTS, &shared->ring, &params)
                : -E2BIG;
    if (r < 0) {
        free(shared);
        return r;
    }
    pthread_mutex_init(&shared->lock, NULL);
    driven_init(&shared->driven);
    r = io_uring_register_files(&shared->ring, &load->fd, 1);
    if (r == 0)
        r = -pthread_create(&shared->driven.driver, NULL, drive, shared);
    if (r < 0) {
        io_uring_queue_exit(&shared->ring);
        pthread_mutex_destroy(&shared->lock);
        free(shared);
        return r;
    }
    *ret_shared = shared;
    return 0;
}

static void release(void *opaque)
{
    struct shared *shared = opaque;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&shared->ring);
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, NULL);
    io_uring_submit(&shared->ring);
    driven_finish(&shared->driven);
    io_uring_queue_exit(&shared->ring);
    pthread_mutex_destroy(&shared->lock);
    free(shared);
}

const struct peer peer_raw_driven = {
    .name = "raw-driven",
    .summary = "liburing, one ring with a lock around submission, lanes submit, one more thread drives",
    .prepare = prepare,
    .release = release,
    .open = driven_open,
    .run = raw_driven_run,
    .close = driven_close,
};
