/* SPDX-License-Identifier: MIT */
/* The table of peers: a new one is one file and one line here. */
#include "peers.h"

#include <string.h>

const struct peer *const peer_table[] = {
    &peer_auraio,
    &peer_auraio_zero,
    &peer_auraio_threads,
    &peer_raw,
    &peer_raw_shared,
    &peer_raw_plain,
    &peer_ring,
    &peer_libaio,
    &peer_pool,
    &peer_pool_each,
    &peer_libuv,
    &peer_posix_aio,
    &peer_pread,
    &peer_threads,
    &peer_driven,
    &peer_raw_driven,
    NULL,
};

const struct peer *peer_find(const char *name)
{
    for (size_t i = 0; peer_table[i]; i++) {
        if (strcmp(peer_table[i]->name, name) == 0)
            return peer_table[i];
    }
    return NULL;
}
