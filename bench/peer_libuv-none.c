/* SPDX-License-Identifier: MIT */
/* In place of peer_libuv.c where libuv was not found. */
#include "peers.h"

const struct peer peer_libuv = {
    .name = "libuv",
    .summary = "libuv's file reads",
    .missing = "built without libuv (install libuv1-dev and configure again)",
};
