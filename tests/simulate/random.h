/* SPDX-License-Identifier: MIT */
/* Random numbers of a schedule: splitmix64 (Steele, Lea, Flood, 2014), so that any seed is a good one. */
#ifndef SIMULATE_RANDOM_H
#define SIMULATE_RANDOM_H

#include <stdint.h>

static inline uint64_t random_step64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to limit - 1. */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_step64(state) % limit;
}

#endif
