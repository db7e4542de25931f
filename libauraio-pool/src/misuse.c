/*
 * Saying what was wrong; see misuse.h. Takes its time: the decision to refuse has been made.
 */
#include "misuse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "span.h"

#define POOL_MESSAGE_BYTES 160

/* Whether a pool block begins at the pointer. */
static bool is_block_start(struct pool_arena *arena, const void *ptr)
{
    struct pool_shard *shard = arena->shard;
    bool is_start = false;
    pthread_mutex_lock(&shard->lock);
    uintptr_t offset = (uintptr_t)ptr - pool_arena_base(arena);
    if (arena->kind == POOL_ARENA_BIG) {
        is_start = offset == 0;
    } else if (offset < POOL_CHUNK_BYTES) {
        const struct pool_span *span = pool_span_at(arena, ptr);
        uintptr_t start = span ? (uintptr_t)span->first_slice << POOL_SLICE_SHIFT : 0;
        is_start = !span || (offset - start) % pool_class_bytes(span->class_index) == 0;
    }
    pthread_mutex_unlock(&shard->lock);
    return is_start;
}

static void describe(char *text, size_t text_bytes, struct pool_arena *arena, const void *ptr,
                     size_t size_bytes, uint32_t word)
{
    const char *prefix = "pool_free refused";
    if (!arena)
        snprintf(text, text_bytes, "%s: %p (%zu bytes) is not memory of this pool", prefix, ptr, size_bytes);
    else if (pool_word_is_live(word))
        snprintf(text, text_bytes, "%s: %p was allocated with %u bytes, not %zu", prefix, ptr, word,
                 size_bytes);
    else if (is_block_start(arena, ptr))
        snprintf(text, text_bytes, "%s: %p (%zu bytes) is not live: freed twice?", prefix, ptr, size_bytes);
    else
        snprintf(text, text_bytes, "%s: %p (%zu bytes) is not the start of a buffer", prefix, ptr,
                 size_bytes);
}

static void report(struct pool *pool, const char *text)
{
    if (pool->options.log)
        pool->options.log(pool->options.log_ctx, text);
    if (pool->options.abort_on_misuse)
        abort();
}

int pool_misuse(struct pool *pool, struct pool_arena *arena, const void *ptr, size_t size_bytes,
                uint32_t word)
{
    char text[POOL_MESSAGE_BYTES] = "";
    if (pool->options.log)
        describe(text, sizeof(text), arena, ptr, size_bytes, word);
    report(pool, text);
    return -EINVAL;
}

void pool_misuse_late_write(struct pool *pool, const void *block, size_t offset)
{
    char text[POOL_MESSAGE_BYTES];
    snprintf(text, sizeof(text), "pool_alloc: %p was written to after it was freed, at offset %zu", block,
             offset);
    report(pool, text);
}
