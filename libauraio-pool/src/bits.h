/*
 * Bitmaps over 64-bit words: single bits, and ranges that answer how many bits they changed, so
 * that whoever keeps a count can update it in the same breath.
 */
#ifndef AURAIO_POOL_BITS_H
#define AURAIO_POOL_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool pool_bit_test(const uint64_t *bits, size_t index)
{
    return (bits[index / 64] >> (index % 64)) & 1;
}

static inline void pool_bit_set(uint64_t *bits, size_t index)
{
    bits[index / 64] |= (uint64_t)1 << (index % 64);
}

static inline void pool_bit_clear(uint64_t *bits, size_t index)
{
    bits[index / 64] &= ~((uint64_t)1 << (index % 64));
}

/* The part of word `word` that lies in [from, end). */
static inline uint64_t pool_bits_mask(size_t word, size_t from, size_t end)
{
    uint64_t mask = ~(uint64_t)0;
    if (from > word * 64)
        mask &= ~(uint64_t)0 << (from - word * 64);
    if (end < word * 64 + 64)
        mask &= ~(~(uint64_t)0 << (end - word * 64));
    return mask;
}

/* The first set bit in [from, end), or end. */
static inline size_t pool_bits_next(const uint64_t *bits, size_t from, size_t end)
{
    for (size_t word = from / 64; word * 64 < end; word++) {
        uint64_t found = bits[word] & pool_bits_mask(word, from, end);
        if (found)
            return word * 64 + (size_t)__builtin_ctzll(found);
    }
    return end;
}

/* The first clear bit in [from, end), or end. */
static inline size_t pool_bits_next_clear(const uint64_t *bits, size_t from, size_t end)
{
    for (size_t word = from / 64; word * 64 < end; word++) {
        uint64_t found = ~bits[word] & pool_bits_mask(word, from, end);
        if (found)
            return word * 64 + (size_t)__builtin_ctzll(found);
    }
    return end;
}

/* How many bits are set in [from, end). */
static inline size_t pool_bits_count(const uint64_t *bits, size_t from, size_t end)
{
    size_t count = 0;
    for (size_t word = from / 64; word * 64 < end; word++)
        count += (size_t)__builtin_popcountll(bits[word] & pool_bits_mask(word, from, end));
    return count;
}

/* Sets [from, end); answers how many were clear. */
static inline size_t pool_bits_set_range(uint64_t *bits, size_t from, size_t end)
{
    size_t changed = end - from - pool_bits_count(bits, from, end);
    for (size_t word = from / 64; word * 64 < end; word++)
        bits[word] |= pool_bits_mask(word, from, end);
    return changed;
}

/* Clears [from, end); answers how many were set. */
static inline size_t pool_bits_clear_range(uint64_t *bits, size_t from, size_t end)
{
    size_t changed = pool_bits_count(bits, from, end);
    for (size_t word = from / 64; word * 64 < end; word++)
        bits[word] &= ~pool_bits_mask(word, from, end);
    return changed;
}

#endif
