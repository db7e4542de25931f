/* SPDX-License-Identifier: MIT */
/*
 * A million cancels, most of them of handles that have just become stale or are about to.
 *
 * One thread submits and completes, two others cancel. Every handle that may be cancelled is published in a
 * window of recent ones, from which the cancelling threads pick; by the time they use it the operation may be
 * in flight, completed, or its slot already taken by a bystander, whose handle is never published. A stale
 * handle that hit another operation would show as a bystander that was cancelled.
 */
#include <auraio.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { WINDOW = 64, CANCELLERS = 2, BATCH = 16, ROUNDS_LEAST = 2000, CANCELS_LEAST = 1000000 };

struct race {
    auraio_engine_t *engine;
    int file;
    pipe_pair_t pipe;
    long long bytes_written;
    tally_t file_victims, pipe_victims, file_bystanders, pipe_bystanders;
    _Atomic(auraio_request_t *) window[WINDOW];
    atomic_bool stop;
    atomic_int cancels, unexpected;
};

static void *cancel_recent(void *context)
{
    struct race *race = context;
    for (unsigned turn = 0; !atomic_load(&race->stop); turn++) {
        auraio_request_t *req = atomic_load(&race->window[turn * 7 % WINDOW]);
        if (req == NULL)
            continue;
        if (auraio_cancel(race->engine, req) != 0 && errno != EALREADY)
            atomic_fetch_add(&race->unexpected, 1);
        atomic_fetch_add(&race->cancels, 1);
    }
    return NULL;
}

static auraio_request_t *submit_one(struct race *race, int fd, tally_t *tally)
{
    static char sink;
    const off_t offset = fd == race->file ? 0 : -1;
    auraio_request_t *req = auraio_read(race->engine, fd, auraio_buf(&sink), 1, offset, tally_record, tally);
    check_that(req != NULL);
    return req;
}

/* Victims and bystanders in turn, of the file and of the pipe, whose reads stay pending until it has bytes.
 */
static void play_round(struct race *race, int round)
{
    static const char bytes[2 * BATCH];
    const int target = (round + 1) * BATCH;
    for (int i = 0; i < BATCH; i++) {
        const int at = (2 * round * BATCH + 2 * i) % WINDOW;
        atomic_store(&race->window[at], submit_one(race, race->file, &race->file_victims));
        submit_one(race, race->file, &race->file_bystanders);
        atomic_store(&race->window[at + 1], submit_one(race, race->pipe.read_fd, &race->pipe_victims));
        submit_one(race, race->pipe.read_fd, &race->pipe_bystanders);
    }
    /* One byte for each read of the pipe, less those that cancelled reads left behind. */
    const long long taken = race->pipe_victims.bytes + race->pipe_bystanders.bytes;
    const long long missing = 2 * BATCH - (race->bytes_written - taken);
    fd_write_all(race->pipe.write_fd, bytes, missing > 0 ? (size_t)missing : 0);
    race->bytes_written += missing > 0 ? missing : 0;
    check_that(drive_until(race->engine, &race->file_victims.calls, target));
    check_that(drive_until(race->engine, &race->pipe_victims.calls, target));
    check_that(drive_until(race->engine, &race->file_bystanders.calls, target));
    check_that(drive_until(race->engine, &race->pipe_bystanders.calls, target));
}

/* Nothing completed twice, and no bystander was touched. */
static void expect_fair_play(struct race *race, int rounds)
{
    const tally_t *bystanders[] = {&race->file_bystanders, &race->pipe_bystanders};
    const tally_t *victims[] = {&race->file_victims, &race->pipe_victims};
    for (int i = 0; i < 2; i++) {
        check_is(bystanders[i]->calls, rounds * BATCH);
        check_is(bystanders[i]->failures, 0);
        check_is(bystanders[i]->bytes, rounds * BATCH);
        check_is(victims[i]->calls, rounds * BATCH);
        check_is(victims[i]->failures, victims[i]->cancelled);
    }
    check_at_least(race->pipe_victims.cancelled, 1);
    check_is(race->unexpected, 0);
}

TestEveryMode(cancel_race, a_million_cancels_hit_their_own_operation_or_none, .timeout = 120)
{
    static struct race race;
    pthread_t threads[CANCELLERS];
    int rounds = 0;
    race.engine = mode_engine(*mode);
    race.file = file_of_pattern(1);
    race.pipe = pipe_open(0);
    for (int i = 0; i < CANCELLERS; i++)
        check_is(pthread_create(&threads[i], NULL, cancel_recent, &race), 0);
    while (rounds < ROUNDS_LEAST || atomic_load(&race.cancels) < CANCELS_LEAST)
        play_round(&race, rounds++);
    atomic_store(&race.stop, true);
    for (int i = 0; i < CANCELLERS; i++)
        check_is(pthread_join(threads[i], NULL), 0);
    check_is(auraio_drain(race.engine, PATIENCE_MS), 0);
    expect_fair_play(&race, rounds);
    auraio_destroy(race.engine);
    pipe_close(race.pipe);
    close(race.file);
}
