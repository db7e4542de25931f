/* SPDX-License-Identifier: MIT */
/*
 * Who sleeps in the backend of a shared ring, in one atomic word.
 *
 * A wake-up by a doorbell may be missed: another thread may take its completion before the one that it was
 * for has come to the kernel. So a ring remembers how many were there, and rings again until they have left.
 * The word holds how many sleep (20 bits), how many of them were there at the last wake (20 bits), and how
 * often they were woken (24 bits), so that a thread that leaves knows whether it was there.
 */
#ifndef AURAIO_RING_SLEEPERS_H
#define AURAIO_RING_SLEEPERS_H

#include <stdatomic.h>
#include <stdint.h>

enum { SLEEPERS_BITS = 20, SLEEPERS_MASK = (1 << SLEEPERS_BITS) - 1 };

static inline uint64_t sleepers_count(uint64_t word)
{
    return word & SLEEPERS_MASK;
}

/* Of those who were there at the last wake, how many have not left. */
static inline uint64_t sleepers_unwoken(uint64_t word)
{
    return word >> SLEEPERS_BITS & SLEEPERS_MASK;
}

static inline uint64_t sleepers_wakes(uint64_t word)
{
    return word >> 2 * SLEEPERS_BITS;
}

/* Returns the word before, for sleepers_leave(). */
static inline uint64_t sleepers_join(_Atomic uint64_t *sleepers)
{
    return atomic_fetch_add(sleepers, 1);
}

static inline void sleepers_leave(_Atomic uint64_t *sleepers, uint64_t before)
{
    uint64_t word = atomic_load_explicit(sleepers, memory_order_relaxed), left;
    do {
        uint64_t was_there = sleepers_wakes(word) != sleepers_wakes(before);
        left = word - 1 - (was_there << SLEEPERS_BITS);
    } while (!atomic_compare_exchange_weak(sleepers, &word, left));
}

/* All who are there now are to be woken. */
static inline void sleepers_wake(_Atomic uint64_t *sleepers)
{
    uint64_t word = atomic_load_explicit(sleepers, memory_order_relaxed), woken;
    do {
        uint64_t count = sleepers_count(word);
        woken = (sleepers_wakes(word) + 1) << 2 * SLEEPERS_BITS | count << SLEEPERS_BITS | count;
    } while (!atomic_compare_exchange_weak(sleepers, &word, woken));
}

#endif
