/* SPDX-License-Identifier: MIT */
/*
 * Tells a process from the one it was forked from, at the cost of one load: a page that the kernel hands to
 * children as zeros (MADV_WIPEONFORK) holds the identity of the process; whoever is created remembers it.
 */
#ifndef AURAIO_RING_FORK_H
#define AURAIO_RING_FORK_H

#include <auraio-ring/ring.h>

/* The identity of this process, not 0; sets up what is needed on first use. 0 or -ENOMEM. */
int fork_identity(uint64_t *ret_identity);

static inline bool fork_is_own(uint64_t identity)
{
    return atomic_load_explicit(ring_process_identity, memory_order_relaxed) == identity;
}

#endif
