/*
 * An arena: one mapping for buffers, and its record, which lies elsewhere.
 *
 * A small arena is one chunk, cut into 64 slices of 64 KiB; spans (span.h) take runs of slices and
 * cut them into blocks of one class. A big arena is one block. The truth about a buffer is its
 * *word*: the size it was asked for with while it is live, 0 otherwise, found by its offset in
 * units of the alignment. Whoever turns the word from size to 0 owns the block: that one
 * compare-and-swap refuses a double free, a wrong size and a pointer into the middle of a buffer.
 * Words are stored scattered, so that threads working on neighbouring blocks do not share cache
 * lines.
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
/* Multiplying by this, modulo the number of words, scatters them: it is odd, so no two positions
 * meet, and positions that differ by less than 26 (alignment 4096) end up more than a cache line
 * apart. The golden ratio of 2^32, as in Knuth, The Art of Computer Programming, volume 3, 6.4. */
#define POOL_WORD_SCATTER 0x9e3779b1u

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
    ptrdiff_t shared_bytes; /* free blocks that share pages with others */
};

struct pool_arena {
    /* Fixed for the life of the record. */
    _Atomic uint32_t *words;
    size_t word_count; /* a power of two */
    struct pool_shard *shard;
    int index;
    enum pool_arena_kind kind;
    size_t record_bytes;
    struct pool_arena *next_record;

    _Atomic uintptr_t base; /* 0 while nothing is mapped */
    size_t size_bytes;
    LIST_ENTRY(pool_arena) link; /* small: the shard's arenas; unmapped: its spare records */

    /* Big arenas: the class, and once free its places among the shard's free ones. */
    unsigned class_index;
    bool is_free;
    uint64_t freed_epoch;
    TAILQ_ENTRY(pool_arena) class_link;
    TAILQ_ENTRY(pool_arena) age_link;

    /* Small arenas. */
    uint64_t free_slices;
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

/* The state word of the block at an index. */
static inline _Atomic uint32_t *pool_arena_word(const struct pool_arena *arena, size_t index)
{
    return &arena->words[index * POOL_WORD_SCATTER & (arena->word_count - 1)];
}

/* Maps an arena for a shard and enters it in the table; 0 or -ENOMEM. Takes the map lock. */
int pool_arena_open(struct pool_shard *shard, enum pool_arena_kind kind, size_t size_bytes,
                    struct pool_arena **ret_arena);

/* Unmaps an arena whose blocks are all free and that no list holds any more. Takes the map lock. */
void pool_arena_close(struct pool_arena *arena);

/* Unmaps every arena and every record, live buffers included; only while the pool is being
 * destroyed. */
void pool_arena_destroy_all(struct pool *pool);

/* Gives the dirty pages back to the system. */
void pool_arena_purge(struct pool_arena *arena, struct pool_kept *kept);

#endif
