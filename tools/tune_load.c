/* tune_load.c - a closed loop: each operation that completes is followed by another, at a place of its own
 * choice by the kind of access. With a fixed depth as many are offered as may be in the kernel. An engine
 * that tunes itself is offered more than its limit ever allows: it must be the limit, not the load, that
 * decides.
 *
 * A turn counts what completes until its time is over; what is in flight then completes outside of it, so
 * that engines whose turn it is not are idle. */
#include "tune.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GATHER_NS ((int64_t)10 * 1000000)
#define WAIT_MS 100
#define READ_PERCENT 70 /* of a mixed load */
#define START_LIMIT 4   /* with a target; the engine's own default */

struct tune_load {
    const tune_options_t *options;
    const tune_subject_t *subject;
    auraio_engine_t *engine;
    bool adaptive, running;
    int offered;
    const tune_buffers_t *buffers;
    size_t buffer_next;
    uint64_t random, block_next, blocks;
    int64_t ops;           /* of this turn */
    int64_t ops_total;     /* ever, those between turns included */
    int64_t tuned_ns;      /* turns before this one */
    int64_t start_ns;      /* of this turn */
    auraio_hist_t latency; /* of all turns before */
    tune_journal_t journal;
    int64_t *stamps;
    int stamp_count;
    bool stamping;
    int error; /* the first, negative errno */
};

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- one operation ---------------------------------------------------------------------------- */

static off_t next_offset(tune_load_t *load)
{
    tune_access_t access = load->options->access;
    bool in_order = access == TUNE_READ || access == TUNE_WRITE;
    uint64_t block = in_order ? load->block_next++ : tune_random(&load->random);
    return (off_t)(block % load->blocks * load->options->block_bytes);
}

static bool next_is_read(tune_load_t *load)
{
    tune_access_t access = load->options->access;
    if (access == TUNE_MIXED)
        return tune_random(&load->random) % 100 < READ_PERCENT;
    return !tune_access_writes(access);
}

static void submit(tune_load_t *load);

static void fail(tune_load_t *load, int error)
{
    load->error = load->error ? load->error : error;
    load->running = false;
}

static void completed(auraio_request_t *request, ssize_t result, void *user_data)
{
    tune_load_t *load = user_data;
    (void)request;
    load->ops_total++;
    if (result < 0)
        fail(load, (int)result);
    else if ((size_t)result != load->options->block_bytes)
        fail(load, -ENODATA);
    if (!load->running)
        return;
    load->ops++;
    if (load->stamping && load->ops % TUNE_STAMP_OPS == 0 && load->stamp_count < TUNE_STAMPS)
        load->stamps[load->stamp_count++] = now_ns() - load->start_ns;
    submit(load);
}

static void submit(tune_load_t *load)
{
    size_t length = load->options->block_bytes;
    auraio_buf_t buffer =
        auraio_buf(load->buffers->memory + load->buffer_next++ % load->buffers->count * length);
    int fd = load->subject->fd;
    off_t offset = next_offset(load);
    auraio_request_t *request = next_is_read(load)
                                    ? auraio_read(load->engine, fd, buffer, length, offset, completed, load)
                                    : auraio_write(load->engine, fd, buffer, length, offset, completed, load);
    if (!request)
        fail(load, -errno);
}

/* ---- a turn ----------------------------------------------------------------------------------- */

static int said(const tune_load_t *load, int error)
{
    const char *path = load->options->path;
    if (error == -ENODATA)
        fprintf(stderr, "auraio tune: '%s' became shorter while it was measured\n", path);
    else
        fprintf(stderr, "auraio tune: '%s', --rw %s: %s\n", path, tune_access_name(load->options->access),
                strerror(-error));
    return error;
}

/* Until the time is over, or a signal, or an error. Returns the time it took. */
static int64_t drive(tune_load_t *load, int64_t duration_ns)
{
    int64_t end_ns = load->start_ns + duration_ns, at_ns = load->start_ns;
    int64_t gather_ns = load->start_ns;
    while (load->running && at_ns < end_ns && !tune_stop_signal()) {
        int64_t left_ms = (end_ns - at_ns) / 1000000 + 1;
        auraio_wait(load->engine, (int)(left_ms < WAIT_MS ? left_ms : WAIT_MS));
        at_ns = now_ns();
        if (load->adaptive && at_ns >= gather_ns && load->running) {
            int error = tune_journal_gather(&load->journal, load->engine, load->subject->device,
                                            load->tuned_ns - load->start_ns);
            if (error)
                fail(load, error);
            gather_ns = at_ns + GATHER_NS;
        }
    }
    return at_ns - load->start_ns;
}

int tune_load_run(tune_load_t *load, int64_t duration_ns, tune_figures_t *into)
{
    load->ops = 0;
    load->running = true;
    load->stamping = load->stamps && load->stamp_count == 0;
    load->start_ns = now_ns();
    for (int i = 0; i < load->offered && load->running; i++)
        submit(load);
    tune_figures_t turn = {.time_ns = drive(load, duration_ns)};
    turn.ops = load->ops;
    load->running = false;
    load->stamping = false;
    load->tuned_ns += turn.time_ns;
    if (auraio_drain(load->engine, -1) < 0)
        fail(load, -errno);
    if (load->error)
        return said(load, load->error);
    auraio_hist_t all;
    tune_latency_read(load->engine, load->ops_total, &all);
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++)
        turn.latency.buckets[i] = all.buckets[i] - load->latency.buckets[i];
    load->latency = all;
    tune_figures_add(into, &turn);
    return 0;
}

/* ---- the load --------------------------------------------------------------------------------- */

static int create_engine(tune_load_t *load, int depth)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.queue_depth = load->options->max_depth;
    options.min_in_flight = 1;
    options.disable_adaptive = !load->adaptive;
    options.initial_in_flight = depth;
    if (load->adaptive && load->options->target_ns > 0) {
        options.max_p99_latency_ms = (double)load->options->target_ns / 1e6;
        options.initial_in_flight =
            START_LIMIT < load->options->max_depth ? START_LIMIT : load->options->max_depth;
    }
    load->engine = auraio_create_with_options(&options);
    if (load->engine)
        return 0;
    int error = -errno;
    fprintf(stderr, "auraio tune: no engine can be made here: %s (`auraio doctor` says more)\n",
            auraio_last_error()[0] ? auraio_last_error() : strerror(-error));
    return error;
}

int tune_load_create(const tune_options_t *options, const tune_subject_t *subject,
                     const tune_buffers_t *buffers, int depth, tune_load_t **ret_load)
{
    tune_load_t *load = calloc(1, sizeof(*load));
    int error = load ? 0 : -ENOMEM;
    if (!error) {
        load->options = options;
        load->subject = subject;
        load->buffers = buffers;
        load->adaptive = depth == 0;
        load->offered = load->adaptive ? TUNE_OFFERED * options->max_depth : depth;
        load->random = (uint64_t)now_ns();
        load->blocks = subject->size_bytes / options->block_bytes;
        load->stamps = load->adaptive ? calloc(TUNE_STAMPS, sizeof(*load->stamps)) : NULL;
        error = load->adaptive && !load->stamps ? -ENOMEM : create_engine(load, depth);
    }
    if (error) {
        tune_load_destroy(load);
        return error;
    }
    *ret_load = load;
    return 0;
}

void tune_load_destroy(tune_load_t *load)
{
    if (!load)
        return;
    auraio_destroy(load->engine);
    tune_journal_destroy(&load->journal);
    free(load->stamps);
    free(load);
}

const tune_journal_t *tune_load_journal(const tune_load_t *load)
{
    return &load->journal;
}

const int64_t *tune_load_stamps(const tune_load_t *load, int *ret_count)
{
    *ret_count = load->stamp_count;
    return load->stamps;
}

int tune_load_limit(const tune_load_t *load)
{
    auraio_target_stats_t stats = {0};
    (void)auraio_get_target_stats(load->engine, load->journal.target, &stats);
    return stats.optimal_in_flight;
}

auraio_backend_info_t tune_load_backend(const tune_load_t *load)
{
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    (void)auraio_get_backend_info(load->engine, &info);
    return info;
}
