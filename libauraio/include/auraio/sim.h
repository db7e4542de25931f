/* SPDX-License-Identifier: MIT */
/**
 * A simulated world for programs that use AuraIO: test what your code does when writes are torn, the disk is
 * full, completions come late and the power fails, again and again, from a seed.
 *
 *     auraio_sim_t *sim = auraio_sim_create(seed);
 *     auraio_engine_t *engine = auraio_sim_engine(sim, NULL);
 *     int fd = auraio_sim_open(sim, "log", O_RDWR | O_CREAT);
 *     ... your code: auraio_write(engine, fd, ...), auraio_fsync(engine, fd, ...), auraio_wait(engine, -1)
 *     auraio_sim_crash(sim);
 *     auraio_destroy(engine);
 *     ... your recovery, with a new engine ...
 *
 * The engine is the one that runs in production; its clock, its files and its device are the world's. The
 * clock stands still while your program runs and jumps to the next thing that happens when it waits, so that
 * hours pass in milliseconds. The same seed and the same calls give the same run, as long as each engine has
 * one ring (the default here), and the program itself asks neither the time nor the threads.
 *
 * Files have names in a namespace of their own, and real descriptors: fstat(), pread() and close() work on
 * them. Change them through engines only; what other calls write is never durable. Pipes and sockets work as
 * ever.
 *
 * Threads: a world and all that is in it belong to one thread.
 *
 * Not to be confused with <auraio/adapt_sim.h>, which simulates devices for limit policies, without I/O.
 */
#ifndef AURAIO_SIM_H
#define AURAIO_SIM_H

#include <auraio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A world. Opaque. */
typedef struct auraio_sim auraio_sim_t;

/** What can go wrong. Errors that the library makes up for (interruptions, short transfers) are seen only
 * where it cannot. */
typedef enum auraio_sim_fault {
    AURAIO_SIM_READ_ERROR = 0,  /**< a read fails with EIO */
    AURAIO_SIM_WRITE_ERROR = 1, /**< a write or allocation fails with EIO, and does nothing */
    AURAIO_SIM_NO_SPACE = 2,    /**< a write or allocation fails with ENOSPC, and does nothing */
    AURAIO_SIM_SYNC_ERROR = 3,  /**< a sync fails with EIO; what it should have made durable may never be */
    AURAIO_SIM_META_ERROR = 4,  /**< everything else but a close fails with EIO */
    AURAIO_SIM_SHORT = 5, /**< the system transfers fewer bytes than asked for, and the library goes on */
    AURAIO_SIM_INTERRUPTED = 6,    /**< EINTR */
    AURAIO_SIM_AGAIN = 7,          /**< EAGAIN of transfers */
    AURAIO_SIM_UNSUPPORTED = 8,    /**< EOPNOTSUPP of transfers with rw_flags */
    AURAIO_SIM_LATE = 9,           /**< an operation takes up to a thousand times as long */
    AURAIO_SIM_REFUSED = 10,       /**< the system takes no submissions for the moment */
    AURAIO_SIM_CANCEL_FAILS = 11,  /**< a cancel comes too late */
    AURAIO_SIM_SETUP_FAILS = 12,   /**< ENOMEM when a ring is made */
    AURAIO_SIM_REGISTER_FAILS = 13 /**< ENOMEM when buffers or files are registered */
} auraio_sim_fault_t;

/**
 * Create a world without files and faults, whose device takes about 100 us for an operation and works on 8 at
 * a time.
 *
 * @param seed  what happens by chance follows from it; every value is as good as any other.
 * @return the world, owned by the caller, or NULL: ENOMEM.
 */
AURAIO_API AURAIO_MUST_USE auraio_sim_t *auraio_sim_create(uint64_t seed);

/**
 * Destroy a world. Its engines are destroyed before; descriptors are the caller's to close, at any time.
 *
 * @param sim  NULL: 0.
 * @return 0, or -1: EBUSY (an engine lives in it).
 */
AURAIO_API int auraio_sim_destroy(auraio_sim_t *sim);

/**
 * How quick the device is from now on.
 *
 * @param latency_ns  about what an operation takes alone, nanoseconds, 1 to an hour.
 * @param parallel    operations that it works on at a time, 1 to 64.
 * @return 0, or -1: EINVAL.
 */
AURAIO_API int auraio_sim_set_device(auraio_sim_t *sim, int64_t latency_ns, int parallel);

/**
 * How often something goes wrong from now on.
 *
 * @param probability  0 (never) to 1 (always).
 * @return 0, or -1: EINVAL.
 */
AURAIO_API int auraio_sim_set_fault(auraio_sim_t *sim, auraio_sim_fault_t fault, double probability);

/**
 * Create an engine that lives in a world.
 *
 * @param options  as for auraio_create_with_options(), NULL: defaults; `backend` plays no part. ring_count 0
 * is one ring.
 * @return the engine, destroyed with auraio_destroy() before the world, or NULL: as
 * auraio_create_with_options(), and EINVAL for @p sim NULL.
 */
AURAIO_API AURAIO_MUST_USE auraio_engine_t *auraio_sim_engine(auraio_sim_t *sim,
                                                              const auraio_options_t *options);

/**
 * Open a file of a world. auraio_openat() and auraio_statx() of its engines take the same names; directories
 * there are none, and the directory argument is ignored.
 *
 * @param name   any string.
 * @param flags  of open(2): access mode, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DSYNC, O_SYNC, O_CLOEXEC.
 * O_DIRECT has no effect.
 * @return a descriptor, to be closed by the caller, or -1: EINVAL (NULL, or a flag that is not listed),
 * ENOENT (no file has that name, and no O_CREAT), EEXIST (one has, and O_EXCL), ENOMEM, EMFILE.
 */
AURAIO_API AURAIO_MUST_USE int auraio_sim_open(auraio_sim_t *sim, const char *name, int flags);

/** The world's clock, nanoseconds; it begins at one second. 0: NULL. */
AURAIO_API int64_t auraio_sim_now_ns(const auraio_sim_t *sim);

/** Let @p ns nanoseconds pass, and what happens in them happen. @return 0, or -1: EINVAL (NULL, negative, or
 * further than a year from the beginning). */
AURAIO_API int auraio_sim_advance(auraio_sim_t *sim, int64_t ns);

/**
 * The power fails. Of what was not made durable (by a sync that began after the write had completed, or by
 * O_DSYNC, O_SYNC, RWF_DSYNC or RWF_SYNC) every sector of 512 bytes is there, or is not, or is as it was at
 * some time between; the size of a file is that before, or after, or between; names stay. Writes under way
 * may be done in part.
 *
 * Engines that live in the world now are of the past: their operations under way and all to come fail with
 * -EIO. Destroy them, and go on with new ones; a program under test would do that in its next life. May be
 * called in a callback.
 *
 * @return 0, or -1: EINVAL (NULL).
 */
AURAIO_API int auraio_sim_crash(auraio_sim_t *sim);

#ifdef __cplusplus
}
#endif

#endif /* AURAIO_SIM_H */
