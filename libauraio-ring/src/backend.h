/* SPDX-License-Identifier: MIT */
/*
 * What a ring needs of the thing that does its I/O. One object per ring. "Locked" calls are serialised by the
 * ring (its lock, or its owning thread); the others may run at the same time as them and as each other.
 */
#ifndef AURAIO_RING_BACKEND_H
#define AURAIO_RING_BACKEND_H

#include "slot.h"

struct backend; /* each implementation's own */

struct backend_config {
    int entries;
    int completions; /* room for completions that were not reaped */
    bool owned;      /* used by the thread that opens it only */
    bool sqpoll;
    int sqpoll_idle_ms;
    int workers; /* bound of kernel worker threads */
};

/* Keys of completions that are no operation: below 1 << SLOT_INDEX_BITS, which no handle is. */
enum {
    BACKEND_KEY_CANCEL = 1,
    BACKEND_KEY_DOORBELL,
    BACKEND_KEY_TIMER,
    BACKEND_KEY_TIMER_UPDATE,
    BACKEND_KEY_BELL
};

struct backend_event {
    uint64_t key;
    int32_t result;
    uint32_t more; /* the same key will complete again */
};

enum {                              /* how to push */
       BACKEND_PUSH_LINK = 1u << 0, /* what is pushed next waits for this one */
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
    int (*open)(const struct backend_config *config, struct backend **ret_backend);
    void (*close)(struct backend *backend); /* NULL ok */
    void (*abandon)(
        struct backend *backend); /* in a forked child: let go without touching what the parent uses */

    /* locked: fill and publish submissions */
    unsigned (*room)(const struct backend *backend);
    void (*push)(struct backend *backend, const struct ring_slot *slot, struct backend_registered registered,
                 unsigned how);
    void (*push_cancel)(struct backend *backend, uint64_t key);
    void (*push_doorbell)(struct backend *backend);
    void (*push_bell)(struct backend *backend, int fd); /* completes whenever fd is readable */
    void (*push_timer)(struct backend *backend, int64_t at_ns, bool update); /* CLOCK_MONOTONIC */
    void (*publish)(struct backend *backend);

    /* hand over what was published; how many, or -errno (-EAGAIN, -EBUSY: try later) */
    int (*submit)(struct backend *backend);
    unsigned (*published)(const struct backend *backend); /* not handed over yet */
    /* hand over and wait; 0, -ETIME, -EINTR or another -errno */
    int (*wait)(struct backend *backend, const struct backend_wait *wait);

    bool (*ready)(const struct backend *backend); /* something to reap */
    unsigned (*reap)(struct backend *backend, struct backend_event *events, unsigned max); /* locked */

    int (*fd)(const struct backend *backend);            /* readable while there is something to reap */
    int (*notify)(struct backend *backend, int eventfd); /* for owned ones, whose fd is of no use to epoll */
    unsigned (*features)(const struct backend *backend);
    int (*entries)(const struct backend *backend);

    /* locked (owned: by the owning thread) */
    int (*set_buffers)(struct backend *backend, const struct iovec *iovs,
                       unsigned count); /* count 0: forget them */
    int (*set_files)(struct backend *backend, const int *fds, unsigned count);
    int (*set_file)(struct backend *backend, unsigned index, int fd);
};

extern const struct backend_ops backend_uring;

#endif
