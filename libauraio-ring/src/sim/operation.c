/* SPDX-License-Identifier: MIT */
/*
 * What becomes of an operation in a simulated world. Transfers, opens and the rest have their effect when
 * they complete; a sync has its when it starts: what is written beside it is not promised. Storage takes the
 * time that the device takes, now and then none (the page cache); what waits for a pipe waits until it is
 * ready.
 */
#include "world-private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VECTORS_MAX = 64, PIPE_CHUNK_BYTES = 4096 };

static bool is_transfer(const struct entry *entry)
{
    return entry->kind == OPERATION_IO && entry->opcode <= RING_OP_WRITEV;
}

static bool is_vectored(const struct entry *entry)
{
    return entry->opcode == RING_OP_READV || entry->opcode == RING_OP_WRITEV;
}

bool operation_is_write(const struct operation *operation)
{
    const struct entry *entry = &operation->entry;
    return entry->kind == OPERATION_IO && (entry->opcode == RING_OP_WRITE || entry->opcode == RING_OP_WRITEV);
}

static uint64_t total_bytes(const struct entry *entry)
{
    if (!is_vectored(entry))
        return entry->len;
    uint64_t total = 0;
    for (uint64_t i = 0; i < entry->len; i++)
        total += entry->u.iov[i].iov_len;
    return total;
}

/* ----------------------------------------------------------------- its end */

static void leave_streams(struct operation *operation)
{
    struct operation **link = &operation->backend->world->streams;
    while (*link != operation)
        link = &(*link)->next_stream;
    *link = operation->next_stream;
    operation->streaming = false;
}

/* Out of all lists; what is in the heap stays there until its time comes. */
static void leave(struct operation *operation)
{
    struct backend *backend = operation->backend;
    if (operation->streaming)
        leave_streams(operation);
    if (operation->next)
        operation->next->prev = operation->prev;
    if (operation->prev)
        operation->prev->next = operation->next;
    else
        backend->operations = operation->next;
    operation->backend = NULL;
    if (!operation->scheduled)
        world_give(backend->world, operation);
}

void operation_drop(struct operation *operation)
{
    struct world *world = operation->backend->world;
    struct operation *next = operation->chain;
    leave(operation);
    while (next) { /* members of a chain are in no list */
        struct operation *after = next->chain;
        world_give(world, next);
        next = after;
    }
}

static bool succeeded_in_full(const struct entry *entry, int64_t result)
{
    return result >= 0 && (!is_transfer(entry) || entry->polling || (uint64_t)result == total_bytes(entry));
}

void operation_complete(struct operation *operation, int64_t result)
{
    struct backend *backend = operation->backend;
    struct operation *next = operation->chain;
    bool full = succeeded_in_full(&operation->entry, result);
    backend_post(backend, operation->entry.key, result, 0);
    leave(operation);
    if (next && full) {
        operation_start(next);
        return;
    }
    while (next) {
        struct operation *after = next->chain;
        backend_post(backend, next->entry.key, -ECANCELED, 0);
        world_give(backend->world, next);
        next = after;
    }
}

/* ---------------------------------------------------------------- transfers */

/* The first @bytes_max bytes of what is to be transferred, as a vector; its length. */
static int cut_vector(const struct entry *entry, uint64_t bytes_max, struct iovec *ret)
{
    const struct iovec whole = {.iov_base = entry->u.addr, .iov_len = entry->len};
    const struct iovec *from = is_vectored(entry) ? entry->u.iov : &whole;
    uint64_t vectors = is_vectored(entry) ? entry->len : 1;
    int count = 0;
    for (; (uint64_t)count < vectors && count < VECTORS_MAX && bytes_max > 0; count++) {
        ret[count] = from[count];
        if (ret[count].iov_len > bytes_max)
            ret[count].iov_len = bytes_max;
        bytes_max -= ret[count].iov_len;
    }
    return count;
}

static void note_written(struct world *world, const struct entry *entry, uint64_t bytes)
{
    struct world_file *file = file_of_fd(world, entry->fd);
    int flags = fcntl(entry->fd, F_GETFL);
    if (!file)
        return;
    if (entry->offset < 0 || flags & O_APPEND || entry->rw_flags & RWF_APPEND)
        file_changed(world, file, 0, UINT64_MAX); /* where it went is not known */
    else
        file_changed(world, file, (uint64_t)entry->offset, (uint64_t)entry->offset + bytes);
    if (flags & (O_DSYNC | O_SYNC) || entry->rw_flags & (RWF_DSYNC | RWF_SYNC))
        (void)file_sync(file);
}

int64_t operation_transfer(struct operation *operation, uint64_t bytes_max)
{
    const struct entry *entry = &operation->entry;
    struct iovec vector[VECTORS_MAX];
    int count = cut_vector(entry, bytes_max, vector);
    int flags = entry->rw_flags & RWF_APPEND; /* what the others ask for is this world's affair */
    if (!operation_is_write(operation)) {
        ssize_t moved = preadv2(entry->fd, vector, count, entry->offset, 0);
        return moved < 0 ? -errno : moved;
    }
    ssize_t moved = pwritev2(entry->fd, vector, count, entry->offset, flags);
    if (moved < 0)
        return -errno;
    note_written(operation->backend->world, entry, (uint64_t)moved);
    return moved;
}

/* ---------------------------------------------------------------- readiness */

static void join_streams(struct operation *operation)
{
    struct world *world = operation->backend->world;
    operation->streaming = true;
    operation->next_stream = world->streams;
    world->streams = operation;
}

static bool descriptor_is_ready(const struct operation *operation)
{
    struct pollfd fd = {.fd = operation->entry.fd,
                        .events = operation_is_write(operation) ? POLLOUT : POLLIN};
    return poll(&fd, 1, 0) > 0;
}

/* One completion for each time the bell is rung after the last was reaped. */
static void look_at_bell(struct operation *operation)
{
    struct backend *backend = operation->backend;
    bool reaped = operation->done == 0 || (int)(backend->completion_head - (unsigned)operation->done) >= 0;
    if (!reaped || !descriptor_is_ready(operation))
        return;
    backend_post(backend, operation->entry.key, POLLIN, BACKEND_MORE);
    operation->done = (uint64_t)backend->posted | UINT64_C(1) << 32; /* not 0 */
}

/* Write what fits for certain, so that it never blocks. Whether that was all; else more follows. */
static bool write_some(struct operation *operation, int64_t *ret_result)
{
    const struct entry *entry = &operation->entry;
    struct iovec vector[VECTORS_MAX];
    ssize_t put;
    if (is_vectored(entry)) {
        put = writev(entry->fd, vector, cut_vector(entry, PIPE_CHUNK_BYTES, vector));
    } else {
        uint64_t left = entry->len - operation->done;
        put = write(entry->fd, (const char *)entry->u.addr + operation->done,
                    left < PIPE_CHUNK_BYTES ? left : PIPE_CHUNK_BYTES);
    }
    operation->done += put > 0 ? (uint64_t)put : 0;
    *ret_result = put < 0 ? -errno : (int64_t)operation->done;
    return put < 0 || is_vectored(entry) || operation->done == entry->len;
}

/* What a blocking call would: a read takes what there is, a write waits until all has gone. */
static void look_at_stream(struct operation *operation)
{
    const struct entry *entry = &operation->entry;
    while (descriptor_is_ready(operation)) {
        int64_t result = POLLIN;
        struct iovec vector[VECTORS_MAX];
        if (operation->error < 0) {
            result = operation->error;
        } else if (operation_is_write(operation) && !entry->polling) {
            if (!write_some(operation, &result))
                continue;
        } else if (!entry->polling) {
            result = readv(entry->fd, vector, cut_vector(entry, operation->bytes_max, vector));
            result = result < 0 ? -errno : result;
        }
        operation_complete(operation, result);
        return;
    }
}

void streams_look(struct world *world)
{
    struct operation *next;
    for (struct operation *operation = world->streams; operation; operation = next) {
        next = operation->next_stream;
        if (operation->entry.kind == OPERATION_BELL)
            look_at_bell(operation);
        else
            look_at_stream(operation);
    }
}

/* -------------------------------------------------------------------- start */

static void inject(struct operation *operation, int error)
{
    operation->error = error;
    world_tell(operation->backend->world, WORLD_INJECTED, operation->entry.key, error);
}

/* The error that an operation of its kind may meet. */
static int hard_error(struct world *world, const struct operation *operation)
{
    switch (operation->entry.opcode) {
    case RING_OP_READ:
    case RING_OP_READV:
        return world_chance(world, WORLD_READ_ERROR) ? -EIO : 0;
    case RING_OP_WRITE:
    case RING_OP_WRITEV:
    case RING_OP_FALLOCATE:
        if (world_chance(world, WORLD_NO_SPACE))
            return -ENOSPC;
        return world_chance(world, WORLD_WRITE_ERROR) ? -EIO : 0;
    case RING_OP_FSYNC:
        return world_chance(world, WORLD_SYNC_ERROR) ? -EIO : 0;
    case RING_OP_CLOSE:
        return 0;
    default:
        return world_chance(world, WORLD_META_ERROR) ? -EIO : 0;
    }
}

static void decide(struct operation *operation)
{
    struct world *world = operation->backend->world;
    const struct entry *entry = &operation->entry;
    int error = hard_error(world, operation);
    if (world_chance(world, WORLD_INTERRUPTED))
        error = -EINTR;
    else if (is_transfer(entry) && world_chance(world, WORLD_AGAIN))
        error = -EAGAIN;
    else if (is_transfer(entry) && entry->rw_flags && world_chance(world, WORLD_UNSUPPORTED))
        error = -EOPNOTSUPP;
    if (error < 0 && !(entry->polling && error != -EINTR))
        inject(operation, error);
    uint64_t total = is_transfer(entry) ? total_bytes(entry) : 0;
    if (total > 1 && world_chance(world, WORLD_SHORT))
        operation->bytes_max = 1 + world_random(world, total - 1);
}

static void start_stream(struct operation *operation)
{
    int flags = fcntl(operation->entry.fd, F_GETFL);
    if (!operation->entry.polling && flags & O_NONBLOCK && !descriptor_is_ready(operation)) {
        operation_complete(operation, -EAGAIN);
        return;
    }
    join_streams(operation);
}

static void start_sync(struct operation *operation)
{
    struct world *world = operation->backend->world;
    struct world_file *file = file_of_fd(world, operation->entry.fd);
    if (file && operation->error == -EIO)
        file_lose_dirt(world, file);
    else if (file && operation->error == 0 && file_sync(file) < 0)
        inject(operation, -EIO);
    world_schedule(world, operation, world_service(world));
}

static void start_io(struct operation *operation)
{
    struct world *world = operation->backend->world;
    const struct entry *entry = &operation->entry;
    struct stat st;
    bool on_descriptor = entry->opcode != RING_OP_OPENAT && entry->opcode != RING_OP_STATX;
    world_tell(world, WORLD_STARTED, entry->key, entry->opcode);
    if (operation->backend->crashed) {
        operation_complete(operation, -EIO);
        return;
    }
    if (on_descriptor && fstat(entry->fd, &st) < 0) {
        operation_complete(operation, -errno);
        return;
    }
    decide(operation);
    bool file = on_descriptor && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode));
    if (entry->polling || (is_transfer(entry) && !file))
        start_stream(operation);
    else if (entry->opcode == RING_OP_FSYNC)
        start_sync(operation);
    else if (is_transfer(entry) && world_random(world, 4) == 0)
        operation_happen(operation); /* the page cache */
    else
        world_schedule(world, operation, world_service(world));
}

/* A timer that is changed keeps its completion. */
static void start_timer(struct operation *operation)
{
    struct backend *backend = operation->backend;
    struct operation *before = backend->timer;
    if (operation->entry.update) {
        backend_post(backend, BACKEND_KEY_TIMER_UPDATE, before ? 0 : -ENOENT, 0);
        if (!before) {
            operation_drop(operation);
            return;
        }
        operation_drop(before);
    }
    operation->entry.key = BACKEND_KEY_TIMER;
    backend->timer = operation;
    world_schedule(backend->world, operation, operation->entry.at_ns);
}

/* ------------------------------------------------------------------- cancel */

/* What waits can be stopped; what the device has begun now and then. */
static int cancel(struct backend *backend, uint64_t key)
{
    struct world *world = backend->world;
    struct operation *target = backend->operations;
    while (target && (target->entry.key != key || target->entry.kind != OPERATION_IO))
        target = target->next;
    if (!target)
        return -ENOENT;
    if (!target->streaming && (world_chance(world, WORLD_CANCEL_FAILS) || world_random(world, 2)))
        return -EALREADY;
    operation_complete(target, target->streaming || world_random(world, 2) ? -ECANCELED : -EINTR);
    return 0;
}

static void start_cancel(struct operation *operation)
{
    struct world *world = operation->backend->world;
    if (world_random(world, 4) == 0)
        world_schedule(world, operation,
                       world->now_ns + (int64_t)world_random(world, (uint64_t)world->latency_ns));
    else
        operation_happen(operation);
}

void operation_start(struct operation *operation)
{
    struct backend *backend = operation->backend;
    operation->prev = NULL;
    operation->next = backend->operations;
    if (operation->next)
        operation->next->prev = operation;
    backend->operations = operation;
    switch ((enum operation_kind)operation->entry.kind) {
    case OPERATION_IO:
        start_io(operation);
        break;
    case OPERATION_CANCEL:
        start_cancel(operation);
        break;
    case OPERATION_NOTHING:
        operation_complete(operation, 0);
        break;
    case OPERATION_TIMER:
        start_timer(operation);
        break;
    case OPERATION_BELL:
        join_streams(operation);
        break;
    }
}

/* ------------------------------------------------------------------ happen */

static int64_t resize(struct operation *operation)
{
    const struct entry *entry = &operation->entry;
    struct world *world = operation->backend->world;
    struct world_file *file = file_of_fd(world, entry->fd);
    int rc = entry->opcode == RING_OP_FTRUNCATE
                 ? ftruncate(entry->fd, entry->offset)
                 : fallocate(entry->fd, entry->sys_flags, entry->offset, (off_t)entry->len);
    if (rc < 0)
        return -errno;
    if (file)
        file_changed(world, file, 0, UINT64_MAX);
    return 0;
}

static int64_t perform(struct operation *operation)
{
    const struct entry *entry = &operation->entry;
    struct world *world = operation->backend->world;
    if (operation->error < 0)
        return operation->error;
    int rc = 0;
    switch (entry->opcode) {
    case RING_OP_FSYNC: /* done at its start; other files are the system's */
        rc = file_of_fd(world, entry->fd) ? 0 : fsync(entry->fd);
        break;
    case RING_OP_OPENAT:
        rc = world_open(world, entry->u.path, entry->sys_flags);
        break;
    case RING_OP_CLOSE:
        rc = close(entry->fd);
        break;
    case RING_OP_STATX:
        rc = file_statx(world, entry);
        break;
    case RING_OP_FALLOCATE:
    case RING_OP_FTRUNCATE:
        return resize(operation);
    case RING_OP_SYNC_FILE_RANGE: /* promises nothing */
        break;
    default:
        return operation_transfer(operation, operation->bytes_max);
    }
    return rc < 0 ? -errno : rc;
}

void operation_happen(struct operation *operation)
{
    struct backend *backend = operation->backend;
    switch ((enum operation_kind)operation->entry.kind) {
    case OPERATION_IO:
        operation_complete(operation, perform(operation));
        break;
    case OPERATION_CANCEL:
        operation_complete(operation, cancel(backend, operation->entry.cancel_key));
        break;
    default: /* nothing else waits for a time */
        assert(operation->entry.kind == OPERATION_TIMER);
        backend->timer = NULL;
        operation_complete(operation, -ETIME);
        break;
    }
}
