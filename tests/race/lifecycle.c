/* SPDX-License-Identifier: MIT */
/*
 * Engines created and destroyed by several threads at once, each with operations of two threads pending.
 *
 * Half of the operations are left to destroy: file reads it has to finish, pipe reads it has to cancel.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "require.h"

enum { THREADS = 4, ENGINES = 150, READS = 8, BYTES = 512 };

static auraio_ring_select_t mode;
static int file;

struct visit {
    auraio_engine_t *engine;
    int pipe_fd;
    tally_t files, pipes;
    char bufs[READS][BYTES];
};

static void *submit_some(void *context)
{
    struct visit *visit = context;
    for (int i = 0; i < READS; i++) {
        require(auraio_read(visit->engine, file, auraio_buf(visit->bufs[i]), BYTES, (off_t)i * BYTES,
                            tally_record, &visit->files) != NULL);
        require(auraio_read(visit->engine, visit->pipe_fd, auraio_buf(visit->bufs[i]), 1, -1, tally_record,
                            &visit->pipes) != NULL);
    }
    return NULL;
}

static void expect_told(const struct visit *visit)
{
    require(visit->files.calls == READS && visit->files.bytes == READS * BYTES);
    require(visit->pipes.calls == READS && visit->pipes.cancelled == READS);
    for (int i = 0; i < READS; i++)
        require(pattern_holds(visit->bufs[i], BYTES, (off_t)i * BYTES));
}

static void *come_and_go(void *unused)
{
    const pipe_pair_t pipe = pipe_open(0);
    (void)unused;
    for (int i = 0; i < ENGINES; i++) {
        pthread_t helper;
        auraio_engine_t *engine = mode_engine(mode);
        struct visit own = {.engine = engine, .pipe_fd = pipe.read_fd}, helpers = own;
        require(pthread_create(&helper, NULL, submit_some, &helpers) == 0);
        submit_some(&own);
        if (i % 2 == 0)
            require(auraio_wait(engine, PATIENCE_MS) >= 1);
        require(pthread_join(helper, NULL) == 0);
        auraio_destroy(engine);
        expect_told(&own);
        expect_told(&helpers);
    }
    pipe_close(pipe);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    mode = mode_argument(argc, argv);
    file = file_of_pattern(READS * BYTES);
    const int fds_before = open_fd_count();
    for (int i = 0; i < THREADS; i++)
        require(pthread_create(&threads[i], NULL, come_and_go, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        require(pthread_join(threads[i], NULL) == 0);
    require(open_fd_count() == fds_before);
    close(file);
    return 0;
}
