/* SPDX-License-Identifier: MIT */
/*
 * What a ring has registered with its backend, as an operation finds it: files by their number, buffers by
 * the index that the application gave, pool memory by its address. Included by ring-private.h.
 */
#ifndef AURAIO_RING_REGISTERED_H
#define AURAIO_RING_REGISTERED_H

#include "ring-private.h"

/* -------------------------------------------------------------------- pins.c */

/* All with the ring's lock, but for group_. The slot of registered memory to name for a transfer, or -1. */
int ring_pin(struct ring *ring, uintptr_t start, size_t len); /* when it is in no extent that was found */

static inline int ring_pinned_slot(struct ring *ring, const void *addr, size_t len)
{
    const struct pins *pins = &ring->pins;
    uintptr_t start = (uintptr_t)addr;
    unsigned place = pins->place_of_chunk[start >> PIN_CHUNK_SHIFT & (PIN_CHUNKS - 1)];
    const struct pin_extent *extent = &pins->extents[place];
    size_t offset = start - extent->base;
    if (__builtin_expect(offset < extent->len && len <= extent->len - offset, 1))
        return (int)(pins->user_slots + place);
    return ring_pin(ring, start, len);
}

/* The application's buffers in the kernel's table, beside ours. 0 or -errno; nothing of them is there then.
 */
int ring_place_buffers(struct ring *ring, const struct iovec *iovs, unsigned count);
void ring_remove_buffers(struct ring *ring, unsigned count);
/* Places whose extent is of an arena that the group does not know any more, a bit each; with
 * group->tables_lock. */
uint64_t ring_pins_gone(const struct ring *ring);
/* Let go of the extents in these places. */
void ring_unpin(struct ring *ring, uint64_t places);
/* The backend is gone. */
void ring_drop_pins(struct ring *ring);
void group_choose_pins(struct ring_group *group);
void group_give_up_pins(struct ring_group *group);

/* -------------------------------------------------------------- registered.c */

/* Bring the tables of every ring that the calling thread may touch up to date. */
void group_sync_rings(struct ring_group *group);

/* With the ring's lock: bring the backend's tables up to date. */
void ring_update_tables(struct ring *ring);

static inline void ring_sync_tables(struct ring *ring)
{
    if (__builtin_expect(ring->tables_version !=
                             atomic_load_explicit(&ring->group->tables_version, memory_order_acquire),
                         0))
        ring_update_tables(ring);
}

void ring_drop_tables(struct ring *ring);

/*
 * The registered file is named only where the kernel looks it up while it takes the submission: what runs
 * later (a member of a chain, what a worker starts) would find what is in the slot by then. Nor for streams:
 * before Linux 6.13 unregistering waits for the operations that have named a file, and theirs may never end.
 */
static inline struct backend_registered ring_registered(struct ring *ring, const struct ring_slot *slot)
{
    const struct ring_op *op = &slot->op;
    struct backend_registered registered = {-1, -1};
    if (op->opcode > RING_OP_WRITEV)
        return registered;
    if (ring->files_registered && slot->slot_class == SLOT_STORAGE && op->fd < ring->files->fd_limit &&
        !slot->chain_before && !(slot->flags & (SLOT_PUNT | SLOT_SYNCING)))
        registered.file_slot = ring->files->slot_of_fd[op->fd];
    if (op->flags & RING_OP_FIXED && ring->buffers_registered)
        registered.buffer_slot = op->buf_index;
    else if (slot->flags & SLOT_DIRECT && op->opcode <= RING_OP_WRITE && !slot->chain_before)
        registered.buffer_slot = ring_pinned_slot(ring, op->u.addr, op->len);
    return registered;
}

/* Where a transfer to or from a registered buffer goes; NULL: outside of it. */
static inline void *buffer_place(const struct buffer_table *table, unsigned index, size_t offset,
                                 uint64_t len)
{
    const struct iovec *iov = &table->iovs[index];
    if (offset > iov->iov_len || len > iov->iov_len - offset)
        return NULL;
    return (char *)iov->iov_base + offset;
}

/* Count a user before looking whether there is something to use: see ring_resolve_fixed(). */
static inline void ring_begin_fixed(struct ring *ring)
{
    ring_add_fixed_users(ring, 1);
    if (ring->group->own_barriers)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
}

/* Resolve op->u.buffer_offset; counts the user. 0, -ENOENT, -EBUSY, -EINVAL, -EOVERFLOW. */
int ring_resolve_fixed(struct ring *ring, struct ring_slot *slot);
/* Whether unregister can have other threads pass a barrier, or they must do it themselves at every use. */
void group_choose_barriers(struct ring_group *group);
void group_barrier(const struct ring_group *group);
void group_drop_tables(struct ring_group *group);
/* Complete an unregister that waits for the last user. */
void group_finish_unregister(struct ring_group *group);

#endif
