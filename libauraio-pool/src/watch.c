/*
 * Watching; see watch.h.
 */
#include "watch.h"

#include <assert.h>
#include <string.h>

#include "annotate.h"
#include "misuse.h"

/* As a number, a pointer or a length it is conspicuous and of no use. */
#define POOL_FILL_BYTE 0xd5

void pool_watch_start(struct pool *pool)
{
    pool->on_valgrind = pool_annotate_is_on_valgrind();
    bool has_tool = pool->on_valgrind || pool_annotate_is_on_asan();
    pool->fills_free = pool->options.find_late_writes && !has_tool;
    pool->is_watched = has_tool || pool->fills_free;
}

static size_t block_bytes_of(const struct pool *pool, size_t size_bytes)
{
    return pool_class_bytes(pool_class_of(pool_size_round(&pool->geometry, size_bytes)));
}

/* The offset of the first byte that is not the fill, or the length. */
static size_t find_change(const unsigned char *bytes, size_t length)
{
    /* If each byte equals its neighbour, the first decides about all. */
    if (bytes[0] == POOL_FILL_BYTE && memcmp(bytes, bytes + 1, length - 1) == 0)
        return length;
    size_t offset = 0;
    while (bytes[offset] == POOL_FILL_BYTE)
        offset++;
    return offset;
}

void pool_watch_alloc(struct pool *pool, void *start, _Atomic uint32_t *word, size_t size_bytes)
{
    if (pool->fills_free && atomic_load_explicit(word, memory_order_relaxed) == POOL_WORD_FILLED) {
        size_t block_bytes = block_bytes_of(pool, size_bytes);
        size_t offset = find_change(start, block_bytes);
        if (offset < block_bytes)
            pool_misuse_late_write(pool, start, offset);
    }
    pool_annotate_alloc(pool->on_valgrind, start, size_bytes);
}

void pool_watch_free(struct pool *pool, struct pool_block block, size_t size_bytes)
{
    pool_annotate_free(pool->on_valgrind, block.start, size_bytes);
    if (!pool->fills_free)
        return;
    memset(block.start, POOL_FILL_BYTE, block_bytes_of(pool, size_bytes));
    atomic_store_explicit(block.word, POOL_WORD_FILLED, memory_order_relaxed);
}
