/*
 * The buffer pool: aligned memory for I/O, handed out and taken back in a few nanoseconds.
 *
 * A pool owns all its memory; buffers live until they are freed or the pool is destroyed. Requests
 * are rounded up to a size class (geometric, four steps an octave, 1 byte to 1 GiB). Each thread
 * keeps a small cache per pool, filled from and emptied into one central list per NUMA node. What
 * the pool knows about a buffer is kept apart from the buffer, so an application that writes where
 * it should not cannot mislead it.
 *
 * Unless a function says otherwise it may be called from any thread, at any time between
 * pool_create() and pool_destroy(). No function calls back into the application, except that
 * pool_free() may call the log function.
 */
#ifndef AURAIO_POOL_POOL_H
#define AURAIO_POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Largest buffer, in bytes. */
#define POOL_SIZE_MAX_BYTES ((size_t)1 << 30)

/** Largest alignment, in bytes. */
#define POOL_ALIGNMENT_MAX_BYTES ((size_t)4 << 20)

/** A pool; opaque. */
typedef struct pool pool_t;

/** How a pool is to behave. Copied by pool_create(). */
struct pool_options {
    /** Every buffer starts at a multiple of this; a power of two, sizeof(void *) to
     * POOL_ALIGNMENT_MAX_BYTES. */
    size_t alignment;
    /** Call abort() once a misuse has been logged, instead of refusing the call. */
    bool abort_on_misuse;
    /** Told about every misuse in one line without a newline; may be NULL. Called without locks
     * held, on the thread that made the mistake; it may call the pool. `message` is valid during
     * the call only. */
    void (*log)(void *ctx, const char *message);
    /** First argument of `log`. */
    void *log_ctx;
    /** Bound on the memory kept for reuse, in bytes. 0: an eighth of the machine's memory, 64 MiB
     * to 1 GiB. Free blocks smaller than a page may exceed it while neighbours on their pages are
     * live. */
    size_t max_cached_bytes;
    /** Look for writes into freed buffers: each is filled when it is freed, and looked at when it is handed
     * out again, unless its memory was given back meanwhile. A find is logged (then abort() with
     * abort_on_misuse). Costs a pass over the buffer each time. Without effect under AddressSanitizer and
     * Valgrind, which find the write itself. */
    bool find_late_writes;
    /** Told about every arena, a mapping that buffers are cut from, before the first buffer of it is handed
     * out; may be NULL. `index` is its number, unique among those there are, from 0, and used again once it
     * is gone. Answers whether its pages are to stay where they are, as long as the arena lives: a kernel
     * that has pinned them would go on using those it knows. Called with locks held: it must not call the
     * pool. */
    bool (*arena_created)(void *ctx, int index, void *base, size_t len_bytes);
    /** Told about every arena once no buffer of it is live (in pool_destroy(): none may be used any more) and
     * before it is unmapped; may be NULL. Called with no lock held that pool_pin_arena() takes. Must not call
     * the pool. */
    void (*arena_destroyed)(void *ctx, int index, void *base, size_t len_bytes);
    /** First argument of both. */
    void *arena_ctx;
};

/** What a pool holds. */
struct pool_stats {
    size_t live_bytes;   /**< sum of the sizes asked for, over buffers handed out and not yet freed */
    size_t live_buffers; /**< how many of those there are */
    size_t cached_bytes; /**< memory kept for reuse, at the size of its class */
    int shard_count;     /**< central lists; at least 1 */
};

/**
 * Creates a pool.
 *
 * No memory for buffers is mapped before the first allocation.
 *
 * @param options   how it is to behave; only read during the call
 * @param ret_pool  receives the pool, which the caller ends with pool_destroy(); untouched on
 * failure
 * @return 0; -EINVAL: a NULL argument, or an alignment that is no power of two or out of range;
 * -ENOMEM
 */
int pool_create(const struct pool_options *options, pool_t **ret_pool);

/**
 * Destroys a pool with all its memory, live buffers included.
 *
 * No other call on the pool may be running. Threads that used it may end before, during or after
 * the call. A forked child may destroy a pool it inherited; the parent's is not affected.
 *
 * @param pool  the pool; NULL does nothing
 */
void pool_destroy(pool_t *pool);

/**
 * Hands out a buffer.
 *
 * Its content is undefined. It is aligned to the pool's alignment, and from one page up also to the
 * page.
 *
 * @param pool        the pool
 * @param size_bytes  1 to POOL_SIZE_MAX_BYTES
 * @param ret_ptr     receives the buffer, the caller's until pool_free(); untouched on failure
 * @return 0; -EINVAL: a NULL argument or a size out of range; -ENOMEM: the system refused memory,
 * even after the pool had given back what it kept for reuse
 */
int pool_alloc(pool_t *pool, size_t size_bytes, void **ret_ptr);

/**
 * Takes a buffer back, on any thread.
 *
 * A mistake is detected, logged and refused, and leaves the pool as it was: a buffer that is not
 * live (freed twice), a pointer the pool never gave out or into the middle of a buffer, a size
 * other than the one asked for. What cannot be told apart from a correct call is the second free of
 * a buffer that has since been handed out again at the same size.
 *
 * @param pool        the pool that handed it out
 * @param ptr         the buffer; NULL does nothing
 * @param size_bytes  the size it was asked for with
 * @return 0; -EINVAL: pool is NULL, or a mistake as above (abort() instead with abort_on_misuse)
 */
int pool_free(pool_t *pool, void *ptr, size_t size_bytes);

/**
 * Reads what the pool holds. While other threads allocate and free, each figure is correct to
 * within the calls under way.
 *
 * @param pool       the pool; NULL does nothing
 * @param ret_stats  receives the figures; NULL does nothing
 */
void pool_get_stats(const pool_t *pool, struct pool_stats *ret_stats);

/**
 * Gives the memory kept for reuse back to the system: the central lists and the calling thread's
 * cache.
 *
 * The caches of other threads are theirs alone: each follows within the next 64 allocations of its thread, or
 * as that ends. Until then it stays, bounded.
 *
 * @param pool  the pool; NULL does nothing
 */
void pool_trim(pool_t *pool);

/**
 * Gives back what nobody has needed for ten to twenty seconds. For somebody who has just waited: allocations
 * do this by themselves now and then, but an idle program makes none. Costs a look at a coarse clock.
 *
 * @param pool  the pool; NULL does nothing
 */
void pool_tick(pool_t *pool);

/**
 * Verifies every invariant of the pool: each block is in exactly one place, every count agrees with
 * what it counts.
 *
 * For tests; takes time in proportion to the memory held. No other call on the pool may be running.
 *
 * @param pool  the pool
 * @return whether all of them hold; false for NULL
 */
bool pool_check(pool_t *pool);

/**
 * Finds the arena that a range of pool memory lies in.
 *
 * The answer holds while a buffer inside the range is live. Two loads and a comparison: for every operation,
 * to find out whether its memory lies in an arena that pool_options.arena_created announced, and in which.
 *
 * @param pool       the pool
 * @param ptr        start of the range
 * @param len_bytes  length of the range, at least 1
 * @param ret_base   receives the start of the arena
 * @param ret_len    receives its length in bytes
 * @param ret_index  receives its number, unique among the arenas mapped, from 0, reused once the
 * arena is gone
 * @return whether the whole range lies in one arena; the results are untouched otherwise
 */
bool pool_find_arena(pool_t *pool, const void *ptr, size_t len_bytes, void **ret_base, size_t *ret_len,
                     int *ret_index);

/**
 * Keeps the pages of an arena where they are from now on, as if pool_options.arena_created had asked for it:
 * for somebody who finds out later that a kernel is to pin them. What is pinned counts as kept for reuse
 * until the arena is free as a whole.
 *
 * @param pool  the pool; NULL does nothing
 * @param ptr   in a live buffer; memory that is not the pool's does nothing
 */
void pool_pin_arena(pool_t *pool, const void *ptr);

#ifdef __cplusplus
}
#endif

#endif
