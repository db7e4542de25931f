/* SPDX-License-Identifier: MIT */
#include "actions.h"
#include "input.h"
#include "world.h"

#include <auraio/metrics.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HOUR_NS (INT64_C(3600) * 1000 * 1000 * 1000)

static const int only_invalid[] = {EINVAL, 0};

/* ------------------------------------------------------------------- handles */

/* Of any operation of this run, or a number that may never have been one. */
static auraio_request_t *some_handle(void)
{
    if (record_count > 0 && below(8))
        return records[below(256) % (unsigned)record_count].handle;
    return (auraio_request_t *)(uintptr_t)take(8);
}

void act_cancel(struct life *life)
{
    static const int refusals[] = {EINVAL, EALREADY, ESHUTDOWN, 0};
    auraio_request_t *handle = some_handle();
    bool ours = false;
    for (int i = 0; i < record_count; i++)
        if (records[i].accepted && !records[i].done && (!records[i].handle || records[i].handle == handle))
            records[i].cancelled = ours = true; /* a batch does not tell its handles unless asked */
    if (auraio_cancel(life->engine, handle) < 0)
        check_refusal("auraio_cancel()", refusals);
    else if (!ours)
        broken("an operation is cancelled that there is not");
}

void act_ask(struct life *life)
{
    auraio_request_t *handle = some_handle();
    (void)life;
    (void)auraio_request_pending(handle);
    (void)auraio_request_user_data(handle);
    (void)auraio_request_rw_flags(handle);
    int fd = auraio_request_fd(handle);
    for (int i = 0; i < record_count; i++)
        if (records[i].handle && records[i].handle == handle && !records[i].done && !records[i].silent &&
            fd != records[i].fd)
            broken("operation %d is on descriptor %d, not %d", i, records[i].fd, fd);
}

/* -------------------------------------------------------------------- buffers */

static void allocate(struct life *life, struct pool_buffer *buffer)
{
    static const int refusals[] = {EINVAL, ENOMEM, 0};
    size_t alignment = life->whole ? life->options.buffer_alignment : 0;
    size_t size = below(8) ? 1 + (size_t)take(2) : (size_t)take(8);
    if (size > 1 << 24 && size <= 1 << 30)
        size = 1 << 24; /* touching a gigabyte takes a second */
    buffer->bytes = auraio_buffer_alloc(life->engine, size);
    buffer->size = size;
    buffer->used = false;
    if (!buffer->bytes)
        check_refusal("auraio_buffer_alloc()", refusals);
    else if (size == 0 || size > 1 << 30)
        broken("a buffer of %zu bytes was allocated", size);
    else
        memset(buffer->bytes, 0x5a, size);
    if (buffer->bytes && alignment && (uintptr_t)buffer->bytes % alignment)
        broken("a buffer is not aligned to %zu", alignment);
}

/* Misuse that does not abort, as it does with debug_buffers. */
static void misuse(struct life *life, const struct pool_buffer *buffer)
{
    static char foreign[64];
    if (life->options.debug_buffers || !life->whole)
        return;
    if (buffer->bytes && below(2))
        auraio_buffer_free(life->engine, buffer->bytes, buffer->size + ((size_t)1 << 20));
    else
        auraio_buffer_free(life->engine, foreign, 1 + (size_t)take(2));
}

void act_buffer(struct life *life)
{
    struct pool_buffer *buffer = &life->buffers[below(BUFFERS_MAX)];
    size_t held = 0;
    unsigned how = below(8);
    if (how == 7)
        auraio_buffer_trim(life->engine);
    else if (how == 6)
        misuse(life, buffer);
    else if (!buffer->bytes)
        allocate(life, buffer);
    else if (!buffer->used) {
        auraio_buffer_free(life->engine, buffer->bytes, buffer->size);
        buffer->bytes = NULL;
    }
    auraio_buffer_stats_t stats;
    for (int i = 0; i < BUFFERS_MAX; i++)
        held += life->buffers[i].bytes != NULL;
    if (auraio_get_buffer_stats(life->engine, &stats) < 0 || stats.total_buffers != held)
        broken("%zu buffers are handed out, not %zu", held, stats.total_buffers);
}

/* --------------------------------------------------------------- registrations */

static void register_files(struct life *life)
{
    static const int refusals[] = {EINVAL, EBADF, EBUSY, ENOMEM, EAGAIN, 0};
    int fds[4] = {model_files[0].fd, -1, run.pipe_fds[0], model_files[1].fd};
    if (below(8) == 7)
        fds[1] = (int)take(4) | 1 << 20;
    if (auraio_register_files(life->engine, fds, below(8) ? 4 : (int)take(4) % 5) < 0)
        check_refusal("auraio_register_files()", refusals);
}

static void update_file(struct life *life)
{
    static const int refusals[] = {EINVAL, ENOENT, EBADF, ENOMEM, 0};
    int fd = below(4) ? model_files[below(FILES)].fd : (int)take(1) - 2;
    int index = below(8) ? (int)below(4) : (int)take(4);
    if (fd > 2 && fd != model_files[0].fd && fd != model_files[1].fd)
        fd = -1; /* one that may be closed while it is registered */
    if (auraio_update_file(life->engine, index, fd) < 0)
        check_refusal("auraio_update_file()", refusals);
}

static void register_buffers(struct life *life)
{
    static const int refusals[] = {EINVAL, EBUSY, ENOMEM, EFAULT, EAGAIN, 0};
    struct iovec iovs[2] = {{record_memory(), (size_t)RECORDS_MAX * RECORD_BYTES}, {record_memory(), 1}};
    int count = below(8) ? 1 + (int)below(2) : (int)take(4) % 3;
    if (below(16) == 15)
        iovs[below(2)].iov_len = 0;
    if (auraio_register_buffers(life->engine, iovs, count) < 0)
        check_refusal("auraio_register_buffers()", refusals);
}

void act_register(struct life *life)
{
    switch (below(5)) {
    case 0:
        register_files(life);
        break;
    case 1:
        update_file(life);
        break;
    case 2:
        if (auraio_unregister_files(life->engine) < 0)
            broken("auraio_unregister_files() fails: %s", auraio_last_error());
        break;
    default:
        register_buffers(life);
        break;
    }
}

/* ---------------------------------------------------------------------- looks */

static void look_at_rings(const struct life *life)
{
    auraio_ring_stats_t stats;
    auraio_histogram_t histogram;
    int count = auraio_get_ring_count(life->engine), ring = below(4) ? (int)below(4) : (int)take(4);
    bool there = ring >= 0 && ring < count;
    if ((auraio_get_ring_stats(life->engine, ring, &stats) == 0) != there ||
        (auraio_get_histogram(life->engine, ring, &histogram) == 0) != there)
        broken("ring %d of %d is %sthere", ring, count, there ? "not " : "");
    if (there && (stats.pending_count < 0 || stats.aimd_phase < 0 || stats.aimd_phase > 5))
        broken("ring %d has %d pending, phase %d", ring, stats.pending_count, stats.aimd_phase);
    uint64_t bits = take(8);
    double percentile;
    memcpy(&percentile, &bits, sizeof(bits));
    bool valid = (there || ring == -1) && percentile >= 0 && percentile <= 100;
    if ((auraio_get_latency_percentile(life->engine, ring, percentile) >= 0) != valid)
        broken("percentile %g of ring %d is %svalid", percentile, ring, valid ? "in" : "");
}

static void look_at_targets(const struct life *life)
{
    auraio_target_stats_t stats;
    int count = auraio_get_target_count(life->engine), target = below(4) ? (int)below(4) : (int)take(4);
    bool there = target >= 0 && target < count;
    int room = 1 + (int)below(AURAIO_DECISIONS_MAX + 8);
    auraio_decision_t *decisions = malloc((size_t)room * sizeof(*decisions));
    if (!decisions)
        broken("no memory");
    if ((auraio_get_target_stats(life->engine, target, &stats) == 0) != there)
        broken("target %d of %d is %sthere", target, count, there ? "not " : "");
    int copied = auraio_get_decisions(life->engine, target, decisions, room);
    if ((copied >= 0) != there || copied > room || copied > AURAIO_DECISIONS_MAX)
        broken("%d decisions of target %d", copied, target);
    for (int i = 0; i < copied; i++)
        if (!auraio_cause_name(decisions[i].cause) || decisions[i].new_limit < 1)
            broken("decision %d sets the limit to %d", i, decisions[i].new_limit);
    free(decisions);
}

static void look_at_backend(const struct life *life)
{
    size_t size = below(4) ? sizeof(auraio_backend_info_t) : below(256), room = size < 8 ? 8 : size;
    auraio_backend_info_t *info = calloc(1, room); /* as long as it says, and not a byte longer */
    if (!info)
        broken("no memory");
    info->struct_size = size;
    if (auraio_get_backend_info(life->engine, info) < 0 && (errno != EINVAL || size == sizeof(*info)))
        broken("auraio_get_backend_info() fails: %s", auraio_last_error());
    free(info);
}

void act_look(struct life *life)
{
    auraio_stats_t stats;
    switch (below(4)) {
    case 0:
        look_at_rings(life);
        break;
    case 1:
        look_at_targets(life);
        break;
    case 2:
        look_at_backend(life);
        break;
    default:
        auraio_get_stats(life->engine, &stats);
        if (stats.current_in_flight < 0 || stats.ops_completed < 0 || stats.bytes_transferred < 0)
            broken("statistics are negative");
        break;
    }
}

struct visit {
    struct life *life;
    int left;
};

/* It may call the library. */
static bool on_metric(const auraio_metric_t *metric, void *user_data)
{
    struct visit *visit = user_data;
    if (!(metric->value >= 0) || metric->label_count > AURAIO_METRIC_LABELS_MAX)
        broken("metric %s is %g", metric->name, metric->value);
    if (visit->left % 16 == 0)
        act_submit(visit->life);
    return visit->left-- > 0;
}

void act_metrics(struct life *life)
{
    size_t size = below(2) ? (size_t)take(2) : 0;
    char *text = malloc(size + !size);
    if (!text)
        broken("no memory");
    int length = auraio_format_metrics(life->engine, text, size);
    if (length < 0)
        broken("auraio_format_metrics() fails: %s", auraio_last_error());
    if (size > 0 && strlen(text) != ((size_t)length < size ? (size_t)length : size - 1))
        broken("%d bytes of metrics are %zu in a buffer of %zu", length, strlen(text), size);
    free(text);
    struct visit visit = {.life = life, .left = (int)below(64)};
    if (auraio_visit_metrics(life->engine, on_metric, &visit) < 0)
        broken("auraio_visit_metrics() fails: %s", auraio_last_error());
}

/* ------------------------------------------------------------------- the world */

static void set_target(struct life *life)
{
    static const int refusals[] = {EINVAL, EOPNOTSUPP, 0};
    double target_ms = below(4);
    uint64_t bits = take(8);
    if (below(4) == 3)
        memcpy(&target_ms, &bits, sizeof(bits));
    if (auraio_set_target_p99(life->engine, target_ms) < 0)
        check_refusal("auraio_set_target_p99()", refusals);
}

static void ask_for_descriptor(struct life *life)
{
    static const int refusals[] = {EAGAIN, ENOMEM, EMFILE, 0};
    int fd = auraio_get_poll_fd(life->engine);
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        check_refusal("auraio_get_poll_fd()", refusals);
    else if (poll(&polled, 1, 0) < 0 || polled.revents & (POLLNVAL | POLLERR))
        broken("the poll descriptor %d says 0x%x", fd, (unsigned)polled.revents);
}

/* What the library makes up for must not happen always. */
static void set_fault(void)
{
    unsigned fault = below(AURAIO_SIM_REGISTER_FAILS + 1), tenths = below(11);
    bool made_up_for = fault == AURAIO_SIM_INTERRUPTED || fault == AURAIO_SIM_AGAIN || /* of a stream */
                       fault == AURAIO_SIM_REFUSED;
    if (made_up_for && tenths > 5)
        tenths = 5;
    if (tenths > 0)
        record_faults |= 1u << fault;
    if (auraio_sim_set_fault(run.sim, (auraio_sim_fault_t)fault, tenths / 10.0) < 0)
        broken("a fault cannot be set: %s", auraio_last_error());
}

/* A shutdown looks at what is pending ten times a second: of a device of minutes it would be a long run. */
static void set_device(void)
{
    enum { SLOWEST_NS = 10 * 1000 * 1000 };
    int64_t latency_ns = take_wide();
    if (latency_ns > SLOWEST_NS && latency_ns <= HOUR_NS)
        latency_ns = SLOWEST_NS;
    if (auraio_sim_set_device(run.sim, latency_ns, (int)below(80)) < 0)
        check_refusal("auraio_sim_set_device()", only_invalid);
}

static void change_world(void)
{
    char bytes[64] = {0};
    int there = 0;
    switch (below(8)) {
    case 0:
        if (auraio_sim_advance(run.sim, take_wide()) < 0)
            check_refusal("auraio_sim_advance()", only_invalid);
        break;
    case 1:
        set_device();
        break;
    case 2:
        if (below(8) == 0 && auraio_sim_crash(run.sim) == 0)
            records_crash();
        break;
    case 3:
    case 4:
        set_fault();
        break;
    default: /* what reads of the pipe wait for, or room for its writes */
        if (ioctl(run.pipe_fds[0], FIONREAD, &there) == 0 && there < 4096)
            (void)!write(run.pipe_fds[1], bytes, 1 + below(64));
        else
            (void)!read(run.pipe_fds[0], bytes, sizeof(bytes));
        break;
    }
}

/* What can be had without an engine, or with none. */
static void call_without_engine(void)
{
    auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
    auraio_destroy(NULL);
    auraio_shutdown(NULL);
    auraio_buffer_free(NULL, NULL, 1);
    if (auraio_submit(NULL, &op, NULL, NULL) || auraio_wait(NULL, -1) != -1 || auraio_poll(NULL) != 0 ||
        auraio_cancel(NULL, NULL) != -1 || auraio_buffer_alloc(NULL, 1) || auraio_get_ring_count(NULL) != 0)
        broken("there is no engine, and it answers");
    if (!auraio_phase_name((int)take(4)) || !auraio_cause_name((int)take(4)) || !auraio_version())
        broken("a name is NULL");
}

static void end_engine(struct life *life)
{
    if (run.keeping > 0 || below(4))
        return;
    if (below(2)) {
        life->ending = true;
        auraio_shutdown(life->engine);
        if (life->callbacks == 0 && !life->silent && life->pending > 0)
            broken("%d operations are pending after a shutdown", life->pending);
        life_settle(life);
    } else if (!life->doomed) {
        life_destroy(life);
    }
}

void act(void)
{
    static void (*const actions[])(struct life *) = {
        act_submit, act_submit,  act_submit, act_submit_batch,   act_drive,
        act_drive,  act_cancel,  act_ask,    act_buffer,         act_register,
        act_look,   act_metrics, set_target, ask_for_descriptor, end_engine,
    };
    enum { COUNT = sizeof(actions) / sizeof(actions[0]) };
    unsigned what = below(COUNT + 3);
    struct life *life = &run.lives[what < COUNT && below(8) == 7 ? 1 : 0];
    if (what == COUNT)
        change_world();
    else if (what == COUNT + 1)
        call_without_engine();
    else if (what == COUNT + 2 || !life->engine)
        life_begin(&run.lives[below(ENGINES)]);
    else
        actions[what](life);
}
