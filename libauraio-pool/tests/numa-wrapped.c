/*
 * The library's own NUMA contract (numa-libnuma.c) on a machine of the test's making: what it asks libnuma
 * and the kernel is redirected here by the linker, and may fail.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>

#include "support.h"

int support_node_count = 1;
_Thread_local int support_node;
int support_last_preferred_node = -1;

int __wrap_numa_available(void);
int __wrap_numa_available(void)
{
    return 0;
}

int __wrap_numa_max_node(void);
int __wrap_numa_max_node(void)
{
    return support_node_count - 1;
}

int __wrap_getcpu(unsigned *cpu, unsigned *node);
int __wrap_getcpu(unsigned *cpu, unsigned *node)
{
    *cpu = 0;
    *node = (unsigned)support_node;
    return 0;
}

struct bitmask *__real_numa_allocate_nodemask(void);
struct bitmask *__wrap_numa_allocate_nodemask(void);
struct bitmask *__wrap_numa_allocate_nodemask(void)
{
    return support_must_fail(SUPPORT_NODEMASK) ? NULL : __real_numa_allocate_nodemask();
}

/* Notes the wish, which this machine need not be able to grant. */
long __wrap_mbind(void *start, unsigned long len, int mode, const unsigned long *mask, unsigned long max_node,
                  unsigned flags);
long __wrap_mbind(void *start, unsigned long len, int mode, const unsigned long *mask, unsigned long max_node,
                  unsigned flags)
{
    (void)start;
    (void)len;
    (void)mode;
    (void)max_node;
    (void)flags;
    if (support_must_fail(SUPPORT_MBIND)) {
        errno = ENOMEM;
        return -1;
    }
    support_last_preferred_node = __builtin_ctzl(mask[0]);
    return 0;
}
