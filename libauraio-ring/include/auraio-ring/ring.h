/* SPDX-License-Identifier: MIT */
/*
 * Internal interface of libauraio-ring: a group of rings that accepts operations, holds what is over its
 * limit in a FIFO, hands the rest to the kernel and runs callbacks on the threads that drive it. libauraio is
 * its only user.
 *
 * Functions return 0 (or a count) or a negative errno, and leave ret_x untouched on failure. Callers have
 * validated arguments: what is checked here with assert() is refused at the public border.
 */
#ifndef AURAIO_RING_RING_H
#define AURAIO_RING_RING_H

#include <auraio-ring/topology.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct auraio_request;
struct backend_ops;
struct pollfd;
struct stat;
struct statx;
struct ring_group;

/* A handle: slot index (24 bits) and generation (39 bits). 0 is none. */
typedef uint64_t ring_handle_t;

typedef void (*ring_callback_t)(struct auraio_request *request, ssize_t result, void *user_data);

enum ring_opcode { /* values of auraio_opcode_t */
                   RING_OP_READ = 1,
                   RING_OP_WRITE,
                   RING_OP_READV,
                   RING_OP_WRITEV,
                   RING_OP_FSYNC,
                   RING_OP_OPENAT,
                   RING_OP_CLOSE,
                   RING_OP_STATX,
                   RING_OP_FALLOCATE,
                   RING_OP_FTRUNCATE,
                   RING_OP_SYNC_FILE_RANGE,
                   RING_OP_COUNT
};

enum {
    RING_OP_LINKED = 1u << 0, /* the next operation of the batch waits for this one's success */
    RING_OP_STRICT = 1u << 1, /* never degrade rw_flags */
    RING_OP_FIXED = 1u << 2   /* u.buffer_offset inside registered buffer buf_index, not u.addr */
};

/* What few operations have. */
struct ring_op_rare {
    struct statx *statx;
    unsigned mode;
    unsigned mask;
    uint64_t timeout_ns;
};

/* The start of an operation, small enough to travel in a register. */
struct ring_op_head {
    uint8_t opcode;
    uint8_t flags;
    uint16_t buf_index;
    int fd;
};

struct ring_op {
    union {
        struct ring_op_head head;
        struct {
            uint8_t opcode;
            uint8_t flags;
            uint16_t buf_index;
            int fd;
        };
    };
    union {
        void *addr;
        size_t buffer_offset;
        const struct iovec *iov;
        const char *path;
    } u;
    uint64_t len; /* bytes; READV, WRITEV: the number of iovecs */
    int64_t offset;
    int rw_flags;
    int sys_flags;
    ring_callback_t callback;
    void *user_data;
    const struct ring_op_rare *rare; /* NULL: all zero; read during the call only */
};

enum ring_select {
    RING_SELECT_ADAPTIVE,
    RING_SELECT_CPU_LOCAL,
    RING_SELECT_ROUND_ROBIN,
    RING_SELECT_THREAD_LOCAL
};

enum ring_backend { /* values of auraio_backend_t */
                    RING_BACKEND_AUTO,
                    RING_BACKEND_URING,
                    RING_BACKEND_THREADS,
                    RING_BACKEND_SIM
};

enum ring_sample_kind { RING_SAMPLE_READ, RING_SAMPLE_WRITE, RING_SAMPLE_OTHER };

/*
 * One completed operation, or several that are alike in all of this: what is handed over together and reaped
 * together has the same latency.
 */
struct ring_sample {
    int64_t latency_ns; /* dispatch to completion; negative: not storage, not measured */
    uint64_t bytes;     /* that each moved */
    enum ring_sample_kind kind;
    int target; /* of storage, see struct ring_control; else -1 */
    int count;  /* of operations, at least 1 */
};

/*
 * Told of every batch of completed operations of a ring, before their callbacks: @count samples. Calls for
 * one ring never overlap. @now_ns is CLOCK_MONOTONIC.
 */
typedef void (*ring_observer_t)(void *context, int ring, const struct ring_sample *samples, int count,
                                int64_t now_ns);

/*
 * Control of how many operations of storage are in the kernel. Storage is divided into targets (devices, as
 * the controller tells them apart), and each target into credits: an operation enters the kernel when its
 * ring holds a credit for it, or has nothing of that target there. Rings take credits as they need them and
 * keep them while they are busy. The controller is told of batches while *watched is not 0.
 *
 * Calls for one ring never overlap, calls for different rings do, with their rings' locks held: none of these
 * may call the group.
 */
enum { RING_TARGETS = 16 };

/* What completed of one target in one batch. */
struct ring_batch {
    const struct ring_sample *samples; /* of all targets */
    int count;                         /* of samples */
    int target;
    int held_back; /* operations of the target that wait in the ring */
    int in_kernel; /* ... and that are in the kernel */
    bool bound;    /* the limit held operations back when these completed */
    bool late;     /* they had waited for the application rather than for the device */
    int64_t now_ns;
};

struct ring_control {
    void *context;
    const _Atomic int *watched;
    /* The target of a descriptor of storage, 0 to RING_TARGETS - 1. */
    int (*target_of)(void *context, const struct stat *st);
    /* Ask for credits. Returns those granted, which may be fewer, or more when the ring had parked them. */
    int (*take)(void *context, int ring, int target, int want);
    void (*give)(void *context, int ring, int target, int credits);
    /* The ring has nothing of the target any more: its credits wait for it until others want them. */
    void (*park)(void *context, int ring, int target, int credits);
    /* Returns how many credits the ring should give back; negative: as many as it was told the last time. */
    int (*report)(void *context, int ring, const struct ring_batch *batch);
};

/*
 * Memory that rings may register with the kernel by themselves where direct I/O uses it: that of a pool,
 * which lies in arenas. Called with a ring's lock: neither may call the group.
 */
struct ring_memory {
    void *context;
    const _Atomic int *arenas; /* how many there are: while there is none nobody asks */
    /* The arena around [start, start + len). The answer holds while that memory is in use. */
    bool (*find)(void *context, const void *start, size_t len, struct iovec *ret_arena);
    /* The pages of the arena around @start are to stay where they are from now on. */
    void (*pin)(void *context, const void *start);
};

/*
 * What a group takes from the system it runs on, for systems that are not this machine's: a simulated world
 * has its own clock, its own files, and its own way to sleep.
 */
struct ring_system {
    void *context;
    const struct backend_ops *backend;
    int64_t (*now_ns)(void *context);
    int (*stat)(void *context, int fd, struct stat *ret); /* as fstat() */
    /* As ppoll(); negative timeout_ns: for ever. */
    int (*poll)(void *context, struct pollfd *fds, unsigned count, int64_t timeout_ns);
};

struct ring_config {
    int queue_depth;
    int ring_count; /* 0: topology_parallelism() */
    int limit;      /* operations of storage in the kernel, per ring; with control: where that begins */
    int max_pending;
    enum ring_select select;
    enum ring_backend backend;
    bool sqpoll;
    int sqpoll_idle_ms;
    ring_observer_t observe; /* may be NULL */
    void *observe_context;
    const struct ring_control *control; /* NULL: the limit is fixed. Outlives the group */
    const struct ring_memory *memory;   /* NULL: nothing is registered unasked. Outlives the group */
    const struct ring_system *system;   /* NULL: this machine's. Outlives the group */
};

struct ring_status {
    int64_t ops_completed;
    int64_t bytes_transferred;
    int pending;
    int in_kernel; /* operations of storage */
    int limit;
    int batch_threshold;
};

struct ring_group_info {
    unsigned kernel_features; /* RING_FEATURE_* */
    int entries;              /* of the rings created so far, the smallest; 0: none yet */
    int rings_created;
    int node_count;
    int refused_errno;     /* of the last ring that could not be created as asked; 0: none */
    size_t pinned_bytes;   /* of struct ring_memory, registered, once for each ring */
    int pin_refused_errno; /* why no more of it is; 0: the kernel did not refuse */
    enum ring_backend backend;
    int fallback_errno; /* why threads do what io_uring was to do; 0: they do not */
};

enum { /* values of AURAIO_FEATURE_* */
       RING_FEATURE_COOP_TASKRUN = 1u << 0,
       RING_FEATURE_DEFER_TASKRUN = 1u << 1,
       RING_FEATURE_MIN_WAIT = 1u << 2,
       RING_FEATURE_FTRUNCATE = 1u << 3,
       RING_FEATURE_SQPOLL = 1u << 4,
       RING_FEATURE_NUMA = 1u << 5
};

/* The topology is copied. Creates no ring, but checks that the kernel would let it: with RING_BACKEND_URING
 * -ENOSYS, -EPERM ...; with AUTO those lead to threads, whose errors are -EMFILE, -ENOMEM, -EAGAIN. */
int ring_group_create(const struct ring_config *config, const struct topology *topology,
                      struct ring_group **ret_group);

/*
 * Refuse new operations; cancel what may wait for ever, let the rest finish, run every callback, free. NULL
 * ok. In a forked child: frees the child's copy only. Must not be called from a callback of this group (see
 * ring_group_in_callback()).
 */
void ring_group_destroy(struct ring_group *group);

/* The same without freeing: nothing is pending and nothing can be submitted when it returns. */
void ring_group_settle(struct ring_group *group);

/* Refuse new operations with -ESHUTDOWN from now on. */
void ring_group_shut_down(struct ring_group *group);

/* Of the calling thread; never 0, never reused. */
uint64_t ring_thread_id(void);

/* Whether the calling thread is inside a callback of this group. */
bool ring_group_in_callback(const struct ring_group *group);

/* Identity of the process that created the group. */
uint64_t ring_group_identity(const struct ring_group *group);

/* Identity of the running process: another one in a forked child. Valid once a group was created. */
extern _Atomic uint64_t *ring_process_identity;

/*
 * Accept operations. Chains (RING_OP_LINKED) are accepted as a whole or not at all. Returns how many were
 * accepted, from the first on; when fewer than @count, *ret_error is why the next one was not (-EAGAIN,
 * -EUSERS (every ring is another thread's), -ESHUTDOWN, -ENOENT, -EOVERFLOW, -EBUSY, -EINVAL (buffer index),
 * -ENOMEM, -EMFILE ...). @handles has room for all.
 */
int ring_group_submit(struct ring_group *group, const struct ring_op *ops, int count, ring_handle_t *handles,
                      int *ret_error);

/* The same for one operation. Returns its handle, which is positive as int64_t, or a negative errno. */
int64_t ring_group_submit_one(struct ring_group *group, const struct ring_op *op);

/*
 * The same for the rule, one plain RING_OP_READ or RING_OP_WRITE: @where is u.addr, or u.buffer_offset with
 * RING_OP_FIXED. Returns the handle, or a negative errno (handles are positive as int64_t).
 */
int64_t ring_group_transfer(struct ring_group *group, struct ring_op_head head, uintptr_t where, uint64_t len,
                            int64_t offset, ring_callback_t callback, void *user_data);

/* 0: asked; -EALREADY; -EINVAL: never of this group. */
int ring_group_cancel(struct ring_group *group, ring_handle_t handle);

/* Hand over what is held back. Returns how many operations. */
int ring_group_flush(struct ring_group *group);

/* Run the callbacks of what has completed, without blocking. Returns how many. */
int ring_group_poll(struct ring_group *group);

/* How often ring_group_wake() was called so far: a token for ring_group_wait(). */
uint64_t ring_group_wakes(const struct ring_group *group);

/*
 * Complete at least one operation, or return 0: nothing is pending, or timed out (negative timeout_ns:
 * never).
 *
 * With @idle_since it sleeps even when nothing is pending, and returns 0 when ring_group_wake() was called
 * since *idle_since was read by ring_group_wakes(): read it, look at what a waker changes, then wait.
 */
int ring_group_wait(struct ring_group *group, int64_t timeout_ns, const uint64_t *idle_since);

/* Make every thread that is blocked in ring_group_wait() look again. */
void ring_group_wake(struct ring_group *group);

/* The time that the group lives in: CLOCK_MONOTONIC. */
int64_t ring_group_now_ns(const struct ring_group *group);

/* Operations accepted and not completed, but for those whose callback the calling thread is running. */
int64_t ring_group_pending(const struct ring_group *group);

/* The descriptor that is readable while completions wait; created on first use. Returns it or -errno. */
int ring_group_poll_fd(struct ring_group *group);

int ring_group_register_buffers(struct ring_group *group, const struct iovec *iovs, int count);
int ring_group_unregister_buffers(struct ring_group *group);
/* The arena of struct ring_memory that begins at @base is about to be unmapped, nothing in it is in use: let
 * go of it. Rings of other threads (THREAD_LOCAL) do so at their next call. Not with a ring's lock. */
void ring_group_forget_memory(struct ring_group *group, const void *base);

int ring_group_register_files(struct ring_group *group, const int *fds, int count);
int ring_group_update_file(struct ring_group *group, int index, int fd);
int ring_group_unregister_files(struct ring_group *group);

int ring_group_count(const struct ring_group *group);
/* Whether ring @index may be asked for (0 <= index < count); a ring that was not used yet has a zero status.
 */
void ring_group_status(struct ring_group *group, int index, struct ring_status *ret);
uint64_t ring_group_spills(const struct ring_group *group);
void ring_group_info(struct ring_group *group, struct ring_group_info *ret);

/* Invariant walker: true when every ring of the group is consistent. For tests, between calls. */
bool ring_group_check(struct ring_group *group);

/* Of any handle, stale ones and garbage included. */
bool ring_handle_pending(ring_handle_t handle);
/* 0, or -EINVAL when the handle names no operation that is pending or in its callback. */
int ring_handle_describe(ring_handle_t handle, int *ret_fd, void **ret_user_data, int *ret_rw_flags);

#endif
