/* SPDX-License-Identifier: MIT */
/** How fast a machine is at what tests do most. */
#ifndef VM_SPEED_H
#define VM_SPEED_H

#include <stdint.h>

/** CPU time of a fixed piece of work, the median of several; 0: it could not be done. */
int64_t speed_ns(void);

#endif
