/*
 * Counts the system calls by which this process changes its memory, on all its threads, whoever makes them:
 * the kernel reports each to a thread of this file (seccomp user notification, Linux 5.5) and lets it pass.
 *
 * There is no way back: once begun, every such call of the process takes a detour.
 */
#ifndef POOL_BENCH_CALLS_H
#define POOL_BENCH_CALLS_H

#include <stdint.h>

/* Begins; 0 or -1 where the kernel refuses. */
int calls_begin(void);

/* mmap, munmap, mremap, mprotect, madvise, mbind and brk so far. */
uint64_t calls_so_far(void);

#endif
