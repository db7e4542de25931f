/*
 * An arena: one mapping for buffers, and its record, which lies elsewhere.
 *
 * A small arena is one chunk, cut into 64 slices of 64 KiB; spans (span.h) take runs of slices and
 * cut them into blocks of one class. A big arena is one block. The truth about a buffer is its
 * *word*: the size it was asked for with while it is live, 0 otherwise, found by its offset in
 * units of the alignment. Whoever turns the word from size to 0 owns the block: that one
 * compare-and-swap refuses a double free, a wrong size and a pointer into the middle of a buffer.
 * (Under find_late_writes a free block that was filled has POOL_WORD_FILLED; see watch.h.)
 * The words of an arena are spread over POOL_WORDS_BYTES, so that threads working on neighbouring blocks of a
 * page or more do not share cache lines.
 *
 * Records are never unmapped before the pool is: they are reused, by the same shard and for the
 * same kind of arena, so a thread that holds a stale record (only possible by a double free racing
 * with a trim) still reads a valid one.
 *
 * `dirty` marks pages of free blocks that may be resident: what the pool keeps for reuse, and what
 * purging gives back. Except for words, base and the table everything here is guarded by the
 * shard's lock.
 */
#ifndef AURAIO_POOL_ARENA_H
#define AURAIO_POOL_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "table.h"

#define POOL_SLICE_SHIFT 16
#define POOL_SLICE_BYTES ((size_t)1 << POOL_SLICE_SHIFT)
#define POOL_SLICE_COUNT 64u
#define POOL_NO_SPAN 0xff

/* No size. */
#define POOL_WORD_FILLED 0x80000000u

#define POOL_CACHE_LINE_SHIFT 6
#define POOL_CACHE_LINE_BYTES ((size_t)1 << POOL_CACHE_LINE_SHIFT)

/* What the words of a small arena take, as far as a word is no larger than a cache line and no smaller than
 * itself: 64 bytes each at an alignment of 4096, 8 at 512. */
#define POOL_WORDS_BYTES ((size_t)64 << 10)

/* Pages are at least 4 KiB. */
#define POOL_DIRTY_WORDS (POOL_CHUNK_BYTES / 4096 / 64)

struct pool;
struct pool_shard;

enum pool_arena_kind { POOL_ARENA_SMALL, POOL_ARENA_BIG, POOL_ARENA_KINDS };

struct pool_span {
    TAILQ_ENTRY(pool_span) link; /* in its shard's list for the class, while it has free blocks */
    struct pool_arena *arena;
    size_t search_from; /* no free bit of the span lies below it */
    size_t bits_end;    /* one past the span's last bit */
    uint32_t block_count;
    uint32_t free_count;
    uint16_t first_slice;
    uint16_t slice_count;
    uint16_t class_index;
};

/* A change of the memory kept for reuse. */
struct pool_kept {
    ptrdiff_t page_bytes;   /* whole pages, which can be given back to the system at any time */
    ptrdiff_t shared_bytes; /* free memory that can't yet: it shares pages with other blocks, or is pinned */
};

struct pool_arena {
    /* Fixed for the life of the record. */
    char *words;
    size_t word_count;
    unsigned word_shift; /* of the distance between two words, in bytes */
    int index;
    struct pool_shard *shard;
    enum pool_arena_kind kind;
    size_t record_bytes;
    struct pool_arena *next_record;

    _Atomic uintptr_t base; /* 0 while nothing is mapped */
    size_t size_bytes;
    bool is_pinned;              /* the owner of the pool wants its pages to stay */
    LIST_ENTRY(pool_arena) link; /* small: the shard's arenas; unmapped: its spare records */

    /* Big arenas: the class, and once free its places among the shard's free ones. */
    unsigned class_index;
    bool is_free;
    uint64_t freed_epoch;
    TAILQ_ENTRY(pool_arena) class_link;
    TAILQ_ENTRY(pool_arena) age_link;

    /* Small arenas. */
    uint64_t free_slices;
    uint64_t huge_parts; /* a bit for each part on a huge page; see huge.h */
    uint64_t *free_bits; /* a bit at the start of each free block of a span, indexed like words */
    uint64_t *seen_bits; /* scratch of pool_check() */
    uint64_t dirty[POOL_DIRTY_WORDS];
    uint8_t span_of_slice[POOL_SLICE_COUNT]; /* first slice of the span, or POOL_NO_SPAN */
    struct pool_span spans[POOL_SLICE_COUNT];
};

static inline uintptr_t pool_arena_base(const struct pool_arena *arena)
{
    return atomic_load_explicit(&arena->base, memory_order_relaxed);
}

/* A block in the hands of the pool. Where it goes its word goes along: to find that by address takes a walk
 * through the table. */
struct pool_block {
    void *start;
    _Atomic uint32_t *word;
};

/* Whether a word is that of a live buffer. */
static inline bool pool_word_is_live(uint32_t word)
{
    return word != 0 && word != POOL_WORD_FILLED;
}

/* The state word of the block at an index. */
static inline _Atomic uint32_t *pool_arena_word(const struct pool_arena *arena, size_t index)
{
    return (_Atomic uint32_t *)(void *)(arena->words + (index << arena->word_shift));
}

/* What the dirty pages of an arena count as. */
static inline ptrdiff_t *pool_arena_dirty_bytes(const struct pool_arena *arena, struct pool_kept *kept)
{
    return arena->is_pinned ? &kept->shared_bytes : &kept->page_bytes;
}

/* Maps an arena for a shard, enters it in the table and announces it; 0 or -ENOMEM. Takes the map lock. */
int pool_arena_open(struct pool_shard *shard, enum pool_arena_kind kind, size_t size_bytes,
                    struct pool_arena **ret_arena);

/* Announces the end of an arena and unmaps it, whose blocks are all free and that no list holds any more.
 * Takes the map lock. */
void pool_arena_close(struct pool_arena *arena);

/* Unmaps every arena and every record, live buffers included; only while the pool is being
 * destroyed. */
void pool_arena_destroy_all(struct pool *pool);

/* Gives the dirty pages back to the system, unless they are pinned; whether there were any. */
bool pool_arena_purge(struct pool_arena *arena, struct pool_kept *kept);

/* Has the pages stay where they are until the arena is closed. With the shard's lock. */
void pool_arena_pin(struct pool_arena *arena, struct pool_kept *kept);

/* No longer counts the dirty pages as kept: the whole arena is about to go. */
void pool_arena_forget_dirty(struct pool_arena *arena, struct pool_kept *kept);

#endif
