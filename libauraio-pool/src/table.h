/*
 * From an address to the arena it lies in: a two-level table over 4 MiB chunks of a 48-bit address
 * space.
 *
 * Both levels are mapped zeroed and cost memory only where touched; leaves stay until the table is
 * destroyed, so looking up takes no lock. Changing it is serialised by the pool's map lock.
 */
#ifndef AURAIO_POOL_TABLE_H
#define AURAIO_POOL_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK_SHIFT 22
#define POOL_CHUNK_BYTES ((size_t)1 << POOL_CHUNK_SHIFT)
#define POOL_LEVEL_SHIFT 13
#define POOL_LEVEL_SIZE ((size_t)1 << POOL_LEVEL_SHIFT)

struct pool_arena;

struct pool_leaf {
    _Atomic(struct pool_arena *) arenas[POOL_LEVEL_SIZE];
    struct pool_leaf *next; /* of the same root */
};

struct pool_root {
    _Atomic(struct pool_leaf *) leaves[POOL_LEVEL_SIZE];
    struct pool_leaf *first;
};

/* The arena that holds an address; NULL for memory that is not the pool's. */
static inline struct pool_arena *pool_table_find(const struct pool_root *root, const void *address)
{
    uint64_t chunk = (uint64_t)(uintptr_t)address >> POOL_CHUNK_SHIFT;
    if (chunk >> (2 * POOL_LEVEL_SHIFT))
        return NULL;
    /* Acquire: pairs with the release stores in table.c. */
    struct pool_leaf *leaf =
        atomic_load_explicit(&root->leaves[chunk >> POOL_LEVEL_SHIFT], memory_order_acquire);
    if (!leaf)
        return NULL;
    return atomic_load_explicit(&leaf->arenas[chunk % POOL_LEVEL_SIZE], memory_order_acquire);
}

/* The same for an address that is known to be the pool's, which saves the questions. */
static inline struct pool_arena *pool_table_get(const struct pool_root *root, const void *address)
{
    uint64_t chunk = (uint64_t)(uintptr_t)address >> POOL_CHUNK_SHIFT;
    struct pool_leaf *leaf =
        atomic_load_explicit(&root->leaves[chunk >> POOL_LEVEL_SHIFT], memory_order_acquire);
    return atomic_load_explicit(&leaf->arenas[chunk % POOL_LEVEL_SIZE], memory_order_acquire);
}

/* Frees what hangs from a root, which begins as zeroes. */
void pool_table_release(struct pool_root *root);

/* Enters an arena for all chunks of [base, base + size_bytes); 0, or -ENOMEM with nothing entered.
 */
int pool_table_enter(struct pool_root *root, uintptr_t base, size_t size_bytes, struct pool_arena *arena);

/* Removes what pool_table_enter() entered for the same range. */
void pool_table_remove(struct pool_root *root, uintptr_t base, size_t size_bytes);

#endif
