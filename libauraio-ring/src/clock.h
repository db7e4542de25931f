/* SPDX-License-Identifier: MIT */
/*
 * A ring's clock: CLOCK_MONOTONIC, read from the processor's time stamp counter where the kernel itself does
 * so. At a depth of one, two calls of clock_gettime() an operation are 5 % of a cached read; reading the
 * counter alone is less than half of that. The counter is calibrated against the system's clock every second
 * that it is used, by the ring that owns this state, so the two never drift apart by more than a few
 * microseconds.
 */
#ifndef AURAIO_RING_CLOCK_H
#define AURAIO_RING_CLOCK_H

#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

struct ring_system;

struct ring_clock {
    uint64_t base_ticks;
    uint64_t valid_ticks; /* from base_ticks; 0: not calibrated, or no usable counter */
    uint64_t scale;       /* nanoseconds per tick << CLOCK_SCALE_BITS */
    int64_t base_ns;
    const struct ring_system *system; /* whose clock is read instead; then it is never calibrated */
};

enum { CLOCK_SCALE_BITS = 24 };

/* CLOCK_MONOTONIC; calibrates. */
int64_t ring_clock_read(struct ring_clock *clock);

static inline int64_t ring_clock_now_ns(struct ring_clock *clock)
{
#if defined(__x86_64__)
    uint64_t ticks = __rdtsc() - clock->base_ticks;
    if (__builtin_expect(ticks < clock->valid_ticks, 1))
        return clock->base_ns + (int64_t)(ticks * clock->scale >> CLOCK_SCALE_BITS);
#endif
    return ring_clock_read(clock);
}

#endif
