/* SPDX-License-Identifier: MIT */
/*
 * A thread that is blocked in wait or run sees what other threads submit afterwards.
 *
 * What is pending when the waiter blocks is a read of an empty pipe, so that only the later submission can
 * wake it. Each round may take as long as a loaded machine needs, but not for ever; the median round has to
 * meet the promise.
 */
#include <auraio.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { ROUNDS = 15, PROMISE_MS = 50 };

struct waiter {
    auraio_engine_t *engine;
    atomic_int tid;
    int completed;
    int64_t woken_ns;
    atomic_bool returned;
};

static void *block_in_wait(void *context)
{
    struct waiter *waiter = context;
    atomic_store(&waiter->tid, thread_id());
    waiter->completed = auraio_wait(waiter->engine, PATIENCE_MS);
    waiter->woken_ns = now_ns();
    atomic_store(&waiter->returned, true);
    return NULL;
}

static bool has_started(void *context)
{
    return atomic_load(&((struct waiter *)context)->tid) != 0;
}

static bool one_returned(void *context)
{
    struct waiter *waiters = context;
    return atomic_load(&waiters[0].returned) || atomic_load(&waiters[1].returned);
}

/* One round: time from the submission by this thread to the waiter's return. */
static int64_t round_ns(auraio_engine_t *engine, int file)
{
    char byte;
    pthread_t thread;
    tally_t tally = {0};
    struct waiter waiter = {.engine = engine};
    check_is(pthread_create(&thread, NULL, block_in_wait, &waiter), 0);
    check_that(await_condition(has_started, &waiter, PATIENCE_MS));
    check_that(await_thread_asleep((pid_t)waiter.tid, PATIENCE_MS));
    const int64_t start_ns = now_ns();
    check_accepted(auraio_read(engine, file, auraio_buf(&byte), 1, 0, tally_record, &tally));
    check_is(pthread_join(thread, NULL), 0);
    check_is(waiter.completed, 1);
    check_is(tally.calls, 1);
    return waiter.woken_ns - start_ns;
}

static int compare_ns(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void expect_prompt_wakeups(auraio_engine_t *engine)
{
    int64_t rounds_ns[ROUNDS];
    const int file = file_of_pattern(4096);
    for (int i = 0; i < ROUNDS; i++)
        rounds_ns[i] = round_ns(engine, file);
    qsort(rounds_ns, ROUNDS, sizeof(rounds_ns[0]), compare_ns);
    check_below(rounds_ns[ROUNDS / 2] / 1000000, PROMISE_MS * slowness());
    close(file);
}

/* An engine with something pending that never completes, submitted by this thread. */
static auraio_engine_t *engine_with_pending_read(auraio_options_t options, pipe_pair_t pipe)
{
    static char byte;
    auraio_engine_t *engine = engine_with(&options);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL));
    return engine;
}

struct owner {
    struct waiter waiter;
    int fd;
    _Atomic(auraio_request_t *) req;
    tally_t tally;
};

static void *read_and_leave(void *context)
{
    const struct owner *leaver = context;
    static char byte;
    check_accepted(auraio_read(leaver->waiter.engine, leaver->fd, auraio_buf(&byte), 1, -1, NULL, NULL));
    return NULL;
}

static void *read_and_wait(void *context)
{
    struct owner *owner = context;
    char byte;
    atomic_store(&owner->req, auraio_read(owner->waiter.engine, owner->fd, auraio_buf(&byte), 1, -1,
                                          tally_record, &owner->tally));
    return block_in_wait(&owner->waiter);
}

/* How long a thread that waits for a read of its own needs to see that it was cancelled, or has its byte. */
static int64_t owner_round_ns(auraio_engine_t *engine, pipe_pair_t pipe, bool cancelled)
{
    struct owner owner = {.waiter = {.engine = engine}, .fd = pipe.read_fd};
    pthread_t thread;
    check_is(pthread_create(&thread, NULL, read_and_wait, &owner), 0);
    check_that(await_condition(has_started, &owner.waiter, PATIENCE_MS));
    check_that(await_thread_asleep((pid_t)owner.waiter.tid, PATIENCE_MS));
    const int64_t start_ns = now_ns();
    if (cancelled)
        check_is(auraio_cancel(engine, atomic_load(&owner.req)), 0);
    else
        fd_write_all(pipe.write_fd, "x", 1);
    check_is(pthread_join(thread, NULL), 0);
    check_is(owner.waiter.completed, 1);
    check_is(owner.tally.calls, 1);
    check_is(owner.tally.cancelled, cancelled);
    return owner.waiter.woken_ns - start_ns;
}

/* It sleeps for its own ring and for that of the thread that ended. */
Test(blocked_wait, sees_what_completes_on_its_own_ring_beside_what_a_thread_has_left, .timeout = 120)
{
    const pipe_pair_t left = pipe_open(0), own = pipe_open(0);
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_THREAD_LOCAL);
    struct owner leaver = {.waiter = {.engine = engine}, .fd = left.read_fd};
    pthread_t thread;
    check_is(pthread_create(&thread, NULL, read_and_leave, &leaver), 0);
    check_is(pthread_join(thread, NULL), 0);
    for (int round = 0; round < 4; round++)
        check_below(owner_round_ns(engine, own, round % 2) / 1000000, PATIENCE_MS / 4);
    auraio_destroy(engine);
    pipe_close(left);
    pipe_close(own);
}

TestSharedModes(blocked_wait, sees_what_is_submitted_later_on_the_same_ring, .timeout = 60)
{
    const pipe_pair_t pipe = pipe_open(0);
    auraio_options_t options = mode_options(*mode);
    options.ring_count = 1;
    auraio_engine_t *engine = engine_with_pending_read(options, pipe);
    expect_prompt_wakeups(engine);
    auraio_destroy(engine);
    pipe_close(pipe);
}

TestSharedModes(blocked_wait, sees_what_is_submitted_later_on_a_ring_chosen_by_the_mode, .timeout = 60)
{
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = engine_with_pending_read(mode_options(*mode), pipe);
    expect_prompt_wakeups(engine);
    auraio_destroy(engine);
    pipe_close(pipe);
}

Test(blocked_wait, sees_what_is_submitted_later_on_every_other_ring_in_turn, .timeout = 60)
{
    const pipe_pair_t pipe = pipe_open(0);
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = 4;
    auraio_engine_t *engine = engine_with_pending_read(options, pipe);
    expect_prompt_wakeups(engine);
    auraio_destroy(engine);
    pipe_close(pipe);
}

Test(blocked_wait, sees_what_is_submitted_later_on_the_ring_of_another_cpu, .timeout = 60)
{
    if (cpu_count() < 2)
        skip_because("needs two CPUs, has one");
    char byte;
    cpu_set_t all;
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_CPU_LOCAL);
    /* The pending read goes to the ring of one CPU, what wakes the waiter comes through that of another. */
    check_is(sched_getaffinity(0, sizeof(all), &all), 0);
    bind_to_nth_cpu(1);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL));
    check_is(sched_setaffinity(0, sizeof(all), &all), 0);
    bind_to_nth_cpu(0);
    expect_prompt_wakeups(engine);
    auraio_destroy(engine);
    pipe_close(pipe);
}

TestSharedModes(blocked_wait, two_waiters_share_the_work_and_neither_is_forgotten, .timeout = 60)
{
    enum { WAITERS = 2 };
    char bytes[3];
    pthread_t threads[WAITERS];
    struct waiter waiters[WAITERS];
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = mode_engine(*mode);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&bytes[0]), 1, -1, NULL, NULL));
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&bytes[1]), 1, -1, NULL, NULL));
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&bytes[2]), 1, -1, NULL, NULL));
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){.engine = engine};
        check_is(pthread_create(&threads[i], NULL, block_in_wait, &waiters[i]), 0);
    }
    for (int i = 0; i < WAITERS; i++) {
        check_that(await_condition(has_started, &waiters[i], PATIENCE_MS));
        check_that(await_thread_asleep((pid_t)waiters[i].tid, PATIENCE_MS));
    }
    /* One byte wakes one waiter, which returns; the second byte has to wake the other. */
    fd_write_all(pipe.write_fd, "x", 1);
    check_that(await_condition(one_returned, waiters, PATIENCE_MS));
    fd_write_all(pipe.write_fd, "x", 1);
    for (int i = 0; i < WAITERS; i++) {
        check_is(pthread_join(threads[i], NULL), 0);
        check_is(waiters[i].completed, 1);
    }
    auraio_destroy(engine);
    pipe_close(pipe);
}

struct idle_wait {
    auraio_engine_t *engine;
    int ms;
};

static void *wait_in_vain(void *context)
{
    const struct idle_wait *idle = context;
    return (void *)(intptr_t)auraio_wait(idle->engine, idle->ms);
}

/* CPU time of several threads that each wait so long for nothing. */
static int64_t idle_cpu_us(auraio_engine_t *engine, int ms)
{
    enum { WAITERS = 4 };
    pthread_t threads[WAITERS];
    struct idle_wait idle = {.engine = engine, .ms = ms};
    const int64_t cpu_before_ns = process_cpu_ns();
    for (int i = 0; i < WAITERS; i++)
        check_is(pthread_create(&threads[i], NULL, wait_in_vain, &idle), 0);
    for (int i = 0; i < WAITERS; i++) {
        void *completed = NULL;
        check_is(pthread_join(threads[i], &completed), 0);
        check_is((intptr_t)completed, 0);
    }
    return (process_cpu_ns() - cpu_before_ns) / 1000;
}

/*
 * What threads cost, and a first wait, is known from a wait that is over at once: in an emulated machine it
 * is more than the bound. What is bounded is the second that the other wait takes, of which a thread that
 * looks again and again uses all.
 */
TestSharedModes(blocked_wait, of_several_threads_with_nothing_to_do_uses_no_cpu, .timeout = 60)
{
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = engine_with_pending_read(mode_options(*mode), pipe);
    const int64_t short_us = idle_cpu_us(engine, 1);
    check_below(idle_cpu_us(engine, 1000), 2 * short_us + 100000);
    auraio_destroy(engine);
    pipe_close(pipe);
}
