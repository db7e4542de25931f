/*
 * The allocators that are compared: the pool, and the peers it has to beat, each called through the fastest
 * interface it offers for aligned memory.
 *
 * Peers are loaded with dlopen() in a process of their own, so that a machine without one can do without it
 * and none of them replaces the program's malloc.
 */
#ifndef POOL_BENCH_ALLOCATOR_H
#define POOL_BENCH_ALLOCATOR_H

#include <stddef.h>

#define ALIGNMENT_BYTES ((size_t)4096)

enum { ALLOCATOR_COUNT = 4 };

struct allocator {
    const char *name;
    /* 0, or -1 when the machine lacks it. */
    int (*open)(void);
    void *(*take)(size_t size_bytes);
    void (*give)(void *ptr, size_t size_bytes);
};

/* The pool is the first. */
extern const struct allocator allocators[ALLOCATOR_COUNT];

#endif
