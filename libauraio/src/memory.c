/* SPDX-License-Identifier: MIT */
/*
 * The pool's arenas, as the rings see them: memory that they may register with the kernel by themselves. An
 * operation that is in flight keeps its buffer live, and that its arena; so what the rings are told here
 * holds.
 */
#include "engine.h"

static bool find_arena(void *context, const void *start, size_t len, struct iovec *ret_arena)
{
    const auraio_engine_t *engine = context;
    int index;
    return pool_find_arena(engine->pool, start, len, &ret_arena->iov_base, &ret_arena->iov_len, &index);
}

static void pin_arena(void *context, const void *start)
{
    const auraio_engine_t *engine = context;
    pool_pin_arena(engine->pool, start);
}

static bool arena_created(void *context, int index, void *base, size_t len)
{
    auraio_engine_t *engine = context;
    (void)index;
    (void)base;
    (void)len;
    atomic_fetch_add_explicit(&engine->arenas, 1, memory_order_relaxed);
    return false; /* its pages may go, until a ring has registered some */
}

static void arena_destroyed(void *context, int index, void *base, size_t len)
{
    auraio_engine_t *engine = context;
    (void)index;
    (void)len;
    atomic_fetch_sub_explicit(&engine->arenas, 1, memory_order_relaxed);
    if (engine->group && engine_is_own(engine))
        ring_group_forget_memory(engine->group, base);
}

void memory_join(auraio_engine_t *engine, struct pool_options *options)
{
    options->arena_created = arena_created;
    options->arena_destroyed = arena_destroyed;
    options->arena_ctx = engine;
}

const struct ring_memory *memory_of_rings(auraio_engine_t *engine)
{
    engine->memory = (struct ring_memory){
        .context = engine, .arenas = &engine->arenas, .find = find_arena, .pin = pin_arena};
    return &engine->memory;
}
