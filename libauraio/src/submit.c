/* SPDX-License-Identifier: MIT */
/*
 * The one submit path. Every public form fills a struct ring_op; check_op() refuses what is wrong with it,
 * and the rings accept the rest. Plain reads and
 * writes pass the same checks and the same gate without the struct.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_ON_STACK = 32, BUFFERS_MAX = 16384 };

/* A reason to refuse: a format for auraio_last_error() and its number. No format: no reason. */
struct refusal {
    const char *format;
    long long value;
    int error; /* positive */
};

static struct refusal refusal(const char *format, long long value)
{
    return (struct refusal){.format = format, .value = value, .error = EINVAL};
}

static const struct refusal no_refusal = {0};

/* ---------------------------------------------------------------- checks */

static struct refusal check_transfer(const struct ring_op *op)
{
    if (op->len == 0)
        return refusal("len is 0: transfer at least one byte", 0);
    if (op->len > SSIZE_MAX)
        return refusal("len is negative as a ssize_t", 0);
    if (op->offset < -1)
        return refusal("offset is %lld: give a position, or -1 for the file's own", op->offset);
    if (!(op->flags & RING_OP_FIXED) && !op->u.addr)
        return refusal("the buffer is NULL (a registered buffer with a negative index is NULL too)", 0);
    return no_refusal;
}

static struct refusal check_vectored(const struct ring_op *op)
{
    if (!op->u.iov)
        return refusal("iov is NULL", 0);
    if ((int64_t)op->len < 1 || op->len > IOV_MAX)
        return refusal("iovcnt is %lld: it goes from 1 to IOV_MAX (1024)", (long long)op->len);
    if (op->offset < -1)
        return refusal("offset is %lld: give a position, or -1 for the file's own", op->offset);
    return no_refusal;
}

static struct refusal check_path(const struct ring_op *op)
{
    if (!op->u.path)
        return refusal("path is NULL", 0);
    if (op->opcode == RING_OP_STATX && !op->rare->statx)
        return refusal("statx is NULL", 0);
    return no_refusal;
}

static struct refusal check_range(const struct ring_op *op)
{
    if (op->offset < 0)
        return refusal("offset or length is %lld: give a position in the file", op->offset);
    if (op->opcode == RING_OP_FALLOCATE && (op->len == 0 || op->len > INT64_MAX))
        return refusal("len is %lld: allocate at least one byte", (long long)op->len);
    if (op->opcode == RING_OP_SYNC_FILE_RANGE && op->len > UINT32_MAX)
        return refusal("len is %lld: sync at most 4 GiB - 1 at a time, or 0 for the rest of the file",
                       (long long)op->len);
    return no_refusal;
}

static struct refusal check_op(const struct ring_op *op)
{
    bool at_path = op->opcode == RING_OP_OPENAT || op->opcode == RING_OP_STATX;
    if (op->fd < 0 && !(at_path && op->fd == AT_FDCWD))
        return refusal("fd is %lld: it is not an open file (nor AT_FDCWD)", op->fd);
    switch (op->opcode) {
    case RING_OP_READ:
    case RING_OP_WRITE:
        return check_transfer(op);
    case RING_OP_READV:
    case RING_OP_WRITEV:
        return check_vectored(op);
    case RING_OP_FSYNC:
        if (op->sys_flags & ~AURAIO_FSYNC_DATASYNC)
            return refusal("fsync flags are %lld: see auraio_fsync_flags_t", op->sys_flags);
        return no_refusal;
    case RING_OP_OPENAT:
    case RING_OP_STATX:
        return check_path(op);
    case RING_OP_CLOSE:
        return no_refusal;
    case RING_OP_FALLOCATE:
    case RING_OP_FTRUNCATE:
    case RING_OP_SYNC_FILE_RANGE:
        return check_range(op);
    default:
        return refusal("opcode is %lld: see auraio_opcode_t", op->opcode);
    }
}

/* Why engine_is_open() is false. */
static struct refusal why_not_open(const auraio_engine_t *engine)
{
    struct refusal result = no_refusal;
    result.error = engine_refuses(engine, &result.format);
    if (!result.error)
        result = (struct refusal){.error = ESHUTDOWN, .format = "the engine is being destroyed"};
    return result;
}

/* What the rings refused, in words. */
static struct refusal refused_by_rings(const auraio_engine_t *engine, int error)
{
    switch (error) {
    case EAGAIN:
        return (struct refusal){"%lld operations are pending, which is max_pending: wait for some",
                                engine->options.max_pending, error};
    case EUSERS:
        return (struct refusal){error_no_ring, auraio_get_ring_count(engine), EAGAIN};
    case ENOENT:
        return (struct refusal){"no buffers are registered: call auraio_register_buffers() first", 0, error};
    case EOVERFLOW:
        return (struct refusal){"offset + len is outside of the registered buffer", 0, error};
    case EBUSY:
        return (struct refusal){"the registered buffers are being unregistered", 0, error};
    case EINVAL:
        return (struct refusal){"there is no registered buffer of that index", 0, error};
    case ESHUTDOWN:
        return (struct refusal){"the engine is being destroyed", 0, error};
    default:
        return (struct refusal){"no ring or request slot could be made for the operation", 0, error};
    }
}

static void *refuse_null(struct refusal refused)
{
    return error_null(refused.error, refused.format, refused.value, 0);
}

/* -------------------------------------------------------------- the path */

static auraio_request_t *submit_op(auraio_engine_t *engine, const struct ring_op *op)
{
    if (__builtin_expect(!engine_is_open(engine), 0))
        return refuse_null(why_not_open(engine));
    struct refusal refused = check_op(op);
    if (refused.format)
        return refuse_null(refused);
    int64_t handle = ring_group_submit_one(engine->group, op);
    if (handle < 0)
        return refuse_null(refused_by_rings(engine, (int)-handle));
    return (auraio_request_t *)(uintptr_t)handle;
}

/* Translate the buffer argument. False: unknown type. */
static bool set_buffer(struct ring_op *op, auraio_buf_t buf)
{
    if (buf.type == AURAIO_BUF_UNREGISTERED) {
        op->u.addr = buf.u.ptr;
        return true;
    }
    op->flags |= RING_OP_FIXED;
    op->u.buffer_offset = buf.u.fixed.offset;
    op->buf_index = (uint16_t)buf.u.fixed.index;
    return buf.type == AURAIO_BUF_REGISTERED && buf.u.fixed.index >= 0 && buf.u.fixed.index < BUFFERS_MAX;
}

/* Why submit_transfer() does not take it. */
static auraio_request_t *refuse_transfer(const auraio_engine_t *engine, enum ring_opcode opcode, int fd,
                                         const auraio_buf_t *buf, size_t len, off_t offset)
{
    struct ring_op op = {.opcode = (uint8_t)opcode, .fd = fd, .len = len, .offset = offset};
    if (!engine_is_open(engine))
        return refuse_null(why_not_open(engine));
    if (!set_buffer(&op, *buf))
        return error_null(EINVAL, "the buffer's type is %lld, its index %lld: see auraio_buf_t",
                          (long long)buf->type, buf->u.fixed.index);
    return refuse_null(check_op(&op));
}

static inline auraio_request_t *submit_plain(const auraio_engine_t *engine, struct ring_op_head head,
                                             uintptr_t where, size_t len, off_t offset,
                                             auraio_callback_t callback, void *user_data)
{
    int64_t handle = ring_group_transfer(engine->group, head, where, len, offset, callback, user_data);
    if (__builtin_expect(handle > 0, 1))
        return (auraio_request_t *)(uintptr_t)handle;
    return refuse_null(refused_by_rings(engine, (int)-handle));
}

/* A plain transfer, checked in one go; what is not in order takes the long way, which says why. */
static inline auraio_request_t *submit_transfer(auraio_engine_t *engine, enum ring_opcode opcode, int fd,
                                                const auraio_buf_t *buf, size_t len, off_t offset,
                                                auraio_callback_t callback, void *user_data)
{
    struct ring_op_head head = {.opcode = (uint8_t)opcode, .fd = fd};
    bool in_order = engine_is_open(engine) && fd >= 0 && len - 1 < SSIZE_MAX && offset >= -1;
    if (__builtin_expect(in_order, 1)) {
        if (buf->type == AURAIO_BUF_UNREGISTERED && buf->u.ptr)
            return submit_plain(engine, head, (uintptr_t)buf->u.ptr, len, offset, callback, user_data);
        if (buf->type == AURAIO_BUF_REGISTERED && (unsigned)buf->u.fixed.index < BUFFERS_MAX) {
            head.flags = RING_OP_FIXED;
            head.buf_index = (uint16_t)buf->u.fixed.index;
            return submit_plain(engine, head, buf->u.fixed.offset, len, offset, callback, user_data);
        }
    }
    return refuse_transfer(engine, opcode, fd, buf, len, offset);
}

auraio_request_t *auraio_read(auraio_engine_t *engine, int fd, auraio_buf_t buf, size_t len, off_t offset,
                              auraio_callback_t callback, void *user_data)
{
    return submit_transfer(engine, RING_OP_READ, fd, &buf, len, offset, callback, user_data);
}

auraio_request_t *auraio_write(auraio_engine_t *engine, int fd, auraio_buf_t buf, size_t len, off_t offset,
                               auraio_callback_t callback, void *user_data)
{
    return submit_transfer(engine, RING_OP_WRITE, fd, &buf, len, offset, callback, user_data);
}

auraio_request_t *auraio_readv(auraio_engine_t *engine, int fd, const struct iovec *iov, int iovcnt,
                               off_t offset, auraio_callback_t callback, void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_READV,
                         .fd = fd,
                         .u.iov = iov,
                         .len = (uint64_t)iovcnt,
                         .offset = offset,
                         .callback = callback,
                         .user_data = user_data};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_writev(auraio_engine_t *engine, int fd, const struct iovec *iov, int iovcnt,
                                off_t offset, auraio_callback_t callback, void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_WRITEV,
                         .fd = fd,
                         .u.iov = iov,
                         .len = (uint64_t)iovcnt,
                         .offset = offset,
                         .callback = callback,
                         .user_data = user_data};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_fsync_ex(auraio_engine_t *engine, int fd, auraio_fsync_flags_t flags,
                                  auraio_callback_t callback, void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_FSYNC,
                         .fd = fd,
                         .sys_flags = (int)flags,
                         .callback = callback,
                         .user_data = user_data};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_fsync(auraio_engine_t *engine, int fd, auraio_callback_t callback, void *user_data)
{
    return auraio_fsync_ex(engine, fd, AURAIO_FSYNC_DEFAULT, callback, user_data);
}

auraio_request_t *auraio_openat(auraio_engine_t *engine, int dirfd, const char *path, int flags, mode_t mode,
                                auraio_callback_t callback, void *user_data)
{
    struct ring_op_rare rare = {.mode = mode};
    struct ring_op op = {.opcode = RING_OP_OPENAT,
                         .fd = dirfd,
                         .u.path = path,
                         .sys_flags = flags,
                         .callback = callback,
                         .user_data = user_data,
                         .rare = &rare};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_close(auraio_engine_t *engine, int fd, auraio_callback_t callback, void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_CLOSE, .fd = fd, .callback = callback, .user_data = user_data};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_statx(auraio_engine_t *engine, int dirfd, const char *path, int flags, unsigned mask,
                               struct statx *statxbuf, auraio_callback_t callback, void *user_data)
{
    struct ring_op_rare rare = {.statx = statxbuf, .mask = mask};
    struct ring_op op = {.opcode = RING_OP_STATX,
                         .fd = dirfd,
                         .u.path = path,
                         .sys_flags = flags,
                         .callback = callback,
                         .user_data = user_data,
                         .rare = &rare};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_fallocate(auraio_engine_t *engine, int fd, int mode, off_t offset, off_t len,
                                   auraio_callback_t callback, void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_FALLOCATE,
                         .fd = fd,
                         .sys_flags = mode,
                         .offset = offset,
                         .len = (uint64_t)len,
                         .callback = callback,
                         .user_data = user_data};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_ftruncate(auraio_engine_t *engine, int fd, off_t length, auraio_callback_t callback,
                                   void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_FTRUNCATE,
                         .fd = fd,
                         .offset = length,
                         .callback = callback,
                         .user_data = user_data};
    return submit_op(engine, &op);
}

auraio_request_t *auraio_sync_file_range(auraio_engine_t *engine, int fd, off_t offset, off_t len,
                                         unsigned flags, auraio_callback_t callback, void *user_data)
{
    struct ring_op op = {.opcode = RING_OP_SYNC_FILE_RANGE,
                         .fd = fd,
                         .offset = offset,
                         .len = (uint64_t)len,
                         .sys_flags = (int)flags,
                         .callback = callback,
                         .user_data = user_data};
    return submit_op(engine, &op);
}

/* --------------------------------------------------------- the descriptor */

/* Whether bytes @from to @to of @bytes are zero. */
static bool is_zero(const void *bytes, size_t from, size_t to)
{
    const unsigned char *byte = bytes;
    for (size_t i = from; i < to; i++)
        if (byte[i])
            return false;
    return true;
}

/* The caller's version of the descriptor as this library's. */
static struct refusal read_version(const auraio_op_t *given, auraio_op_t *op)
{
    size_t size = given->struct_size, known = sizeof(*op);
    if (size < offsetof(auraio_op_t, iov) || size > 65536)
        return refusal("op.struct_size is %lld: make the descriptor with auraio_op()", (long long)size);
    if (size > known && !is_zero(given, known, size))
        return refusal("op has a field set that this library does not know (struct_size %lld)",
                       (long long)size);
    memset(op, 0, sizeof(*op));
    memcpy(op, given, size < known ? size : known);
    if (!is_zero(op->reserved, 0, sizeof(op->reserved)))
        return refusal("op.reserved is set: keep it zero", 0);
    return no_refusal;
}

static bool is_vectored(auraio_opcode_t opcode)
{
    return opcode == AURAIO_OP_READV || opcode == AURAIO_OP_WRITEV;
}

struct translation {
    auraio_callback_t callback; /* for operations that name none */
    void *user_data;
    struct ring_op *ops;
    struct ring_op_rare *rares;
};

/* Translate @given into place @i. */
static struct refusal translate(const auraio_op_t *given, const struct translation *translation, int i)
{
    struct ring_op *ret_op = &translation->ops[i];
    struct ring_op_rare *rare = &translation->rares[i];
    auraio_op_t op;
    struct refusal refused = read_version(given, &op);
    if (refused.format)
        return refused;
    if ((unsigned)op.opcode >= RING_OP_COUNT)
        return refusal("opcode is %lld: see auraio_opcode_t", (long long)op.opcode);
    if (op.flags & ~(unsigned)(AURAIO_OP_LINK | AURAIO_OP_STRICT))
        return refusal("op.flags is %lld: see AURAIO_OP_LINK and AURAIO_OP_STRICT", op.flags);
    *ret_op = (struct ring_op){
        .opcode = (uint8_t)op.opcode,
        .flags = (uint8_t)((op.flags & AURAIO_OP_LINK ? RING_OP_LINKED : 0u) |
                           (op.flags & AURAIO_OP_STRICT ? RING_OP_STRICT : 0u)),
        .fd = op.fd,
        .len = op.len,
        .offset = op.offset,
        .rw_flags = op.rw_flags,
        .sys_flags = op.sys_flags,
        .callback = op.callback ? op.callback : translation->callback,
        .user_data = op.callback ? op.user_data : translation->user_data,
    };
    *rare = (struct ring_op_rare){
        .statx = op.statx, .mode = op.mode, .mask = op.mask, .timeout_ns = op.timeout_ns};
    if (op.timeout_ns || op.opcode == AURAIO_OP_OPENAT || op.opcode == AURAIO_OP_STATX)
        ret_op->rare = rare;
    if (op.opcode == AURAIO_OP_READ || op.opcode == AURAIO_OP_WRITE) {
        if (!set_buffer(ret_op, op.buf))
            return refusal("the buffer's type or index is unknown: see auraio_buf_t (type %lld)",
                           (long long)op.buf.type);
    } else if (is_vectored(op.opcode)) {
        ret_op->u.iov = op.iov;
        ret_op->len = (uint64_t)op.iovcnt;
    } else {
        ret_op->u.path = op.path;
    }
    if (op.opcode <= AURAIO_OP_WRITEV)
        ret_op->sys_flags = 0;
    else if (op.rw_flags)
        return refusal("op.rw_flags is %lld: it goes with reads and writes only", op.rw_flags);
    return check_op(ret_op);
}

auraio_request_t *auraio_submit(auraio_engine_t *engine, const auraio_op_t *op, auraio_callback_t callback,
                                void *user_data)
{
    struct ring_op translated;
    struct ring_op_rare rare;
    struct translation translation = {callback, user_data, &translated, &rare};
    if (!op)
        return refuse_null(refusal("op is NULL", 0));
    struct refusal refused = translate(op, &translation, 0);
    if (!refused.format && op->flags & AURAIO_OP_LINK)
        refused =
            refusal("AURAIO_OP_LINK on a single operation: submit the chain with auraio_submit_batch()", 0);
    return refused.format ? refuse_null(refused) : submit_op(engine, &translated);
}

/* Translate the batch. Returns how many operations, from the first on and in whole chains, are in order. */
static int translate_batch(const auraio_op_t *ops, int count, const struct translation *translation,
                           struct refusal *ret_refused)
{
    int chain_start = 0;
    const char *at = (const char *)ops;
    for (int i = 0; i < count; i++, at += ops->struct_size) {
        const auraio_op_t *op = (const auraio_op_t *)(const void *)at;
        *ret_refused = op->struct_size == ops->struct_size
                           ? translate(op, translation, i)
                           : refusal("ops[%lld].struct_size differs from that of the first", i);
        bool linked = !ret_refused->format && translation->ops[i].flags & RING_OP_LINKED;
        if (linked && i == count - 1)
            *ret_refused = refusal("ops[%lld], the last, has AURAIO_OP_LINK: nothing follows it", i);
        if (ret_refused->format)
            return chain_start;
        if (!linked)
            chain_start = i + 1;
    }
    return count;
}

static int submit_translated(auraio_engine_t *engine, const auraio_op_t *ops, int count,
                             const struct translation *translation, ring_handle_t *handles)
{
    struct refusal refused = no_refusal;
    int ready = translate_batch(ops, count, translation, &refused), error = 0;
    int taken = ready > 0 ? ring_group_submit(engine->group, translation->ops, ready, handles, &error) : 0;
    if (taken < ready)
        refused = refused_by_rings(engine, -error);
    if (refused.format)
        (void)error_int(refused.error, refused.format, refused.value, 0);
    return taken > 0 ? taken : -1;
}

int auraio_submit_batch(auraio_engine_t *engine, const auraio_op_t *ops, int count,
                        auraio_callback_t callback, void *user_data, auraio_request_t **requests)
{
    struct refusal refused = engine_is_open(engine) ? no_refusal : why_not_open(engine);
    if (!refused.format && !ops)
        refused = refusal("ops is NULL", 0);
    if (!refused.format && (count < 1 || count > engine->options.queue_depth))
        refused = refusal("count is %lld: it goes from 1 to queue_depth", count);
    if (refused.format)
        return error_int(refused.error, refused.format, refused.value, 0);
    struct room {
        struct ring_op op;
        struct ring_op_rare rare;
        ring_handle_t handle;
    } few[BATCH_ON_STACK], *room = few;
    size_t places = (size_t)count;
    if (count > BATCH_ON_STACK && !(room = malloc(places * sizeof(*room))))
        return error_int(ENOMEM, "no memory to translate %lld operations", count, 0);
    struct translation translation = {callback, user_data, (struct ring_op *)(void *)room, NULL};
    translation.rares = (struct ring_op_rare *)(void *)(translation.ops + places);
    ring_handle_t *handles = (ring_handle_t *)(void *)(translation.rares + places);
    int taken = submit_translated(engine, ops, count, &translation, handles);
    for (int i = 0; requests && i < taken; i++)
        requests[i] = (auraio_request_t *)(uintptr_t)handles[i];
    int error = errno;
    if (room != few)
        free(room);
    errno = error;
    return taken;
}
