/* SPDX-License-Identifier: MIT */
/*
 * The CPUs this process may run on and their NUMA nodes, as a value: read once from the system, or
 * constructed by tests. Nothing here looks at the machine after topology_read().
 */
#ifndef AURAIO_RING_TOPOLOGY_H
#define AURAIO_RING_TOPOLOGY_H

struct topology_cpu {
    int cpu;  /* as sched_getcpu() names it */
    int node; /* 0 when the machine has no NUMA information */
};

struct topology {
    struct topology_cpu *cpus; /* usable ones, grouped by node, then by number; owned */
    int cpu_count;             /* at least 1 */
    int node_count;            /* highest node + 1 */
    int quota_cpus;            /* CPU bandwidth quota of the cgroup in CPUs, rounded up; 0: none */
    unsigned char *distances;  /* from node a to node b at a * node_count + b; NULL: not known; owned */
};

enum {
    TOPOLOGY_NEAR = 10,
    TOPOLOGY_FAR = 20
}; /* distances as firmware gives them: to itself, by default to others */

/*
 * Read the topology below @root ("" for the running system, else a directory that holds proc/ and sys/; the
 * affinity mask always is the caller's). 0 or -ENOMEM; on failure @ret is untouched.
 */
int topology_read(const char *root, struct topology *ret);

/* Construct one: @cpus is copied and sorted. 0, -EINVAL (count < 1, a number below 0 or from 16384 on) or
 * -ENOMEM. */
int topology_make(const struct topology_cpu *cpus, int cpu_count, int quota_cpus, struct topology *ret);

/* How far it is from node to node, TOPOLOGY_NEAR or more, a value of node_count times node_count. It is
 * copied. 0, -EINVAL (more nodes than 1024) or -ENOMEM. */
int topology_set_distances(struct topology *topology, const unsigned char *distances);

/* 0 or -ENOMEM; on failure @ret is untouched. */
int topology_copy(const struct topology *topology, struct topology *ret);

/* From one node to another, both below node_count. */
int topology_distance(const struct topology *topology, int from, int to);

/* Where in the list a CPU is; 0 when it is not there. */
int topology_place_of(const struct topology *topology, int cpu);

/* How many rings are of use: the CPUs, capped by the quota. */
int topology_parallelism(const struct topology *topology);

void topology_free(struct topology *topology);

#endif
