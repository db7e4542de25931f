/* SPDX-License-Identifier: MIT */
/*
 * What kind of thing a descriptor is. A small cache answers for the hot path; it may be out of date, as
 * descriptors are closed and reused behind our back. So what depends on the kind for correctness (continuing
 * a short transfer, waiting for an O_NONBLOCK descriptor, what destroy cancels) asks the kernel, and the one
 * thing the cache decides, what counts against the limit, is verified before it could keep an operation from
 * starting.
 */
#include "ring-private.h"

#include <sys/stat.h>

enum slot_class class_of_fd(int fd, bool *ret_known)
{
    struct stat st;
    *ret_known = fstat(fd, &st) == 0;
    if (!*ret_known)
        return SLOT_STORAGE;
    return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode) ? SLOT_STORAGE : SLOT_STREAM;
}

static struct class_entry *cache_entry(struct ring *ring, int fd)
{
    return &ring->classes[(unsigned)fd % CLASS_CACHE];
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
        slot->flags |= SLOT_CLASS_SURE;
        return;
    }
    struct class_entry *entry = cache_entry(ring, slot->op.fd);
    if (entry->fd == slot->op.fd && entry->uses < USES_BEFORE_LOOK) {
        entry->uses++;
        slot->slot_class = entry->slot_class;
        return;
    }
    bool known;
    slot->slot_class = (uint8_t)class_of_fd(slot->op.fd, &known);
    slot->flags |= SLOT_CLASS_SURE;
    if (known)
        *entry = (struct class_entry){.fd = slot->op.fd, .slot_class = slot->slot_class};
}

enum slot_class ring_reclassify(struct ring *ring, struct ring_slot *slot)
{
    bool known;
    enum slot_class now = class_of_fd(slot->op.fd, &known);
    if (!known)
        return slot->slot_class;
    *cache_entry(ring, slot->op.fd) = (struct class_entry){.fd = slot->op.fd, .slot_class = (uint8_t)now};
    slot->slot_class = (uint8_t)now;
    slot->flags |= SLOT_CLASS_SURE;
    return now;
}

/* Correct the class of an operation in the kernel, and what was counted for it. */
static void verify_slot(struct ring *ring, struct ring_slot *slot, enum slot_class now)
{
    ring->unsure--;
    slot->flags |= SLOT_CLASS_SURE;
    if (now == SLOT_STORAGE)
        return;
    slot->slot_class = (uint8_t)now;
    ring_count_in_kernel(ring, 0, -1);
    ring_count_in_kernel(ring, 1, 1);
}

void ring_verify_classes(struct ring *ring)
{
    int last_fd = -1;
    enum slot_class last_class = SLOT_STORAGE;
    ring->completions_since_look = 0;
    for (int i = 0; i < ring->slab_count && ring->unsure > 0; i++) {
        struct ring_slot *slots = slot_at(ring->slabs[i] << SLAB_SLOT_BITS);
        for (int place = 0; place < SLAB_SLOTS; place++) {
            struct ring_slot *slot = &slots[place];
            if (slot_state(slot) != SLOT_KERNEL || slot->slot_class != SLOT_STORAGE ||
                slot->flags & SLOT_CLASS_SURE)
                continue;
            if (slot->op.fd != last_fd) {
                bool known;
                last_fd = slot->op.fd;
                last_class = class_of_fd(last_fd, &known);
                if (known)
                    *cache_entry(ring, last_fd) =
                        (struct class_entry){.fd = last_fd, .slot_class = (uint8_t)last_class};
            }
            verify_slot(ring, slot, last_class);
        }
    }
}
