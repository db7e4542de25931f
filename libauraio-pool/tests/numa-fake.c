/*
 * NUMA contract of the tests: as many nodes as a test wants, and threads where it puts them.
 */
#include "../src/numa.h"
#include "support.h"

int support_node_count = 1;
_Thread_local int support_node;
int support_last_preferred_node = -1;

int pool_numa_node_count(void)
{
    return support_node_count;
}

int pool_numa_current_node(void)
{
    return support_node;
}

void pool_numa_prefer(void *memory, size_t size_bytes, int node)
{
    (void)memory;
    (void)size_bytes;
    support_last_preferred_node = node;
}
