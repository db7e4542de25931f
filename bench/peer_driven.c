/* SPDX-License-Identifier: MIT */
/*
 * Many submitters and one driver, on AuraIO: one engine with nothing configured, which its driver runs with
 * auraio_run(). A lane submits what it has got back in one call.
 */
#include "peers.h"

#include "driven.h"

#include <auraio.h>
#include <errno.h>
#include <stdlib.h>

struct shared {
    struct driven driven; /* first: a lane knows its address */
    auraio_engine_t *engine;
};

static void *drive(void *opaque)
{
    struct shared *shared = opaque;
    auraio_run(shared->engine);
    return NULL;
}

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    driven_complete(user_data, result);
}

static int submit(struct driven_lane *lane, const unsigned *slots, unsigned count)
{
    struct shared *shared = (struct shared *)lane->driven;
    auraio_op_t ops[DRIVEN_SLOTS];
    for (unsigned i = 0; i < count; i++) {
        struct driven_slot *slot = &lane->slots[slots[i]];
        struct read read = lane_next(lane->lane);
        slot->bytes = read.bytes;
        ops[i] = auraio_op(AURAIO_OP_READ);
        ops[i].fd = lane->lane->load->fd;
        ops[i].buf = auraio_buf(lane_buffer(lane->lane, slot->number));
        ops[i].len = read.bytes;
        ops[i].offset = read.offset;
        ops[i].callback = on_read;
        ops[i].user_data = slot;
    }
    int accepted = auraio_submit_batch(shared->engine, ops, (int)count, NULL, NULL, NULL);
    return accepted == (int)count ? 0 : -errno;
}

static int driven_engine_run(void *lane, uint64_t ops)
{
    return driven_run(lane, ops, submit);
}

static int prepare(const struct load *load, void **ret_shared)
{
    (void)load;
    struct shared *shared = malloc(sizeof(*shared));
    if (!shared)
        return -ENOMEM;
    shared->engine = auraio_create();
    driven_init(&shared->driven);
    int r = shared->engine ? -pthread_create(&shared->driven.driver, NULL, drive, shared) : -errno;
    if (r < 0) {
        auraio_destroy(shared->engine);
        free(shared);
        return r;
    }
    *ret_shared = shared;
    return 0;
}

static void release(void *opaque)
{
    struct shared *shared = opaque;
    auraio_stop(shared->engine);
    driven_finish(&shared->driven);
    auraio_destroy(shared->engine);
    free(shared);
}

const struct peer peer_driven = {
    .name = "auraio-driven",
    .summary = "AuraIO with nothing configured, lanes submit, one more thread drives",
    .prepare = prepare,
    .release = release,
    .open = driven_open,
    .run = driven_engine_run,
    .close = driven_close,
};
