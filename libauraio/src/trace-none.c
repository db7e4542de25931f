/* SPDX-License-Identifier: MIT */
#include "trace.h"

void trace_limit_change(const struct target *target, int old_limit)
{
    (void)target;
    (void)old_limit;
}
