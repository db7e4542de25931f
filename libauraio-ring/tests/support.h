/* SPDX-License-Identifier: MIT */
/*
 * What the ring's tests share: groups on a machine of a given size, operations, and a record of what became
 * of each.
 */
#ifndef AURAIO_RING_TESTS_SUPPORT_H
#define AURAIO_RING_TESTS_SUPPORT_H

#include <auraio-ring/ring.h>

/* One operation: how often its callback ran and with what. */
struct outcome {
    int calls;
    int rw_flags; /* in the callback */
    ssize_t result;
};

/* Callback: user_data is a struct outcome. */
void outcome_record(struct auraio_request *request, ssize_t result, void *user_data);

/* Queue depth 64, limit 64, plenty pending, one ring; on threads when AURAIO_BACKEND=threads says so. */
struct ring_config config_small(enum ring_select select);

/* For tests of the io_uring backend, first of all: config_small() asks for it, and where it is refused the
 * test is skipped. */
void only_uring(void);

/* A topology of CPUs 0 .. count - 1, nodes of @per_node of them. Ends the program when it cannot be had. */
struct topology machine(int cpu_count, int per_node);

/* A group on a machine of one CPU; ends the program when there is none. */
struct ring_group *group_new(const struct ring_config *config);

/* Operations. */
struct ring_op op_transfer(enum ring_opcode opcode, int fd, void *addr, size_t len, int64_t offset,
                           struct outcome *outcome);
struct ring_op op_vectored(enum ring_opcode opcode, int fd, const struct iovec *iov, int count,
                           int64_t offset, struct outcome *outcome);
struct ring_op op_sync(int fd, struct outcome *outcome);

/* Submit one operation the way the facade does: a plain transfer goes straight. The handle, or a negative
 * errno. */
int64_t try_submit(struct ring_group *group, const struct ring_op *op);

/* Submit one operation that must be accepted. */
ring_handle_t submit(struct ring_group *group, const struct ring_op *op);

/* Drive until nothing is pending, for at most a few seconds. Returns how many completed; -1: something never
 * did. */
int drain(struct ring_group *group);

/* Submit, drain, return the result. The callback must have run once. */
ssize_t perform(struct ring_group *group, struct ring_op op);

/* A deterministic sequence of numbers. */
uint64_t random_next(uint64_t *state);

#endif
