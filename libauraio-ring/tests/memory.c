/* SPDX-License-Identifier: MIT */
/*
 * Every allocation that the library makes fails once, and every one from there on, while it is used in every
 * way: what is refused is refused whole, what was accepted completes exactly once, nothing leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "files.h"
#include "process.h"
#include "support.h"

enum { READS = 300, BYTES = 512, FOR_EVER = 1 << 20 };

struct use {
    struct ring_group *group;
    int fd;
    pipe_pair_t pair;
    int accepted;
    int refused;
    struct outcome outcomes[READS + 16];
    unsigned char bytes[READS][BYTES];
};

static struct use use;

static void set_up(void)
{
    only_uring();
    fault_clear();
}

TestSuite(memory, .init = set_up, .timeout = 110);

/* A refusal is for lack of memory or for what could not be registered for lack of it. */
static void note_refusal(int error)
{
    cr_assert(error == -ENOMEM || error == -ENOENT, "refused with %d", error);
    use.refused++;
}

static void submit_or_note(const struct ring_op *op)
{
    int64_t handle = try_submit(use.group, op);
    if (handle > 0)
        use.accepted++;
    else
        note_refusal((int)handle);
}

static void use_reads(void)
{
    const struct ring_op_rare rare = {.timeout_ns = 60 * UINT64_C(1000000000)};
    for (int i = 0; i < READS; i++) { /* more than a slab, more deadlines than there is room at first */
        struct ring_op op =
            op_transfer(RING_OP_READ, use.fd, use.bytes[i], BYTES, i * BYTES, &use.outcomes[i]);
        op.rare = i % 2 ? &rare : NULL;
        submit_or_note(&op);
    }
}

static void use_chain(void)
{
    struct ring_op ops[3];
    ring_handle_t handles[3];
    int error = 0;
    for (int i = 0; i < 3; i++) {
        ops[i] = op_sync(use.fd, &use.outcomes[READS + i]);
        ops[i].flags = i < 2 ? RING_OP_LINKED : 0;
    }
    int accepted = ring_group_submit(use.group, ops, 3, handles, &error);
    check_that(accepted == 0 || accepted == 3);
    use.accepted += accepted;
    if (accepted == 0)
        note_refusal(error);
}

static void use_registration(void)
{
    const struct iovec buffer = {use.bytes[0], BYTES};
    const int fds[2] = {use.fd, -1};
    int buffers = ring_group_register_buffers(use.group, &buffer, 1);
    int files = ring_group_register_files(use.group, fds, 2);
    if (buffers < 0)
        note_refusal(buffers);
    if (files < 0)
        note_refusal(files);
    struct ring_op op = op_transfer(RING_OP_READ, use.fd, NULL, BYTES, 0, &use.outcomes[READS + 3]);
    op.flags = RING_OP_FIXED;
    submit_or_note(&op);
    int updated = ring_group_update_file(use.group, 1, use.fd);
    if (updated < 0)
        note_refusal(updated);
    check_at_least(drain(use.group), 0);
    check_is(ring_group_unregister_buffers(use.group), 0);
    check_is(ring_group_unregister_files(use.group), 0);
}

static void use_cancel(void)
{
    struct ring_op op =
        op_transfer(RING_OP_READ, use.pair.read_fd, use.bytes[0], 1, -1, &use.outcomes[READS + 4]);
    int64_t handle = try_submit(use.group, &op);
    if (handle < 0) {
        note_refusal((int)handle);
        return;
    }
    use.accepted++;
    check_is(ring_group_cancel(use.group, (ring_handle_t)handle), 0); /* never fails for lack of memory */
}

static void use_group(void)
{
    use_reads();
    use_chain();
    use_cancel();
    check_at_least(drain(use.group), 0);
    use_registration();
    check_at_least(drain(use.group), 0);
    check_that(ring_group_check(use.group));
}

static void check_outcomes(void)
{
    int calls = 0;
    for (int i = 0; i < READS + 16; i++) {
        check_that(use.outcomes[i].calls <= 1);
        calls += use.outcomes[i].calls;
    }
    check_is(calls, use.accepted);
    for (int i = 1; i < READS; i++)
        if (use.outcomes[i].calls) {
            check_is(use.outcomes[i].result, BYTES);
            check_that(pattern_holds(use.bytes[i], BYTES, i * BYTES));
        }
}

/* One life of a group while the allocation number @skip, or every one from it on, fails. Returns whether any
 * failed. */
static bool live_without_memory(enum ring_select select, int skip, int times)
{
    struct ring_config config = config_small(select);
    struct topology topology = machine(2, 1);
    use.accepted = use.refused = 0;
    memset(use.outcomes, 0, sizeof(use.outcomes));
    fault_arm(FAULT_MEMORY, skip, times, ENOMEM);
    int rc = ring_group_create(&config, &topology, &use.group);
    if (rc == 0) {
        use_group();
        check_outcomes();
        ring_group_destroy(use.group);
    } else {
        check_is(rc, -ENOMEM);
    }
    bool failed = fault_calls(FAULT_MEMORY) > skip;
    cr_assert(!failed || rc < 0 || use.refused > 0, "allocation %d failed and nobody was told", skip);
    fault_clear();
    topology_free(&topology);
    return failed;
}

static void live_with_each_failure(enum ring_select select, int times)
{
    use.fd = file_of_pattern(READS * BYTES);
    use.pair = pipe_open(0);
    check_that(!live_without_memory(select, FOR_EVER, 1)); /* what is made once per process is made */
    int before = open_fd_count(), skip = 0;
    while (live_without_memory(select, skip, times)) {
        check_is(open_fd_count(), before);
        skip++;
    }
    check_at_least(skip, 10);
    close(use.fd);
    pipe_close(use.pair);
}

Test(memory, one_allocation_that_fails_harms_nobody_else_on_shared_rings)
{
    live_with_each_failure(RING_SELECT_ADAPTIVE, 1);
}

Test(memory, one_allocation_that_fails_harms_nobody_else_on_a_ring_of_the_thread)
{
    live_with_each_failure(RING_SELECT_THREAD_LOCAL, 1);
}

Test(memory, without_any_memory_from_some_point_on_what_was_accepted_completes_on_shared_rings)
{
    live_with_each_failure(RING_SELECT_ADAPTIVE, FOR_EVER);
}

Test(memory, without_any_memory_from_some_point_on_what_was_accepted_completes_on_a_ring_of_the_thread)
{
    live_with_each_failure(RING_SELECT_THREAD_LOCAL, FOR_EVER);
}

Test(memory, the_first_group_of_a_process_that_cannot_be_set_up_can_be_later)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct topology topology = machine(1, 1);
    struct ring_group *group = NULL;
    fault_arm(FAULT_MADVISE, 0, 1, EINVAL); /* the page that a fork wipes */
    check_is(ring_group_create(&config, &topology, &group), -ENOMEM);
    check_that(group == NULL);
    check_is(ring_group_create(&config, &topology, &group), 0);
    ring_group_destroy(group);
    topology_free(&topology);
}

Test(memory, a_topology_that_there_is_no_memory_for_is_refused_and_the_result_untouched)
{
    struct topology untouched = {.cpu_count = 77}, topology = untouched;
    const struct topology_cpu cpu = {0, 0};
    fault_arm(FAULT_MEMORY, 0, 1, ENOMEM);
    check_is(topology_make(&cpu, 1, 0, &topology), -ENOMEM);
    check_that(memcmp(&topology, &untouched, sizeof(topology)) == 0);
    for (int skip = 0; skip < 2; skip++) { /* of the CPUs, of the result */
        fault_arm(FAULT_MEMORY, skip, 1, ENOMEM);
        check_is(topology_read("", &topology), -ENOMEM);
        check_that(memcmp(&topology, &untouched, sizeof(topology)) == 0);
    }
}

/* In a process that has no slab to use again: a ring that exists needs room for a slab's number, a mailbox
 * when it is a thread's own, and the slab. */
static void submit_until_there_is_memory(enum ring_select select, int allocations)
{
    struct ring_config config = config_small(select);
    struct ring_group *group = group_new(&config);
    const int fd = STDERR_FILENO;
    struct outcome outcome = {0};
    struct ring_op op = op_sync(fd, &outcome);
    int64_t handle = -ENOMEM;
    check_is(ring_group_register_files(group, &fd, 1), 0); /* makes the ring, but no slot */
    for (int skip = 0; handle < 0; skip++) {
        fault_arm(FAULT_MEMORY, skip, 1, ENOMEM);
        handle = ring_group_submit_one(group, &op);
        check_is(handle > 0, skip == allocations);
        check_that(handle > 0 || handle == -ENOMEM);
        check_is(ring_group_pending(group), handle > 0);
        check_that(ring_group_check(group));
    }
    fault_clear();
    check_is(drain(group), 1);
    check_is(outcome.calls, 1);
    ring_group_destroy(group);
}

Test(memory, a_shared_ring_refuses_until_there_is_memory_for_slots)
{
    submit_until_there_is_memory(RING_SELECT_ADAPTIVE, 2);
}

Test(memory, a_ring_of_a_thread_refuses_until_there_is_memory_for_slots_and_mail)
{
    submit_until_there_is_memory(RING_SELECT_THREAD_LOCAL, 3);
}

/* ------------------------------------------------- the rest of a vectored transfer */

static void stop_after_one_part(struct io_uring_sqe *sqe)
{
    if (sqe->opcode == IORING_OP_READV)
        sqe->len = 1;
}

Test(memory, a_vectored_transfer_whose_rest_cannot_be_described_ends_with_what_it_has)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group = group_new(&config);
    int fd = file_of_pattern(1000);
    unsigned char bytes[1000];
    struct outcome outcome = {0};
    const struct iovec iov[] = {{bytes, 400}, {bytes + 400, 600}};
    check_is(perform(group, op_vectored(RING_OP_READV, fd, iov, 2, 0, NULL)), 1000);
    struct ring_op op = op_vectored(RING_OP_READV, fd, iov, 2, 0, &outcome);
    fault_edit = stop_after_one_part;
    (void)submit(group, &op);
    fault_arm(FAULT_MEMORY, 0, FOR_EVER, ENOMEM);
    check_is(drain(group), 1);
    fault_clear();
    check_is(outcome.result, 400);
    check_that(pattern_holds(bytes, 400, 0));
    ring_group_destroy(group);
    close(fd);
}

/* ------------------------------------------------------------ the end of a thread */

static void *leave_a_read(void *group)
{
    static char byte;
    struct ring_op op = op_transfer(RING_OP_READ, use.pair.read_fd, &byte, 1, -1, &use.outcomes[0]);
    int64_t handle = try_submit(group, &op);
    fault_arm(FAULT_QUEUE_INIT, 0, FOR_EVER, ENOMEM); /* its heirs get no ring */
    return handle > 0 ? group : NULL;
}

Test(memory, operations_left_by_a_thread_whose_ring_cannot_be_passed_on_fail_with_the_reason)
{
    struct ring_config config = config_small(RING_SELECT_THREAD_LOCAL);
    pthread_t thread;
    void *accepted;
    config.ring_count = 4;
    use.pair = pipe_open(0);
    use.group = group_new(&config);
    check_is(pthread_create(&thread, NULL, leave_a_read, use.group), 0);
    check_is(pthread_join(thread, &accepted), 0);
    check_that(accepted != NULL);
    check_is(drain(use.group), 1);
    check_is(use.outcomes[0].calls, 1);
    check_is(use.outcomes[0].result, -ENOMEM);
    fault_clear();
    ring_group_destroy(use.group);
    pipe_close(use.pair);
}
