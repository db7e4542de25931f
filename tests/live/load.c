/* SPDX-License-Identifier: MIT */
/* Closed loops of reads: each that completes is followed by another. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fatal.h"
#include "process.h"

enum { BUFFERS = 64, WAIT_MS = 10 };

static const uint64_t least_bytes = 64 * 1024 * 1024;

void live_disk_open(const char *path, struct live_disk *ret_disk)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        fatal(path);
    const off_t size = lseek(fd, 0, SEEK_END);
    if (size < (off_t)least_bytes) {
        fprintf(stderr, "%s has %lld bytes: give a file of 64 MiB or more\n", path, (long long)size);
        exit(EXIT_FAILURE);
    }
    *ret_disk = (struct live_disk){
        .path = path,
        .fd = fd,
        .size_bytes = (uint64_t)size,
        .device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev,
    };
}

auraio_engine_t *live_engine(auraio_ring_select_t select, int depth, double target_ms)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.queue_depth = LIVE_DEPTH;
    options.ring_select = select;
    options.min_in_flight = 1;
    options.max_p99_latency_ms = target_ms;
    options.disable_adaptive = depth > 0;
    options.initial_in_flight = depth > 0 ? depth : target_ms > 0 ? 4 : LIVE_DEPTH;
    auraio_engine_t *engine = auraio_create_with_options(&options);
    if (engine == NULL)
        fatal(auraio_last_error());
    return engine;
}

bool live_target(const auraio_engine_t *engine, dev_t device, auraio_target_stats_t *ret_stats)
{
    for (int i = 1; i < auraio_get_target_count(engine); i++)
        if (auraio_get_target_stats(engine, i, ret_stats) == 0 && ret_stats->device == device)
            return true;
    return false;
}

/* -------------------------------------------------------------------- one read */

/* xorshift64 (Marsaglia 2003). */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void submit(struct live_load *load);

static void completed(auraio_request_t *request, ssize_t result, void *user_data)
{
    struct live_load *load = user_data;
    (void)request;
    if (result <= 0) {
        errno = result < 0 ? (int)-result : ENODATA;
        fatal(load->disk->path);
    }
    if (!load->running)
        return;
    load->ops++;
    load->counts[load->bin]++;
    submit(load);
}

static void submit(struct live_load *load)
{
    const size_t length = load->access.block_bytes;
    const uint64_t block = load->access.in_order ? load->block_next++ : draw(&load->random);
    const off_t offset = (off_t)(block % (load->disk->size_bytes / length) * length);
    unsigned char *place = load->memory + load->memory_next++ % BUFFERS * LIVE_BLOCK_MAX;
    if (!auraio_read(load->engine, load->disk->fd, auraio_buf(place), length, offset, completed, load))
        fatal("auraio_read");
}

/* ------------------------------------------------------------------- the load */

struct live_load *live_load_create(auraio_engine_t *engine, const struct live_disk *disk,
                                   struct live_access access, int offered)
{
    struct live_load *load = calloc(1, sizeof(*load));
    void *memory = NULL;
    if (load == NULL || posix_memalign(&memory, 4096, (size_t)BUFFERS * LIVE_BLOCK_MAX) != 0)
        fatal("memory");
    memset(memory, 0, (size_t)BUFFERS * LIVE_BLOCK_MAX);
    load->engine = engine;
    load->disk = disk;
    load->access = access;
    load->offered = offered;
    load->random = (uint64_t)now_ns() | 1;
    load->memory = memory;
    return load;
}

void live_load_destroy(struct live_load *load)
{
    free(load->memory);
    free(load);
}

void live_load_start(struct live_load *load)
{
    load->start_ns = now_ns();
    load->running = true;
    for (int i = 0; i < load->offered; i++)
        submit(load);
}

/* The bin of now; those that passed without a look had the limit of now. */
static void move_on(struct live_load *load, int64_t since_ns)
{
    const int64_t last = LIVE_BINS - 1, bin = since_ns / LIVE_BIN_NS;
    const int now = (int)(bin < last ? bin : last);
    auraio_target_stats_t stats = {0};
    if (load->bin >= now)
        return;
    (void)live_target(load->engine, load->disk->device, &stats);
    while (load->bin < now)
        load->limits[load->bin++] = stats.optimal_in_flight;
}

void live_load_drive(struct live_load *const *loads, int count, int64_t until_ns)
{
    for (;;) {
        const int64_t at_ns = now_ns();
        for (int i = 0; i < count; i++)
            move_on(loads[i], at_ns - loads[i]->start_ns);
        if (at_ns - loads[0]->start_ns >= until_ns)
            return;
        (void)auraio_wait(loads[0]->engine, WAIT_MS);
    }
}

void live_load_stop(struct live_load *const *loads, int count)
{
    for (int i = 0; i < count; i++)
        loads[i]->running = false;
    if (auraio_drain(loads[0]->engine, -1) < 0)
        fatal("auraio_drain");
}

double live_load_rate(const struct live_load *load, int64_t from_ns, int64_t to_ns)
{
    double ops = 0;
    const int from = (int)(from_ns / LIVE_BIN_NS), to = (int)(to_ns / LIVE_BIN_NS);
    for (int bin = from; bin < to && bin < LIVE_BINS; bin++)
        ops += load->counts[bin];
    return ops * 1e9 / ((double)(to - from) * LIVE_BIN_NS);
}
