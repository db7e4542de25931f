/*
 * The contract between the pool and the machine's NUMA layout. Implemented by one file per build:
 * numa-libnuma.c, or numa-none.c where every machine looks like one node. Tests bring a third with
 * as many nodes as they like.
 */
#ifndef AURAIO_POOL_NUMA_H
#define AURAIO_POOL_NUMA_H

#include <stddef.h>

/* One more than the highest node number; at least 1. */
int pool_numa_node_count(void);

/* The node of the CPU the caller runs on, 0 to node count - 1. */
int pool_numa_current_node(void);

/* Asks for untouched memory to come from a node. A preference: memory from elsewhere is better than
 * none. */
void pool_numa_prefer(void *memory, size_t size_bytes, int node);

#endif
