/* SPDX-License-Identifier: MIT */
/*
 * Request slots and the process-wide directory that turns a handle into a slot.
 *
 * Slots come in slabs of 64, so that an engine with little to do holds 16 KiB of them. A slab's memory is
 * type-stable: once mapped, its address holds slots for the life of the process, so that a stale handle can
 * be looked up at any time. A retired slab gives its pages back and waits for its next owner; its generations
 * go on from where they were, so a handle never names two operations.
 *
 * handle = generation << 24 | index; index = slab number << 6 | place in the slab; index 0 is never used.
 */
#ifndef AURAIO_RING_SLOT_H
#define AURAIO_RING_SLOT_H

#include <auraio-ring/ring.h>

#include <stdatomic.h>

enum { SLOT_INDEX_BITS = 24, SLAB_SLOT_BITS = 6, SLAB_SLOTS = 1 << SLAB_SLOT_BITS };

enum slot_state {
    SLOT_FREE = 0,
    SLOT_QUEUED,  /* in a FIFO of its ring */
    SLOT_KERNEL,  /* handed to the backend */
    SLOT_HELD,    /* member of a chain, waits for its predecessor outside the kernel */
    SLOT_DONE,    /* result decided, callback to come */
    SLOT_CALLBACK /* callback runs */
};

enum slot_class {
    SLOT_STORAGE, /* counts against the limit */
    SLOT_STREAM,  /* may wait for ever: pipe, socket, terminal; never counts */
    SLOT_META     /* opens, closes and looks: never counts */
};

enum {                            /* slot.flags */
       SLOT_CLASS_SURE = 1u << 0, /* the class comes from a look at this operation's fd, not from the cache */
       SLOT_CANCEL_ASKED = 1u << 1,  /* by the user */
       SLOT_EXPIRED = 1u << 2,       /* its timeout passed */
       SLOT_POLLING = 1u << 3,       /* what is in the kernel is a poll for readiness of an O_NONBLOCK fd */
       SLOT_PUNT = 1u << 4,          /* go to a kernel worker at once: an inline attempt gave EAGAIN */
       SLOT_LINK_FAILED = 1u << 5,   /* predecessor failed */
       SLOT_FIXED_COUNTED = 1u << 6, /* counted in the group's registered buffer users */
       SLOT_SYNCING =
           1u << 7, /* the write is done, the sync that replaces RWF_DSYNC or RWF_SYNC is in the kernel */
       SLOT_SHUT_DOWN = 1u << 8,     /* cancelled by destroy */
       SLOT_DEGRADED_SYNC = 1u << 9, /* RWF_DSYNC or RWF_SYNC is to be emulated */
       SLOT_DIRECT = 1u << 10,       /* first attempt, O_DIRECT: memory registered unasked is worth a look */
       SLOT_STOPPED = SLOT_CANCEL_ASKED | SLOT_EXPIRED | SLOT_SHUT_DOWN
};

struct ring;

/* Four cache lines: what every operation touches comes first. */
struct ring_slot {
    _Atomic uint64_t word; /* generation << 8 | state; the only field that is read without owning the slot */
    ring_handle_t handle;
    struct ring_slot *next, *prev; /* in the list that its state names */
    int64_t result;                /* SLOT_DONE */
    uint16_t flags;
    uint8_t lane; /* see struct ring_lane */
    uint8_t slot_class;
    uint8_t tries; /* retries without progress */
    uint8_t plain; /* a whole read or write of storage in its first attempt, with nothing else to it, whose
                      class came from the cache; a free slot has every field that such a one does not set as
                      it needs it, zero */
    uint16_t room; /* of a chain head in a FIFO: its length */
    uint64_t done; /* bytes transferred so far */
    struct ring_slot *chain; /* successor in a chain */
    struct ring_op op;
    struct ring_slot *chain_before; /* predecessor in a chain, until it has finished */
    struct iovec *rest;             /* owned: what is left of a vectored transfer */
    int64_t deadline_ns;            /* 0: none */
    int64_t dispatch_ns;            /* when it last entered the kernel; 0: not handed over yet */
    struct ring *ring;
    struct ring_op_rare rare;
    uint64_t retried_by; /* thread that tried again what a thread's end may have undone; 0: none */
    uint32_t heap_place; /* in the ring's deadline heap, 0: not in it, else place + 1 */
    uint32_t rest_count;
} __attribute__((aligned(256)));

_Static_assert(sizeof(struct ring_slot) == 256, "a slot's address is its index shifted");

/* A new slab on @node, all slots SLOT_FREE with index and ring set. 0 or -ENOMEM; *ret_number is for
 * slab_retire(). */
int slab_acquire(struct ring *ring, int node, struct ring_slot **ret_slots, uint32_t *ret_number);

/* Give a slab back. No slot may be in use. */
void slab_retire(uint32_t number);

/* The slot a handle names now, or NULL when it is stale or never was one. *ret_state: its state. */
struct ring_slot *slot_find(ring_handle_t handle, enum slot_state *ret_state);

/* Whether @handle, which names nothing now, may have named an operation before. */
bool slot_was_handle(ring_handle_t handle);

/* Slabs by number. Entry 0 stays empty: index 0 is no slot. */
enum { SLAB_COUNT = 1 << (SLOT_INDEX_BITS - SLAB_SLOT_BITS) };
extern _Atomic(struct ring_slot *) slab_directory[SLAB_COUNT];

/* The slot of a handle that is known to name one. */
static inline struct ring_slot *slot_at(ring_handle_t handle)
{
    uint32_t index = (uint32_t)handle & ((1u << SLOT_INDEX_BITS) - 1);
    struct ring_slot *slots =
        atomic_load_explicit(&slab_directory[index >> SLAB_SLOT_BITS], memory_order_relaxed);
    return &slots[index & (SLAB_SLOTS - 1)];
}

/* Held across fork() so that the child finds the directory consistent. */
void slab_lock(void);
void slab_unlock(void);

static inline enum slot_state slot_state(const struct ring_slot *slot)
{
    return (enum slot_state)(atomic_load_explicit(&slot->word, memory_order_relaxed) & 0xff);
}

/* Release: whoever finds the handle through slot_find() (acquire) sees the fields written before. */
static inline void slot_set_state(struct ring_slot *slot, enum slot_state state)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    atomic_store_explicit(&slot->word, (word & ~UINT64_C(0xff)) | state, memory_order_release);
}

/* End of an operation: every handle to it is stale from here on. */
static inline void slot_next_generation(struct ring_slot *slot)
{
    slot->handle += UINT64_C(1) << SLOT_INDEX_BITS;
    if ((int64_t)slot->handle < 0) /* 2^39 operations later */
        slot->handle = (slot->handle & ((1u << SLOT_INDEX_BITS) - 1)) | UINT64_C(1) << SLOT_INDEX_BITS;
    atomic_store_explicit(&slot->word, slot->handle >> SLOT_INDEX_BITS << 8 | SLOT_FREE,
                          memory_order_release);
}

#endif
