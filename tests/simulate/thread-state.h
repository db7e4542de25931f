/* SPDX-License-Identifier: MIT */
/* What the library knows of the running thread, taken out and put back when another fibre runs. */
#ifndef SIMULATE_THREAD_STATE_H
#define SIMULATE_THREAD_STATE_H

#include "ring-private.h"

#include "registry.h"

struct thread_state {
    struct ring_thread ring;
    struct pool_thread pool;
};

void thread_state_save(struct thread_state *state);
void thread_state_load(const struct thread_state *state);

#endif
