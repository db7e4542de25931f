/* SPDX-License-Identifier: MIT */
/*
 * Placement on a machine of several nodes that the linker pretends (--wrap): ring memory and slots are asked
 * for on the node of the CPU that they serve, and the thread's own policy is put back.
 */
#include "numa.h"
#include "ring-private.h"

#include <errno.h>
#include <numaif.h>
#include <string.h>

#include "check.h"
#include "support.h"

static int highest_node;                         /* of the pretended machine */
static int available;                            /* negative: the kernel knows no nodes */
static int policies_fail;                        /* get_mempolicy() does */
static int bound_node, bound_before, bind_calls; /* of the last two mbind() */
static int preferred_nodes[64], policy_calls, last_mode;

int __wrap_numa_available(void);
int __wrap_numa_available(void)
{
    return available;
}

int __wrap_numa_max_node(void);
int __wrap_numa_max_node(void)
{
    return highest_node;
}

static int node_of_mask(const unsigned long *mask, unsigned long bits)
{
    const unsigned long long_bits = 8 * sizeof(*mask);
    for (unsigned long node = 0; mask && node < bits; node++)
        if (mask[node / long_bits] & 1ul << node % long_bits)
            return (int)node;
    return -1;
}

long __wrap_mbind(void *start, unsigned long len, int mode, const unsigned long *mask, unsigned long bits,
                  unsigned flags);
long __wrap_mbind(void *start, unsigned long len, int mode, const unsigned long *mask, unsigned long bits,
                  unsigned flags)
{
    (void)flags;
    check_that(start != NULL && len > 0);
    check_is(mode, MPOL_PREFERRED);
    bound_before = bound_node;
    bound_node = node_of_mask(mask, bits);
    bind_calls++;
    return 0;
}

long __wrap_get_mempolicy(int *mode, unsigned long *mask, unsigned long bits, void *at, unsigned flags);
long __wrap_get_mempolicy(int *mode, unsigned long *mask, unsigned long bits, void *at, unsigned flags)
{
    (void)at;
    (void)flags;
    if (policies_fail) {
        errno = EPERM;
        return -1;
    }
    memset(mask, 0, bits / 8);
    *mode = MPOL_INTERLEAVE;
    mask[0] = 1ul << 3;
    return 0;
}

long __wrap_set_mempolicy(int mode, const unsigned long *mask, unsigned long bits);
long __wrap_set_mempolicy(int mode, const unsigned long *mask, unsigned long bits)
{
    last_mode = mode;
    preferred_nodes[policy_calls++ % 64] = node_of_mask(mask, bits);
    return 0;
}

static void set_up(void)
{
    highest_node = 3;
}

TestSuite(numa, .init = set_up, .timeout = 60);

static struct ring_group *group_on(const struct topology_cpu *cpus, int count)
{
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    struct topology topology;
    struct ring_group *group;
    config.ring_count = 0;
    check_is(topology_make(cpus, count, 0, &topology), 0);
    check_is(ring_group_create(&config, &topology, &group), 0);
    topology_free(&topology);
    return group;
}

static unsigned features_of(struct ring_group *group)
{
    struct ring_group_info info;
    ring_group_info(group, &info);
    return info.kernel_features;
}

Test(numa, rings_and_slots_are_placed_on_the_node_of_their_cpu)
{
    const struct topology_cpu cpus[] = {{0, 0}, {1, 2}, {2, 3}};
    static const int nodes[] = {0, 2, 3};
    struct ring_group *group = group_on(cpus, 3);
    check_that(features_of(group) & RING_FEATURE_NUMA);
    for (int i = 0; i < 3; i++) {
        policy_calls = bind_calls = 0;
        (void)perform(group, op_sync(2, NULL));
        check_is(policy_calls, 2);
        check_is(preferred_nodes[0], nodes[i]); /* for the kernel's part of the ring */
        check_is(preferred_nodes[1], 3);        /* what the thread had before */
        check_is(last_mode, MPOL_INTERLEAVE);
        check_is(bind_calls, 2); /* the ring's object, and the slots */
        check_is(bound_node, nodes[i]);
        check_is(bound_before, nodes[i]);
    }
    ring_group_destroy(group);
}

Test(numa, a_policy_that_cannot_be_read_is_not_changed)
{
    const struct topology_cpu cpus[] = {{0, 1}};
    struct ring_group *group = group_on(cpus, 1);
    policies_fail = 1;
    policy_calls = 0;
    (void)perform(group, op_sync(2, NULL));
    check_is(policy_calls, 0);
    ring_group_destroy(group);
}

Test(numa, a_node_beyond_what_policies_can_name_is_left_to_the_kernel)
{
    struct ring_numa_policy before;
    char bytes[64];
    ring_numa_place(bytes, sizeof(bytes), 4096);
    ring_numa_place(bytes, sizeof(bytes), -1);
    ring_numa_prefer(4096, &before);
    ring_numa_restore(&before);
    check_is(bind_calls, 0);
    check_is(policy_calls, 0);
    ring_numa_place(bytes, sizeof(bytes), 4095);
    check_is(bound_node, 4095);
}

Test(numa, on_one_node_or_without_any_nothing_is_placed)
{
    const struct topology_cpu cpus[] = {{0, 0}};
    for (int none = 0; none < 2; none++) {
        highest_node = 0;
        available = none ? -1 : 0;
        struct ring_group *group = group_on(cpus, 1);
        check_is(features_of(group) & RING_FEATURE_NUMA, 0);
        (void)perform(group, op_sync(2, NULL));
        check_is(bind_calls, 0);
        check_is(policy_calls, 0);
        ring_group_destroy(group);
    }
}
