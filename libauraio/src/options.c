/* SPDX-License-Identifier: MIT */
/* Options: defaults, versions by size, ranges. */
#include "engine.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum {
    QUEUE_DEPTH_DEFAULT = 256,
    QUEUE_DEPTH_MAX = 32768,
    MAX_PENDING_DEFAULT = 65536,
    MAX_PENDING_MAX = 1 << 23
};

static auraio_options_t defaults(void)
{
    return (auraio_options_t){
        .struct_size = sizeof(auraio_options_t),
        .queue_depth = QUEUE_DEPTH_DEFAULT,
        .min_in_flight = 4,
        .buffer_alignment = (size_t)sysconf(_SC_PAGESIZE),
        .sqpoll_idle_ms = 1000,
        .ring_select = AURAIO_SELECT_ADAPTIVE,
        .max_pending = MAX_PENDING_DEFAULT,
    };
}

void auraio_options_init_sized(auraio_options_t *options, size_t struct_size)
{
    if (!options || struct_size < sizeof(options->struct_size))
        return;
    auraio_options_t full = defaults();
    full.struct_size = struct_size;
    memset(options, 0, struct_size);
    memcpy(options, &full, struct_size < sizeof(full) ? struct_size : sizeof(full));
}

#undef auraio_options_init
void auraio_options_init(auraio_options_t *options)
{
    auraio_options_init_sized(options, AURAIO_OPTIONS_SIZE_0_1);
}

/* Ends of the fields: a size from another version may end between two of them, but takes no half field. */
static size_t whole_fields(size_t size)
{
#define END_OF(field) (offsetof(auraio_options_t, field) + sizeof(((auraio_options_t *)0)->field))
    static const size_t ends[] = {
        END_OF(reserved),
        END_OF(reserved8),
        END_OF(debug_buffers),
        END_OF(log_user_data),
        END_OF(log),
        END_OF(backend),
        END_OF(max_pending),
        END_OF(ring_select),
        END_OF(sqpoll_idle_ms),
        END_OF(enable_sqpoll),
        END_OF(disable_adaptive),
        END_OF(buffer_alignment),
        END_OF(max_p99_latency_ms),
        END_OF(min_in_flight),
        END_OF(initial_in_flight),
        END_OF(ring_count),
        END_OF(queue_depth),
    };
#undef END_OF
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (size >= ends[i])
            return ends[i];
    return sizeof(size_t);
}

static int refuse(const char *format, long long a, long long b)
{
    (void)error_int(EINVAL, format, a, b);
    return EINVAL;
}

/* Copy what the caller's version of the struct has over the defaults. */
static int copy_versioned(const auraio_options_t *given, auraio_options_t *options)
{
    size_t size = given->struct_size;
    if (size < sizeof(size_t) || size > 65536)
        return refuse("options.struct_size is %lld: set the options up with auraio_options_init()",
                      (long long)size, 0);
    if (size > sizeof(*options)) {
        const unsigned char *bytes = (const unsigned char *)given;
        for (size_t i = sizeof(*options); i < size; i++)
            if (bytes[i])
                return refuse(
                    "options has a field set that this library does not know, at byte %lld of %lld: use a "
                    "newer library, or leave it zero",
                    (long long)i, (long long)size);
        size = sizeof(*options);
    }
    memcpy(options, given, whole_fields(size));
    options->struct_size = sizeof(*options);
    return 0;
}

static int check_depths(auraio_options_t *options)
{
    if (options->queue_depth < 0 || options->queue_depth > QUEUE_DEPTH_MAX)
        return refuse("options.queue_depth is %lld: it goes from 1 to %lld, 0 is the default",
                      options->queue_depth, QUEUE_DEPTH_MAX);
    if (options->queue_depth == 0)
        options->queue_depth = QUEUE_DEPTH_DEFAULT;
    if (options->ring_count < 0 || options->ring_count > ENGINE_RINGS_MAX)
        return refuse("options.ring_count is %lld: it goes from 1 to %lld, 0 is one per CPU",
                      options->ring_count, ENGINE_RINGS_MAX);
    if (options->initial_in_flight < 0 || options->initial_in_flight > options->queue_depth)
        return refuse(
            "options.initial_in_flight is %lld: it goes from 1 to queue_depth, %lld, 0 is queue_depth",
            options->initial_in_flight, options->queue_depth);
    /* The default minimum gives way to a smaller queue; a minimum of one's own does not. */
    if (options->min_in_flight == 0 || (options->min_in_flight == 4 && options->queue_depth < 4))
        options->min_in_flight = options->queue_depth < 4 ? options->queue_depth : 4;
    if (options->min_in_flight < 0 || options->min_in_flight > options->queue_depth)
        return refuse("options.min_in_flight is %lld: it goes from 1 to queue_depth, %lld, 0 is the default",
                      options->min_in_flight, options->queue_depth);
    /* A promise is kept from the start: from below. Without one, what is held back would be held back in vain
     * until the controller knows better. */
    bool promise = options->max_p99_latency_ms > 0 && !options->disable_adaptive;
    if (options->initial_in_flight == 0)
        options->initial_in_flight = promise ? options->min_in_flight : options->queue_depth;
    if (options->max_pending < 0 || options->max_pending > MAX_PENDING_MAX)
        return refuse("options.max_pending is %lld: it goes from 1 to %lld, 0 is the default",
                      options->max_pending, MAX_PENDING_MAX);
    if (options->max_pending == 0)
        options->max_pending = MAX_PENDING_DEFAULT;
    return 0;
}

static int check_rest(auraio_options_t *options)
{
    double target_ms = options->max_p99_latency_ms;
    if (!(target_ms >= 0) || target_ms > ENGINE_TARGET_MAX_MS) {
        (void)error_real(EINVAL, "options.max_p99_latency_ms is %g: give milliseconds, or 0 for no target",
                         target_ms);
        return EINVAL;
    }
    size_t alignment = options->buffer_alignment;
    if (alignment == 0)
        options->buffer_alignment = alignment = (size_t)sysconf(_SC_PAGESIZE);
    if (alignment < sizeof(void *) || alignment & (alignment - 1) || alignment > POOL_ALIGNMENT_MAX_BYTES)
        return refuse(
            "options.buffer_alignment is %lld: it is a power of two from sizeof(void *) to %lld, 0 is the "
            "page size",
            (long long)alignment, (long long)POOL_ALIGNMENT_MAX_BYTES);
    if (options->sqpoll_idle_ms < 0)
        return refuse("options.sqpoll_idle_ms is %lld: give milliseconds, or 0 for the default",
                      options->sqpoll_idle_ms, 0);
    if (options->sqpoll_idle_ms == 0)
        options->sqpoll_idle_ms = 1000;
    if ((unsigned)options->ring_select > AURAIO_SELECT_THREAD_LOCAL)
        return refuse("options.ring_select is %lld: see auraio_ring_select_t",
                      (long long)options->ring_select, 0);
    if ((unsigned)options->backend > AURAIO_BACKEND_THREADS)
        return refuse("options.backend is %lld: see auraio_backend_t", (long long)options->backend, 0);
    for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++)
        if (options->reserved[i])
            return refuse("options.reserved[%lld] is set: keep it zero", (long long)i, 0);
    for (size_t i = 0; i < sizeof(options->reserved8); i++)
        if (options->reserved8[i])
            return refuse("options.reserved8[%lld] is set: keep it zero", (long long)i, 0);
    return 0;
}

int options_complete(const auraio_options_t *given, auraio_options_t *ret_options)
{
    auraio_options_t options = defaults();
    int error = given ? copy_versioned(given, &options) : 0;
    if (!error)
        error = check_rest(&options);
    if (!error)
        error = check_depths(&options);
    if (!error)
        *ret_options = options;
    return error;
}
