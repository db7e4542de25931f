/* SPDX-License-Identifier: MIT */
/*
 * What tools that watch the process can't see.
 *
 * Memcheck does not see what the kernel writes through io_uring: under it, and only then, memory that a
 * completed operation has filled is declared defined.
 *
 * liburing maps and unmaps rings by raw system calls, which ThreadSanitizer does not see: it would take a
 * ring that is mapped where another thread's was before for memory that both share. The kernel orders the
 * two, and it is told so.
 */
#ifndef AURAIO_RING_ANNOTATE_H
#define AURAIO_RING_ANNOTATE_H

#include "slot.h"

extern bool annotate_wanted; /* the process runs under Memcheck; set by annotate_look() */

void annotate_look(void);
void annotate_filled(const struct ring_slot *slot);

void annotate_mapped(void);    /* a ring was */
void annotate_unmapping(void); /* a ring is about to be */

#endif
