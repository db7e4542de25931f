/* SPDX-License-Identifier: MIT */
/*
 * Memcheck does not see what the kernel writes through io_uring: under it, and only then, memory that a
 * completed operation has filled is declared defined.
 */
#ifndef AURAIO_RING_ANNOTATE_H
#define AURAIO_RING_ANNOTATE_H

#include "slot.h"

extern bool annotate_wanted; /* the process runs under Memcheck; set by annotate_look() */

void annotate_look(void);
void annotate_filled(const struct ring_slot *slot);

#endif
