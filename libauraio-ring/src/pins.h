/* SPDX-License-Identifier: MIT */
/*
 * Memory of a pool that rings register with the kernel by themselves, so that direct I/O into it need not pin
 * its pages each time; see pins.c.
 *
 * An *arena* is a mapping of the pool. The group knows those of which a ring has registered something, each
 * in a place of its table that says nothing else as long as the arena lives. A ring has registered an
 * *extent* of an arena: an aligned piece of it, or all. The kernel's table of buffers of a ring has room for
 * those that the application registers, then a slot for each place.
 *
 * A ring's part belongs to the ring as everything in it does; the table is guarded by group->tables_lock.
 */
#ifndef AURAIO_RING_PINS_H
#define AURAIO_RING_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIN_PLACES = 64, PIN_CHUNKS = 64, PIN_CHUNK_SHIFT = 22, PIN_DEMANDS = 16 };

struct pin_arena {
    uintptr_t base; /* 0: the place is free */
    uint64_t serial;
};

struct pin_extent {
    uintptr_t base;
    size_t len;      /* 0: none */
    uint64_t serial; /* of the arena */
};

/* Direct I/O in an arena that its extent did not cover, since something was last registered of it. */
struct pin_demand {
    uintptr_t arena;
    size_t bytes;
};

struct pins {
    unsigned slots;                     /* of the kernel's table; 0: there is none */
    unsigned user_slots;                /* of them, for the application's buffers: the first */
    bool is_off;                        /* the kernel has refused */
    size_t bytes;                       /* in all extents */
    uint8_t place_of_chunk[PIN_CHUNKS]; /* where the extent of an address may be, by its chunk */
    struct pin_extent extents[PIN_PLACES];
    struct pin_demand demands[PIN_DEMANDS];
};

#endif
