/* SPDX-License-Identifier: MIT */
/*
 * Probes of what has to be worked out before it can be passed: only done while somebody watches. trace-sdt.c
 * has them, trace-none.c is for builds without.
 */
#ifndef AURAIO_TRACE_H
#define AURAIO_TRACE_H

#include "target.h"

/* With the target's lock: its limit was @old_limit until now. */
void trace_limit_change(const struct target *target, int old_limit);

#endif
