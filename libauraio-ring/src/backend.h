/* SPDX-License-Identifier: MIT */
/*
 * What a ring needs of the thing that does its I/O. One object per ring. "Locked" calls are serialised by the
 * ring (its lock, or its owning thread); the others may run at the same time as them and as each other.
 */
#ifndef AURAIO_RING_BACKEND_H
#define AURAIO_RING_BACKEND_H

#include "placement.h"
#include "slot.h"

#include <errno.h>

struct backend;        /* each implementation's own; begins with a struct backend_queue */
struct backend_shared; /* what the backends of a group share, if anything */

struct backend_config {
    int entries;
    int completions; /* room for completions that were not reaped */
    bool owned;      /* used by the thread that opens it only */
    bool sqpoll;
    int sqpoll_idle_ms;
    int workers;                               /* bound of kernel worker threads */
    int poller_cpu;                            /* of the SQPOLL thread; -1: any */
    const struct placement_mask *workers_cpus; /* NULL: any */
    struct backend_shared *shared;             /* of its group, where backend_ops has share() */
    void *context;                             /* of struct ring_system; NULL without */
};

/* Keys of completions that are no operation: below 1 << SLOT_INDEX_BITS, which no handle is. */
enum {
    BACKEND_KEY_CANCEL = 1,
    BACKEND_KEY_DOORBELL,
    BACKEND_KEY_TIMER,
    BACKEND_KEY_TIMER_UPDATE,
    BACKEND_KEY_BELL
};

/* A completion as the backend posts it: io_uring's layout. */
struct backend_completion {
    uint64_t key;
    int32_t result;
    uint32_t flags; /* BACKEND_MORE */
};

enum { BACKEND_MORE = 1u << 1 }; /* the same key will complete again */

/*
 * Bits of *state (io_uring's, but for the last). The first two: completions wait for a call of reap_more(),
 * of any thread with the first, of the one that submitted them with the second. The last: reap_more() is to
 * be called when none are left, and takes back that the descriptor is readable.
 */
enum {
    BACKEND_STATE_OVERFLOW = 1u << 1,
    BACKEND_STATE_TASKRUN = 1u << 2,
    BACKEND_STATE_SIGNALLED = 1u << 16
};

/*
 * The queues between a ring and its backend, at the start of every struct backend, so that the hot path reads
 * them without a call. Submissions: the ring fills entries up to `tail` and publishes them through
 * *submission_tail; the backend advances *submission_head over what it took. Completions: the backend posts
 * up to *completion_tail, the ring advances *completion_head.
 */
struct backend_queue {
    unsigned tail;    /* of the submissions filled, not all of them published */
    unsigned stamped; /* of the submissions whose operations were given their dispatch time: the ring's own */
    unsigned entries;
    unsigned submission_mask, completion_mask;
    unsigned *submission_head, *submission_tail;
    unsigned *completion_head, *completion_tail;
    unsigned *state;
    const struct backend_completion *completions;
};

enum {                             /* how to push */
       BACKEND_PUSH_LINK = 1u << 0 /* what is pushed next waits for this one */
};

/* How the slot's file and buffer are registered with this backend; -1: not. */
struct backend_registered {
    int file_slot;
    int buffer_slot;
};

struct backend_wait {
    unsigned min_events;
    int64_t min_wait_ns; /* stop insisting on min_events after this; then one is enough */
    int64_t timeout_ns;  /* negative: none */
};

struct backend_ops {
    const char *name;
    /* NULL: a group's backends share nothing. @depth: operations that a ring may have in flight */
    int (*share)(int depth, struct backend_shared **ret_shared);
    void (*unshare)(struct backend_shared *shared, bool in_child); /* after all backends; NULL ok */
    int (*open)(const struct backend_config *config, struct backend **ret_backend);
    void (*close)(struct backend *backend); /* NULL ok */
    void (*abandon)(
        struct backend *backend); /* in a forked child: let go without touching what the parent uses */

    /* locked: fill submissions; there is room */
    void (*push)(struct backend *backend, const struct ring_slot *slot, struct backend_registered registered,
                 unsigned how);
    /* fill and publish a plain read or write in its first attempt; returns slot->handle, its key */
    uint64_t (*send_transfer)(struct backend *backend, const struct ring_slot *slot,
                              struct backend_registered registered);
    void (*push_cancel)(struct backend *backend, uint64_t key);
    void (*push_doorbell)(struct backend *backend);
    void (*push_bell)(struct backend *backend, int fd); /* completes whenever fd is readable */
    void (*push_timer)(struct backend *backend, int64_t at_ns, bool update); /* CLOCK_MONOTONIC */

    /* hand over what was published; how many, or -errno (-EAGAIN, -EBUSY: try later) */
    int (*submit)(struct backend *backend);
    /* hand over and wait; 0, -ETIME, -EINTR or another -errno */
    int (*wait)(struct backend *backend, const struct backend_wait *wait);
    /* have completions posted that are ready, but were not */
    void (*reap_more)(struct backend *backend);

    /* The descriptor that is readable while there is something to reap, until unwatch() is called as often;
     * of an owned one, for the owner. Negative errno: there is none now; unwatch() is to be called all the
     * same. */
    int (*watch)(struct backend *backend);
    void (*unwatch)(struct backend *backend);
    int (*notify)(struct backend *backend, int eventfd); /* for owned ones, whose fd is of no use to epoll */
    unsigned (*features)(const struct backend *backend);

    /* locked (owned: by the owning thread) */
    int (*set_buffers)(struct backend *backend, const struct iovec *iovs,
                       unsigned count); /* count 0: forget them */
    /* a table of empty buffers, and what is in it; NULL: there is no such thing */
    int (*make_buffers)(struct backend *backend, unsigned count);
    int (*update_buffers)(struct backend *backend, unsigned first, const struct iovec *iovs,
                          unsigned count); /* an empty one: forget it */
    int (*set_files)(struct backend *backend, const int *fds, unsigned count);
    int (*set_file)(struct backend *backend, unsigned index, int fd);
};

extern const struct backend_ops backend_uring;
extern const struct backend_ops backend_threads;

/* Whether a refused submission may succeed later: the kernel is short of memory or of room. */
static inline bool backend_is_short(int rc)
{
    return rc == -EAGAIN || rc == -EBUSY || rc == -ENOMEM || rc == -EINTR;
}

static inline struct backend_queue *backend_queue(const struct backend *backend)
{
    return (struct backend_queue *)(uintptr_t)backend;
}

static inline unsigned backend_room(const struct backend *backend)
{
    const struct backend_queue *queue = backend_queue(backend);
    /* Acquire: pairs with the backend's release after it copied the entries. */
    return queue->entries - (queue->tail - __atomic_load_n(queue->submission_head, __ATOMIC_ACQUIRE));
}

/* Release: pairs with the backend's acquire before it reads the entries. */
static inline void backend_publish(struct backend *backend)
{
    struct backend_queue *queue = backend_queue(backend);
    __atomic_store_n(queue->submission_tail, queue->tail, __ATOMIC_RELEASE);
}

/* Published and not handed over. */
static inline unsigned backend_published(const struct backend *backend)
{
    const struct backend_queue *queue = backend_queue(backend);
    return __atomic_load_n(queue->submission_tail, __ATOMIC_RELAXED) -
           __atomic_load_n(queue->submission_head, __ATOMIC_ACQUIRE);
}

static inline unsigned backend_state(const struct backend *backend)
{
    return __atomic_load_n(backend_queue(backend)->state, __ATOMIC_RELAXED);
}

static inline bool backend_has_more(const struct backend *backend)
{
    return backend_state(backend) &
           (BACKEND_STATE_OVERFLOW | BACKEND_STATE_TASKRUN | BACKEND_STATE_SIGNALLED);
}

/* Acquire: pairs with the backend's release after it wrote the completions. */
static inline unsigned backend_completions(const struct backend *backend)
{
    const struct backend_queue *queue = backend_queue(backend);
    return __atomic_load_n(queue->completion_tail, __ATOMIC_ACQUIRE) -
           __atomic_load_n(queue->completion_head, __ATOMIC_RELAXED);
}

/* Whether the calling thread has reason to reap. */
static inline bool backend_ready(const struct backend *backend)
{
    return backend_completions(backend) > 0 || backend_has_more(backend);
}

/* Whether it will find something; what another thread's call has to post does not count. */
static inline bool backend_holds(const struct backend *backend)
{
    return backend_completions(backend) > 0 || backend_state(backend) & BACKEND_STATE_OVERFLOW;
}

#endif
