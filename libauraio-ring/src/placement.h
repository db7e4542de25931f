/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel's threads for a ring run, on a machine of several nodes. On one node the scheduler knows
 * better, and nothing is asked for.
 */
#ifndef AURAIO_RING_PLACEMENT_H
#define AURAIO_RING_PLACEMENT_H

#include <auraio-ring/topology.h>

#include <sched.h>
#include <stdbool.h>

enum { PLACEMENT_CPUS = 16384 };

/* Room for every CPU that a topology may have. */
struct placement_mask {
    cpu_set_t sets[PLACEMENT_CPUS / CPU_SETSIZE];
};

/*
 * The CPU for the thread that polls the submissions of a ring which serves the CPU at @place of the
 * topology's list: of the same node, and as far from that CPU in the list as can be, since submissions are
 * made there (where siblings are numbered apart, as Linux does on x86, it is a sibling's). -1: the node has
 * no other, or is the only one.
 */
int placement_poller(const struct topology *topology, int place);

/* The CPUs of a node that this process may use. */
void placement_node(const struct topology *topology, int node, struct placement_mask *ret);

/* Whether the calling thread is bound to CPUs of the node. */
bool placement_is_bound(const struct topology *topology, int node);

#endif
