/* SPDX-License-Identifier: MIT */
/*
 * Kernel constants newer than the oldest headers and liburing (2.3) the library builds with. What they name
 * is probed at run time before use.
 */
#ifndef AURAIO_RING_KERNEL_H
#define AURAIO_RING_KERNEL_H

#include <liburing.h>
#include <linux/fs.h>
#include <stdint.h>

enum { KERNEL_OP_FTRUNCATE = 55 }; /* Linux 6.9 */

#define KERNEL_FEAT_MIN_TIMEOUT (1u << 15) /* Linux 6.12 */

enum { KERNEL_MADV_POPULATE_WRITE = 23 }; /* Linux 5.14 */

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x00000020
#endif
#ifndef RWF_ATOMIC
#define RWF_ATOMIC 0x00000040
#endif
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080
#endif

/* struct io_uring_getevents_arg with the field that Linux 6.12 put where the padding was. */
struct kernel_getevents_arg {
    uint64_t sigmask;
    uint32_t sigmask_sz;
    uint32_t min_wait_usec;
    uint64_t ts;
};

#endif
