/* SPDX-License-Identifier: MIT */
/*
 * auraio_shutdown() while other threads use the engine: sleep in it, poll it, submit to it, run callbacks
 * that wait themselves, or have left operations and do something else.
 *
 * Every operation that was accepted is told once, and none is told after the shutdown.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "require.h"

enum { USERS = 4, ROUNDS = 300, READS = 8, BYTES = 512, AHEAD = 64, GROWING = 12 };

static struct {
    auraio_engine_t *engine;
    auraio_ring_select_t mode;
    int file;
    pipe_pair_t pipe;
    tally_t files, pipes;
    atomic_int files_accepted, pipes_accepted;
    atomic_bool over;
    char sinks[USERS][READS][BYTES];
} world;

/* False: the engine is shut down. */
static bool submit(int fd, char *sink, off_t offset, auraio_callback_t callback, tally_t *tally,
                   atomic_int *accepted)
{
    size_t len = offset < 0 ? 1 : BYTES;
    atomic_fetch_add(accepted, 1);
    if (auraio_read(world.engine, fd, auraio_buf(sink), len, offset, callback, tally))
        return true;
    require(errno == ESHUTDOWN);
    atomic_fetch_sub(accepted, 1);
    return false;
}

/* A callback that drives: its thread's ring goes while a batch of it is on the stack. */
static void drive_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)auraio_wait(world.engine, 1);
    tally_record(req, result, user_data);
}

static bool submit_some(char (*sinks)[BYTES])
{
    bool open = submit(world.pipe.read_fd, sinks[0], -1, tally_record, &world.pipes, &world.pipes_accepted);
    for (int i = 0; open && i < READS; i++)
        open = submit(world.file, sinks[i], (off_t)i * BYTES, i ? tally_record : drive_in_callback,
                      &world.files, &world.files_accepted);
    return open;
}

static bool is_far_ahead(void)
{
    return atomic_load(&world.files_accepted) - atomic_load(&world.files.calls) > AHEAD * READS;
}

static void *use(void *context)
{
    const intptr_t number = (intptr_t)context;
    for (bool open = true; open;) {
        open = is_far_ahead() || submit_some(world.sinks[number]);
        if (number == 0 && open) { /* leaves what it has */
            while (!atomic_load(&world.over))
                sched_yield();
            require(!submit_some(world.sinks[number]));
            return NULL;
        }
        if (!open)
            break;
        if (number == 1)
            require(auraio_wait(world.engine, -1) >= 0);
        else if (number == 2)
            require(auraio_poll(world.engine) >= 0);
        else
            (void)auraio_drain(world.engine, -1); /* for ever: the pipe is empty */
        open = atomic_load(&world.pipes_accepted) < AHEAD || !auraio_stop_asked(world.engine);
    }
    return NULL;
}

static void play_round(int round)
{
    pthread_t users[USERS];
    world.engine = mode_engine(world.mode);
    world.files = world.pipes = (tally_t){0};
    world.files_accepted = world.pipes_accepted = 0;
    world.over = false;
    for (int i = 0; i < USERS; i++)
        require(pthread_create(&users[i], NULL, use, (void *)(intptr_t)i) == 0);
    while (atomic_load(&world.files.calls) < round % GROWING * READS) /* at another moment each time */
        sched_yield();
    auraio_shutdown(world.engine);
    const int calls = world.files.calls + world.pipes.calls;
    atomic_store(&world.over, true);
    for (int i = 0; i < USERS; i++)
        require(pthread_join(users[i], NULL) == 0);
    require(world.files.calls + world.pipes.calls == calls);
    require(world.files.calls == world.files_accepted && world.pipes.calls == world.pipes_accepted);
    require(world.pipes.cancelled == world.pipes_accepted);
    require(world.files.failures == world.files.cancelled);
    require(world.mode == AURAIO_SELECT_THREAD_LOCAL || world.files.failures == 0);
    require(world.files.bytes == (int64_t)(world.files.calls - world.files.failures) * BYTES);
    auraio_destroy(world.engine);
}

int main(int argc, char **argv)
{
    world.mode = mode_argument(argc, argv);
    world.file = file_of_pattern(READS * BYTES);
    world.pipe = pipe_open(0);
    for (int round = 0; round < ROUNDS; round++)
        play_round(round);
    pipe_close(world.pipe);
    close(world.file);
    return 0;
}
