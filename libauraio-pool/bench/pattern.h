/*
 * The ways a program uses buffers, each measured as CPU time per pair of allocate and free.
 *
 * One byte of every buffer is written, so that an allocator that puts the cost of a page off until it is
 * touched pays for it here. Waiting for the other thread is not counted: each thread reads its own CPU clock
 * around what it does with the allocator. What is held at a time stays below PATTERN_HELD_BYTES, which
 * limits batches of the largest buffers.
 */
#ifndef POOL_BENCH_PATTERN_H
#define POOL_BENCH_PATTERN_H

#include <stddef.h>

#include "allocator.h"

#define PATTERN_HELD_BYTES ((size_t)2 << 30)

enum { PATTERN_COUNT = 6 };

extern const char *const pattern_names[PATTERN_COUNT];

/* How many buffers the pattern holds at a time. */
size_t pattern_held(int pattern, size_t size_bytes);

/* Starts the second thread of the patterns that need one; 0 or -1. Once per process. */
int pattern_start(const struct allocator *allocator);

/* Holds as many buffers at once as the pattern can at most, whatever its threads' timing, and frees them; 0,
 * or -1 for lack of memory. */
int pattern_fill(int pattern, size_t size_bytes);

/* Nanoseconds of CPU time per pair; negative when the allocator had no memory. `pairs` is rounded up to
 * whole batches. */
double pattern_run(int pattern, size_t size_bytes, size_t pairs);

#endif
