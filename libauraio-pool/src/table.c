/*
 * Changing the address table; see table.h. An arena is entered once it is complete, hence the
 * release stores.
 */
#include "table.h"

#include <assert.h>
#include <errno.h>

#include "os.h"

void pool_table_release(struct pool_root *root)
{
    struct pool_leaf *leaf = root->first;
    while (leaf) {
        struct pool_leaf *next = leaf->next;
        pool_os_unmap_guarded(leaf, sizeof(*leaf));
        leaf = next;
    }
}

static struct pool_leaf *leaf_of(const struct pool_root *root, uint64_t chunk)
{
    return atomic_load_explicit(&root->leaves[chunk >> POOL_LEVEL_SHIFT], memory_order_relaxed);
}

int pool_table_enter(struct pool_root *root, uintptr_t base, size_t size_bytes, struct pool_arena *arena)
{
    assert(base % POOL_CHUNK_BYTES == 0 && size_bytes > 0);
    uint64_t first = (uint64_t)base >> POOL_CHUNK_SHIFT;
    uint64_t last = ((uint64_t)base + size_bytes - 1) >> POOL_CHUNK_SHIFT;
    /* Beyond the table: an address wider than 48 bits, which the kernel hands out on request only.
     */
    if (last >> (2 * POOL_LEVEL_SHIFT))
        return -ENOMEM;
    for (uint64_t slot = first >> POOL_LEVEL_SHIFT; slot <= last >> POOL_LEVEL_SHIFT; slot++) {
        if (leaf_of(root, slot << POOL_LEVEL_SHIFT))
            continue;
        struct pool_leaf *leaf = pool_os_map_guarded(sizeof(*leaf));
        if (!leaf)
            return -ENOMEM;
        leaf->next = root->first;
        root->first = leaf;
        atomic_store_explicit(&root->leaves[slot], leaf, memory_order_release);
    }
    for (uint64_t chunk = first; chunk <= last; chunk++) {
        struct pool_leaf *leaf = leaf_of(root, chunk);
        atomic_store_explicit(&leaf->arenas[chunk % POOL_LEVEL_SIZE], arena, memory_order_release);
    }
    return 0;
}

void pool_table_remove(struct pool_root *root, uintptr_t base, size_t size_bytes)
{
    uint64_t last = ((uint64_t)base + size_bytes - 1) >> POOL_CHUNK_SHIFT;
    for (uint64_t chunk = (uint64_t)base >> POOL_CHUNK_SHIFT; chunk <= last; chunk++) {
        struct pool_leaf *leaf = leaf_of(root, chunk);
        atomic_store_explicit(&leaf->arenas[chunk % POOL_LEVEL_SIZE], NULL, memory_order_release);
    }
}
