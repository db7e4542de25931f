/* SPDX-License-Identifier: MIT */
/*
 * A backend that answers as a test says. It keeps the kernel's rules that the ring relies on: submissions run
 * in order, a link that fails or falls short cancels what follows it in what was handed over together, a
 * cancel ends what has not completed. Transfers it is not told anything about are really done.
 *
 * One backend at a time, in one thread.
 */
#ifndef AURAIO_RING_TESTS_FAKE_H
#define AURAIO_RING_TESTS_FAKE_H

#include "backend.h"
#include "ring-private.h"

enum fake_kind { FAKE_TRANSFER, FAKE_SYNC, FAKE_POLL, FAKE_OTHER };

/* What the ring asked for. */
struct fake_call {
    enum fake_kind kind;
    uint8_t opcode;
    int fd;
    uint64_t len;   /* bytes left to transfer */
    int64_t offset; /* where the rest starts */
    int rw_flags;
    bool whole_sync; /* FAKE_SYNC: not only data */
    bool linked;     /* the next one waits for it */
    bool worker;     /* not inline */
};

/* Answers, one for each submission, in order; what comes after the last is done in full. */
enum fake_how {
    FAKE_DO,     /* all of it */
    FAKE_ANSWER, /* value is the result; nothing is done */
    FAKE_SHORT,  /* at most value bytes */
    FAKE_HOLD    /* no completion until a cancel or fake_release() */
};

struct fake_answer {
    enum fake_how how;
    int value;
};

enum { FAKE_CALLS = 512 };

extern struct fake {
    const struct fake_answer *answers;
    int answer_count;
    int submit_failures; /* so many calls of submit() fail with submit_error */
    int submit_error;    /* negative */
    bool timer_set;
    struct backend_wait wait; /* the last that was asked for */
    int wait_result;          /* not 0: a wait ends the oldest that is held with this result */
    int calls_made;
    struct fake_call calls[FAKE_CALLS];
} fake;

/* A group whose rings are fake: with this limit and one ring. */
struct ring_group *fake_group(enum ring_select select, int limit);

/* Set the answers, forget the calls. */
void fake_script(const struct fake_answer *answers, int count);

/* Complete the oldest submission that was held. */
void fake_release(struct ring_group *group, int result);
/* ... or the one that @place others were held before. */
void fake_release_at(struct ring_group *group, int place, int result);

/* Let the timer that was set fire. */
void fake_fire_timer(struct ring_group *group);

#endif
