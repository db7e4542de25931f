/* SPDX-License-Identifier: MIT */
/* Submissions, right and wrong, and their callbacks. */
#include "actions.h"
#include "input.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BATCH_MAX = 6, DEPTH_MAX = 5, OP_ROOM = 512 };

/* The descriptors of newer libraries are longer. */
union room {
    unsigned char bytes[OP_ROOM];
    auraio_op_t op;
};

static const char *const names[] = {"a", "b", "wild", "other", ""};

/* Of submissions. */
static const int refusals[] = {EINVAL, EAGAIN, ESHUTDOWN, ENOENT, EOVERFLOW, EBUSY, ENOMEM, EMFILE, 0};

/* ------------------------------------------------------------------- callbacks */

static struct pool_buffer *buffer_of(const struct record *record)
{
    return record->pool_buffer < 0 ? NULL : &run.lives[record->engine].buffers[record->pool_buffer];
}

static void forget(struct record *record)
{
    struct life *life = &run.lives[record->engine];
    struct pool_buffer *buffer = buffer_of(record);
    if (buffer)
        buffer->used = false;
    life->pending--;
    life->endless -= record->endless;
}

static void on_complete(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct record *record = user_data;
    struct life *life = &run.lives[record->engine];
    if (run.submitting)
        broken("operation %d calls back inside a call that submits", (int)(record - records));
    if (record->handle && req != record->handle)
        broken("operation %d calls back with another handle", (int)(record - records));
    if (auraio_request_pending(req) || auraio_request_user_data(req) != record ||
        auraio_request_fd(req) != record->fd || auraio_request_rw_flags(req) < 0)
        broken("operation %d: its handle does not say what it is", (int)(record - records));
    record_end(record, result, life->ending);
    if (record->opcode == AURAIO_OP_OPENAT && result >= 0)
        wild_adopt((int)result);
    if (record->opcode == AURAIO_OP_CLOSE && result < 0)
        close(record->fd);
    life->callbacks++;
    if (run.depth < DEPTH_MAX) {
        run.depth++;
        for (unsigned left = below(4); left > 0; left--)
            act();
        run.depth--;
    }
    life->callbacks--;
    forget(record);
}

/* ------------------------------------------------------------------ operations */

static void choose_fd(struct record *record)
{
    switch (below(8)) {
    case 5:
        record->kind = FD_PIPE;
        record->fd = run.pipe_fds[record_writes(record) ? 1 : 0];
        break;
    case 6:
    case 7:
        record->kind = FD_WILD;
        record->fd = wild_some();
        break;
    default:
        record->kind = below(2) ? FD_FILE1 : FD_FILE0;
        record->fd = model_files[record->kind].fd;
        break;
    }
}

static void choose_range(struct record *record)
{
    record->len = 1 + below(RECORD_BYTES);
    record->offset = take(2) % (FILE_BYTES - RECORD_BYTES);
    record->placed = true;
    if (record->opcode == AURAIO_OP_FTRUNCATE)
        record->len = 0;
}

/* Its own memory, in the registered buffer or not, or memory of the pool. */
static auraio_buf_t choose_buffer(struct record *record)
{
    struct life *life = &run.lives[record->engine];
    int place = (int)below(2 * BUFFERS_MAX);
    struct pool_buffer *buffer = place < BUFFERS_MAX ? &life->buffers[place] : NULL;
    if (buffer && buffer->bytes && !buffer->used && buffer->size >= record->len) {
        buffer->used = true;
        record->pool_buffer = place;
        record->bytes = buffer->bytes;
        return auraio_buf(buffer->bytes);
    }
    if (below(4) == 3)
        return auraio_buf_fixed(0, (size_t)(record->bytes - record_memory()));
    return auraio_buf(record->bytes);
}

/* Cut its bytes into vectors, some of them empty. */
static void cut(struct record *record, auraio_op_t *op)
{
    uint64_t at = 0;
    for (int i = 0; i < RECORD_VECTORS; i++) {
        uint64_t left = record->len - at, part = i + 1 < RECORD_VECTORS ? below(256) % (left + 1) : left;
        record->iov[i] = (struct iovec){.iov_base = record->bytes + at, .iov_len = part};
        at += part;
    }
    op->iov = record->iov;
    op->iovcnt = RECORD_VECTORS;
}

static void fill_transfer(struct record *record, auraio_op_t *op)
{
    static const int flags[] = {0, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_HIPRI};
    choose_range(record);
    op->buf = choose_buffer(record);
    op->len = record->len;
    if (record->opcode == AURAIO_OP_READV || record->opcode == AURAIO_OP_WRITEV)
        cut(record, op);
    op->rw_flags = flags[below(5)];
    op->offset = record->kind == FD_PIPE ? -1 : (off_t)record->offset;
    if (record->kind != FD_WILD)
        return;
    op->rw_flags = below(2) ? RWF_APPEND : (int)take(1);
    if (record_reads(record) && below(4) == 0)
        op->offset = take_wide() & INT64_MAX;
}

static void fill_path(struct record *record, auraio_op_t *op)
{
    static const int open_flags[] = {
        O_RDWR | O_CREAT,           O_RDONLY, O_WRONLY, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_TRUNC,
        O_RDWR | O_CREAT | O_APPEND};
    record->kind = FD_WILD;
    record->fd = op->fd = below(4) ? AT_FDCWD : wild_some();
    op->statx = &record->statx;
    op->mask = (unsigned)take(2);
    op->mode = 0600;
    if (record->opcode == AURAIO_OP_STATX) {
        op->path = names[below(5)];
        op->sys_flags = below(2) ? AT_EMPTY_PATH : 0;
    } else {
        op->path = names[2 + below(3)]; /* those of other content */
        op->sys_flags = open_flags[below(6)] | O_CLOEXEC;
    }
}

/* Take a descriptor of the program's own out of its hands. */
static void fill_close(struct record *record, auraio_op_t *op)
{
    unsigned place = below(WILD_MAX);
    record->kind = FD_WILD;
    record->fd = op->fd = run.wild_fds[place] >= 0 ? run.wild_fds[place] : run.next_wild_fd;
    run.wild_fds[place] = -1;
    if (record->fd == run.next_wild_fd)
        run.next_wild_fd++; /* not open, and never will be */
}

static void fill_range(struct record *record, auraio_op_t *op)
{
    static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                                FALLOC_FL_ZERO_RANGE};
    choose_range(record);
    op->offset = (off_t)record->offset;
    op->len = record->len;
    if (record->opcode == AURAIO_OP_FALLOCATE)
        op->sys_flags = modes[below(4)];
    else if (record->opcode == AURAIO_OP_SYNC_FILE_RANGE)
        op->sys_flags = (int)below(8);
    if (record->kind == FD_WILD && record->opcode == AURAIO_OP_SYNC_FILE_RANGE)
        op->offset = take_wide() & INT64_MAX;
}

/* An operation that can be accepted. */
static void fill_op(struct record *record, auraio_op_t *op)
{
    *op = auraio_op(record->opcode);
    choose_fd(record);
    op->fd = record->fd;
    switch (record->opcode) {
    case AURAIO_OP_FSYNC:
        op->sys_flags = (int)below(2);
        break;
    case AURAIO_OP_OPENAT:
    case AURAIO_OP_STATX:
        fill_path(record, op);
        break;
    case AURAIO_OP_CLOSE:
        fill_close(record, op);
        break;
    case AURAIO_OP_FALLOCATE:
    case AURAIO_OP_FTRUNCATE:
    case AURAIO_OP_SYNC_FILE_RANGE:
        fill_range(record, op);
        break;
    default:
        fill_transfer(record, op);
        break;
    }
    record->flags_to_kernel = op->rw_flags;
    if (below(8) == 7)
        op->timeout_ns = below(2) ? take(3) : take(8);
    if (below(16) == 15)
        op->flags = AURAIO_OP_STRICT;
    record->deadline = op->timeout_ns > 0;
}

/* What waits for others ends by itself, unless it may stay. */
static void bound(struct record *record, auraio_op_t *op, bool may_stay)
{
    bool waits = record->kind == FD_PIPE && (record_reads(record) || record_writes(record));
    if (!waits || (op->timeout_ns > 0 && op->timeout_ns < UINT64_C(1) << 40))
        return;
    record->endless = may_stay && run.unbounded == 0 && op->timeout_ns == 0;
    if (!record->endless)
        op->timeout_ns = 1 + take(3);
    record->deadline = !record->endless;
}

/* One field is not what it should be. */
static void spoil(struct record *record, auraio_op_t *op)
{
    switch (below(14)) {
    case 0:
        op->fd = record->fd = (int)take(4) | INT32_MIN;
        break;
    case 1:
        op->len = take(8) | UINT64_C(1) << 63;
        break;
    case 2:
        op->offset = take_wide() | INT64_MIN;
        break;
    case 3:
        op->opcode = (auraio_opcode_t)((take(4) << 4) | 12);
        break;
    case 4:
        op->flags |= (unsigned)take(4) | 1u << 31;
        break;
    case 5:
        op->reserved[below(4)] |= take(8);
        break;
    case 6:
        op->struct_size = (size_t)take(8) | UINT64_C(1) << 40;
        break;
    case 7:
        op->buf.type = (auraio_buf_type_t)(2 + (take(4) & INT32_MAX) / 2);
        break;
    case 8:
        op->buf = auraio_buf_fixed((int)take(4), (size_t)take(8) | UINT64_C(1) << 40);
        break;
    case 9:
        op->iovcnt = (int)take(4) | INT32_MIN;
        break;
    case 10:
        op->iov = NULL;
        op->path = NULL;
        op->buf = auraio_buf(NULL);
        break;
    case 11:
        op->flags |= AURAIO_OP_LINK; /* on the last */
        break;
    case 12:
        op->sys_flags |= 1 << 30;
        break;
    default: /* the struct of another library, which lacks what is behind that, or has more */
        if (record->kind != FD_PIPE)
            op->struct_size = below(256);
        break;
    }
}

static void accept(struct record *record, auraio_request_t *handle)
{
    struct life *life = &run.lives[record->engine];
    record->handle = handle;
    life->pending++;
    life->endless += record->endless;
    life->silent = life->silent || record->silent;
}

static void refuse(struct record *record, const struct life *life, int count)
{
    bool full =
        !life->whole || (life->options.max_pending > 0 && life->pending + count > life->options.max_pending);
    struct pool_buffer *buffer = buffer_of(record);
    check_refusal("a submission", refusals);
    if (errno == ESHUTDOWN && !life->ending)
        broken("ESHUTDOWN of an engine that was not shut down");
    if (errno == EAGAIN && !full)
        broken("EAGAIN where %d of %d operations are pending", life->pending, life->options.max_pending);
    if ((errno == ENOMEM || errno == EMFILE) && !(record_faults >> AURAIO_SIM_SETUP_FAILS & 1))
        broken("errno %d where nothing lacks", errno);
    if (buffer)
        buffer->used = false;
    if (record->opcode == AURAIO_OP_CLOSE)
        close(record->fd);
    record_refused(record);
}

/* -------------------------------------------------------------------- calls */

/* By the form of its own; these take no deadline and no flags. */
static auraio_request_t *call_form(struct record *record, const auraio_op_t *op, auraio_callback_t callback)
{
    auraio_engine_t *engine = run.lives[record->engine].engine;
    int fd = op->fd;
    switch (record->opcode) {
    case AURAIO_OP_READ:
        return auraio_read(engine, fd, op->buf, op->len, op->offset, callback, record);
    case AURAIO_OP_WRITE:
        return auraio_write(engine, fd, op->buf, op->len, op->offset, callback, record);
    case AURAIO_OP_READV:
        return auraio_readv(engine, fd, op->iov, op->iovcnt, op->offset, callback, record);
    case AURAIO_OP_WRITEV:
        return auraio_writev(engine, fd, op->iov, op->iovcnt, op->offset, callback, record);
    case AURAIO_OP_FSYNC:
        if (op->sys_flags == 0)
            return auraio_fsync(engine, fd, callback, record);
        return auraio_fsync_ex(engine, fd, (auraio_fsync_flags_t)op->sys_flags, callback, record);
    case AURAIO_OP_OPENAT:
        return auraio_openat(engine, fd, op->path, op->sys_flags, op->mode, callback, record);
    case AURAIO_OP_CLOSE:
        return auraio_close(engine, fd, callback, record);
    case AURAIO_OP_STATX:
        return auraio_statx(engine, fd, op->path, op->sys_flags, op->mask, op->statx, callback, record);
    case AURAIO_OP_FALLOCATE:
        return auraio_fallocate(engine, fd, op->sys_flags, op->offset, (off_t)op->len, callback, record);
    case AURAIO_OP_FTRUNCATE:
        return auraio_ftruncate(engine, fd, op->offset, callback, record);
    default:
        return auraio_sync_file_range(engine, fd, op->offset, (off_t)op->len, (unsigned)op->sys_flags,
                                      callback, record);
    }
}

static bool has_a_form(const struct record *record, const auraio_op_t *op)
{
    return op->timeout_ns == 0 && op->flags == 0 && op->opcode == record->opcode &&
           op->struct_size == sizeof(*op);
}

void act_submit(struct life *life)
{
    union room room = {{0}};
    struct record *record = record_make((auraio_opcode_t)(1 + below(11)), (int)(life - run.lives));
    if (!record)
        return;
    fill_op(record, &room.op);
    bound(record, &room.op, true);
    unsigned how = below(32);
    if (how == 31 && record->opcode != AURAIO_OP_CLOSE)
        spoil(record, &room.op);
    record->silent = record->opcode == AURAIO_OP_FSYNC && how == 30;
    auraio_callback_t callback = record->silent ? NULL : on_complete;
    bool by_form = how % 2 == 0 && has_a_form(record, &room.op);
    if (by_form)
        record->flags_to_kernel = 0;
    record_begin(record);
    run.submitting++;
    auraio_request_t *handle = by_form ? call_form(record, &room.op, callback)
                                       : auraio_submit(life->engine, &room.op, callback, record);
    run.submitting--;
    if (handle)
        accept(record, handle);
    else
        refuse(record, life, 1);
}

/* Operations of a batch, some of them chained. How many. */
static int fill_batch(struct life *life, struct record **batch, auraio_op_t *ops)
{
    int count = 1 + (int)below(BATCH_MAX);
    unsigned links = below(256);
    bool behind = false;
    for (int i = 0; i < count; i++) {
        batch[i] = record_make((auraio_opcode_t)(1 + below(11)), (int)(life - run.lives));
        if (!batch[i])
            return i;
        fill_op(batch[i], &ops[i]);
        bound(batch[i], &ops[i], false);
        batch[i]->behind = behind;
        behind = links >> i & 1;
        ops[i].flags |= behind ? AURAIO_OP_LINK : 0;
        ops[i].callback = on_complete;
        ops[i].user_data = batch[i];
    }
    if (links < 250) /* else the last may be linked to nothing */
        ops[count - 1].flags &= ~(unsigned)AURAIO_OP_LINK;
    if (links >= 240 && count > 1 && batch[count - 1]->opcode != AURAIO_OP_CLOSE)
        spoil(batch[count - 1], &ops[count - 1]);
    return count;
}

/* No batch at all. */
static void submit_nothing(const struct life *life, const auraio_op_t *ops)
{
    const auraio_op_t *given = below(2) ? ops : NULL;
    int count = given ? -(int)below(2) : 1;
    if (auraio_submit_batch(life->engine, given, count, NULL, NULL, NULL) != -1)
        broken("a batch of %d operations at %p is accepted", count, (const void *)given);
    check_refusal("auraio_submit_batch()", refusals);
}

void act_submit_batch(struct life *life)
{
    struct record *batch[BATCH_MAX];
    auraio_op_t ops[BATCH_MAX];
    auraio_request_t *handles[BATCH_MAX] = {NULL};
    int count = fill_batch(life, batch, ops);
    unsigned how = below(16);
    bool told = how % 4 > 0;
    if (count == 0)
        return;
    if (how == 15)
        submit_nothing(life, ops);
    for (int i = 0; i < count; i++)
        record_begin(batch[i]);
    run.submitting++;
    int taken = auraio_submit_batch(life->engine, ops, count, NULL, NULL, told ? handles : NULL);
    int error = errno;
    run.submitting--;
    if (taken == 0 || taken > count)
        broken("a batch of %d operations returns %d", count, taken);
    for (int i = 0; i < taken; i++)
        accept(batch[i], handles[i]);
    for (int i = taken < 0 ? 0 : taken; i < count; i++) {
        errno = error;
        refuse(batch[i], life, count);
    }
    if (taken > 0 && taken < count && ops[taken - 1].flags & AURAIO_OP_LINK)
        broken("a chain was accepted in part: %d of %d", taken, count);
}
