/* SPDX-License-Identifier: MIT */
/* One pread after the other, on the lane's own thread: depth 1 whatever the load says. */
#include "peers.h"

#include <errno.h>
#include <unistd.h>

static int pread_open(struct lane *lane, void *shared, void **ret_state)
{
    (void)shared;
    *ret_state = lane;
    return 0;
}

static int pread_run(void *state, uint64_t ops)
{
    struct lane *lane = state;
    unsigned slot = 0;
    for (uint64_t i = 0; i < ops; i++) {
        struct read read = lane_next(lane);
        ssize_t got = pread(lane->load->fd, lane_buffer(lane, slot), read.bytes, read.offset);
        if (got != (ssize_t)read.bytes)
            return got < 0 ? -errno : -EIO;
        slot = slot + 1 == lane->load->depth ? 0 : slot + 1;
    }
    return 0;
}

static void pread_close(void *state)
{
    (void)state;
}

const struct peer peer_pread = {
    .name = "pread",
    .summary = "pread, one at a time",
    .open = pread_open,
    .run = pread_run,
    .close = pread_close,
};
