/* SPDX-License-Identifier: MIT */
/* See driven.h. */
#include "driven.h"

#include <errno.h>
#include <stdlib.h>

void driven_init(struct driven *driven)
{
    driven->lanes = NULL;
    pthread_mutex_init(&driven->lock, NULL);
}

void driven_finish(struct driven *driven)
{
    pthread_join(driven->driver, NULL);
    for (struct driven_lane *lane = driven->lanes, *next; lane; lane = next) {
        next = lane->next;
        mailbox_destroy(&lane->mailbox);
        free(lane);
    }
    pthread_mutex_destroy(&driven->lock);
}

int driven_open(struct lane *lane, void *shared, void **ret_state)
{
    struct driven *driven = shared;
    unsigned depth = lane->load->depth;
    if (depth > DRIVEN_SLOTS)
        return -E2BIG;
    struct driven_lane *state = aligned_alloc(_Alignof(struct driven_lane), sizeof(*state));
    if (!state)
        return -ENOMEM;
    state->lane = lane;
    state->driven = driven;
    atomic_init(&state->error, 0);
    for (unsigned i = 0; i < depth; i++)
        state->slots[i] = (struct driven_slot){.lane = state, .number = i};
    if (mailbox_init(&state->mailbox, depth) < 0) {
        free(state);
        return -ENOMEM;
    }
    pthread_mutex_lock(&driven->lock);
    state->next = driven->lanes;
    driven->lanes = state;
    pthread_mutex_unlock(&driven->lock);
    *ret_state = state;
    return 0;
}

void driven_close(void *state)
{
    (void)state; /* driven_finish() frees it */
}

void driven_complete(struct driven_slot *slot, long result)
{
    int none = 0;
    if (result != (long)slot->bytes)
        atomic_compare_exchange_strong(&slot->lane->error, &none, result < 0 ? (int)result : -EIO);
    mailbox_put(&slot->lane->mailbox, slot->number);
}

int driven_run(struct driven_lane *lane, uint64_t ops, driven_submit_t submit)
{
    unsigned slots[DRIVEN_SLOTS];
    uint64_t started = lane->lane->load->depth, completed = 0;
    if (started > ops)
        started = ops;
    atomic_store(&lane->error, 0);
    for (unsigned i = 0; i < started; i++)
        slots[i] = i;
    int r = submit(lane, slots, (unsigned)started);
    while (r == 0 && completed < started) {
        unsigned count = mailbox_take(&lane->mailbox, slots);
        completed += count;
        unsigned again = ops - started < count ? (unsigned)(ops - started) : count;
        if (again == 0 || atomic_load(&lane->error) != 0)
            continue;
        started += again;
        r = submit(lane, slots, again);
    }
    return r < 0 ? r : atomic_load(&lane->error);
}
