/* SPDX-License-Identifier: MIT */
#include "fds.h"
#include "fork.h"
#include "local.h"
#include "slot.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

_Atomic uint64_t *ring_process_identity;
static uint64_t identities; /* inherited by children: theirs are higher */
static pthread_mutex_t identity_lock = PTHREAD_MUTEX_INITIALIZER;

/* The process-wide locks are taken across fork(), so that a child never inherits one that a lost thread
 * holds. */
static void lock_all(void)
{
    pthread_mutex_lock(&identity_lock);
    local_registry_lock();
    slab_lock();
    fd_lock();
}

static void unlock_all(void)
{
    fd_unlock();
    slab_unlock();
    local_registry_unlock();
    pthread_mutex_unlock(&identity_lock);
}

static int set_up(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -ENOMEM;
    if (madvise(page, size, MADV_WIPEONFORK) < 0 || pthread_atfork(lock_all, unlock_all, unlock_all) != 0) {
        munmap(page, size);
        return -ENOMEM;
    }
    ring_process_identity = page;
    return 0;
}

int fork_identity(uint64_t *ret_identity)
{
    int rc = 0;
    pthread_mutex_lock(&identity_lock);
    if (!ring_process_identity)
        rc = set_up();
    if (rc == 0) {
        if (atomic_load_explicit(ring_process_identity, memory_order_relaxed) == 0)
            atomic_store_explicit(ring_process_identity, ++identities, memory_order_relaxed);
        *ret_identity = atomic_load_explicit(ring_process_identity, memory_order_relaxed);
    }
    pthread_mutex_unlock(&identity_lock);
    return rc;
}
