/* SPDX-License-Identifier: MIT */
/**
 * @file
 * AuraIO: self-tuning asynchronous I/O for Linux.
 *
 * An engine owns one io_uring per CPU it is used from (created on first use), an in-flight limit with a FIFO
 * above it, and a pool of aligned buffers. A program submits operations and drives completions:
 *
 *     auraio_engine_t *engine = auraio_create();
 *     auraio_read(engine, fd, auraio_buf(buf), 4096, 0, on_read, context);
 *     auraio_wait(engine, -1);
 *     auraio_destroy(engine);
 *
 * Return convention: functions that return a pointer return NULL and set errno; functions that return int
 * return -1 and set errno; auraio_last_error() then says in words what was wrong, with which value, and what
 * to do. Results handed to callbacks are a count (bytes, or what the operation's page says) or a negative
 * errno.
 *
 * Threads: every function may be called from every thread at any time, but for auraio_destroy(), which is
 * called once, when no other thread uses the engine any more. Callbacks run only inside auraio_poll(),
 * auraio_wait(), auraio_run(), auraio_drain() and auraio_destroy(), on the thread that called them, and never
 * inside a submission call. A callback may submit, cancel, stop, destroy, and drive completions itself.
 *
 * Progress: what a thread submits enters the kernel at once, with two exceptions that save system calls:
 * submissions made inside callbacks go together when the batch of callbacks ends, and submissions of the
 * thread that drives completions (the one that last called poll, wait, run or drain, while no other thread is
 * in such a call and no poll descriptor was handed out) go at the batch threshold or at that thread's next
 * such call, whichever comes first. auraio_flush() forces it.
 *
 * fork(): the child may call auraio_destroy() on an inherited engine and create its own; every other call on
 * the inherited engine fails with EPERM. The parent does not notice.
 */
#ifndef AURAIO_H
#define AURAIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h> /* close(), which every program that reads files needs */

#include <auraio/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* With external linkage in C++, so that inline functions and modules of others may call it. */
#ifdef __cplusplus
#define AURAIO_INLINE inline
#else
#define AURAIO_INLINE static inline
#endif

#if defined(__GNUC__)
#define AURAIO_API __attribute__((visibility("default")))
#define AURAIO_MUST_USE __attribute__((warn_unused_result))
#else
#define AURAIO_API
#define AURAIO_MUST_USE
#endif

struct statx;

/** One engine. Opaque. */
typedef struct auraio_engine auraio_engine_t;

/**
 * A handle to one accepted operation. It is a value (slot and generation), not an address: once its callback
 * has returned it is stale for ever and never names another operation, and a stale handle is safe to pass to
 * every function that takes one.
 */
typedef struct auraio_request auraio_request_t;

/**
 * Completion callback.
 *
 * @param req        the operation; valid until the callback returns.
 * @param result     bytes for reads and writes, 0 for most others (a file descriptor for openat), or a
 * negative errno.
 * @param user_data  what was passed at submission.
 */
typedef void (*auraio_callback_t)(auraio_request_t *req, ssize_t result, void *user_data);

/* ---------------------------------------------------------------- options */

/** How a submission chooses its ring. */
typedef enum auraio_ring_select {
    AURAIO_SELECT_ADAPTIVE =
        0, /**< the ring of the calling thread's CPU; when it is full, one of the same NUMA node, then any */
    AURAIO_SELECT_CPU_LOCAL = 1,   /**< always the ring of the calling thread's CPU */
    AURAIO_SELECT_ROUND_ROBIN = 2, /**< every ring in turn */
    /**
     * A ring of the calling thread's own, without locks. Only its thread completes its operations: each
     * thread drives what it submitted. When a thread ends, the operations it left pending are completed by
     * whichever thread drives the engine next.
     */
    AURAIO_SELECT_THREAD_LOCAL = 3
} auraio_ring_select_t;

/** What moves the bytes. */
typedef enum auraio_backend {
    AURAIO_BACKEND_AUTO = 0,    /**< io_uring, or threads where any step of setting it up is refused; the
                                   environment variable AURAIO_BACKEND=uring|threads forces one */
    AURAIO_BACKEND_URING = 1,   /**< io_uring, or fail with the kernel's errno */
    AURAIO_BACKEND_THREADS = 2, /**< a pool of threads that make plain system calls: at most queue_depth of
                                   them for the engine, with all signals blocked, started as they are needed
                                   and ended when they are idle, and one that polls */
    AURAIO_BACKEND_SIM = 3 /**< a simulated world: what runs in engines of auraio_sim_engine(); no option */
} auraio_backend_t;

/** Severity of a log message. */
typedef enum auraio_log_level {
    AURAIO_LOG_ERROR = 0,
    AURAIO_LOG_WARNING = 1,
    AURAIO_LOG_INFO = 2,
    AURAIO_LOG_DEBUG = 3
} auraio_log_level_t;

/**
 * Receives what the library has to say; the library itself never prints. May be called from any thread, with
 * library locks held: it must not call the library.
 *
 * @param level      severity.
 * @param message    one line without a newline, valid during the call.
 * @param user_data  auraio_options_t.log_user_data.
 */
typedef void (*auraio_log_callback_t)(auraio_log_level_t level, const char *message, void *user_data);

/** Engine options. Zero means default; set it up with auraio_options_init(). */
typedef struct auraio_options {
    size_t struct_size;    /**< sizeof(auraio_options_t) of the program; set by auraio_options_init() */
    int queue_depth;       /**< kernel ring entries and upper bound of the limit, 1..32768; 0: 256 */
    int ring_count;        /**< rings, 1..1024; 0: one per CPU this process may use */
    int initial_in_flight; /**< limit to start from, 1..queue_depth; 0: min_in_flight with a latency target,
                                queue_depth without */
    int min_in_flight;     /**< lower bound of the limit, 1..queue_depth; 0: 4, or queue_depth when smaller */
    double max_p99_latency_ms; /**< latency target, see auraio_set_target_p99(); 0: none */
    size_t buffer_alignment;   /**< of auraio_buffer_alloc(); power of two >= sizeof(void *); 0: page size */
    bool disable_adaptive;     /**< keep the limit where it starts, for each ring, whatever the device */
    bool enable_sqpoll;        /**< kernel-side submission polling; silently without it where refused */
    int sqpoll_idle_ms;        /**< SQPOLL thread sleeps after this; 0: 1000 */
    auraio_ring_select_t ring_select;
    int max_pending;          /**< accepted operations at a time, over all rings; more get EAGAIN; 0: 65536 */
    auraio_backend_t backend; /**< wins over the environment when not AUTO */
    auraio_log_callback_t log; /**< NULL: silent */
    void *log_user_data;
    bool debug_buffers; /**< abort on misuse of the buffer pool, after logging it; look for writes into
                             freed buffers, which costs a pass over each */
    unsigned char reserved8[7]; /**< keep zero */
    uint64_t reserved[8];       /**< keep zero */
} auraio_options_t;

/** Size of auraio_options_t in the first release, 0.1: what the exported auraio_options_init symbol writes
 * for ever. */
#define AURAIO_OPTIONS_SIZE_0_1 152

/**
 * Fill @p options with the defaults: everything zero, then struct_size, queue_depth 256, min_in_flight 4,
 * buffer_alignment = page size, sqpoll_idle_ms 1000, ring_select ADAPTIVE, max_pending 65536. NULL is a
 * no-op.
 *
 * In C and C++ the name is a macro that passes the size this program was compiled with, so that a program
 * built against an older header is not overrun by a newer library.
 */
AURAIO_API void auraio_options_init(auraio_options_t *options);

/** The form behind the macro: writes exactly @p struct_size bytes (values of fields it does not know: zero).
 */
AURAIO_API void auraio_options_init_sized(auraio_options_t *options, size_t struct_size);

#define auraio_options_init(options) auraio_options_init_sized((options), sizeof(auraio_options_t))

/* ----------------------------------------------------------------- engine */

/**
 * Create an engine with default options.
 *
 * @return the engine, owned by the caller, or NULL: ENOMEM, EMFILE (too many descriptors are open), EAGAIN
 * (no thread could be started where io_uring is refused); where io_uring is forced: ENOSYS (the kernel has no
 * io_uring), EPERM (io_uring is refused: seccomp, or the sysctl kernel.io_uring_disabled), or what else the
 * kernel says to io_uring_setup.
 */
AURAIO_API AURAIO_MUST_USE auraio_engine_t *auraio_create(void);

/**
 * Create an engine.
 *
 * @param options  NULL: defaults. A smaller struct_size (a program built against an older header) is
 * accepted, the missing tail is default; a larger one is accepted when the tail unknown to this library is
 * zero.
 * @return the engine or NULL: EINVAL (a field out of its range: auraio_last_error() names it), and the errors
 * of auraio_create().
 */
AURAIO_API AURAIO_MUST_USE auraio_engine_t *auraio_create_with_options(const auraio_options_t *options);

/**
 * Destroy an engine: refuse new submissions (ESHUTDOWN), cancel what may wait for ever (pipes, sockets,
 * terminals; after half a second opens, which may wait for the other end of a FIFO), let the rest finish, run
 * every callback exactly once, free everything, buffers of the pool included. From a callback it takes effect
 * when the outermost poll, wait, run or drain returns. In a forked child it frees the child's copy without
 * touching the parent's.
 *
 * With AURAIO_SELECT_THREAD_LOCAL, a thread that is alive but has stopped calling the library must not leave
 * operations pending: nobody else can complete them. What is found so is torn down and reported with
 * -ECANCELED, whether it happened or not, by auraio_shutdown() too. To that, a thread in a call that drives
 * hands its operations over.
 *
 * @param engine  NULL is a no-op.
 */
AURAIO_API void auraio_destroy(auraio_engine_t *engine);

/**
 * The first half of auraio_destroy(): refuse new submissions, cancel what may wait for ever, let the rest
 * finish, run every callback. Buffers of the pool stay valid and can be given back until auraio_destroy(),
 * which then has nothing to wait for. From a callback it refuses submissions at once, and the rest is done
 * when the outermost poll, wait, run or drain returns.
 *
 * @param engine  NULL, an engine shut down before, and one inherited by fork are a no-op.
 */
AURAIO_API void auraio_shutdown(auraio_engine_t *engine);

/** What went wrong in the calling thread's last failed call, as a sentence; "" when nothing did. Valid until
 * its next failure. */
AURAIO_API const char *auraio_last_error(void);

/* ---------------------------------------------------------------- buffers */

/** Kinds of buffer argument. */
typedef enum auraio_buf_type {
    AURAIO_BUF_UNREGISTERED = 0, /**< u.ptr */
    AURAIO_BUF_REGISTERED = 1    /**< u.fixed: a place inside a buffer given to auraio_register_buffers() */
} auraio_buf_type_t;

/** A buffer argument: plain memory, or a place in a registered buffer. */
typedef struct auraio_buf_t {
    auraio_buf_type_t type;
    union {
        void *ptr;
        struct {
            int index;
            size_t offset;
        } fixed;
    } u;
} auraio_buf_t;

/** Plain memory. */
AURAIO_INLINE auraio_buf_t auraio_buf(void *ptr)
{
    auraio_buf_t buf;
    buf.type = AURAIO_BUF_UNREGISTERED;
    buf.u.fixed.offset = 0;
    buf.u.ptr = ptr;
    return buf;
}

/** Byte @p offset of registered buffer @p index. A negative index gives a NULL plain buffer, which submission
 * refuses. */
AURAIO_INLINE auraio_buf_t auraio_buf_fixed(int index, size_t offset)
{
    auraio_buf_t buf;
    if (index < 0)
        return auraio_buf(NULL);
    buf.type = AURAIO_BUF_REGISTERED;
    buf.u.fixed.index = index;
    buf.u.fixed.offset = offset;
    return buf;
}

/** The start of registered buffer @p index. */
AURAIO_INLINE auraio_buf_t auraio_buf_fixed_idx(int index)
{
    return auraio_buf_fixed(index, 0);
}

/**
 * Allocate a buffer from the engine's pool, aligned to auraio_options_t.buffer_alignment.
 *
 * @param size  1 byte to 1 GiB.
 * @return the buffer, to be given back with auraio_buffer_free(), or NULL: EINVAL, ENOMEM.
 */
AURAIO_API AURAIO_MUST_USE void *auraio_buffer_alloc(auraio_engine_t *engine, size_t size);

/**
 * Give a buffer back, from any thread. @p size is what was asked for. NULL @p buf is a no-op. A double free,
 * a pointer that is not of this pool or a wrong size is reported to the log and otherwise ignored (or aborts,
 * with debug_buffers): the pool is never corrupted.
 */
AURAIO_API void auraio_buffer_free(auraio_engine_t *engine, void *buf, size_t size);

/**
 * Give the memory that the pool keeps for reuse back to the system; buffers handed out stay. Not needed in
 * the long run: the pool keeps a bounded amount, and gives back what has not been used for ten to twenty
 * seconds as buffers are allocated, and when a poll or wait finds nothing to do. Caches of other threads
 * follow as those next use the pool. Any thread; NULL or an engine inherited by fork: no-op.
 */
AURAIO_API void auraio_buffer_trim(auraio_engine_t *engine);

/**
 * Register buffers with the kernel, for auraio_buf_fixed(). The array is copied; the memory must stay valid
 * until unregistered.
 *
 * @param count  1..16384.
 * @return 0, or -1: EINVAL (NULL, count, an empty buffer), EBUSY (some are registered, or an unregister is
 * under way), ENOMEM, EAGAIN (as auraio_submit(), for want of a ring), or the kernel's (EFAULT: not mapped or
 * not writable memory; EOPNOTSUPP: mapped from a file, or static variables: older kernels, as 6.1, refuse).
 */
AURAIO_API AURAIO_MUST_USE int auraio_register_buffers(auraio_engine_t *engine, const struct iovec *iovs,
                                                       int count);

/**
 * Forget the registered buffers once the operations that use them have completed: this call drives
 * completions until then. In a callback it returns at once and takes effect when the last of them completes;
 * until then submissions that name a registered buffer fail with EBUSY. Nothing registered: 0.
 *
 * @return 0, or -1: EINVAL (engine NULL), EPERM (engine inherited by fork).
 */
AURAIO_API int auraio_unregister_buffers(auraio_engine_t *engine);

/**
 * Register file descriptors with the kernel. Submissions keep naming the plain descriptor and use its
 * registered slot by themselves. A registered descriptor stays open while it is registered. Entries of -1 are
 * empty slots.
 *
 * @param count  1..32768.
 * @return 0, or -1: EINVAL (NULL, count, an entry below -1), EBADF (an entry that is not open), EBUSY (some
 * are registered), ENOMEM, EAGAIN (as auraio_submit(), for want of a ring), or the kernel's.
 */
AURAIO_API AURAIO_MUST_USE int auraio_register_files(auraio_engine_t *engine, const int *fds, int count);

/**
 * Put @p fd into slot @p index; -1 clears it.
 *
 * @return 0, or -1: EINVAL (engine, index out of range, fd below -1), ENOENT (nothing registered), EBADF (not
 * open), ENOMEM.
 */
AURAIO_API AURAIO_MUST_USE int auraio_update_file(auraio_engine_t *engine, int index, int fd);

/** Forget the registered descriptors; operations in flight are not disturbed. Nothing registered: 0. @return
 * 0, or -1: EINVAL. */
AURAIO_API int auraio_unregister_files(auraio_engine_t *engine);

/* ------------------------------------------------------------- operations */

/** Operations. */
typedef enum auraio_opcode {
    AURAIO_OP_READ = 1,   /**< fd, buf, len, offset, rw_flags */
    AURAIO_OP_WRITE = 2,  /**< fd, buf, len, offset, rw_flags */
    AURAIO_OP_READV = 3,  /**< fd, iov, iovcnt, offset, rw_flags */
    AURAIO_OP_WRITEV = 4, /**< fd, iov, iovcnt, offset, rw_flags */
    AURAIO_OP_FSYNC = 5,  /**< fd, sys_flags: auraio_fsync_flags_t */
    AURAIO_OP_OPENAT = 6, /**< fd: directory, path, sys_flags: O_*, mode; the result is the new descriptor */
    AURAIO_OP_CLOSE = 7,  /**< fd */
    AURAIO_OP_STATX = 8,  /**< fd: directory, path, sys_flags: AT_*, mask, statx */
    AURAIO_OP_FALLOCATE = 9,       /**< fd, sys_flags: FALLOC_FL_*, offset, len */
    AURAIO_OP_FTRUNCATE = 10,      /**< fd, offset: the new length */
    AURAIO_OP_SYNC_FILE_RANGE = 11 /**< fd, offset, len, sys_flags: SYNC_FILE_RANGE_* */
} auraio_opcode_t;

/** auraio_fsync_ex(). */
typedef enum auraio_fsync_flags {
    AURAIO_FSYNC_DEFAULT = 0, /**< fsync(2) */
    AURAIO_FSYNC_DATASYNC = 1 /**< fdatasync(2) */
} auraio_fsync_flags_t;

/** auraio_op_t.flags */
enum {
    /**
     * The next operation of the batch starts only when this one has succeeded in full; else it and the rest
     * of the chain complete with -ECANCELED. Not on the last operation of a batch.
     */
    AURAIO_OP_LINK = 1u << 0,
    /** An rw_flag that the kernel or the file system lacks fails the operation with -EOPNOTSUPP instead of
       being degraded. */
    AURAIO_OP_STRICT = 1u << 1
};

/**
 * One operation. Make it with auraio_op() and set the fields the opcode names. The descriptor
 * is copied; fd, buffers, iovec array and statx memory stay valid until the callback, a path too.
 *
 * rw_flags are RWF_* of preadv2/pwritev2. What the kernel or the file system lacks is degraded, unless
 * AURAIO_OP_STRICT: RWF_DSYNC and RWF_SYNC become a sync after the write, hints (RWF_DONTCACHE, RWF_HIPRI,
 * RWF_NOWAIT) and RWF_ATOMIC are dropped; auraio_request_rw_flags(), in the callback, says what was honoured.
 * With RWF_NOWAIT a result of -EAGAIN or a short count is delivered as it is.
 */
typedef struct auraio_op_t {
    size_t struct_size;
    auraio_opcode_t opcode;
    int fd;
    auraio_buf_t buf;
    size_t len;
    off_t offset; /**< -1: the file's own position, and what one kernel call transfers */
    const struct iovec *iov;
    int iovcnt;
    int rw_flags;   /**< RWF_* */
    unsigned flags; /**< AURAIO_OP_* */
    int sys_flags;  /**< flags of the operation's own system call */
    const char *path;
    struct statx *statx;
    unsigned mode; /**< of a file that openat creates */
    unsigned mask; /**< STATX_* */
    /**
     * Nanoseconds from submission after which the operation is cancelled and completes with -ETIMEDOUT (or
     * its own result, when it was too late to stop it). 0: none.
     */
    uint64_t timeout_ns;
    auraio_callback_t callback; /**< auraio_submit_batch() only: overrides the batch's, when not NULL */
    void *user_data;            /**< with callback */
    uint64_t reserved[4];       /**< keep zero */
} auraio_op_t;

/** A descriptor of @p opcode with everything else zero. */
AURAIO_INLINE auraio_op_t auraio_op(auraio_opcode_t opcode)
{
    auraio_op_t op;
    memset(&op, 0, sizeof(op));
    op.struct_size = sizeof(auraio_op_t);
    op.opcode = opcode;
    return op;
}

/**
 * Submit one operation: the path all the forms below take.
 *
 * @param engine     the engine.
 * @param op         the operation; a smaller or larger struct_size is treated as in
 * auraio_create_with_options().
 * @param callback   NULL: nobody is told.
 * @param user_data  for the callback.
 * @return a handle, or NULL: EINVAL (engine, op or a pointer NULL, fd < 0, len 0, offset below -1, an unknown
 * opcode, flag or buffer type, a bad index, iovcnt outside 1..IOV_MAX), EAGAIN (max_pending operations are
 * pending; with AURAIO_SELECT_THREAD_LOCAL also: every ring belongs to a thread), ESHUTDOWN (the engine is
 * being destroyed), ENOENT (a registered buffer is named and none is registered), EOVERFLOW (offset + len is
 * outside the registered buffer), EBUSY (an unregister of the buffers is under way), EPERM (the engine was
 * inherited by fork), ENOMEM (no memory for a request slot), EMFILE (no descriptor for the first ring).
 */
AURAIO_API auraio_request_t *auraio_submit(auraio_engine_t *engine, const auraio_op_t *op,
                                           auraio_callback_t callback, void *user_data);

/**
 * Submit several operations to one ring together. A chain (AURAIO_OP_LINK) is dispatched as a whole and
 * accepted as a whole.
 *
 * @param ops        array of @p count operations, each with the same struct_size.
 * @param count      1..queue_depth.
 * @param callback   for the operations that name none.
 * @param user_data  for that callback.
 * @param requests   NULL, or room for @p count handles.
 * @return how many were accepted, from the first on (fewer than @p count: errno says why the next was not),
 * or -1 when none was, with the errors of auraio_submit().
 */
AURAIO_API AURAIO_MUST_USE int auraio_submit_batch(auraio_engine_t *engine, const auraio_op_t *ops, int count,
                                                   auraio_callback_t callback, void *user_data,
                                                   auraio_request_t **requests);

/**
 * Read. On regular files and block devices the transfer is continued until it is complete, at the end of the
 * file, or in error (bytes so far win over a later error); pipes, sockets and offset -1 deliver what one
 * kernel call delivers. Lengths over 2 GiB are split inside.
 *
 * @param buf     plain memory, or a place in a registered buffer; valid until the callback.
 * @param len     bytes, at least 1.
 * @param offset  bytes from the start of the file; -1: the file's own position.
 * @return as auraio_submit().
 */
AURAIO_API auraio_request_t *auraio_read(auraio_engine_t *engine, int fd, auraio_buf_t buf, size_t len,
                                         off_t offset, auraio_callback_t callback, void *user_data);

/** Write; see auraio_read(). */
AURAIO_API auraio_request_t *auraio_write(auraio_engine_t *engine, int fd, auraio_buf_t buf, size_t len,
                                          off_t offset, auraio_callback_t callback, void *user_data);

/** Vectored read; the iovec array and its buffers stay valid until the callback. @p iovcnt 1..IOV_MAX. See
 * auraio_read(). */
AURAIO_API auraio_request_t *auraio_readv(auraio_engine_t *engine, int fd, const struct iovec *iov,
                                          int iovcnt, off_t offset, auraio_callback_t callback,
                                          void *user_data);

/** Vectored write; see auraio_readv(). */
AURAIO_API auraio_request_t *auraio_writev(auraio_engine_t *engine, int fd, const struct iovec *iov,
                                           int iovcnt, off_t offset, auraio_callback_t callback,
                                           void *user_data);

/** fsync(2). It orders nothing: link it to the write it must follow. Result 0. Errors of auraio_submit(). */
AURAIO_API auraio_request_t *auraio_fsync(auraio_engine_t *engine, int fd, auraio_callback_t callback,
                                          void *user_data);

/** fsync(2) or fdatasync(2). Errors of auraio_submit(); EINVAL for unknown flags. */
AURAIO_API auraio_request_t *auraio_fsync_ex(auraio_engine_t *engine, int fd, auraio_fsync_flags_t flags,
                                             auraio_callback_t callback, void *user_data);

/** openat(2): the result is the new descriptor, close-on-exec only when @p flags say so. @p path stays valid
 * until the callback. */
AURAIO_API auraio_request_t *auraio_openat(auraio_engine_t *engine, int dirfd, const char *path, int flags,
                                           mode_t mode, auraio_callback_t callback, void *user_data);

/** close(2). Operations in flight on @p fd are not disturbed, but for one that was submitted and has not
 * started. */
AURAIO_API auraio_request_t *auraio_close(auraio_engine_t *engine, int fd, auraio_callback_t callback,
                                          void *user_data);

/** statx(2). @p path and @p statxbuf stay valid until the callback. */
AURAIO_API auraio_request_t *auraio_statx(auraio_engine_t *engine, int dirfd, const char *path, int flags,
                                          unsigned mask, struct statx *statxbuf, auraio_callback_t callback,
                                          void *user_data);

/** fallocate(2). @p len at least 1. */
AURAIO_API auraio_request_t *auraio_fallocate(auraio_engine_t *engine, int fd, int mode, off_t offset,
                                              off_t len, auraio_callback_t callback, void *user_data);

/** ftruncate(2). Before Linux 6.9, which has no such io_uring operation, it runs inside the submitting call.
 */
AURAIO_API auraio_request_t *auraio_ftruncate(auraio_engine_t *engine, int fd, off_t length,
                                              auraio_callback_t callback, void *user_data);

/** sync_file_range(2). @p len 0: to the end of the file; up to 4 GiB - 1. */
AURAIO_API auraio_request_t *auraio_sync_file_range(auraio_engine_t *engine, int fd, off_t offset, off_t len,
                                                    unsigned flags, auraio_callback_t callback,
                                                    void *user_data);

/**
 * Ask for an operation to be cancelled. Its own callback is the only terminal event: -ECANCELED, or its real
 * result when it could not be stopped. The cancel is no operation of the user's: it is not counted and not
 * returned by wait. Never fails for lack of resources.
 *
 * @return 0: asked. -1: EINVAL (engine or req NULL, req never of this engine), EALREADY (asked before, or
 * completed), ESHUTDOWN, EPERM.
 */
AURAIO_API int auraio_cancel(auraio_engine_t *engine, auraio_request_t *req);

/** Whether the operation's callback is still to come. False for NULL, from when the callback is about to run,
 * and when stale. */
AURAIO_API bool auraio_request_pending(const auraio_request_t *req);

/** The descriptor of a pending operation, or of the one whose callback runs. -1: EINVAL (NULL or stale). */
AURAIO_API int auraio_request_fd(const auraio_request_t *req);

/** The user_data of a pending operation, or of the one whose callback runs. NULL: EINVAL (NULL or stale). */
AURAIO_API void *auraio_request_user_data(const auraio_request_t *req);

/** The RWF_* flags honoured so far: those asked for, less what had to be degraded. -1: EINVAL (NULL or
 * stale). */
AURAIO_API int auraio_request_rw_flags(const auraio_request_t *req);

/* ------------------------------------------------------------ completions */

/**
 * A descriptor for poll(2), select(2) or epoll: level triggered, readable while completions wait. It may be
 * readable for a step of an operation that does not complete it: auraio_poll(), which clears it, returns 0
 * then. From the first call on, submissions enter the kernel at once. It belongs to the engine; do not read
 * or close it. With AURAIO_SELECT_THREAD_LOCAL it is the calling thread's own.
 *
 * @return the descriptor, or -1: EINVAL, EMFILE, ENOMEM, EPERM, EAGAIN (as auraio_submit(), for want of a
 * ring).
 */
AURAIO_API AURAIO_MUST_USE int auraio_get_poll_fd(const auraio_engine_t *engine);

/** Run the callbacks of what has completed; never blocks. @return how many operations completed; NULL: 0; -1:
 * EPERM. */
AURAIO_API int auraio_poll(auraio_engine_t *engine);

/**
 * Wait until at least one operation completes and run the callbacks of what has. A signal does not shorten
 * the wait.
 *
 * @param timeout_ms  -1 (or any negative): for ever; 0: do not block.
 * @return how many operations completed; 0: timed out, or nothing is pending; -1: EINVAL, EPERM.
 */
AURAIO_API int auraio_wait(auraio_engine_t *engine, int timeout_ms);

/**
 * auraio_wait() for a thread that has more to wait for than operations: it sleeps while nothing is pending,
 * too, and returns when auraio_wake(), auraio_stop() or auraio_shutdown() was called since
 * auraio_wake_count() gave @p wake_count. So no wake is lost: read the count, look at what else there is to
 * do, then wait.
 *
 * @return how many operations completed; 0: woken, or timed out; -1: EINVAL, EPERM.
 */
AURAIO_API int auraio_wait_wake(auraio_engine_t *engine, int timeout_ms, uint64_t wake_count);

/** How often auraio_wake(), auraio_stop() and auraio_shutdown() were called so far, about: a token for
 * auraio_wait_wake(). 0 for NULL. */
AURAIO_API uint64_t auraio_wake_count(const auraio_engine_t *engine);

/** Make every thread that is in auraio_wait_wake() return. */
AURAIO_API void auraio_wake(auraio_engine_t *engine);

/** Complete operations until auraio_stop(), then finish what is pending and return. Sleeps when idle. */
AURAIO_API void auraio_run(auraio_engine_t *engine);

/** Make auraio_run() return. A stop before run makes the next run finish what is pending and return.
 * Callbacks may call it. */
AURAIO_API void auraio_stop(auraio_engine_t *engine);

/** Whether auraio_run() would return: auraio_stop() was called and no run has returned for it yet, or the
 * engine was shut down. For loops that take its place. */
AURAIO_API bool auraio_stop_asked(const auraio_engine_t *engine);

/**
 * Complete operations until nothing is pending and every callback has returned. With
 * AURAIO_SELECT_THREAD_LOCAL: nothing that the calling thread may complete. In a callback of an engine whose
 * shutdown or destroy waits for that callback it returns early: they see to the rest.
 *
 * @param timeout_ms  negative: for ever; 0: one pass that does not block, and no error when something is
 * left.
 * @return how many completed; -1: ETIMEDOUT (@p timeout_ms has passed and something is still pending),
 * EINVAL, EPERM.
 */
AURAIO_API int auraio_drain(auraio_engine_t *engine, int timeout_ms);

/** Hand what is held back for batching to the kernel. @return how many operations, or -1: EINVAL, EPERM. */
AURAIO_API int auraio_flush(auraio_engine_t *engine);

/* ------------------------------------------------------------------ seeing */

/** auraio_ring_stats_t.aimd_phase */
enum {
    AURAIO_PHASE_BASELINE = 0,
    AURAIO_PHASE_PROBING = 1,
    AURAIO_PHASE_STEADY = 2,
    AURAIO_PHASE_BACKOFF = 3,
    AURAIO_PHASE_SETTLING = 4,
    AURAIO_PHASE_CONVERGED = 5
};

/** Figures of the whole engine. */
typedef struct auraio_stats {
    int64_t ops_completed;
    int64_t bytes_transferred;
    double current_throughput_bps; /**< bytes per second over the last windows; 0 when load has stopped */
    double p99_latency_ms;    /**< dispatch to completion, over the last windows; 0 when load has stopped */
    int current_in_flight;    /**< operations in the kernel */
    int optimal_in_flight;    /**< the limits found so far, over all storage targets in use */
    int optimal_batch_size;   /**< operations the driving thread gathers for one system call */
    uint64_t adaptive_spills; /**< submissions that went to another ring because theirs was full */
    uint64_t reserved[8];
} auraio_stats_t;

/** Figures of one ring. */
typedef struct auraio_ring_stats {
    int64_t ops_completed;
    int64_t bytes_transferred;
    int pending_count;   /**< accepted and not completed */
    int in_flight_limit; /**< what it may have in flight now of the storage target it uses most */
    int batch_threshold;
    double p99_latency_ms;
    double throughput_bps;
    int aimd_phase;  /**< AURAIO_PHASE_*, of that target */
    int queue_depth; /**< as asked for */
    uint64_t reserved[8];
} auraio_ring_stats_t;

#define AURAIO_HISTOGRAM_BUCKETS 200
#define AURAIO_HISTOGRAM_BUCKET_WIDTH_US 50

/** Latencies since the start, of a ring or of a target, 200 buckets of 50 us: a view of the finer histogram
 * underneath. */
typedef struct auraio_histogram {
    uint32_t buckets[AURAIO_HISTOGRAM_BUCKETS];
    uint32_t overflow; /**< at or over max_tracked_us */
    uint32_t total_count;
    int bucket_width_us;
    int max_tracked_us;
    uint64_t reserved[4];
} auraio_histogram_t;

/** The buffer pool. */
typedef struct auraio_buffer_stats {
    size_t total_allocated_bytes; /**< of buffers now handed out */
    size_t total_buffers;         /**< now handed out */
    int shard_count;              /**< one for each NUMA node, eight at most */
    size_t cached_bytes;          /**< kept for reuse */
    uint64_t reserved[3];
} auraio_buffer_stats_t;

/**
 * One storage target: a device, and the limit that is found for it. All rings share it. Target 0 is for what
 * has none of its own: every device after the first fifteen.
 */
typedef struct auraio_target_stats {
    uint64_t device;       /**< dev_t: st_dev of its files, st_rdev of a block device; 0 for target 0 */
    int in_flight_limit;   /**< operations that may be in the kernel now: probes included */
    int optimal_in_flight; /**< the limit without probes */
    int credits_taken; /**< of the limit, held by rings: operations in the kernel, or kept ready for them */
    int rings_waiting; /**< rings that were refused more */
    int aimd_phase;    /**< AURAIO_PHASE_* */
    bool watched;      /**< the limit holds something back, or there is a latency target: it is tuned */
    double target_p99_ms; /**< 0: none */
    int64_t ops_judged;   /**< completions that the controller has seen */
    int64_t ops_late;     /**< of them, left out because they had waited for the application */
    uint64_t reserved[8];
} auraio_target_stats_t;

/** Kinds of operations of storage that figures of a target tell apart. */
enum {
    AURAIO_KIND_ALL = -1,
    AURAIO_KIND_READ = 0,
    AURAIO_KIND_WRITE = 1,
    AURAIO_KIND_OTHER = 2 /**< fsync, fallocate and the like: they move no bytes */
};

/** What operations of one kind have done on one storage target. */
typedef struct auraio_target_io {
    int64_t ops_completed; /**< failed ones included */
    int64_t bytes_transferred;
    double throughput_bps; /**< bytes per second over the last windows; 0 when load has stopped */
    double p99_latency_ms; /**< dispatch to completion, over the last windows; 0 when load has stopped */
    uint64_t reserved[8];
} auraio_target_io_t;

/** Decisions kept for each target. */
#define AURAIO_DECISIONS_MAX 32

/** A change of a limit, and the figures it was made on. Figures that played no part are 0. */
typedef struct auraio_decision {
    int64_t time_ns; /**< CLOCK_MONOTONIC; 0: the start */
    int old_limit, new_limit;
    int aimd_phase;        /**< AURAIO_PHASE_* it was made in */
    int cause;             /**< see auraio_cause_name() */
    double throughput_ops; /**< completions per second at the old limit */
    double p99_latency_ms; /**< at the old limit; only with a latency target */
    double exceedance;     /**< share of completions over the latency target */
    double gain;           /**< ln of the throughput against what it was compared with */
    double gain_error;     /**< standard error of gain */
    int samples;           /**< completions behind the figures */
    int reserved32;
    uint64_t reserved[2];
} auraio_decision_t;

/** auraio_backend_info_t.features */
enum {
    AURAIO_FEATURE_COOP_TASKRUN = 1u << 0,  /**< shared rings run completions without interrupts */
    AURAIO_FEATURE_DEFER_TASKRUN = 1u << 1, /**< thread-local rings run completions when asked */
    AURAIO_FEATURE_MIN_WAIT = 1u << 2,      /**< the kernel coalesces wake-ups */
    AURAIO_FEATURE_FTRUNCATE = 1u << 3,     /**< ftruncate runs asynchronously */
    AURAIO_FEATURE_SQPOLL = 1u << 4,        /**< asked for and granted */
    AURAIO_FEATURE_NUMA = 1u << 5           /**< memory is placed on nodes */
};

/** What runs underneath, and why not something better. */
typedef struct auraio_backend_info {
    size_t struct_size;       /**< set by the caller */
    auraio_backend_t backend; /**< what runs */
    unsigned features;        /**< AURAIO_FEATURE_* */
    int ring_entries;  /**< submission entries of a ring: smaller than queue_depth where limits forced it */
    int rings_created; /**< of auraio_get_ring_count() */
    int numa_nodes;
    char reason[160]; /**< why a better backend or feature is not used; "" when nothing was refused */
    /** Memory of auraio_buffer_alloc() that rings have registered with the kernel by themselves, since direct
     * I/O used it much; counted once for each ring. Stays within half of RLIMIT_MEMLOCK, where that holds,
     * and 256 MiB. */
    uint64_t registered_bytes;
    uint64_t reserved[3];
} auraio_backend_info_t;

/** Fill @p stats; untouched when an argument is NULL or the engine was inherited by fork. */
AURAIO_API void auraio_get_stats(const auraio_engine_t *engine, auraio_stats_t *stats);

/** How many rings the engine may use (with THREAD_LOCAL: how many it has). NULL: 0. */
AURAIO_API int auraio_get_ring_count(const auraio_engine_t *engine);

/** Fill @p stats. @return 0, or -1: EINVAL (NULL: untouched; ring out of range: zeroed). A ring not used yet
 * has zero counts. */
AURAIO_API int auraio_get_ring_stats(const auraio_engine_t *engine, int ring, auraio_ring_stats_t *stats);

/** Fill @p histogram. @return 0, or -1: EINVAL (NULL: untouched; ring out of range: zeroed). */
AURAIO_API int auraio_get_histogram(const auraio_engine_t *engine, int ring, auraio_histogram_t *histogram);

/**
 * Latency below which @p percentile percent of the storage operations of ring @p ring (-1: all rings)
 * completed since the start, from the log-linear histogram underneath (relative error at most 3 %).
 *
 * @param percentile  0..100.
 * @return nanoseconds, 0 when nothing was measured, or -1: EINVAL.
 */
AURAIO_API int64_t auraio_get_latency_percentile(const auraio_engine_t *engine, int ring, double percentile);

/** Fill @p stats. @return 0, or -1: EINVAL (NULL: untouched). */
AURAIO_API int auraio_get_buffer_stats(const auraio_engine_t *engine, auraio_buffer_stats_t *stats);

/**
 * Promise a latency: 99 % of the storage operations of each target shall complete, from dispatch on, within
 * @p target_ms; within that the limit is set for throughput. Replaces auraio_options_t.max_p99_latency_ms,
 * from the next completion on; each controller goes on from its limit of now, and its decisions begin anew.
 * Where the target cannot be met at any limit it is loosened, and asked for again now and then.
 *
 * @param target_ms  milliseconds, up to 1e9; 0: no target, the limit is the least that gives full throughput.
 * @return 0, or -1: EINVAL (engine NULL, target_ms negative, NaN or too large), EOPNOTSUPP (created with
 * disable_adaptive), EPERM (inherited by fork).
 */
AURAIO_API int auraio_set_target_p99(auraio_engine_t *engine, double target_ms);

/** How many storage targets there are: at least 1, at most 16; they are never removed. 0: NULL, or created
 * with disable_adaptive. */
AURAIO_API int auraio_get_target_count(const auraio_engine_t *engine);

/** Fill @p stats. @return 0, or -1: EINVAL (NULL: untouched; target out of range: zeroed), EPERM. */
AURAIO_API int auraio_get_target_stats(const auraio_engine_t *engine, int target,
                                       auraio_target_stats_t *stats);

/**
 * Fill @p io with what operations of @p kind (AURAIO_KIND_*) have done on storage target @p target, over all
 * rings.
 *
 * @return 0, or -1: EINVAL (NULL: untouched; target or kind out of range: zeroed), EPERM.
 */
AURAIO_API int auraio_get_target_io(const auraio_engine_t *engine, int target, int kind,
                                    auraio_target_io_t *io);

/** Fill @p histogram with the latencies of operations of @p kind (AURAIO_KIND_*) on storage target @p target
 * since the start, over all rings. @return 0, or -1: EINVAL (NULL: untouched; target or kind out of range:
 * zeroed), EPERM. */
AURAIO_API int auraio_get_target_histogram(const auraio_engine_t *engine, int target, int kind,
                                           auraio_histogram_t *histogram);

/**
 * auraio_get_latency_percentile() for operations of @p kind (AURAIO_KIND_*) on storage target @p target, over
 * all rings.
 *
 * @param percentile  0..100.
 * @return nanoseconds, 0 when nothing was measured, or -1: EINVAL (NULL, target, kind, percentile), EPERM.
 */
AURAIO_API int64_t auraio_get_target_percentile(const auraio_engine_t *engine, int target, int kind,
                                                double percentile);

/**
 * Copy the newest decisions about storage target @p target, oldest first: why its limit is what it is.
 *
 * @param decisions  room for @p max of them; owned by the caller.
 * @param max        at least 1; no more than AURAIO_DECISIONS_MAX are kept.
 * @return how many were copied, or -1: EINVAL (NULL, max, target out of range), EPERM.
 */
AURAIO_API int auraio_get_decisions(const auraio_engine_t *engine, int target, auraio_decision_t *decisions,
                                    int max);

/** A short name of auraio_decision_t.cause, as "knee found"; "unknown" for a value out of range. A static
 * string. */
AURAIO_API const char *auraio_cause_name(int cause);

/** Fill @p info, up to its struct_size. @return 0, or -1: EINVAL (NULL, struct_size too small), EPERM. */
AURAIO_API int auraio_get_backend_info(const auraio_engine_t *engine, auraio_backend_info_t *info);

/** The name of an AURAIO_PHASE_*: "BASELINE", "PROBING", "STEADY", "BACKOFF", "SETTLING" or "CONVERGED"; of
 * anything else "UNKNOWN". */
AURAIO_API const char *auraio_phase_name(int phase);

/** "major.minor.patch" of the library that runs. */
AURAIO_API const char *auraio_version(void);

/** major * 10000 + minor * 100 + patch of the library that runs. */
AURAIO_API int auraio_version_int(void);

#ifdef __cplusplus
}
#endif

#endif /* AURAIO_H */
