/* SPDX-License-Identifier: MIT */
/*
 * What was submitted reaches the kernel without a further library call.
 *
 * Callbacks are left out on purpose: nothing but the file, or poll(2), tells whether an operation ran.
 */
#include <auraio.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, WRITES = 3 };

static char blocks[WRITES][BYTES];
static pipe_pair_t channel;

static void set_up_blocks(void)
{
    pattern_fill(blocks, sizeof(blocks), 0);
    channel = pipe_open(0);
}

static void tear_down_blocks(void)
{
    pipe_close(channel);
}

static bool file_holds_blocks(void *context)
{
    char copy[WRITES][BYTES];
    const int fd = *(int *)context;
    return pread(fd, copy, sizeof(copy), 0) == sizeof(copy) && pattern_holds(copy, sizeof(copy), 0);
}

static void submit_writes(auraio_engine_t *engine, int fd)
{
    for (int i = 0; i < WRITES; i++)
        check_accepted(auraio_write(engine, fd, auraio_buf(blocks[i]), BYTES, (off_t)i * BYTES, NULL, NULL));
}

TestEveryMode(progress, writes_without_callback_or_later_call_reach_the_file, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    int fd = file_empty(0);
    auraio_engine_t *engine = mode_engine(*mode);
    submit_writes(engine, fd);
    check_that(await_condition(file_holds_blocks, &fd, PATIENCE_MS));
    auraio_destroy(engine);
    close(fd);
}

struct submitter {
    auraio_engine_t *engine;
    int fd;
    bool reached;
};

static void *submit_and_watch(void *context)
{
    struct submitter *submitter = context;
    submit_writes(submitter->engine, submitter->fd);
    submitter->reached = await_condition(file_holds_blocks, &submitter->fd, PATIENCE_MS);
    return NULL;
}

TestEveryMode(progress, the_same_from_a_thread_that_does_not_drive, .timeout = 60, .init = set_up_blocks,
              .fini = tear_down_blocks)
{
    pthread_t thread;
    auraio_engine_t *engine = mode_engine(*mode);
    struct submitter submitter = {.engine = engine, .fd = file_empty(0)};
    check_is(auraio_poll(engine), 0); /* this thread drives */
    check_is(pthread_create(&thread, NULL, submit_and_watch, &submitter), 0);
    check_is(pthread_join(thread, NULL), 0);
    check_that(submitter.reached);
    auraio_destroy(engine);
    close(submitter.fd);
}

static void *poll_once(void *engine)
{
    (void)auraio_poll(engine);
    return NULL;
}

TestSharedModes(progress, the_same_from_the_thread_that_drove_before_another_did, .timeout = 60,
                .init = set_up_blocks, .fini = tear_down_blocks)
{
    pthread_t thread;
    auraio_engine_t *engine = mode_engine(*mode);
    struct submitter submitter = {.engine = engine, .fd = file_empty(0)};
    check_is(auraio_poll(engine), 0);
    check_is(pthread_create(&thread, NULL, poll_once, engine), 0);
    check_is(pthread_join(thread, NULL), 0);
    submit_and_watch(&submitter);
    check_that(submitter.reached);
    auraio_destroy(engine);
    close(submitter.fd);
}

TestEveryMode(progress, the_same_from_the_driving_thread_once_the_poll_fd_is_out, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    int fd = file_empty(0);
    auraio_engine_t *engine = mode_engine(*mode);
    check_at_least(auraio_get_poll_fd(engine), 0);
    check_is(auraio_poll(engine), 0);
    submit_writes(engine, fd);
    check_that(await_condition(file_holds_blocks, &fd, PATIENCE_MS));
    auraio_destroy(engine);
    close(fd);
}

TestEveryMode(progress, the_driving_thread_hands_all_over_when_it_waits_for_something_else, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    char byte;
    int fd = file_empty(0);
    auraio_engine_t *engine = mode_engine(*mode);
    check_is(auraio_poll(engine), 0);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL));
    submit_writes(engine, fd);
    check_at_least(auraio_wait(engine, PATIENCE_MS), 1);
    check_that(await_condition(file_holds_blocks, &fd, PATIENCE_MS));
    auraio_destroy(engine);
    close(fd);
}

static void submit_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct submitter *submitter = user_data;
    (void)req;
    submitter->reached = result == 1;
    for (int i = 0; i < WRITES; i++)
        submitter->reached &= auraio_write(submitter->engine, submitter->fd, auraio_buf(blocks[i]), BYTES,
                                           (off_t)i * BYTES, NULL, NULL) != NULL;
}

TestEveryMode(progress, what_a_callback_submits_goes_when_the_batch_of_callbacks_ends, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    char byte;
    auraio_engine_t *engine = mode_engine(*mode);
    struct submitter submitter = {.engine = engine, .fd = file_empty(0)};
    check_accepted(
        auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, submit_in_callback, &submitter));
    fd_write_all(channel.write_fd, "x", 1);
    check_at_least(auraio_wait(engine, PATIENCE_MS), 1);
    check_that(submitter.reached);
    check_that(await_condition(file_holds_blocks, &submitter.fd, PATIENCE_MS));
    auraio_destroy(engine);
    close(submitter.fd);
}

static int readable(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, timeout_ms);
}

/*
 * By its poll descriptor alone. That may be readable for a step of an operation which does not complete it:
 * once a pipe has something, Linux 6.1 wakes the ring of a thread, and then has a worker read. But a step is
 * not repeated, and a descriptor that stayed readable for nothing would have its owner spin.
 */
static void complete_by_poll_fd(auraio_engine_t *engine, int fd)
{
    enum { STEPS = 4 }; /* two are known */
    int completed = 0;
    for (int step = 0; completed == 0; step++) {
        check_below(step, STEPS);
        check_is(readable(fd, PATIENCE_MS), 1);
        completed = auraio_poll(engine);
    }
    check_is(completed, 1);
}

/* Two rings, and a thread in a callback of each. One of them lasts until what the other submits has run. */
enum { RINGS = 2 };

struct stay {
    auraio_engine_t *engine;
    pipe_pair_t first, second, answers; /* what completes the operation of each ring; what it waits for */
    char bytes[RINGS], answer;
    atomic_bool staying;
    int answered;
};

static struct stay stay_begin(void)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = RINGS;
    return (struct stay){.engine = engine_with(&options),
                         .first = pipe_open(0),
                         .second = pipe_open(0),
                         .answers = pipe_open(0),
                         .answer = 'x'};
}

static void stay_end(struct stay *stay)
{
    auraio_destroy(stay->engine);
    pipe_close(stay->first);
    pipe_close(stay->second);
    pipe_close(stay->answers);
}

static void stay_until_answered(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct stay *stay = user_data;
    char byte;
    (void)req;
    (void)result;
    atomic_store(&stay->staying, true);
    for (; stay->answered < RINGS && readable(stay->answers.read_fd, PATIENCE_MS) == 1; stay->answered++)
        if (read(stay->answers.read_fd, &byte, 1) != 1)
            return;
}

static bool is_staying(void *stay)
{
    return atomic_load(&((struct stay *)stay)->staying);
}

/* One operation for each ring. */
static void answer(struct stay *stay)
{
    for (int i = 0; i < RINGS; i++)
        (void)!auraio_write(stay->engine, stay->answers.write_fd, auraio_buf(&stay->answer), 1, -1, NULL,
                            NULL);
}

static void answer_in_callback(auraio_request_t *req, ssize_t result, void *stay)
{
    (void)req;
    (void)result;
    answer(stay);
}

static void *wait_once(void *engine)
{
    (void)auraio_wait(engine, PATIENCE_MS);
    return NULL;
}

/* The callback of the second ring runs on a thread of its own from here on. */
static pthread_t stay_elsewhere(struct stay *stay)
{
    pthread_t thread;
    check_accepted(auraio_read(stay->engine, stay->first.read_fd, auraio_buf(&stay->bytes[0]), 1, -1,
                               answer_in_callback, stay));
    check_accepted(auraio_read(stay->engine, stay->second.read_fd, auraio_buf(&stay->bytes[1]), 1, -1,
                               stay_until_answered, stay));
    check_is(pthread_create(&thread, NULL, wait_once, stay->engine), 0);
    fd_write_all(stay->second.write_fd, "x", 1);
    check_that(await_condition(is_staying, stay, PATIENCE_MS));
    return thread;
}

Test(progress, what_a_callback_submits_to_another_ring_goes_though_a_callback_of_that_one_lasts,
     .timeout = 60)
{
    struct stay stay = stay_begin();
    pthread_t thread = stay_elsewhere(&stay);
    fd_write_all(stay.first.write_fd, "x", 1);
    check_at_least(auraio_wait(stay.engine, PATIENCE_MS), 1);
    check_is(pthread_join(thread, NULL), 0);
    check_is(stay.answered, RINGS);
    stay_end(&stay);
}

Test(progress, a_flush_reaches_a_ring_though_a_callback_of_it_lasts, .timeout = 60)
{
    struct stay stay = stay_begin();
    pthread_t thread = stay_elsewhere(&stay);
    check_is(auraio_poll(stay.engine), 0); /* this thread drives: what it submits may be held back */
    answer(&stay);
    check_at_least(auraio_flush(stay.engine), 0);
    check_is(pthread_join(thread, NULL), 0);
    check_is(stay.answered, RINGS);
    stay_end(&stay);
}

TestEveryMode(progress, the_poll_fd_becomes_readable_for_what_was_submitted_after_it, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    char byte;
    tally_t tally = {0};
    const int file = file_of_pattern(BYTES);
    auraio_engine_t *engine = mode_engine(*mode);
    const int fd = auraio_get_poll_fd(engine);
    for (int round = 1; round <= 20; round++) {
        check_accepted(auraio_read(engine, file, auraio_buf(&byte), 1, 0, tally_record, &tally));
        complete_by_poll_fd(engine, fd);
        check_is(tally.calls, round);
    }
    auraio_destroy(engine);
    close(file);
}

TestEveryMode(progress, the_poll_fd_becomes_readable_for_what_was_submitted_before_it, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    char byte;
    tally_t tally = {0};
    auraio_engine_t *engine = mode_engine(*mode);
    check_is(auraio_poll(engine), 0);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, tally_record, &tally));
    const int fd = auraio_get_poll_fd(engine);
    fd_write_all(channel.write_fd, "x", 1);
    complete_by_poll_fd(engine, fd);
    check_is(tally.calls, 1);
    check_is(readable(fd, 0), 0);
    auraio_destroy(engine);
}

TestEveryMode(progress, the_poll_fd_serves_everything_above_the_limit_too, .timeout = 60,
              .init = set_up_blocks, .fini = tear_down_blocks)
{
    enum { COUNT = 2000 };
    static char sink[COUNT];
    tally_t tally = {0};
    const int file = file_of_pattern(COUNT);
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 8;
    auraio_engine_t *engine = engine_with(&options);
    const int fd = auraio_get_poll_fd(engine);
    for (int i = 0; i < COUNT; i++)
        check_accepted(auraio_read(engine, file, auraio_buf(&sink[i]), 1, i, tally_record, &tally));
    while (tally.calls < COUNT) {
        check_is(readable(fd, PATIENCE_MS), 1);
        check_at_least(auraio_poll(engine), 0);
    }
    check_that(pattern_holds(sink, COUNT, 0));
    check_is(readable(fd, 0), 0);
    auraio_destroy(engine);
    close(file);
}
