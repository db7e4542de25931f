/* SPDX-License-Identifier: MIT */
#include "world.h"
#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { WILD_FIRST = 700 };

struct world_of_run run;
static int fds_at_first;

static int count_fds(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        broken("/proc/self/fd cannot be read: %s", strerror(errno));
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

void check_refusal(const char *call, const int *errors)
{
    int error = errno;
    for (; *errors && *errors != error; errors++) {
    }
    if (!*errors)
        broken("%s is refused with errno %d (%s): %s", call, error, strerror(error), auraio_last_error());
    if (auraio_last_error()[0] == '\0')
        broken("%s is refused with errno %d, without a sentence", call, error);
}

/* ----------------------------------------------------------------- descriptors */

void wild_adopt(int fd)
{
    int place = 0;
    while (place < WILD_MAX && run.wild_fds[place] >= 0)
        place++;
    if (place < WILD_MAX && run.next_wild_fd < WILD_FIRST + 4 * WILD_MAX) {
        if (dup2(fd, run.next_wild_fd) < 0)
            broken("descriptor %d cannot be moved to %d: %s", fd, run.next_wild_fd, strerror(errno));
        run.wild_fds[place] = run.next_wild_fd++;
    }
    close(fd);
}

int wild_some(void)
{
    return run.wild_fds[below(WILD_MAX)];
}

static int open_file(const char *name)
{
    int fd = auraio_sim_open(run.sim, name, O_RDWR | O_CREAT | O_CLOEXEC);
    if (fd < 0)
        broken("%s cannot be opened: %s", name, auraio_last_error());
    return fd;
}

void world_begin(uint64_t seed)
{
    fds_at_first = count_fds();
    memset(&run, 0, sizeof(run));
    records_begin();
    run.sim = auraio_sim_create(seed);
    if (!run.sim || pipe2(run.pipe_fds, O_CLOEXEC) < 0)
        broken("a world cannot be made: %s", strerror(errno));
    model_files[0].fd = open_file("a");
    model_files[1].fd = open_file("b");
    run.next_wild_fd = WILD_FIRST;
    for (int i = 0; i < WILD_MAX; i++)
        run.wild_fds[i] = -1;
    wild_adopt(open_file("wild"));
}

void world_end(void)
{
    for (int i = 0; i < ENGINES; i++)
        if (run.lives[i].engine)
            life_destroy(&run.lives[i]);
    records_check_files();
    if (auraio_sim_destroy(run.sim) < 0)
        broken("the world is still lived in: %s", auraio_last_error());
    close(run.pipe_fds[0]);
    close(run.pipe_fds[1]);
    for (int i = 0; i < FILES; i++)
        close(model_files[i].fd);
    for (int i = 0; i < WILD_MAX; i++)
        if (run.wild_fds[i] >= 0)
            close(run.wild_fds[i]);
    int fds = count_fds();
    if (fds != fds_at_first)
        broken("%d descriptors were open at first and %d are at last", fds_at_first, fds);
}

/* --------------------------------------------------------------------- engines */

static void hear(auraio_log_level_t level, const char *message, void *user_data)
{
    (void)level;
    (void)user_data;
    if (message[0] == '\0' || strchr(message, '\n'))
        broken("a log message is not one line: \"%s\"", message);
}

/* Mostly something that works. */
static void choose_options(auraio_options_t *options)
{
    static const int depths[] = {0, 1, 2, 4, 16, 64, 300}, pendings[] = {0, 1, 4, 16, 300};
    unsigned strange = below(64);
    options->queue_depth = depths[below(7)];
    options->ring_count = (int)below(4);
    options->max_pending = pendings[below(5)];
    options->min_in_flight = (int)below(4);
    options->initial_in_flight = (int)below(4);
    options->max_p99_latency_ms = below(3);
    options->ring_select = (auraio_ring_select_t)below(4);
    unsigned flags = below(32);
    options->disable_adaptive = flags & 1;
    options->enable_sqpoll = flags & 2;
    options->log = flags & 4 ? hear : NULL;
    options->debug_buffers = flags & 8;
    options->buffer_alignment = flags & 16 ? (size_t)8 << below(12) : 0;
    switch (strange) {
    case 1:
        options->queue_depth = (int)take(4);
        break;
    case 2:
        options->ring_count = (int)take(4);
        break;
    case 3:
        options->max_pending = (int)take(4);
        break;
    case 4:
        options->min_in_flight = (int)take(4);
        break;
    case 5:
        options->initial_in_flight = (int)take(4);
        break;
    case 6: {
        uint64_t bits = take(8);
        memcpy(&options->max_p99_latency_ms, &bits, sizeof(bits));
        break;
    }
    case 7:
        options->ring_select = (auraio_ring_select_t)take(4);
        break;
    case 8:
        options->buffer_alignment = (size_t)take(8);
        break;
    case 9:
        options->backend = (auraio_backend_t)take(4);
        break;
    case 10:
        options->sqpoll_idle_ms = (int)take(4);
        break;
    case 11:
        options->reserved[below(8)] = take(8);
        break;
    case 12:
        options->reserved8[below(7)] = (unsigned char)take(1);
        break;
    default:
        break;
    }
}

/* The struct of a program that was built against another header: as long as it says, and not a byte longer.
 */
static auraio_engine_t *create_sized(const auraio_options_t *options, size_t size)
{
    auraio_options_t *sized = calloc(1, size);
    if (!sized)
        broken("no memory");
    auraio_options_init_sized(sized, size);
    memcpy(sized, options, size < sizeof(*options) ? size : sizeof(*options));
    sized->struct_size = size;
    auraio_engine_t *engine = auraio_sim_engine(run.sim, sized);
    free(sized);
    return engine;
}

void life_begin(struct life *life)
{
    static const int refusals[] = {EINVAL, ENOMEM, 0};
    if (life->engine)
        return;
    memset(life, 0, sizeof(*life));
    auraio_options_init(&life->options);
    choose_options(&life->options);
    /* What is asked for may be larger than what a run should wait for. */
    if (life->options.queue_depth > 512 && life->options.queue_depth <= 32768)
        life->options.queue_depth = 512;
    if (life->options.ring_count > 8 && life->options.ring_count <= 1024)
        life->options.ring_count = 8;
    size_t size = below(8) ? sizeof(life->options) : 8 + below(256);
    life->whole = size >= sizeof(life->options);
    life->engine = create_sized(&life->options, size);
    if (!life->engine)
        check_refusal("auraio_sim_engine()", refusals);
}

/* It is gone: everything that it had accepted has called back, and has done so once. */
static void check_over(const struct life *life)
{
    for (int i = 0; i < record_count; i++) {
        const struct record *record = &records[i];
        bool own = &run.lives[record->engine] == life;
        if (own && record->accepted && !record->done && !record->silent)
            broken("operation %d (opcode %d) never called back", i, (int)record->opcode);
        if (own && record->handle && auraio_request_pending(record->handle))
            broken("operation %d is pending in an engine that is gone", i);
    }
}

/* The memory of the pool is gone with the engine, and what a silent operation had to say. */
static void life_over(struct life *life)
{
    check_over(life);
    for (int i = 0; i < record_count; i++)
        if (&run.lives[records[i].engine] == life)
            records[i].done = true;
    memset(life, 0, sizeof(*life));
}

void life_settle(struct life *life)
{
    if (life->engine && life->doomed && life->callbacks == 0)
        life_over(life);
}

void life_destroy(struct life *life)
{
    life->ending = life->doomed = true;
    auraio_destroy(life->engine);
    life_settle(life);
}
