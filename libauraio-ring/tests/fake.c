/* SPDX-License-Identifier: MIT */
/*
 * The backend that answers as told: see fake.h. Submissions are executed when they are handed over, so every
 * completion is there when submit() returns, but for what is held.
 */
#include "fake.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "support.h"

enum { ENTRIES = 256, COMPLETIONS = 1024 };

enum entry_kind { ENTRY_OPERATION, ENTRY_CANCEL, ENTRY_NOTHING, ENTRY_TIMER };

struct entry {
    uint64_t key;
    enum entry_kind kind;
    uint64_t target; /* of a cancel */
    struct fake_call call;
    struct iovec iov[16]; /* what a transfer moves */
    int iovcnt;
};

struct backend {
    struct backend_queue queue;
    unsigned submission_head, submission_tail, completion_head, completion_tail, state;
    struct backend_completion completions[COMPLETIONS];
    struct entry entries[ENTRIES];
    uint64_t held[ENTRIES];
    int held_count;
    int fd;
};

struct fake fake;

static void post(struct backend *backend, uint64_t key, int result)
{
    uint64_t one = 1;
    cr_assert_lt(backend->completion_tail - backend->completion_head, COMPLETIONS);
    backend->completions[backend->completion_tail++ % COMPLETIONS] =
        (struct backend_completion){.key = key, .result = result};
    (void)!write(backend->fd, &one, sizeof(one));
}

/* --------------------------------------------------------------------- life */

static int fake_open(const struct backend_config *config, struct backend **ret_backend)
{
    struct backend *backend = calloc(1, sizeof(*backend));
    (void)config;
    cr_assert_not_null(backend);
    backend->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    backend->queue = (struct backend_queue){
        .entries = ENTRIES,
        .submission_mask = ENTRIES - 1,
        .completion_mask = COMPLETIONS - 1,
        .submission_head = &backend->submission_head,
        .submission_tail = &backend->submission_tail,
        .completion_head = &backend->completion_head,
        .completion_tail = &backend->completion_tail,
        .state = &backend->state,
        .completions = backend->completions,
    };
    *ret_backend = backend;
    return 0;
}

static void fake_close(struct backend *backend)
{
    if (!backend)
        return;
    close(backend->fd);
    free(backend);
}

/* --------------------------------------------------------------- submission */

static struct entry *next_entry(struct backend *backend, enum entry_kind kind, uint64_t key)
{
    cr_assert_gt(backend_room(backend), 0);
    struct entry *entry = &backend->entries[backend->queue.tail++ % ENTRIES];
    *entry = (struct entry){.kind = kind, .key = key};
    return entry;
}

/* What is left of the transfer, as a vector. */
static void describe_transfer(struct entry *entry, const struct ring_slot *slot)
{
    const struct ring_op *op = &slot->op;
    bool vectored = op->opcode == RING_OP_READV || op->opcode == RING_OP_WRITEV;
    if (!vectored) {
        entry->iov[0] =
            (struct iovec){.iov_base = (char *)op->u.addr + slot->done, .iov_len = op->len - slot->done};
        entry->iovcnt = 1;
    } else {
        const struct iovec *iov = slot->rest ? slot->rest : op->u.iov;
        entry->iovcnt = slot->rest ? (int)slot->rest_count : (int)op->len;
        cr_assert_leq(entry->iovcnt, 16);
        for (int i = 0; i < entry->iovcnt; i++)
            entry->iov[i] = iov[i];
    }
    for (int i = 0; i < entry->iovcnt; i++)
        entry->call.len += entry->iov[i].iov_len;
    entry->call.offset = op->offset < 0 ? -1 : op->offset + (int64_t)slot->done;
    entry->call.rw_flags = op->rw_flags;
}

static void fake_push(struct backend *backend, const struct ring_slot *slot,
                      struct backend_registered registered, unsigned how)
{
    struct entry *entry = next_entry(backend, ENTRY_OPERATION, slot->handle);
    (void)registered;
    entry->call = (struct fake_call){
        .kind = FAKE_OTHER,
        .opcode = slot->op.opcode,
        .fd = slot->op.fd,
        .linked = how & BACKEND_PUSH_LINK,
        .worker = slot->flags & SLOT_PUNT,
    };
    if (slot->flags & SLOT_POLLING) {
        entry->call.kind = FAKE_POLL;
    } else if (slot->flags & SLOT_SYNCING || slot->op.opcode == RING_OP_FSYNC) {
        entry->call.kind = FAKE_SYNC;
        entry->call.whole_sync = slot->op.sys_flags & RWF_SYNC;
    } else if (slot->op.opcode <= RING_OP_WRITEV) {
        entry->call.kind = FAKE_TRANSFER;
        describe_transfer(entry, slot);
    }
}

static uint64_t fake_send_transfer(struct backend *backend, const struct ring_slot *slot,
                                   struct backend_registered registered)
{
    check_is(slot->flags & (SLOT_POLLING | SLOT_SYNCING | SLOT_PUNT), 0);
    check_is(slot->done, 0);
    check_is(slot->op.rw_flags, 0);
    check_that(!slot->chain && !slot->chain_before && !slot->rest && !slot->heap_place);
    fake_push(backend, slot, registered, 0);
    backend_publish(backend);
    return slot->handle;
}

static void fake_push_cancel(struct backend *backend, uint64_t key)
{
    next_entry(backend, ENTRY_CANCEL, BACKEND_KEY_CANCEL)->target = key;
}

static void fake_push_doorbell(struct backend *backend)
{
    (void)next_entry(backend, ENTRY_NOTHING, BACKEND_KEY_DOORBELL);
}

static void fake_push_bell(struct backend *backend, int fd)
{
    (void)fd;
    (void)next_entry(backend, ENTRY_TIMER, BACKEND_KEY_BELL);
}

static void fake_push_timer(struct backend *backend, int64_t at_ns, bool update)
{
    (void)at_ns;
    fake.timer_set = true;
    (void)next_entry(backend, update ? ENTRY_NOTHING : ENTRY_TIMER,
                     update ? BACKEND_KEY_TIMER_UPDATE : BACKEND_KEY_TIMER);
}

/* ---------------------------------------------------------------- execution */

static int transfer(const struct entry *entry, size_t limit)
{
    struct iovec iov[16];
    int count = 0;
    for (int i = 0; i < entry->iovcnt && limit > 0; i++) {
        iov[count] = entry->iov[i];
        if (iov[count].iov_len > limit)
            iov[count].iov_len = limit;
        limit -= iov[count++].iov_len;
    }
    bool reads = entry->call.opcode == RING_OP_READ || entry->call.opcode == RING_OP_READV;
    ssize_t moved = reads ? preadv2(entry->call.fd, iov, count, entry->call.offset, 0)
                          : pwritev2(entry->call.fd, iov, count, entry->call.offset, 0);
    return moved < 0 ? -errno : (int)moved;
}

static int execute(const struct entry *entry, struct fake_answer answer)
{
    if (answer.how == FAKE_ANSWER)
        return answer.value;
    if (entry->call.kind != FAKE_TRANSFER)
        return 0;
    return transfer(entry, answer.how == FAKE_SHORT ? (size_t)answer.value : SIZE_MAX);
}

/* Returns whether what is linked to it may run. */
static bool run_operation(struct backend *backend, const struct entry *entry)
{
    struct fake_answer answer = {FAKE_DO, 0};
    cr_assert_lt(fake.calls_made, FAKE_CALLS);
    fake.calls[fake.calls_made++] = entry->call;
    if (fake.answer_count > 0) {
        answer = *fake.answers++;
        fake.answer_count--;
    }
    if (answer.how == FAKE_HOLD) {
        backend->held[backend->held_count++] = entry->key;
        return true;
    }
    int result = execute(entry, answer);
    post(backend, entry->key, result);
    return result >= 0 && (entry->call.kind != FAKE_TRANSFER || (uint64_t)result == entry->call.len);
}

static void end_held(struct backend *backend, int place, int result)
{
    post(backend, backend->held[place], result);
    backend->held_count--;
    for (int i = place; i < backend->held_count; i++)
        backend->held[i] = backend->held[i + 1];
}

static void run_cancel(struct backend *backend, const struct entry *entry)
{
    int found = -1;
    for (int i = 0; i < backend->held_count; i++)
        if (backend->held[i] == entry->target)
            found = i;
    if (found >= 0)
        end_held(backend, found, -ECANCELED);
    post(backend, entry->key, found >= 0 ? 0 : -ENOENT);
}

static int fake_submit(struct backend *backend)
{
    if (fake.submit_failures > 0 && backend_published(backend) > 0) {
        fake.submit_failures--;
        return fake.submit_error;
    }
    int count = 0;
    bool chain_broken = false, after_link = false;
    for (; backend->submission_head != backend->submission_tail; count++) {
        const struct entry *entry = &backend->entries[backend->submission_head++ % ENTRIES];
        bool cancelled = after_link && chain_broken, linked = entry->call.linked;
        if (!after_link)
            chain_broken = false;
        if (cancelled)
            post(backend, entry->key, -ECANCELED);
        else if (entry->kind == ENTRY_OPERATION)
            chain_broken = !run_operation(backend, entry);
        else if (entry->kind == ENTRY_CANCEL)
            run_cancel(backend, entry);
        else if (entry->kind == ENTRY_NOTHING)
            post(backend, entry->key, 0);
        after_link = linked;
    }
    return count;
}

static int fake_wait(struct backend *backend, const struct backend_wait *wait)
{
    fake.wait = *wait;
    int rc = fake_submit(backend);
    if (rc < 0)
        return rc;
    if (fake.wait_result && backend->held_count > 0)
        end_held(backend, 0, fake.wait_result);
    /* Nothing else can happen: no thread, no device. A wait without a limit would last for ever. */
    cr_assert(backend->completion_tail != backend->completion_head || wait->timeout_ns >= 0);
    return backend->completion_tail != backend->completion_head ? 0 : -ETIME;
}

static void fake_reap_more(struct backend *backend)
{
    (void)backend;
}

static int fake_watch(struct backend *backend)
{
    return backend->fd;
}

static void fake_unwatch(struct backend *backend)
{
    (void)backend;
}

static int fake_notify(struct backend *backend, int eventfd)
{
    (void)backend;
    (void)eventfd;
    return 0;
}

static unsigned fake_features(const struct backend *backend)
{
    (void)backend;
    return RING_FEATURE_FTRUNCATE;
}

static int fake_set_buffers(struct backend *backend, const struct iovec *iovs, unsigned count)
{
    (void)backend;
    (void)iovs;
    (void)count;
    return 0;
}

static int fake_set_files(struct backend *backend, const int *fds, unsigned count)
{
    (void)backend;
    (void)fds;
    (void)count;
    return 0;
}

static int fake_set_file(struct backend *backend, unsigned index, int fd)
{
    (void)backend;
    (void)index;
    (void)fd;
    return 0;
}

static const struct backend_ops fake_ops = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .abandon = fake_close,
    .push = fake_push,
    .send_transfer = fake_send_transfer,
    .push_cancel = fake_push_cancel,
    .push_doorbell = fake_push_doorbell,
    .push_bell = fake_push_bell,
    .push_timer = fake_push_timer,
    .submit = fake_submit,
    .wait = fake_wait,
    .reap_more = fake_reap_more,
    .watch = fake_watch,
    .unwatch = fake_unwatch,
    .notify = fake_notify,
    .features = fake_features,
    .set_buffers = fake_set_buffers,
    .set_files = fake_set_files,
    .set_file = fake_set_file,
};

/* -------------------------------------------------------------------- control */

struct ring_group *fake_group(enum ring_select select, int limit)
{
    struct ring_config config = config_small(select);
    config.limit = limit;
    struct ring_group *group = group_new(&config);
    group->ops = &fake_ops; /* before the first ring */
    fake = (struct fake){0};
    return group;
}

void fake_script(const struct fake_answer *answers, int count)
{
    fake.answers = answers;
    fake.answer_count = count;
    fake.calls_made = 0;
}

void fake_release(struct ring_group *group, int result)
{
    fake_release_at(group, 0, result);
}

void fake_release_at(struct ring_group *group, int place, int result)
{
    struct backend *backend = group_ring(group, 0)->backend;
    cr_assert_gt(backend->held_count, place);
    end_held(backend, place, result);
}

void fake_fire_timer(struct ring_group *group)
{
    cr_assert(fake.timer_set);
    fake.timer_set = false;
    post(group_ring(group, 0)->backend, BACKEND_KEY_TIMER, -ETIME);
}
