/*
 * An allocator in a process of its own, which runs patterns when told to.
 *
 * The parent asks over a socket and waits for the answer, so that of all contenders one runs at a time.
 */
#ifndef POOL_BENCH_CONTENDER_H
#define POOL_BENCH_CONTENDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct contender {
    const char *name;
    pid_t pid; /* 0: not there */
    int socket;
};

/* Starts the contender of an allocator by running this program again; 0, or -1: the machine lacks it. */
int contender_start(struct contender *contender, int allocator);

/* Ends it; one that never started is left alone. */
void contender_end(struct contender *contender);

/* Nanoseconds per pair, from a run long enough to be measured; the first run of a pattern warms up and finds
 * out how long that is. Negative: no memory, or the contender died. */
double contender_measure(struct contender *contender, int pattern, size_t size_bytes);

/* Calls that change memory during a run of a pattern that was measured before; negative: not to be counted
 * here. Measures nothing useful afterwards. */
int64_t contender_count_calls(struct contender *contender, int pattern, size_t size_bytes);

/* What the started program does: serves until the socket is closed. Its exit status. */
int contender_serve(int allocator, int socket);

#endif
