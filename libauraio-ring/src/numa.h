/* SPDX-License-Identifier: MIT */
/*
 * What the rings need of NUMA: put memory on a node. Two implementations, one of which is compiled:
 * numa-libnuma.c and numa-none.c. Placement is advice: failure is ignored, memory is then where the kernel
 * puts it.
 */
#ifndef AURAIO_RING_NUMA_H
#define AURAIO_RING_NUMA_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this machine has more than one node that memory can be placed on. */
bool ring_numa_available(void);

/* Put whole pages on @node: those to come, and those that are there already where they can be moved. */
void ring_numa_place(void *start, size_t size_bytes, int node);

struct ring_numa_policy {
    int mode;
    bool changed;
    unsigned long nodes[64]; /* 4096 nodes */
};

/* Prefer @node for what the kernel allocates on behalf of this thread, until restored. */
void ring_numa_prefer(int node, struct ring_numa_policy *ret_before);
void ring_numa_restore(const struct ring_numa_policy *before);

#endif
