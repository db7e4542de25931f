/* SPDX-License-Identifier: MIT */
#include "slot.h"
#include "numa.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

static const size_t slab_bytes = SLAB_SLOTS * sizeof(struct ring_slot);

_Atomic(struct ring_slot *) slab_directory[SLAB_COUNT];
static uint64_t next_generation[SLAB_COUNT];
static uint32_t retired_next[SLAB_COUNT]; /* list of retired slabs through their numbers; 0 ends it */
static uint32_t retired_head;
static uint32_t slabs_mapped; /* entries 1..slabs_mapped of the directory */
static pthread_mutex_t directory_lock = PTHREAD_MUTEX_INITIALIZER;

void slab_lock(void)
{
    pthread_mutex_lock(&directory_lock);
}
void slab_unlock(void)
{
    pthread_mutex_unlock(&directory_lock);
}

/* A number and its memory, recycled or new. Called with the lock held. */
static int slab_take(uint32_t *ret_number, struct ring_slot **ret_slots)
{
    if (retired_head) {
        uint32_t number = retired_head;
        retired_head = retired_next[number];
        *ret_number = number;
        *ret_slots = atomic_load_explicit(&slab_directory[number], memory_order_relaxed);
        return 0;
    }
    if (slabs_mapped + 1 >= SLAB_COUNT)
        return -ENOMEM;
    void *memory = mmap(NULL, slab_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    uint32_t number = ++slabs_mapped;
    next_generation[number] = 1;
    *ret_number = number;
    *ret_slots = memory;
    return 0;
}

int slab_acquire(struct ring *ring, int node, struct ring_slot **ret_slots, uint32_t *ret_number)
{
    uint32_t number;
    struct ring_slot *slots;
    slab_lock();
    int rc = slab_take(&number, &slots);
    slab_unlock();
    if (rc < 0)
        return rc;
    ring_numa_place(slots, slab_bytes, node);
    for (uint32_t i = 0; i < SLAB_SLOTS; i++) {
        slots[i].ring = ring;
        slots[i].handle = next_generation[number] << SLOT_INDEX_BITS | number << SLAB_SLOT_BITS | i;
        atomic_store_explicit(&slots[i].word, next_generation[number] << 8 | SLOT_FREE, memory_order_relaxed);
    }
    /* Release: pairs with the acquire in slot_find(). */
    atomic_store_explicit(&slab_directory[number], slots, memory_order_release);
    *ret_slots = slots;
    *ret_number = number;
    return 0;
}

void slab_retire(uint32_t number)
{
    assert(number > 0 && number < SLAB_COUNT);
    struct ring_slot *slots = atomic_load_explicit(&slab_directory[number], memory_order_relaxed);
    uint64_t highest = 0;
    for (int i = 0; i < SLAB_SLOTS; i++) {
        uint64_t generation = atomic_load_explicit(&slots[i].word, memory_order_relaxed) >> 8;
        if (generation > highest)
            highest = generation;
    }
    /* The pages read as zero afterwards: generation 0, which no handle has. */
    madvise(slots, slab_bytes, MADV_DONTNEED);
    slab_lock();
    next_generation[number] = highest + 1;
    retired_next[number] = retired_head;
    retired_head = number;
    slab_unlock();
}

struct ring_slot *slot_find(ring_handle_t handle, enum slot_state *ret_state)
{
    uint32_t index = (uint32_t)(handle & ((1u << SLOT_INDEX_BITS) - 1));
    struct ring_slot *slots =
        atomic_load_explicit(&slab_directory[index >> SLAB_SLOT_BITS], memory_order_acquire);
    if (!slots)
        return NULL;
    struct ring_slot *slot = &slots[index & (SLAB_SLOTS - 1)];
    /* Acquire: pairs with the release in slot_set_state(). */
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    if (word >> 8 != handle >> SLOT_INDEX_BITS || (word & 0xff) == SLOT_FREE)
        return NULL;
    *ret_state = (enum slot_state)(word & 0xff);
    return slot;
}

bool slot_was_handle(ring_handle_t handle)
{
    uint32_t index = (uint32_t)(handle & ((1u << SLOT_INDEX_BITS) - 1));
    struct ring_slot *slots =
        atomic_load_explicit(&slab_directory[index >> SLAB_SLOT_BITS], memory_order_acquire);
    if (!slots || handle >> SLOT_INDEX_BITS == 0)
        return false;
    uint64_t word = atomic_load_explicit(&slots[index & (SLAB_SLOTS - 1)].word, memory_order_acquire);
    return handle >> SLOT_INDEX_BITS <= word >> 8;
}

bool ring_handle_pending(ring_handle_t handle)
{
    enum slot_state state;
    return slot_find(handle, &state) && state != SLOT_CALLBACK;
}

int ring_handle_describe(ring_handle_t handle, int *ret_fd, void **ret_user_data, int *ret_rw_flags)
{
    enum slot_state state;
    struct ring_slot *slot = slot_find(handle, &state);
    if (!slot)
        return -EINVAL;
    *ret_fd = slot->op.fd;
    *ret_user_data = slot->op.user_data;
    *ret_rw_flags = slot->op.rw_flags;
    return 0;
}
