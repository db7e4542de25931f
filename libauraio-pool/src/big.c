/*
 * Big blocks: an arena each. Free ones are kept twice over, by class for the next request and by
 * age for trimming.
 */
#include <assert.h>
#include <errno.h>

#include "central.h"

static struct pool_big_list *free_list(struct pool_shard *shard, unsigned class_index)
{
    return &shard->big_free[class_index - POOL_SMALL_CLASS_COUNT];
}

void pool_big_unlink(struct pool_shard *shard, struct pool_arena *arena)
{
    assert(arena->is_free);
    TAILQ_REMOVE(free_list(shard, arena->class_index), arena, class_link);
    TAILQ_REMOVE(&shard->big_by_age, arena, age_link);
    arena->is_free = false;
    pool_shard_keep(shard, &(struct pool_kept){.page_bytes = -(ptrdiff_t)arena->size_bytes});
}

int pool_big_take(struct pool_shard *shard, unsigned class_index, struct pool_block *ret_block)
{
    assert(!pool_is_small(class_index));
    pthread_mutex_lock(&shard->lock);
    struct pool_arena *arena = TAILQ_FIRST(free_list(shard, class_index));
    if (arena)
        pool_big_unlink(shard, arena);
    pthread_mutex_unlock(&shard->lock);

    if (!arena) {
        int r = pool_arena_open(shard, POOL_ARENA_BIG, pool_class_bytes(class_index), &arena);
        if (r < 0)
            return r;
        arena->class_index = class_index;
    }
    *ret_block = (struct pool_block){(void *)pool_arena_base(arena), pool_arena_word(arena, 0)};
    return 0;
}

void pool_big_put(struct pool *pool, void *start)
{
    struct pool_arena *arena = pool_table_get(&pool->root, start);
    struct pool_shard *shard = arena->shard;
    pthread_mutex_lock(&shard->lock);
    assert(!arena->is_free);
    arena->is_free = true;
    arena->freed_epoch = atomic_load_explicit(&pool->epoch, memory_order_relaxed);
    TAILQ_INSERT_HEAD(free_list(shard, arena->class_index), arena, class_link);
    TAILQ_INSERT_HEAD(&shard->big_by_age, arena, age_link);
    pool_shard_keep(shard, &(struct pool_kept){.page_bytes = (ptrdiff_t)arena->size_bytes});
    pthread_mutex_unlock(&shard->lock);
}
