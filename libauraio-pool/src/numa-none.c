/*
 * NUMA contract for builds without libnuma: one node.
 */
#include "numa.h"

int pool_numa_node_count(void)
{
    return 1;
}

int pool_numa_current_node(void)
{
    return 0;
}

void pool_numa_prefer(void *memory, size_t size_bytes, int node)
{
    (void)memory;
    (void)size_bytes;
    (void)node;
}
