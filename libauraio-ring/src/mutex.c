/* SPDX-License-Identifier: MIT */
#include "mutex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS = 64 }; /* a holder fills one entry or copies one batch: shorter than a sleep */

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void ring_mutex_wait(struct ring_mutex *mutex)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t unheld = 0;
        if (atomic_load_explicit(&mutex->state, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&mutex->state, &unheld, 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return;
        pause_briefly();
    }
    while (atomic_exchange_explicit(&mutex->state, 2, memory_order_acquire) != 0)
        syscall(SYS_futex, &mutex->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

void ring_mutex_wake(struct ring_mutex *mutex)
{
    syscall(SYS_futex, &mutex->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
