/*
 * What happens at alloc and free beside the pool's work when somebody watches: AddressSanitizer and Valgrind
 * are told (annotate.h), or writes into free buffers are looked for.
 *
 * That search fills a buffer as it is freed and marks it so in its word; when the block is handed out again
 * every byte must still be there. A block that went home to its span in between is no longer marked: its
 * pages may have been given back. Where one of the tools is at work there is no filling: they see the write
 * itself.
 *
 * Kept out of the fast paths, which ask one question: is pool->is_watched.
 */
#ifndef AURAIO_POOL_WATCH_H
#define AURAIO_POOL_WATCH_H

#include "internal.h"

/* Decides what to do for a pool that is being created; its options are set. */
void pool_watch_start(struct pool *pool);

/* The block at `start` is about to become a live buffer; its word is still that of a free one. */
void pool_watch_alloc(struct pool *pool, void *start, _Atomic uint32_t *word, size_t size_bytes);

/* A block has ceased to be a live buffer. */
void pool_watch_free(struct pool *pool, struct pool_block block, size_t size_bytes);

#endif
