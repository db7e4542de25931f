/* SPDX-License-Identifier: MIT */
/*
 * The facade: validates at the public border, translates to the ring group and the pool, measures what
 * completes, and converts errors. The conversion to -1/NULL and errno happens in error.c and nowhere else.
 */
#ifndef AURAIO_ENGINE_H
#define AURAIO_ENGINE_H

#include <auraio.h>
#include <auraio-pool/pool.h>
#include <auraio-ring/ring.h>

#include <stdatomic.h>

enum { ENGINE_RINGS_MAX = 1024, ENGINE_TARGET_MAX_MS = 1000 * 1000 * 1000 };

struct control;
struct meter;

struct auraio_engine {
    struct ring_group *group;
    uint64_t identity;                /* of the process that created the engine */
    struct control *control;          /* NULL: the limit is fixed */
    const struct ring_system *system; /* simulated; NULL: this machine */
    pool_t *pool;
    _Atomic int arenas;                               /* of the pool */
    struct ring_memory memory;                        /* they, as the rings see them */
    auraio_options_t options;                         /* with defaults filled in */
    _Atomic(struct meter *) meters[ENGINE_RINGS_MAX]; /* of rings that have completed something */
    _Atomic int runners;                              /* threads in auraio_run() */
    _Atomic bool stop_asked;
    _Atomic bool shut_down;    /* auraio_shutdown() or auraio_destroy() was called */
    _Atomic bool destroyed;    /* auraio_destroy() was */
    _Atomic uint64_t unwinder; /* id of the thread whose callback asked for one of these; 0: none did */
    bool settle_when_unwound;  /* auraio_shutdown(); of the unwinder alone, as is the next */
    bool destroy_when_unwound; /* auraio_destroy() */
};

/*
 * Set errno and remember why, as a format with up to two numbers, for auraio_last_error(); @error is a
 * positive errno. Return -1 and NULL.
 */
int error_int(int error, const char *format, long long a, long long b);
/* The same with one double. */
int error_real(int error, const char *format, double real);
void *error_null(int error, const char *format, long long a, long long b);
/* Of EAGAIN with AURAIO_SELECT_THREAD_LOCAL, when there are no more rings; takes their number. */
extern const char *const error_no_ring;
/* Errors that every call with an engine has; 0, or a positive errno with *ret_reason. */
int engine_refuses(const auraio_engine_t *engine, const char **ret_reason);

static inline bool engine_is_own(const auraio_engine_t *engine)
{
    return atomic_load_explicit(ring_process_identity, memory_order_relaxed) == engine->identity;
}

/* Of the calls that return an int: 0, or -1 with errno where the engine cannot be used. */
static inline int engine_check(const auraio_engine_t *engine)
{
    const char *reason;
    if (__builtin_expect(engine && engine_is_own(engine), 1))
        return 0;
    int error = engine_refuses(engine, &reason);
    return error ? error_int(error, reason, 0, 0) : 0;
}

/* A latency target in milliseconds, at most ENGINE_TARGET_MAX_MS; what is too small to count is 1 ns, not
 * none. */
static inline int64_t engine_target_ns(double target_ms)
{
    double target_ns = target_ms * 1e6;
    return target_ns > 0 && target_ns < 1 ? 1 : (int64_t)target_ns;
}

/* Whether operations may be submitted. */
static inline bool engine_is_open(const auraio_engine_t *engine)
{
    return engine && engine_is_own(engine) && !atomic_load_explicit(&engine->shut_down, memory_order_relaxed);
}

/* Complete @given into *ret_options. 0, or a positive errno that error_int() was told about. */
int options_complete(const auraio_options_t *given, auraio_options_t *ret_options);

/* The backend that option and environment ask for. 0, or a positive errno that error_int() was told about. */
int backend_choose(auraio_options_t *options);
/* Why there is no engine. */
const char *backend_refusal(const auraio_options_t *options);
/* Tell the log which backend runs, and why not the better one. */
void backend_log(const auraio_engine_t *engine);

/* A test's way in: create with a topology of its own. */
auraio_engine_t *engine_create(const auraio_options_t *options, const struct topology *topology);

/* The same in another system: see struct ring_system. */
auraio_engine_t *engine_create_in(const struct ring_system *system, const auraio_options_t *options,
                                  const struct topology *topology);

void engine_log(const auraio_engine_t *engine, auraio_log_level_t level, const char *message);

/* Have the pool's arenas known to the rings: in the options of the one, for the configuration of the other.
 */
void memory_join(auraio_engine_t *engine, struct pool_options *options);
const struct ring_memory *memory_of_rings(auraio_engine_t *engine);

/* Observer of the ring group: context is the engine. */
/* 0, or -1 with errno for a storage target that the engine does not have. */
int engine_check_target(const auraio_engine_t *engine, int target);

void meter_observe(void *context, int ring, const struct ring_sample *samples, int count, int64_t now_ns);
void meter_free_all(auraio_engine_t *engine);

/* Whether a callback of this thread asked for what can only be done when the calls that drive have returned.
 */
static inline bool engine_must_unwind(const auraio_engine_t *engine)
{
    uint64_t unwinder = atomic_load_explicit(&engine->unwinder, memory_order_relaxed);
    return __builtin_expect(unwinder != 0, 0) && unwinder == ring_thread_id();
}

/* Called when a public call that drove completions returns: shuts the engine down or destroys it if a
 * callback asked for that. */
void engine_unwind(auraio_engine_t *engine);

_Static_assert(sizeof(auraio_options_t) == AURAIO_OPTIONS_SIZE_0_1,
               "grow only by taking from reserved, or at the end");
_Static_assert((int)AURAIO_OP_SYNC_FILE_RANGE == (int)RING_OP_SYNC_FILE_RANGE, "opcodes are passed through");
_Static_assert((int)AURAIO_SELECT_THREAD_LOCAL == (int)RING_SELECT_THREAD_LOCAL, "modes are passed through");
_Static_assert((int)AURAIO_BACKEND_THREADS == (int)RING_BACKEND_THREADS, "backends are passed through");
_Static_assert((int)AURAIO_FEATURE_NUMA == (int)RING_FEATURE_NUMA, "features are passed through");

#endif
