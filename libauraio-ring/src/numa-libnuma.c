/* SPDX-License-Identifier: MIT */
/* Placement through libnuma's system call wrappers; on a machine with one node it does nothing. */
#include "numa.h"

#include <numa.h>
#include <numaif.h>
#include <string.h>

enum { BITS_PER_LONG = 8 * sizeof(unsigned long), POLICY_BITS = 64 * BITS_PER_LONG };

bool ring_numa_available(void)
{
    return numa_available() >= 0 && numa_max_node() > 0;
}

static bool node_bit(int node, unsigned long mask[64])
{
    memset(mask, 0, 64 * sizeof(mask[0]));
    if (node < 0 || node >= POLICY_BITS)
        return false;
    mask[node / BITS_PER_LONG] = 1ul << (node % BITS_PER_LONG);
    return true;
}

void ring_numa_place(void *start, size_t size_bytes, int node)
{
    unsigned long mask[64];
    if (ring_numa_available() && node_bit(node, mask))
        (void)mbind(start, size_bytes, MPOL_PREFERRED, mask, POLICY_BITS, MPOL_MF_MOVE);
}

void ring_numa_prefer(int node, struct ring_numa_policy *ret_before)
{
    unsigned long mask[64];
    ret_before->changed = false;
    if (!ring_numa_available() || !node_bit(node, mask))
        return;
    if (get_mempolicy(&ret_before->mode, ret_before->nodes, POLICY_BITS, NULL, 0) < 0)
        return;
    ret_before->changed = set_mempolicy(MPOL_PREFERRED, mask, POLICY_BITS) == 0;
}

void ring_numa_restore(const struct ring_numa_policy *before)
{
    if (before->changed)
        (void)set_mempolicy(before->mode, before->nodes, POLICY_BITS);
}
