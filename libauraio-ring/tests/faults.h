/* SPDX-License-Identifier: MIT */
/*
 * Calls of the library that fail on demand. The linker sends them through wrappers (wrapped.h in
 * tests/support); what is not told to fail is really done. Also a kernel that lacks what this one has, and
 * submissions that are changed on their way into it.
 */
#ifndef AURAIO_RING_TESTS_FAULTS_H
#define AURAIO_RING_TESTS_FAULTS_H

#include <liburing.h>
#include <stdbool.h>

enum fault {
    FAULT_MEMORY, /* malloc, calloc, realloc, aligned_alloc, mmap */
    FAULT_MADVISE,
    FAULT_FSTAT,
    FAULT_LSEEK,
    FAULT_EVENTFD,
    FAULT_EPOLL_CREATE,
    FAULT_EPOLL_CTL,
    FAULT_KEY_CREATE,
    FAULT_THREAD,
    FAULT_QUEUE_INIT,
    FAULT_ENTER,
    FAULT_REGISTER_BUFFERS,
    FAULT_MAKE_BUFFERS, /* a table of empty ones */
    FAULT_UPDATE_BUFFERS,
    FAULT_REGISTER_FILES,
    FAULT_UPDATE_FILES,
    FAULT_REGISTER_EVENTFD,
    FAULT_REGISTER_RING_FD,
    FAULT_SYSCALL, /* syscall(): membarrier, capget */
    FAULT_COUNT
};

/* Of the calls from now on: let @skip pass, then fail @times with @error (a positive errno). */
void fault_arm(enum fault fault, int skip, int times, int error);

/* Calls since fault_arm() or fault_clear(). */
int fault_calls(enum fault fault);

/* Let everything pass, restart the counts. */
void fault_clear(void);

/* Setup flags of the last ring that was asked for, and its entries, whether it was granted or not. */
extern unsigned fault_setup_flags, fault_setup_entries, fault_setup_cpu;

/* The CPU mask that workers were given last: its highest CPU, -1 for none since fault_clear(). */
extern int fault_workers_cpu;

/* Refuse setups that ask for any of these flags, with this (positive) errno. */
extern unsigned fault_refused_flags;
extern int fault_refused_errno;

/* Refuse setups of more entries than this with ENOMEM; 0: none. */
extern unsigned fault_entries_max;

/* Features that the kernel seems to lack. */
extern unsigned fault_hidden_features;

/* io_uring_get_probe_ring() finds nothing: a kernel without new operations. */
extern bool fault_no_probe;

/* Called once for each submission on the way to the kernel, NULL: none. Rings are those of the one group. */
extern void (*fault_edit)(struct io_uring_sqe *sqe);

/* Flags of every io_uring_enter() since fault_clear(), or-ed. */
extern unsigned fault_enter_flags;

#endif
