/* SPDX-License-Identifier: MIT */
/* How long threads wait for a CPU, as the kernel counts it. */
#ifndef AURAIO_RING_RUNQUEUE_H
#define AURAIO_RING_RUNQUEUE_H

#include <stdint.h>

/* What was last seen, of which thread. Thread 0: nothing yet. */
struct run_queue {
    int fd; /* meaningful with a thread; -1: the kernel doesn't say */
    uint64_t thread;
    int64_t waited_ns;
};

/*
 * For how long the calling thread, whose number is @thread, was ready to run and did not, since it last
 * asked; 0 when another thread did so last, or the kernel doesn't say. Other processes make it wait, and so
 * does a CPU quota. A system call, sometimes three.
 */
int64_t run_queue_waited_ns(struct run_queue *queue, uint64_t thread);

void run_queue_close(struct run_queue *queue);

#endif
