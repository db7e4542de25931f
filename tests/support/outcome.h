/* SPDX-License-Identifier: MIT */
/**
 * What became of operations: callbacks that record, and loops that drive an engine until they have.
 *
 * An outcome belongs to one operation and knows how often its callback ran, with what, and on which thread.
 * A tally belongs to many. Both may be written by any thread while another reads. Callbacks never assert:
 * they run inside the library, and leaving it by a jump would leave its state behind.
 */
#ifndef TEST_SUPPORT_OUTCOME_H
#define TEST_SUPPORT_OUTCOME_H

#include <auraio.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/** Bound of every loop below. Far more than anything takes; a library that hangs is found, not waited for. */
enum { PATIENCE_MS = 60000 };

/** A result no operation has: the operation did not complete within PATIENCE_MS. */
#define OUTCOME_MISSING ((ssize_t)-1000000)

/** One operation. */
typedef struct outcome {
    atomic_llong result; /**< of the last call; valid when calls > 0 */
    atomic_int rw_flags; /**< auraio_request_rw_flags() in the callback */
    atomic_int fd;       /**< auraio_request_fd() in the callback */
    atomic_int thread;   /**< thread_id() of the callback */
    atomic_int calls;
} outcome_t;

/** Many operations. */
typedef struct tally {
    atomic_llong bytes; /**< sum of the results that are not negative */
    atomic_int failures;
    atomic_int cancelled; /**< of failures, those with -ECANCELED */
    atomic_int last_error;
    atomic_int calls;
} tally_t;

/** Callback: user_data is an outcome_t. */
void outcome_record(auraio_request_t *req, ssize_t result, void *user_data);

/** Callback: user_data is a tally_t. */
void tally_record(auraio_request_t *req, ssize_t result, void *user_data);

/** Callback: user_data is an atomic_int to count up. */
void count_call(auraio_request_t *req, ssize_t result, void *user_data);

/** Drive @p engine until @p count reaches @p target. @return whether it did within PATIENCE_MS. */
bool drive_until(auraio_engine_t *engine, const atomic_int *count, int target);

/** Drive @p engine until the operation has completed. @return its result, or OUTCOME_MISSING. */
ssize_t outcome_await(auraio_engine_t *engine, const outcome_t *outcome);

/** Submit and drive to the end. @return the result; OUTCOME_MISSING when refused or lost. */
ssize_t perform(auraio_engine_t *engine, const auraio_op_t *op);

/** The same for a plain read. */
ssize_t perform_read(auraio_engine_t *engine, int fd, void *buf, size_t len, off_t offset);

/** The same for a plain write. */
ssize_t perform_write(auraio_engine_t *engine, int fd, const void *buf, size_t len, off_t offset);

/** A descriptor of a plain read. */
auraio_op_t read_op(int fd, void *buf, size_t len, off_t offset);

/** A descriptor of a plain write. */
auraio_op_t write_op(int fd, const void *buf, size_t len, off_t offset);

#endif
