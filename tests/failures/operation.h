/* SPDX-License-Identifier: MIT */
/** Operations of scenarios, and what must be so of them when a call of the library may have failed. */
#ifndef TEST_FAILURES_OPERATION_H
#define TEST_FAILURES_OPERATION_H

#include <auraio.h>
#include <stdbool.h>
#include <stdlib.h>

#include "outcome.h"
#include "scenario.h"

enum { OPERATION_BYTES = 4096 };

struct operation {
    outcome_t outcome;
    auraio_request_t *req; /* NULL: refused */
    ssize_t wanted;        /* the result when nothing fails */
    off_t pattern_at;      /* of the bytes that a read must bring; -1: it brings none */
    struct iovec iov[2];
    char buf[OPERATION_BYTES];
};

/** A check that failed: say where and what was injected, and end the process. */
_Noreturn void broken(const char *file, int line, const char *what, long value);

#define must(condition) must_of((condition), 0)
/** The same, with a value to print. */
#define must_of(condition, value)                                                                            \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            broken(__FILE__, __LINE__, #condition, (long)(value));                                           \
    } while (0)

/** A call said @p ok, or it was refused: then for a reason, which is errno, and with a sentence. @return @p
 * ok */
bool granted(bool ok);

/** Memory for @p count operations; of the test. To be freed with operations_free(). */
struct operation *operations_new(int count);
void operations_free(struct operation *operations);

/** Submit; whether it was accepted is in @p operation->req. */
void operation_submit(auraio_engine_t *engine, struct operation *operation, const auraio_op_t *op);

/** Drive @p engine until all of them that were accepted have completed; each must be as it should. */
void operations_finish(auraio_engine_t *engine, struct operation *operations, int count);

/** Of an operation that need not have succeeded: it called back once if it was accepted. */
void operation_check(const struct operation *operation);

#endif
