/* SPDX-License-Identifier: MIT */
/*
 * What kind of thing a descriptor is. A small cache answers for the hot path; it may be out of date, as
 * descriptors are closed and reused behind our back. So what depends on the kind for correctness (continuing
 * a short transfer, waiting for an O_NONBLOCK descriptor, what destroy cancels) asks the kernel, and the one
 * thing the cache decides, what counts against the limit, is verified before it could keep an operation from
 * starting. Of storage the cache also knows the target: a wrong one costs tuning, never correctness.
 *
 * Where fstat() fails, whether there is a position to seek tells storage from streams; where that fails too,
 * it is a stream: what is wrongly held for storage may wait for ever in the place of others, the reverse is
 * not counted.
 */
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum slot_class class_of_stat(const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISBLK(st->st_mode) || S_ISDIR(st->st_mode) ? SLOT_STORAGE : SLOT_STREAM;
}

int group_stat(const struct ring_group *group, int fd, struct stat *ret)
{
    const struct ring_system *system = group->config.system;
    return system ? system->stat(system->context, fd, ret) : fstat(fd, ret);
}

static enum slot_class class_without_stat(const struct ring_group *group, int fd, bool *ret_known)
{
    bool seeks = !group->config.system && lseek(fd, 0, SEEK_CUR) >= 0;
    *ret_known = seeks || (!group->config.system && errno == ESPIPE);
    return seeks ? SLOT_STORAGE : SLOT_STREAM;
}

enum slot_class class_of_fd(const struct ring_group *group, int fd, bool *ret_known)
{
    struct stat st;
    *ret_known = group_stat(group, fd, &st) == 0;
    return *ret_known ? class_of_stat(&st) : class_without_stat(group, fd, ret_known);
}

static struct class_entry *cache_entry(struct ring *ring, int fd)
{
    return &ring->classes[(unsigned)fd % CLASS_CACHE];
}

static uint8_t lane_of_stat(struct ring *ring, const struct stat *st)
{
    const struct ring_control *control = ring->group->config.control;
    int target = control && class_of_stat(st) == SLOT_STORAGE ? control->target_of(control->context, st) : 0;
    assert(target >= 0 && target < RING_TARGETS);
    return lane_of(class_of_stat(st), target);
}

static void note_lane(struct ring *ring, int lane)
{
    if (lane >= ring->lanes_used)
        ring->lanes_used = lane + 1;
    if (ring->first_lane == 0)
        ring->first_lane = lane;
    if (ring->first_lane != lane || lane == LANE_STREAM)
        ring->mixed = true;
}

/* A guess as good as the class: what is wrongly held for direct I/O costs a look, the reverse a gain. */
static bool is_direct(const struct ring *ring, int fd, const struct stat *st)
{
    const struct ring_memory *memory = ring->group->config.memory;
    if (!memory || !(S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)) ||
        atomic_load_explicit(memory->arenas, memory_order_relaxed) == 0)
        return false;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && flags & O_DIRECT;
}

/* Ask the kernel, and remember what it says of the target. */
static struct class_entry look_at_fd(struct ring *ring, int fd, bool *ret_known)
{
    struct stat st;
    struct class_entry entry = {.fd = fd, .kind = FD_STORAGE, .lane = LANE_STORAGE};
    *ret_known = group_stat(ring->group, fd, &st) == 0;
    if (!*ret_known) {
        if (class_without_stat(ring->group, fd, ret_known) == SLOT_STREAM)
            entry = (struct class_entry){.fd = fd, .kind = FD_STREAM, .lane = LANE_STREAM};
    } else {
        entry.lane = lane_of_stat(ring, &st);
        entry.in = &ring->lanes[entry.lane];
        if (entry.lane == LANE_STREAM)
            entry.kind = FD_STREAM;
        else if (is_direct(ring, fd, &st))
            entry.kind = FD_DIRECT;
        *cache_entry(ring, fd) = entry;
        PROBE4(file, ring->group, fd, S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev,
               entry.lane - LANE_STORAGE);
    }
    note_lane(ring, entry.lane);
    return entry;
}

static void set_class(struct ring_slot *slot, struct class_entry entry)
{
    slot->slot_class = entry.kind == FD_STREAM ? SLOT_STREAM : SLOT_STORAGE;
    slot->lane = entry.lane;
}

/* The lane of an operation that counts as storage whatever its descriptor is. */
static uint8_t storage_lane(struct ring *ring, int fd)
{
    bool known;
    const struct class_entry *cached = cache_entry(ring, fd);
    struct class_entry entry = cached->fd == fd ? *cached : look_at_fd(ring, fd, &known);
    return entry.lane == LANE_STREAM ? LANE_STORAGE : entry.lane;
}

static bool is_transfer(const struct ring_slot *slot)
{
    return slot->op.opcode <= RING_OP_WRITEV;
}

void ring_classify(struct ring *ring, struct ring_slot *slot)
{
    uint8_t opcode = slot->op.opcode;
    if (!is_transfer(slot)) {
        bool meta = opcode == RING_OP_OPENAT || opcode == RING_OP_CLOSE || opcode == RING_OP_STATX;
        slot->slot_class = meta ? SLOT_META : SLOT_STORAGE;
        slot->lane = meta ? LANE_STREAM : storage_lane(ring, slot->op.fd);
        note_lane(ring, slot->lane);
        slot->flags |= SLOT_CLASS_SURE;
        return;
    }
    struct class_entry looked_at, *entry = cache_entry(ring, slot->op.fd);
    if (entry->fd == slot->op.fd && entry->uses < USES_BEFORE_LOOK) {
        entry->uses++;
    } else {
        bool known;
        looked_at = look_at_fd(ring, slot->op.fd, &known);
        entry = &looked_at;
        if (known)
            slot->flags |= SLOT_CLASS_SURE;
    }
    set_class(slot, *entry);
    if (entry->kind == FD_DIRECT && !(slot->op.flags & RING_OP_FIXED))
        slot->flags |= SLOT_DIRECT;
}

enum slot_class ring_reclassify(struct ring *ring, struct ring_slot *slot)
{
    bool known;
    struct class_entry now = look_at_fd(ring, slot->op.fd, &known);
    if (known) {
        set_class(slot, now);
        slot->flags |= SLOT_CLASS_SURE;
    }
    return slot->slot_class;
}

/* Correct the class of an operation in the kernel, and what was counted for it. */
static void verify_slot(struct ring *ring, struct ring_slot *slot, struct class_entry now)
{
    ring_left_kernel(ring, slot);
    set_class(slot, now);
    slot->flags |= SLOT_CLASS_SURE;
    slot->plain = false;
    lane_count_in_kernel(&ring->lanes[slot->lane], 1);
    ring->sure += slot->slot_class == SLOT_STORAGE;
}

void ring_verify_classes(struct ring *ring)
{
    struct class_entry last = {.fd = -1};
    ring->completions_since_look = 0;
    for (int i = 0; i < ring->slab_count && ring_unsure(ring) > 0; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            struct ring_slot *slot = &slots[place];
            if (slot_state(slot) != SLOT_KERNEL || slot->slot_class != SLOT_STORAGE ||
                slot->flags & SLOT_CLASS_SURE)
                continue;
            bool known;
            if (slot->op.fd != last.fd)
                last = look_at_fd(ring, slot->op.fd, &known);
            verify_slot(ring, slot, last);
        }
    }
}
