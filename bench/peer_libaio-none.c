/* SPDX-License-Identifier: MIT */
/* In place of peer_libaio.c where libaio was not found. */
#include "peers.h"

const struct peer peer_libaio = {
    .name = "libaio",
    .summary = "Linux AIO",
    .missing = "built without libaio (install libaio-dev and configure again)",
};
