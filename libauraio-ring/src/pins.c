/* SPDX-License-Identifier: MIT */
/*
 * Which memory is worth being registered, and the kernel's table of buffers; see pins.h for the model.
 *
 * Registering pins pages once, direct I/O into plain memory pins them each time. So a ring registers what has
 * paid for it: when the direct I/O in an arena that went without has moved as many bytes as there are to pin
 * (the ski rental problem: at most twice the cost of knowing the future, Karlin et al. 1988). It begins with
 * the aligned EXTENT_LEAST around the operation; an extent that does not cover what comes next doubles on the
 * same terms. I/O through the page cache copies, and gains nothing: it is left alone.
 *
 * The memory of an operation is in use from its submission to its callback, so the pool neither closes its
 * arena nor gives back its pages meanwhile: a slot's arena never changes under an operation.
 */
#include "ring-private.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS_MAX = 16384, EXTENT_LEAST = 256 << 10, EXTENT_MOST = 64 << 20, PINNED_MOST = 256 << 20 };

/* Whether RLIMIT_MEMLOCK is not for this process. */
static bool may_lock_all(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, sets) == 0 && sets[0].effective & 1u << CAP_IPC_LOCK;
}

/* At most half of what the user may lock: the other is for what is registered on purpose, here or elsewhere.
 */
static size_t pinned_most(void)
{
    struct rlimit locked;
    if (getrlimit(RLIMIT_MEMLOCK, &locked) < 0 || locked.rlim_cur / 2 >= PINNED_MOST || may_lock_all())
        return PINNED_MOST;
    return (size_t)locked.rlim_cur / 2;
}

void group_choose_pins(struct ring_group *group)
{
    atomic_init(&group->pinned_most, group->config.memory ? pinned_most() : 0);
}

static void count_pinned(struct ring *ring, ptrdiff_t bytes)
{
    ring->pins.bytes += (size_t)bytes;
    atomic_fetch_add_explicit(&ring->group->pinned_bytes, (size_t)bytes, memory_order_relaxed);
}

/* ------------------------------------------------------ the kernel's table */

static bool is_pinned(const struct pins *pins, uintptr_t address)
{
    for (int i = 0; i < PIN_PLACES; i++)
        if (address - pins->extents[i].base < pins->extents[i].len)
            return true;
    return false;
}

static void drop_table(struct ring *ring)
{
    count_pinned(ring, -(ptrdiff_t)ring->pins.bytes);
    ring->pins = (struct pins){.is_off = ring->pins.is_off};
    (void)ring->ops->set_buffers(ring->backend, NULL, 0);
}

static int make_table(struct ring *ring, unsigned user_slots)
{
    unsigned slots = user_slots + PIN_PLACES < SLOTS_MAX ? user_slots + PIN_PLACES : SLOTS_MAX;
    int rc = ring->ops->make_buffers(ring->backend, slots);
    if (rc < 0)
        return rc;
    ring->pins.slots = slots;
    ring->pins.user_slots = user_slots;
    return 0;
}

/*
 * Before Linux 6.13 a table that goes waits for the operations that use it: not for one that may wait for
 * ever, whose descriptor number was that of a file when it was classified.
 */
static bool is_used_without_end(const struct ring *ring)
{
    for (int i = 0; i < ring->slab_count; i++) {
        const struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            const struct ring_slot *slot = &slots[place];
            bool known;
            if (slot_state(slot) == SLOT_KERNEL && slot->op.opcode <= RING_OP_WRITE &&
                is_pinned(&ring->pins, (uintptr_t)slot->op.u.addr) &&
                class_of_fd(ring->group, slot->op.fd, &known) == SLOT_STREAM)
                return true;
        }
    }
    return false;
}

int ring_place_buffers(struct ring *ring, const struct iovec *iovs, unsigned count)
{
    const struct backend_ops *ops = ring->ops;
    if (!ring->group->config.memory || !ops->make_buffers)
        return ops->set_buffers(ring->backend, iovs, count);
    if (ring->pins.slots > 0 && count > ring->pins.user_slots) {
        if (ring->pins.bytes > 0 && is_used_without_end(ring))
            return -EBUSY;
        drop_table(ring);
    }
    int rc = ring->pins.slots > 0 ? 0 : make_table(ring, count);
    if (rc < 0)
        return ops->set_buffers(ring->backend, iovs, count); /* the kernel has no tables with empty ones */
    rc = ops->update_buffers(ring->backend, 0, iovs, count);
    if (rc < 0)
        ring_remove_buffers(ring, count);
    return rc;
}

void ring_remove_buffers(struct ring *ring, unsigned count)
{
    static const struct iovec nothing[64];
    if (ring->pins.bytes == 0) {
        drop_table(ring);
        return;
    }
    for (unsigned at = 0; at < count; at += 64) {
        unsigned step = count - at < 64 ? count - at : 64;
        (void)ring->ops->update_buffers(ring->backend, at, nothing, step);
    }
}

/* ------------------------------------------------------------------- extents */

static unsigned chunk_of(uintptr_t address)
{
    return address >> PIN_CHUNK_SHIFT & (PIN_CHUNKS - 1);
}

static bool covers(const struct pin_extent *extent, uintptr_t start, size_t len)
{
    return start - extent->base < extent->len && len <= extent->len - (start - extent->base);
}

/* The arena's place in the group's table, a new one if need be; -1: there is none left. */
static int place_of(struct ring_group *group, uintptr_t arena, uint64_t *ret_serial)
{
    int place = -1;
    struct pin_arena *arenas = group->pin_arenas;
    pthread_mutex_lock(&group->tables_lock);
    for (int i = PIN_PLACES - 1; i >= 0; i--)
        if (arenas[i].base == 0)
            place = i;
    for (int i = 0; i < PIN_PLACES; i++)
        if (arenas[i].base == arena)
            place = i;
    if (place >= 0) {
        if (arenas[place].base == 0)
            arenas[place] = (struct pin_arena){arena, ++group->pin_serial};
        *ret_serial = arenas[place].serial;
    }
    pthread_mutex_unlock(&group->tables_lock);
    return place;
}

/* The smallest piece of the arena, aligned in it, that holds both what there is and [start, start + len). */
static struct pin_extent extent_for(const struct iovec *arena, const struct pin_extent *there,
                                    uintptr_t start, size_t len)
{
    uintptr_t base = (uintptr_t)arena->iov_base;
    size_t from = start - base, end = from + len, size = EXTENT_LEAST;
    if (there->len > 0 && there->base - base < from)
        from = there->base - base;
    if (there->len > 0 && there->base + there->len - base > end)
        end = there->base + there->len - base;
    while (from / size != (end - 1) / size)
        size *= 2;
    size_t first = from / size * size;
    return (struct pin_extent){base + first, size < arena->iov_len - first ? size : arena->iov_len - first,
                               0};
}

/* Register @wanted in its place, in the stead of what is there. The slot, or -1. */
static int pin(struct ring *ring, int place, struct pin_extent wanted)
{
    struct ring_group *group = ring->group;
    struct pins *pins = &ring->pins;
    struct iovec iov = {(void *)wanted.base, wanted.len};
    group->config.memory->pin(group->config.memory->context, iov.iov_base);
    int rc = pins->slots > 0 ? 0 : make_table(ring, 0);
    unsigned slot = pins->user_slots + (unsigned)place;
    if (rc == 0 && slot >= pins->slots)
        return -1; /* the application's buffers take the kernel's whole table */
    if (rc == 0)
        rc = ring->ops->update_buffers(ring->backend, slot, &iov, 1);
    if (rc < 0) {
        pins->is_off = true;
        atomic_store_explicit(&group->pin_refused_errno, -rc, memory_order_relaxed);
        return -1;
    }
    count_pinned(ring, (ptrdiff_t)wanted.len - (ptrdiff_t)pins->extents[place].len);
    pins->extents[place] = wanted;
    return (int)slot;
}

/* Whether as much was moved without, and the group may have that much more. */
static bool is_worth_it(struct ring *ring, uintptr_t arena, size_t moved, struct pin_extent wanted,
                        size_t there)
{
    struct pin_demand *demand = &ring->pins.demands[chunk_of(arena) % PIN_DEMANDS];
    if (demand->arena != arena)
        *demand = (struct pin_demand){arena, 0};
    demand->bytes += moved;
    if (demand->bytes < wanted.len)
        return false;
    demand->bytes = 0;
    return wanted.len <= EXTENT_MOST &&
           atomic_load_explicit(&ring->group->pinned_bytes, memory_order_relaxed) + wanted.len - there <=
               atomic_load_explicit(&ring->group->pinned_most, memory_order_relaxed);
}

int ring_pin(struct ring *ring, uintptr_t start, size_t len)
{
    const struct ring_memory *memory = ring->group->config.memory;
    struct pins *pins = &ring->pins;
    struct iovec arena;
    if (!ring->ops->make_buffers || pins->is_off || len > EXTENT_MOST ||
        !memory->find(memory->context, (void *)start, len, &arena))
        return -1;
    uintptr_t base = (uintptr_t)arena.iov_base;
    unsigned place_here = pins->place_of_chunk[chunk_of(base)];
    struct pin_extent there = pins->extents[place_here];
    if (there.base - base >= arena.iov_len)
        there = (struct pin_extent){0};
    if (covers(&there, start, len)) { /* found by the start of its arena only so far */
        pins->place_of_chunk[chunk_of(start)] = (uint8_t)place_here;
        return (int)(pins->user_slots + place_here);
    }
    struct pin_extent wanted = extent_for(&arena, &there, start, len);
    if (!is_worth_it(ring, base, len, wanted, there.len))
        return -1;
    uint64_t serial;
    int place = place_of(ring->group, base, &serial);
    if (place < 0)
        return -1;
    there = pins->extents[place]; /* may have been hidden by another arena's chunk */
    if (there.serial != serial)
        there = (struct pin_extent){0};
    wanted = extent_for(&arena, &there, start, len);
    wanted.serial = serial;
    pins->place_of_chunk[chunk_of(base)] = pins->place_of_chunk[chunk_of(start)] = (uint8_t)place;
    return pin(ring, place, wanted);
}

uint64_t ring_pins_gone(const struct ring *ring)
{
    uint64_t gone = 0;
    for (int i = 0; ring->pins.bytes > 0 && i < PIN_PLACES; i++)
        if (ring->pins.extents[i].len > 0 &&
            ring->pins.extents[i].serial != ring->group->pin_arenas[i].serial)
            gone |= UINT64_C(1) << i;
    return gone;
}

void ring_unpin(struct ring *ring, uint64_t places)
{
    static const struct iovec nothing;
    struct pins *pins = &ring->pins;
    for (; places; places &= places - 1) {
        unsigned i = (unsigned)__builtin_ctzll(places);
        struct pin_extent *extent = &pins->extents[i];
        assert(extent->len > 0 && pins->slots > pins->user_slots + i);
        (void)ring->ops->update_buffers(ring->backend, pins->user_slots + i, &nothing, 1);
        count_pinned(ring, -(ptrdiff_t)extent->len);
        *extent = (struct pin_extent){0};
        pins->is_off = false;
    }
}

void ring_drop_pins(struct ring *ring)
{
    count_pinned(ring, -(ptrdiff_t)ring->pins.bytes);
    ring->pins = (struct pins){0};
}

/* Give way to what the application registers: nothing is registered by itself any more. */
void group_give_up_pins(struct ring_group *group)
{
    atomic_store(&group->pinned_most, 0);
    pthread_mutex_lock(&group->tables_lock);
    for (int i = 0; i < PIN_PLACES; i++)
        group->pin_arenas[i] = (struct pin_arena){0};
    atomic_fetch_add(&group->tables_version, 1);
    pthread_mutex_unlock(&group->tables_lock);
    group_sync_rings(group);
}

void ring_group_forget_memory(struct ring_group *group, const void *base)
{
    bool found = false;
    pthread_mutex_lock(&group->tables_lock);
    for (int i = 0; i < PIN_PLACES; i++) {
        if (group->pin_arenas[i].base != (uintptr_t)base)
            continue;
        group->pin_arenas[i] = (struct pin_arena){0};
        atomic_fetch_add(&group->tables_version, 1);
        found = true;
    }
    pthread_mutex_unlock(&group->tables_lock);
    if (found)
        group_sync_rings(group);
}
