/* SPDX-License-Identifier: MIT */
/* Callbacks never run on a thread that is inside a submission call, however much has completed meanwhile. */
#include <auraio.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 512, COUNT = 5000 };

static char buf[BYTES];
static _Thread_local bool submitting;
static atomic_int calls, calls_while_submitting;

static void look_at_stack(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)result;
    (void)user_data;
    atomic_fetch_add(&calls_while_submitting, submitting);
    atomic_fetch_add(&calls, 1);
}

/* Submits in every form: one by one, in batches, over the limit, with cancels and flushes between. */
static int submit_in_all_forms(auraio_engine_t *engine, int fd, int count)
{
    int accepted = 0;
    static const struct iovec iov = {buf, BYTES};
    const auraio_op_t batch[] = {read_op(fd, buf, BYTES, 0), read_op(fd, buf, BYTES, BYTES)};
    submitting = true;
    for (int i = 0; i < count; i++) {
        auraio_request_t *req = auraio_read(engine, fd, auraio_buf(buf), BYTES, 0, look_at_stack, NULL);
        accepted += req != NULL;
        accepted += auraio_readv(engine, fd, &iov, 1, 0, look_at_stack, NULL) != NULL;
        accepted += auraio_fsync(engine, fd, look_at_stack, NULL) != NULL;
        const int batched = auraio_submit_batch(engine, batch, 2, look_at_stack, NULL, NULL);
        accepted += batched > 0 ? batched : 0;
        if (req != NULL && i % 16 == 0)
            (void)auraio_cancel(engine, req);
        if (i % 64 == 0)
            (void)auraio_flush(engine);
    }
    submitting = false;
    return accepted;
}

TestEveryMode(submission_stack, no_callback_runs_on_it_when_one_thread_does_all, .timeout = 60)
{
    const int fd = file_of_pattern(2 * BYTES);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 32;
    options.max_pending = 1000;
    auraio_engine_t *engine = engine_with(&options);
    int accepted = 0, completed = 0;
    for (int round = 0; round < 10; round++) {
        accepted += submit_in_all_forms(engine, fd, 300);
        check_is(calls, completed);
        completed += auraio_drain(engine, PATIENCE_MS);
        check_is(calls, completed);
    }
    check_is(completed, accepted);
    check_at_least(accepted, 10000);
    check_is(calls_while_submitting, 0);
    auraio_destroy(engine);
    close(fd);
}

struct submitter {
    auraio_engine_t *engine;
    int fd;
    int accepted;
    atomic_bool done;
};

static void *submit_beside_the_driver(void *context)
{
    struct submitter *submitter = context;
    submitter->accepted = submit_in_all_forms(submitter->engine, submitter->fd, COUNT / 5);
    atomic_store(&submitter->done, true);
    return NULL;
}

TestSharedModes(submission_stack, no_callback_runs_on_it_when_another_thread_drives, .timeout = 60)
{
    enum { THREADS = 2 };
    pthread_t threads[THREADS];
    struct submitter submitters[THREADS];
    const int fd = file_of_pattern(2 * BYTES);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 32;
    auraio_engine_t *engine = engine_with(&options);
    for (int i = 0; i < THREADS; i++) {
        submitters[i] = (struct submitter){.engine = engine, .fd = fd};
        check_is(pthread_create(&threads[i], NULL, submit_beside_the_driver, &submitters[i]), 0);
    }
    while (!atomic_load(&submitters[0].done) || !atomic_load(&submitters[1].done))
        check_at_least(auraio_wait(engine, 10), 0);
    for (int i = 0; i < THREADS; i++)
        check_is(pthread_join(threads[i], NULL), 0);
    check_at_least(auraio_drain(engine, PATIENCE_MS), 0);
    check_is(calls, submitters[0].accepted + submitters[1].accepted);
    check_is(calls_while_submitting, 0);
    auraio_destroy(engine);
    close(fd);
}
