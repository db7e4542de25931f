/* SPDX-License-Identifier: MIT */
#include "operation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"

void broken(const char *file, int line, const char *what, long value)
{
    inject_disarm();
    fprintf(stderr, "%s:%d: not so: %s (%ld, errno %d: %s)\n", file, line, what, value, errno,
            auraio_last_error());
    _exit(1);
}

/* Refusals that are documented for what was injected: the error itself, or that the resource it stands for is
 * short. */
static bool explained(int error)
{
    const int injected = inject_error();
    if (injected == 0)
        return false;
    return error == injected || error == ENOMEM || error == EMFILE || error == ENFILE ||
           (error == ENOENT && inject_victim() == CALL_REGISTER_BUFFERS) ||
           (error == EFAULT && inject_victim() == CALL_MADVISE && injected == EINVAL);
}

bool granted(bool ok)
{
    if (!ok) {
        must_of(explained(errno), errno);
        must(auraio_last_error()[0] != '\0');
    }
    return ok;
}

struct operation *operations_new(int count)
{
    inject_pause();
    struct operation *operations = calloc((size_t)count, sizeof(*operations));
    inject_resume();
    must(operations != NULL);
    return operations;
}

void operations_free(struct operation *operations)
{
    inject_pause();
    free(operations);
    inject_resume();
}

void operation_submit(auraio_engine_t *engine, struct operation *operation, const auraio_op_t *op)
{
    operation->req = auraio_submit(engine, op, outcome_record, &operation->outcome);
    (void)granted(operation->req != NULL);
}

void operation_check(const struct operation *operation)
{
    const int calls = atomic_load(&operation->outcome.calls);
    if (!operation->req) {
        must_of(calls == 0, calls);
        return;
    }
    must_of(calls == 1, calls);
    const ssize_t result = (ssize_t)atomic_load(&operation->outcome.result);
    if (result == operation->wanted) {
        must(operation->pattern_at < 0 ||
             pattern_holds(operation->buf, (size_t)result, operation->pattern_at));
        return;
    }
    must_of(inject_error() != 0, result);
    must_of(result >= 0 ? result < operation->wanted : result == -ECANCELED || explained((int)-result),
            result);
}

static bool all_done(const struct operation *operations, int count)
{
    for (int i = 0; i < count; i++)
        if (operations[i].req && atomic_load(&operations[i].outcome.calls) == 0)
            return false;
    return true;
}

void operations_finish(auraio_engine_t *engine, struct operation *operations, int count)
{
    while (!all_done(operations, count)) {
        const int completed =
            auraio_wait(engine, PATIENCE_MS); /* at its end only by a wake-up that was lost */
        must_of(completed > 0, completed);
    }
    for (int i = 0; i < count; i++)
        operation_check(&operations[i]);
}
