/* SPDX-License-Identifier: MIT */
/* See placement.h. */
#include "placement.h"

#include <string.h>

/* The range of a node in the topology's list, which is sorted by node. */
static void find_node(const struct topology *topology, int node, int *ret_first, int *ret_count)
{
    int first = 0, count = 0;
    while (first < topology->cpu_count && topology->cpus[first].node != node)
        first++;
    while (first + count < topology->cpu_count && topology->cpus[first + count].node == node)
        count++;
    *ret_first = first;
    *ret_count = count;
}

int placement_poller(const struct topology *topology, int place)
{
    int first, count;
    find_node(topology, topology->cpus[place].node, &first, &count);
    if (count < 2 || count == topology->cpu_count)
        return -1;
    return topology->cpus[first + (place - first + count / 2) % count].cpu;
}

void placement_node(const struct topology *topology, int node, struct placement_mask *ret)
{
    int first, count;
    find_node(topology, node, &first, &count);
    memset(ret, 0, sizeof(*ret));
    for (int i = first; i < first + count; i++)
        CPU_SET_S((size_t)topology->cpus[i].cpu, sizeof(ret->sets), ret->sets);
}

bool placement_is_bound(const struct topology *topology, int node)
{
    struct placement_mask of_node, of_thread = {0}, both;
    placement_node(topology, node, &of_node);
    if (sched_getaffinity(0, sizeof(of_thread.sets), of_thread.sets) < 0)
        return false;
    CPU_AND_S(sizeof(both.sets), both.sets, of_node.sets, of_thread.sets);
    return CPU_EQUAL_S(sizeof(both.sets), both.sets, of_thread.sets);
}
