/* SPDX-License-Identifier: MIT */
/* Placement without libnuma: the kernel's first-touch policy is what there is. */
#include "numa.h"

bool ring_numa_available(void)
{
    return false;
}

void ring_numa_place(void *start, size_t size_bytes, int node)
{
    (void)start;
    (void)size_bytes;
    (void)node;
}

void ring_numa_prefer(int node, struct ring_numa_policy *ret_before)
{
    (void)node;
    ret_before->changed = false;
}

void ring_numa_restore(const struct ring_numa_policy *before)
{
    (void)before;
}
