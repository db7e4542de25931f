/* SPDX-License-Identifier: MIT */
/* Groups, operations and outcomes that the tests share: see support.h. */
#include "support.h"

#include <linux/io_uring.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "fatal.h"
#include "process.h"

enum { PATIENCE_MS = 20000 };

void outcome_record(struct auraio_request *request, ssize_t result, void *user_data)
{
    struct outcome *outcome = user_data;
    int fd;
    void *described;
    outcome->calls++;
    outcome->result = result;
    if (ring_handle_describe((ring_handle_t)(uintptr_t)request, &fd, &described, &outcome->rw_flags) < 0)
        outcome->rw_flags = -1;
}

static bool uring_wanted;

struct ring_config config_small(enum ring_select select)
{
    const char *asked = getenv("AURAIO_BACKEND");
    enum ring_backend other =
        asked && strcmp(asked, "threads") == 0 ? RING_BACKEND_THREADS : RING_BACKEND_AUTO;
    return (struct ring_config){.queue_depth = 64,
                                .ring_count = 1,
                                .limit = 64,
                                .max_pending = 65536,
                                .select = select,
                                .backend = uring_wanted ? RING_BACKEND_URING : other};
}

void only_uring(void)
{
    struct io_uring_params params = {0};
    const int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0)
        skip_because("this is about io_uring, which is refused here");
    close(ring);
    uring_wanted = true;
}

struct topology machine(int cpu_count, int per_node)
{
    struct topology_cpu *cpus = calloc((size_t)cpu_count, sizeof(*cpus));
    struct topology topology;
    for (int i = 0; cpus && i < cpu_count; i++)
        cpus[i] = (struct topology_cpu){.cpu = i, .node = i / per_node};
    if (topology_make(cpus, cpu_count, 0, &topology) < 0)
        fatal("a topology");
    free(cpus);
    return topology;
}

struct ring_group *group_new(const struct ring_config *config)
{
    struct ring_group *group;
    struct topology topology = machine(1, 1);
    int rc = ring_group_create(config, &topology, &group);
    topology_free(&topology);
    if (rc < 0)
        fatal("a ring group");
    return group;
}

struct ring_op op_transfer(enum ring_opcode opcode, int fd, void *addr, size_t len, int64_t offset,
                           struct outcome *outcome)
{
    return (struct ring_op){.opcode = (uint8_t)opcode,
                            .fd = fd,
                            .u.addr = addr,
                            .len = len,
                            .offset = offset,
                            .callback = outcome_record,
                            .user_data = outcome};
}

struct ring_op op_vectored(enum ring_opcode opcode, int fd, const struct iovec *iov, int count,
                           int64_t offset, struct outcome *outcome)
{
    struct ring_op op = op_transfer(opcode, fd, NULL, (size_t)count, offset, outcome);
    op.u.iov = iov;
    return op;
}

struct ring_op op_sync(int fd, struct outcome *outcome)
{
    return op_transfer(RING_OP_FSYNC, fd, NULL, 0, 0, outcome);
}

int64_t try_submit(struct ring_group *group, const struct ring_op *op)
{
    bool plain = op->opcode <= RING_OP_WRITE && !op->rw_flags && !op->rare && !(op->flags & ~RING_OP_FIXED);
    if (!plain)
        return ring_group_submit_one(group, op);
    return ring_group_transfer(group, op->head, op->u.buffer_offset, op->len, op->offset, op->callback,
                               op->user_data);
}

ring_handle_t submit(struct ring_group *group, const struct ring_op *op)
{
    int64_t handle = try_submit(group, op);
    cr_assert(handle > 0, "refused with %" PRId64, handle);
    return (ring_handle_t)handle;
}

int drain(struct ring_group *group)
{
    const int64_t deadline_ms = now_ms() + (int64_t)PATIENCE_MS * slowness();
    int completed = 0;
    while (ring_group_pending(group) > 0) {
        if (now_ms() > deadline_ms)
            return -1;
        completed += ring_group_wait(group, 100 * 1000 * 1000, NULL);
    }
    return completed;
}

ssize_t perform(struct ring_group *group, struct ring_op op)
{
    struct outcome outcome = {0};
    op.callback = outcome_record;
    op.user_data = &outcome;
    (void)submit(group, &op);
    check_is(drain(group), 1);
    check_is(outcome.calls, 1);
    return outcome.result;
}

/* xorshift64* */
uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}
