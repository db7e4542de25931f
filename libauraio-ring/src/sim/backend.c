/* SPDX-License-Identifier: MIT */
/*
 * The backend of rings in a simulated world. It keeps io_uring's rules: submissions are taken in order, a
 * link that fails or falls short cancels what follows it, a cancel finds what has started, and what completes
 * on a ring with an owner is posted when the owner asks. A call that submits takes a little time, in which
 * other operations may complete.
 */
#include "world-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --------------------------------------------------------------- completions */

/* What was posted and not shown is shown now. */
static void publish(struct backend *sim)
{
    sim->completion_tail = sim->posted;
    sim->state &= (unsigned)~BACKEND_STATE_TASKRUN;
}

static bool has_any(const struct backend *sim, unsigned count)
{
    return sim->posted - sim->completion_head >= count;
}

void backend_post(struct backend *sim, uint64_t key, int64_t result, uint32_t flags)
{
    uint64_t one = 1;
    if (has_any(sim, sim->queue.completion_mask + 1)) {
        sim->world->overflows++;
        return;
    }
    sim->completions[sim->posted++ & sim->queue.completion_mask] =
        (struct backend_completion){.key = key, .result = (int32_t)result, .flags = flags};
    if (sim->owned)
        sim->state |= BACKEND_STATE_TASKRUN;
    else
        publish(sim);
    if (sim->notify_fd >= 0)
        (void)!write(sim->notify_fd, &one, sizeof(one));
    if (key >> SLOT_INDEX_BITS)
        world_tell(sim->world, WORLD_COMPLETED, key, result);
}

void backend_level(struct backend *sim)
{
    uint64_t count = 1;
    bool any = has_any(sim, 1);
    if (any && !sim->fd_full)
        (void)!write(sim->fd, &count, sizeof(count));
    else if (!any && sim->fd_full)
        (void)!read(sim->fd, &count, sizeof(count));
    sim->fd_full = any;
}

/* --------------------------------------------------------------------- life */

static unsigned power_of_two(int at_least)
{
    unsigned size = 1;
    while (size < (unsigned)at_least)
        size *= 2;
    return size;
}

static void sim_close(struct backend *sim)
{
    if (!sim)
        return;
    while (sim->operations)
        operation_drop(sim->operations);
    struct backend **link = &sim->world->backends;
    while (*link && *link != sim)
        link = &(*link)->next;
    if (*link)
        *link = sim->next;
    if (sim->fd >= 0)
        close(sim->fd);
    free(sim->entries);
    free(sim->completions);
    free(sim->buffers);
    free(sim->files);
    free(sim);
}

static void set_up_queue(struct backend *sim, unsigned entries, unsigned completions)
{
    sim->queue = (struct backend_queue){
        .entries = entries,
        .submission_mask = entries - 1,
        .completion_mask = completions - 1,
        .submission_head = &sim->submission_head,
        .submission_tail = &sim->submission_tail,
        .completion_head = &sim->completion_head,
        .completion_tail = &sim->completion_tail,
        .state = &sim->state,
        .completions = sim->completions,
    };
}

static int sim_open(const struct backend_config *config, struct backend **ret_backend)
{
    struct world *world = config->context;
    unsigned entries = power_of_two(config->entries), completions = power_of_two(config->completions);
    if (world_chance(world, WORLD_SETUP_FAILS))
        return -ENOMEM;
    struct backend *sim = calloc(1, sizeof(*sim));
    if (!sim)
        return -ENOMEM;
    sim->world = world;
    sim->owned = config->owned;
    sim->notify_fd = -1;
    sim->entries = malloc(entries * sizeof(*sim->entries));
    sim->completions = malloc(completions * sizeof(*sim->completions));
    sim->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!sim->entries || !sim->completions || sim->fd < 0) {
        int rc = sim->entries && sim->completions ? -errno : -ENOMEM;
        sim_close(sim);
        return rc;
    }
    set_up_queue(sim, entries, completions);
    sim->next = world->backends;
    world->backends = sim;
    *ret_backend = sim;
    return 0;
}

/* --------------------------------------------------------------- submission */

static struct entry *next_entry(struct backend *sim, enum operation_kind kind, uint64_t key)
{
    assert(backend_room(sim) > 0);
    struct entry *entry = &sim->entries[sim->queue.tail++ & sim->queue.submission_mask];
    *entry = (struct entry){.key = key, .kind = (uint8_t)kind, .fd = -1, .buffer_slot = -1};
    return entry;
}

static void describe_transfer(struct entry *entry, const struct ring_slot *slot)
{
    const struct ring_op *op = &slot->op;
    entry->offset = op->offset < 0 ? -1 : op->offset + (int64_t)slot->done;
    if (op->opcode <= RING_OP_WRITE) {
        entry->u.addr = (char *)op->u.addr + slot->done;
        entry->len = op->len - slot->done;
    } else if (slot->rest) {
        entry->u.iov = slot->rest;
        entry->len = slot->rest_count;
    }
}

static void sim_push(struct backend *sim, const struct ring_slot *slot, struct backend_registered registered,
                     unsigned how)
{
    const struct ring_op *op = &slot->op;
    struct entry *entry = next_entry(sim, OPERATION_IO, slot->handle);
    entry->opcode = op->opcode;
    entry->linked = how & BACKEND_PUSH_LINK;
    entry->polling = slot->flags & SLOT_POLLING;
    entry->fd = registered.file_slot >= 0 ? sim->files[registered.file_slot] : op->fd;
    entry->u.addr = op->u.addr;
    entry->len = op->len;
    entry->offset = op->offset;
    entry->rw_flags = op->rw_flags;
    entry->sys_flags = op->sys_flags;
    entry->buffer_slot = registered.buffer_slot;
    entry->mode = slot->rare.mode;
    entry->mask = slot->rare.mask;
    entry->statx = slot->rare.statx;
    if (slot->flags & SLOT_SYNCING)
        entry->opcode = RING_OP_FSYNC;
    else if (op->opcode <= RING_OP_WRITEV)
        describe_transfer(entry, slot);
}

static uint64_t sim_send_transfer(struct backend *sim, const struct ring_slot *slot,
                                  struct backend_registered registered)
{
    const struct ring_op *op = &slot->op;
    struct entry *entry = next_entry(sim, OPERATION_IO, slot->handle);
    entry->opcode = op->opcode;
    entry->fd = registered.file_slot >= 0 ? sim->files[registered.file_slot] : op->fd;
    entry->u.addr = op->u.addr;
    entry->len = op->len;
    entry->offset = op->offset;
    entry->buffer_slot = registered.buffer_slot;
    backend_publish(sim);
    return slot->handle;
}

static void sim_push_cancel(struct backend *sim, uint64_t key)
{
    next_entry(sim, OPERATION_CANCEL, BACKEND_KEY_CANCEL)->cancel_key = key;
}

static void sim_push_doorbell(struct backend *sim)
{
    (void)next_entry(sim, OPERATION_NOTHING, BACKEND_KEY_DOORBELL);
}

static void sim_push_bell(struct backend *sim, int fd)
{
    next_entry(sim, OPERATION_BELL, BACKEND_KEY_BELL)->fd = fd;
}

static void sim_push_timer(struct backend *sim, int64_t at_ns, bool update)
{
    struct entry *entry =
        next_entry(sim, OPERATION_TIMER, update ? BACKEND_KEY_TIMER_UPDATE : BACKEND_KEY_TIMER);
    entry->at_ns = at_ns;
    entry->update = update;
}

/* The length of the chain that begins at @at, as far as it was published. */
static unsigned chain_length(const struct backend *sim, unsigned at)
{
    unsigned length = 1;
    while (at + length != sim->submission_tail &&
           sim->entries[(at + length - 1) & sim->queue.submission_mask].linked)
        length++;
    return length;
}

/* A registered buffer is a range of memory that the kernel has pinned. */
static bool is_in_buffer(const struct backend *sim, const struct entry *entry)
{
    if (entry->buffer_slot < 0)
        return true;
    if ((unsigned)entry->buffer_slot >= sim->buffer_count)
        return false;
    const struct iovec *iov = &sim->buffers[entry->buffer_slot];
    uintptr_t from = (uintptr_t)entry->u.addr, start = (uintptr_t)iov->iov_base;
    return from >= start && from - start + entry->len <= iov->iov_len;
}

/* Take a chain of @length entries: its first member starts. */
static void take_chain(struct backend *sim, unsigned length)
{
    struct operation *first = NULL, **link = &first;
    for (unsigned i = 0; i < length; i++) {
        struct operation *operation = world_take(sim->world);
        operation->entry = sim->entries[sim->submission_head++ & sim->queue.submission_mask];
        operation->backend = sim;
        if (!is_in_buffer(sim, &operation->entry))
            operation->error = -EFAULT;
        *link = operation;
        link = &operation->chain;
    }
    operation_start(first);
}

static int sim_submit(struct backend *sim)
{
    enum { CALL_NS = 400 };
    struct world *world = sim->world;
    int taken = 0;
    world_point(world);
    if (sim->submission_head == sim->submission_tail)
        return 0;
    (void)world_advance(world, world->now_ns + 1 + (int64_t)world_random(world, CALL_NS));
    if (world_chance(world, WORLD_REFUSED))
        return world_random(world, 2) ? -EAGAIN : -EBUSY;
    while (sim->submission_head != sim->submission_tail) {
        unsigned length = chain_length(sim, sim->submission_head);
        if (!world_reserve(world, (int)length))
            return taken > 0 ? taken : -EAGAIN;
        take_chain(sim, length);
        taken += (int)length;
    }
    world_point(world);
    return taken;
}

/* -------------------------------------------------------------- completion */

/* As the kernel counts: completions from the call on, whoever reaps them meanwhile. */
struct waiting {
    struct backend *sim;
    unsigned head;  /* of the completions, at the call */
    unsigned count; /* wanted after that */
};

static bool has_enough(void *subject)
{
    struct waiting *waiting = subject;
    streams_look(waiting->sim->world);
    return waiting->sim->posted - waiting->head >= waiting->count;
}

static int sim_wait(struct backend *sim, const struct backend_wait *wait)
{
    struct world *world = sim->world;
    int rc = sim_submit(sim);
    if (rc < 0)
        return rc;
    if (world_chance(world, WORLD_INTERRUPTED))
        return -EINTR;
    int64_t until_ns = wait->timeout_ns < 0 ? INT64_MAX : world->now_ns + wait->timeout_ns;
    unsigned count = wait->min_events > 1 ? wait->min_events : 1;
    struct waiting waiting = {.sim = sim, .head = sim->completion_head, .count = count};
    if (count > 1 && wait->min_wait_ns > 0) {
        int64_t insist_ns = world->now_ns + wait->min_wait_ns;
        world_block(world, has_enough, &waiting, insist_ns < until_ns ? insist_ns : until_ns);
    }
    waiting.count = 1;
    world_block(world, has_enough, &waiting, until_ns);
    publish(sim);
    return has_enough(&waiting) ? 0 : -ETIME;
}

static void sim_reap_more(struct backend *sim)
{
    streams_look(sim->world);
    publish(sim);
}

/* -------------------------------------------------------------------- rest */

static int sim_watch(struct backend *sim)
{
    return sim->fd;
}

/* The descriptor always tells. */
static void sim_unwatch(struct backend *sim)
{
    (void)sim;
}

static int sim_notify(struct backend *sim, int eventfd)
{
    sim->notify_fd = eventfd;
    return 0;
}

static unsigned sim_features(const struct backend *sim)
{
    return RING_FEATURE_FTRUNCATE | RING_FEATURE_MIN_WAIT |
           (sim->owned ? RING_FEATURE_DEFER_TASKRUN : RING_FEATURE_COOP_TASKRUN);
}

/* A copy, or NULL. */
static void *copy(const struct backend *sim, const void *from, size_t bytes)
{
    void *to = world_chance(sim->world, WORLD_REGISTER_FAILS) ? NULL : malloc(bytes);
    return to ? memcpy(to, from, bytes) : NULL;
}

static int sim_set_buffers(struct backend *sim, const struct iovec *iovs, unsigned count)
{
    if (count > 0 && sim->buffers)
        return -EBUSY;
    free(sim->buffers);
    sim->buffers = count > 0 ? copy(sim, iovs, count * sizeof(*iovs)) : NULL;
    sim->buffer_count = sim->buffers ? count : 0;
    return sim->buffer_count == count ? 0 : -ENOMEM;
}

static int sim_set_files(struct backend *sim, const int *fds, unsigned count)
{
    if (count > 0 && sim->files)
        return -EBUSY;
    free(sim->files);
    sim->files = count > 0 ? copy(sim, fds, count * sizeof(*fds)) : NULL;
    sim->file_count = sim->files ? count : 0;
    return sim->file_count == count ? 0 : -ENOMEM;
}

static int sim_set_file(struct backend *sim, unsigned index, int fd)
{
    if (world_chance(sim->world, WORLD_REGISTER_FAILS))
        return -ENOMEM;
    assert(index < sim->file_count);
    sim->files[index] = fd;
    return 0;
}

const struct backend_ops backend_sim = {
    .name = "sim",
    .open = sim_open,
    .close = sim_close,
    .abandon = sim_close,
    .push = sim_push,
    .send_transfer = sim_send_transfer,
    .push_cancel = sim_push_cancel,
    .push_doorbell = sim_push_doorbell,
    .push_bell = sim_push_bell,
    .push_timer = sim_push_timer,
    .submit = sim_submit,
    .wait = sim_wait,
    .reap_more = sim_reap_more,
    .watch = sim_watch,
    .unwatch = sim_unwatch,
    .notify = sim_notify,
    .features = sim_features,
    .set_buffers = sim_set_buffers,
    .set_files = sim_set_files,
    .set_file = sim_set_file,
};
