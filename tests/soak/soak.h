/* SPDX-License-Identifier: MIT */
/* What the parts of the soak share: see main.c for what it is. */
#ifndef TESTS_SOAK_SOAK_H
#define TESTS_SOAK_SOAK_H

#include <auraio.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Long enough for a busy machine, short for a hang. */
enum { SOAK_PATIENCE_MS = 120000 };

/* Since the start, for the summary. */
struct soak_counts {
    atomic_long operations, bytes_verified, bytes_written, errors_expected, cancelled, timed_out;
    atomic_long engines, threads, target_changes, registrations;
};

extern struct soak_counts soak_counts;
extern auraio_backend_t soak_backend;
/* The round is over: threads finish what they do and end. */
extern atomic_bool soak_round_over;

/* End the program with a line. */
_Noreturn void soak_fail(const char *what, ...) __attribute__((format(printf, 1, 2)));

#define require(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            soak_fail("%s:%d: not so: %s (%s)", __FILE__, __LINE__, #condition, auraio_last_error());        \
    } while (0)

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003): each thread has its own state. */
static inline uint64_t soak_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline unsigned soak_below(uint64_t *state, unsigned limit)
{
    return (unsigned)((soak_random(state) >> 32) % limit);
}

/* ------------------------------------------------------------------- seat.c */

enum { SEAT_WINDOW = 16, SEAT_BLOCKS = 256, BLOCK_BYTES = 4096 };

struct seat;

/*
 * A seat: a window of operations on blocks of a file that are its own, worked by one thread after the other.
 * @engine outlives it. @memory: SEAT_WINDOW blocks, which are registered buffer @number when there is one.
 */
struct seat *seat_new(auraio_engine_t *engine, int fd, bool direct, int number, char *memory);
/* Complete all that is pending, by calls of this thread. */
void seat_drain(struct seat *seat);
void seat_free(struct seat *seat);
/* Work for one thread's life: until the round is over, or a while. */
void seat_work(struct seat *seat, uint64_t seed);
/* Ask for the end of one of its operations, from any thread. */
void seat_cancel_one(struct seat *seat, uint64_t *random);

/* ------------------------------------------------------------------ brief.c */

/* The life of an engine: created, used, destroyed with operations pending. */
void brief_life(uint64_t *random);
/* The file that they read; the file is this module's. */
void brief_begin(void);
void brief_end(void);

/* ------------------------------------------------------------------ usage.c */

struct usage {
    long resident_kib;
    int fds, mappings;
};

/* What the process holds, after all that is kept for reuse was given back. */
struct usage usage_now(void);

#endif
