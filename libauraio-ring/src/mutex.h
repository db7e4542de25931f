/* SPDX-License-Identifier: MIT */
/*
 * The lock of a ring: taken and released once or twice per operation, so it is two inline instructions where
 * nobody contends, and a futex where somebody does (the three-state mutex of Drepper, "Futexes Are Tricky",
 * section 5).
 */
#ifndef AURAIO_RING_MUTEX_H
#define AURAIO_RING_MUTEX_H

#include <stdatomic.h>
#include <stdint.h>

struct ring_mutex {
    _Atomic uint32_t state; /* 0: free, 1: held, 2: held and somebody sleeps */
};

void ring_mutex_wait(struct ring_mutex *mutex);
void ring_mutex_wake(struct ring_mutex *mutex);

static inline void ring_mutex_lock(struct ring_mutex *mutex)
{
    uint32_t unheld = 0;
    if (!atomic_compare_exchange_strong_explicit(&mutex->state, &unheld, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        ring_mutex_wait(mutex);
}

static inline void ring_mutex_unlock(struct ring_mutex *mutex)
{
    if (atomic_exchange_explicit(&mutex->state, 0, memory_order_release) == 2)
        ring_mutex_wake(mutex);
}

#endif
