/* SPDX-License-Identifier: MIT */
/*
 * Many threads submit, one completes: the shape of a server whose workers want I/O and whose main thread runs
 * the completions.
 *
 * The workers share the engine with no lock of their own. auraio_run() in main runs every callback, on main's
 * thread, until somebody calls auraio_stop(): here the callback of the last read.
 */
#include "example.h"

#include <pthread.h>

enum { WORKERS = 4, READS = 500, BLOCK = 4096, FILE_BLOCKS = 256 };

struct shared {
    auraio_engine_t *engine;
    int fd;
    int completed; /* touched by callbacks only, which all run on one thread */
};

struct job {
    struct shared *shared;
    off_t offset;
    unsigned char *buf;
};

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct job *job = user_data;
    struct shared *shared = job->shared;
    if (result != BLOCK)
        example_fail_errno("read", result < 0 ? (int)-result : EIO);
    example_check(job->buf, BLOCK, job->offset);
    auraio_buffer_free(shared->engine, job->buf, BLOCK);
    free(job);
    if (++shared->completed == WORKERS * READS)
        auraio_stop(shared->engine);
}

static void *worker(void *argument)
{
    struct shared *shared = argument;
    for (int i = 0; i < READS; i++) {
        struct job *job = malloc(sizeof(*job));
        if (!job)
            example_fail_errno("malloc", errno);
        *job = (struct job){shared, (off_t)(i * 37 % FILE_BLOCKS) * BLOCK,
                            auraio_buffer_alloc(shared->engine, BLOCK)};
        if (!job->buf)
            example_fail("auraio_buffer_alloc");
        if (!auraio_read(shared->engine, shared->fd, auraio_buf(job->buf), BLOCK, job->offset, on_read, job))
            example_fail("auraio_read");
    }
    return NULL; /* its reads may still be under way: they complete without it */
}

int main(void)
{
    struct shared shared = {.fd = example_file(FILE_BLOCKS * BLOCK)};
    shared.engine = auraio_create();
    if (!shared.engine)
        example_fail("auraio_create");

    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        int error = pthread_create(&threads[i], NULL, worker, &shared);
        if (error != 0)
            example_fail_errno("pthread_create", error);
    }
    auraio_run(shared.engine);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);

    auraio_destroy(shared.engine);
    close(shared.fd);
    printf("%d threads submitted %d reads; one thread completed them\n", WORKERS, shared.completed);
    return shared.completed == WORKERS * READS ? EXIT_SUCCESS : EXIT_FAILURE;
}
