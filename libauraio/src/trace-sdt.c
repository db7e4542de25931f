/* SPDX-License-Identifier: MIT */
#define _SDT_HAS_SEMAPHORES 1
#include "trace.h"

#include <sys/sdt.h>

/* Whoever attaches to the probe raises it, in this process's memory. */
__extension__ __attribute__((section(".probes"), visibility("hidden"),
                             used)) volatile unsigned short auraio_limit_change_semaphore;

void trace_limit_change(const struct target *target, int old_limit)
{
    if (__builtin_expect(auraio_limit_change_semaphore == 0, 1))
        return;
    auraio_adapt_decision_t last;
    int count = auraio_adapt_decisions(&target->adapt, &last, 1);
    const char *cause = count > 0 ? auraio_adapt_cause_name(last.cause) : "";
    STAP_PROBE6(auraio, limit_change, target->device, old_limit, target->share.limit, cause,
                (int)auraio_adapt_phase(&target->adapt), target->p99_target_ns);
}
