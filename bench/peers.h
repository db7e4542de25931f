/* SPDX-License-Identifier: MIT */
/* Every peer by its own name; see the file peer_NAME.c of each. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "peer.h"

extern const struct peer peer_auraio;
extern const struct peer peer_auraio_zero;
extern const struct peer peer_auraio_threads;
extern const struct peer peer_raw;
extern const struct peer peer_raw_shared;
extern const struct peer peer_raw_plain;
extern const struct peer peer_ring;
extern const struct peer peer_libaio;
extern const struct peer peer_pool;
extern const struct peer peer_pool_each;
extern const struct peer peer_libuv;
extern const struct peer peer_posix_aio;
extern const struct peer peer_pread;
extern const struct peer peer_threads;
extern const struct peer peer_driven;
extern const struct peer peer_raw_driven;

#endif
