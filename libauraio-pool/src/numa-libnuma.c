/*
 * NUMA contract on top of libnuma. A kernel or container without NUMA support looks like one node.
 */
#include "numa.h"

#include <numa.h>
#include <numaif.h>
#include <sched.h>

int pool_numa_node_count(void)
{
    if (numa_available() < 0)
        return 1;
    return numa_max_node() + 1;
}

int pool_numa_current_node(void)
{
    unsigned cpu = 0;
    unsigned node = 0;
    if (getcpu(&cpu, &node) < 0)
        return 0;
    return (int)node;
}

void pool_numa_prefer(void *memory, size_t size_bytes, int node)
{
    struct bitmask *mask = numa_allocate_nodemask();
    if (!mask)
        return;
    numa_bitmask_setbit(mask, (unsigned)node);
    /* Refused where the node has no memory or the cpuset forbids it: then the system's own choice
     * stands. */
    (void)mbind(memory, size_bytes, MPOL_PREFERRED, mask->maskp, mask->size + 1, 0);
    numa_free_nodemask(mask);
}
