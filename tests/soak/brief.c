/* SPDX-License-Identifier: MIT */
/*
 * Engines that live shortly, beside those that live long: created with any options, used for some reads, and
 * destroyed with operations pending, now and then in a callback. Each operation must call back once, and what
 * was read be the file's.
 */
#include "soak.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

enum { READS_MAX = 64, PIECE_BYTES = 4096, PIECES = 256, PIPE_READS = 2 };

struct piece {
    struct life *life;
    off_t offset; /* -1: of the pipe */
    int calls;
    char bytes[PIECE_BYTES];
};

struct life {
    auraio_engine_t *engine;
    int called_back;
    int destroy_at; /* in that callback; 0: in none */
    struct piece pieces[READS_MAX + PIPE_READS];
};

static int pattern_fd = -1;

void brief_begin(void)
{
    pattern_fd = file_of_pattern((size_t)PIECES * PIECE_BYTES);
}

void brief_end(void)
{
    close(pattern_fd);
}

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct piece *piece = user_data;
    struct life *life = piece->life;
    (void)req;
    piece->calls++;
    if (piece->calls != 1)
        soak_fail("a read of a brief engine calls back %d times", piece->calls);
    if (piece->offset < 0 ? result != -ECANCELED : result != PIECE_BYTES)
        soak_fail("a read at %lld of a brief engine gives %zd", (long long)piece->offset, result);
    if (piece->offset >= 0 && !pattern_holds(piece->bytes, PIECE_BYTES, piece->offset))
        soak_fail("a read at %lld of a brief engine has wrong bytes", (long long)piece->offset);
    if (piece->offset >= 0)
        atomic_fetch_add(&soak_counts.bytes_verified, PIECE_BYTES);
    if (++life->called_back == life->destroy_at)
        auraio_destroy(life->engine);
}

static auraio_engine_t *some_engine(uint64_t *random)
{
    static const int depths[] = {1, 4, 32, 256};
    auraio_options_t options;
    auraio_options_init(&options);
    options.backend = soak_backend;
    options.ring_select = (auraio_ring_select_t)soak_below(random, 4);
    options.queue_depth = depths[soak_below(random, 4)];
    options.min_in_flight = 1;
    options.ring_count = (int)soak_below(random, 4);
    options.disable_adaptive = soak_below(random, 4) == 0;
    options.max_p99_latency_ms = soak_below(random, 2);
    auraio_engine_t *engine = auraio_create_with_options(&options);
    if (!engine)
        soak_fail("a brief engine cannot be created: %s", auraio_last_error());
    return engine;
}

/* Callbacks run on this thread only: the engine is its own. */
void brief_life(uint64_t *random)
{
    struct life *life = calloc(1, sizeof(*life));
    const pipe_pair_t pipe = pipe_open(O_CLOEXEC);
    int reads = (int)soak_below(random, READS_MAX + 1), pipe_reads = (int)soak_below(random, PIPE_READS + 1);
    require(life != NULL);
    life->engine = some_engine(random);
    for (int i = 0; i < reads + pipe_reads; i++) {
        struct piece *piece = &life->pieces[i];
        bool endless = i >= reads;
        piece->life = life;
        piece->offset = endless ? -1 : (off_t)soak_below(random, PIECES) * PIECE_BYTES;
        require(auraio_read(life->engine, endless ? pipe.read_fd : pattern_fd, auraio_buf(piece->bytes),
                            PIECE_BYTES, piece->offset, on_read, piece) != NULL);
    }
    void *buffer = auraio_buffer_alloc(life->engine, 1 + soak_below(random, 1 << 20)); /* goes with it */
    require(buffer != NULL);
    *(volatile char *)buffer = 1;
    bool in_callback = reads > 0 && soak_below(random, 4) == 0;
    if (in_callback) {
        life->destroy_at = 1;
        require(auraio_wait(life->engine, -1) >= 1);
    } else {
        for (unsigned polls = soak_below(random, 4); polls > 0; polls--)
            require(auraio_poll(life->engine) >= 0);
        auraio_destroy(life->engine);
    }
    if (life->called_back != reads + pipe_reads)
        soak_fail("of %d operations of a brief engine %d called back", reads + pipe_reads, life->called_back);
    atomic_fetch_add(&soak_counts.operations, reads + pipe_reads);
    atomic_fetch_add(&soak_counts.engines, 1);
    pipe_close(pipe);
    free(life);
}
