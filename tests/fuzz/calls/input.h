/* SPDX-License-Identifier: MIT */
/* The bytes that a run is made of. Where they have ended everything is 0, which every decision takes as its
 * plainest case, so that each input ends. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *at;
    size_t left;
};

/* Of the run that goes on. */
extern struct input input;

/* The next @bytes bytes, at most 8, as a number. */
static inline uint64_t take(size_t bytes)
{
    uint64_t value = 0;
    size_t taken = bytes < input.left ? bytes : input.left;
    memcpy(&value, input.at, taken);
    input.at += taken;
    input.left -= taken;
    return value;
}

/* 0 to limit - 1, from one byte; limit up to 256. */
static inline unsigned below(unsigned limit)
{
    return (unsigned)take(1) % limit;
}

/* Numbers of every magnitude and sign. */
static inline int64_t take_wide(void)
{
    unsigned shift = below(64);
    return (int64_t)(take(3) << shift);
}

#endif
