/*
 * Size classes: which block size serves a request.
 *
 * Classes are geometric, four to an octave: 8, 10, 12, 14, 16, 20, ... bytes up to 1 GiB; a class
 * wastes at most a fifth of its block. A request is first rounded up to the pool's alignment, and
 * from one page up to the page. A rounded request then never lands in a class whose size breaks
 * that alignment: where classes are closer together than the alignment, a multiple of the alignment
 * is itself a class. So the size of a class is arithmetic alone and needs no table.
 */
#ifndef AURAIO_POOL_SIZE_H
#define AURAIO_POOL_SIZE_H

#include <assert.h>
#include <stddef.h>

#include <auraio-pool/pool.h>

/* The smallest class, 8 bytes, has exponent 2 and step 3: 4 * 2 + 3. */
#define POOL_CLASS_BIAS 11u
#define POOL_CLASS_COUNT 109u

/* Blocks up to 1 MiB are cut from shared arenas and cached by threads; larger ones have an arena
 * each. */
#define POOL_SMALL_CLASS_COUNT 69u
#define POOL_SMALL_MAX_BYTES ((size_t)1 << 20)

/* What rounding needs to know about a pool; fixed when the pool is created. */
struct pool_geometry {
    size_t align_mask;      /* alignment - 1 */
    size_t page_align_mask; /* larger of page and alignment, - 1 */
    size_t page_bytes;
    unsigned align_shift;
    unsigned page_shift;
};

/* The request as it is served: a multiple of the alignment, from one page up also of the page. */
static inline size_t pool_size_round(const struct pool_geometry *geometry, size_t size_bytes)
{
    size_t mask = size_bytes >= geometry->page_bytes ? geometry->page_align_mask : geometry->align_mask;
    return (size_bytes + mask) & ~mask;
}

/* The smallest class that holds a rounded request. */
static inline unsigned pool_class_of(size_t rounded_bytes)
{
    assert(rounded_bytes >= 8 && rounded_bytes <= POOL_SIZE_MAX_BYTES);
    unsigned long long last = rounded_bytes - 1;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(last);
    return 4 * exponent + (unsigned)((last >> (exponent - 2)) & 3) - POOL_CLASS_BIAS;
}

/* The block size of a class. */
static inline size_t pool_class_bytes(unsigned class_index)
{
    assert(class_index < POOL_CLASS_COUNT);
    unsigned code = class_index + POOL_CLASS_BIAS;
    return (size_t)(5 + code % 4) << (code / 4 - 2);
}

#endif
