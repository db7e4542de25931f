/* SPDX-License-Identifier: MIT */
#include "thread-state.h"

#include "cache.h"

/* A pool's cache knows its thread by the address of its list. */
static void own_caches(struct pool_thread *thread)
{
    for (struct pool_cache *cache = thread->caches; cache; cache = cache->next_of_thread)
        cache->owner = thread;
}

void thread_state_save(struct thread_state *state)
{
    state->ring = ring_this_thread;
    state->pool = pool_thread_self;
    own_caches(&state->pool);
}

void thread_state_load(const struct thread_state *state)
{
    ring_this_thread = state->ring;
    pool_thread_self = state->pool;
    own_caches(&pool_thread_self);
}
