/*
 * Saying what was wrong: with a call that pool_free() refused, or with what was done to a free buffer.
 */
#ifndef AURAIO_POOL_MISUSE_H
#define AURAIO_POOL_MISUSE_H

#include "internal.h"

/* Logs why freeing `ptr` with this size was refused, aborts if the options say so, else answers
 * -EINVAL. `arena` is where the pointer lies, NULL if nowhere; `word` what its state word held, 0
 * if it has none. */
int pool_misuse(struct pool *pool, struct pool_arena *arena, const void *ptr, size_t size_bytes,
                uint32_t word);

/* Logs that a free block was written to at an offset, aborts if the options say so. */
void pool_misuse_late_write(struct pool *pool, const void *block, size_t offset);

#endif
