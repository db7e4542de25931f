/* SPDX-License-Identifier: MIT */
/* Chains: an operation that starts only when the one before it has succeeded in full. */
#include <auraio.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 8192, LENGTH = 4 };

static char buf[BYTES];
static char bytes[LENGTH];
static auraio_op_t chain[LENGTH];
static outcome_t outcomes[LENGTH];

/* A chain of one-byte reads of the file, each with its own outcome; tests replace links of it. */
static void set_up_chain(void)
{
    set_up();
    channel = pipe_open(O_NONBLOCK);
    for (int i = 0; i < LENGTH; i++)
        chain[i] = read_op(file_fd, &bytes[i], 1, i);
}

TestSuite(chain, .init = set_up_chain, .fini = tear_down_pipe, .timeout = 30);

static auraio_op_t fsync_op(int fd)
{
    auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
    op.fd = fd;
    return op;
}

/* Submit the first `count` operations as one chain. */
static void submit_chain(int count)
{
    for (int i = 0; i < count; i++) {
        chain[i].flags |= i + 1 < count ? (unsigned)AURAIO_OP_LINK : 0;
        chain[i].callback = outcome_record;
        chain[i].user_data = &outcomes[i];
    }
    check_is(auraio_submit_batch(engine, chain, count, NULL, NULL, NULL), count);
}

static void expect_results(int count, const ssize_t *expected)
{
    check_is(auraio_drain(engine, PATIENCE_MS), count);
    for (int i = 0; i < count; i++) {
        check_is(outcomes[i].calls, 1);
        cr_assert(outcomes[i].result == expected[i], "operation %d of the chain gave %lld, not %zd", i,
                  (long long)outcomes[i].result, expected[i]);
    }
}

Test(chain, a_write_then_an_fsync_both_succeed)
{
    const int fd = file_empty(0);
    pattern_fill(buf, BYTES, 0);
    chain[0] = write_op(fd, buf, BYTES, 0);
    chain[1] = fsync_op(fd);
    submit_chain(2);
    expect_results(2, (const ssize_t[]){BYTES, 0});
    memset(buf, 0, BYTES);
    check_is(pread(fd, buf, BYTES, 0), BYTES);
    check_that(pattern_holds(buf, BYTES, 0));
    close(fd);
}

Test(chain, an_operation_sees_what_the_one_before_it_did)
{
    char copy[BYTES];
    const int fd = file_empty(0);
    pattern_fill(buf, BYTES, 0);
    for (int round = 0; round < 200; round++) {
        memset(outcomes, 0, sizeof(outcomes));
        memset(copy, 0, sizeof(copy));
        pattern_fill(buf, BYTES, round);
        chain[0] = write_op(fd, buf, BYTES, 0);
        chain[1] = read_op(fd, copy, BYTES, 0);
        submit_chain(2);
        expect_results(2, (const ssize_t[]){BYTES, BYTES});
        check_that(pattern_holds(copy, BYTES, round));
    }
    close(fd);
}

Test(chain, a_failure_cancels_the_rest)
{
    chain[1].fd = channel.write_fd; /* not open for reading */
    submit_chain(LENGTH);
    expect_results(LENGTH, (const ssize_t[]){1, -EBADF, -ECANCELED, -ECANCELED});
}

Test(chain, a_failure_leaves_the_operations_after_the_chain_alone)
{
    chain[0].fd = channel.write_fd;
    chain[0].flags = AURAIO_OP_LINK;
    for (int i = 0; i < LENGTH; i++) {
        chain[i].callback = outcome_record;
        chain[i].user_data = &outcomes[i];
    }
    check_is(auraio_submit_batch(engine, chain, LENGTH, NULL, NULL, NULL), LENGTH);
    expect_results(LENGTH, (const ssize_t[]){-EBADF, -ECANCELED, 1, 1});
}

Test(chain, a_read_cut_short_by_the_end_of_the_file_breaks_it)
{
    chain[0] = read_op(file_fd, buf, BYTES, FIXTURE_FILE_BYTES - 100);
    submit_chain(3);
    expect_results(3, (const ssize_t[]){100, -ECANCELED, -ECANCELED});
}

Test(chain, a_write_cut_short_by_a_size_limit_breaks_it)
{
    const int fd = file_empty(0);
    const struct rlimit limit = {4096, 4096};
    check_that(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    check_is(setrlimit(RLIMIT_FSIZE, &limit), 0);
    chain[0] = write_op(fd, buf, BYTES, 0);
    chain[1] = fsync_op(fd);
    submit_chain(2);
    expect_results(2, (const ssize_t[]){4096, -ECANCELED});
    check_is(file_size(fd), 4096);
    close(fd);
}

Test(chain, a_write_cut_short_by_a_full_pipe_breaks_it)
{
    const int capacity = fcntl(channel.write_fd, F_SETPIPE_SZ, 4096);
    check_is(capacity, 4096);
    chain[0] = write_op(channel.write_fd, buf, BYTES, -1);
    submit_chain(2);
    expect_results(2, (const ssize_t[]){4096, -ECANCELED});
}

Test(chain, cancelling_its_head_cancels_the_rest)
{
    auraio_request_t *requests[2];
    const pipe_pair_t blocking = pipe_open(0);
    chain[0] = read_op(blocking.read_fd, &bytes[0], 1, -1);
    chain[0].flags = AURAIO_OP_LINK;
    for (int i = 0; i < 2; i++) {
        chain[i].callback = outcome_record;
        chain[i].user_data = &outcomes[i];
    }
    check_is(auraio_submit_batch(engine, chain, 2, NULL, NULL, requests), 2);
    check_is(auraio_poll(engine), 0);
    check_is(auraio_cancel(engine, requests[0]), 0);
    expect_results(2, (const ssize_t[]){-ECANCELED, -ECANCELED});
    pipe_close(blocking);
}

/* A chain whose head waits for a pipe, with the handles of its links. */
static void submit_waiting_chain(int head_fd, int count, auraio_request_t **requests)
{
    chain[0] = read_op(head_fd, &bytes[0], 1, -1);
    for (int i = 0; i < count; i++) {
        chain[i].flags |= i + 1 < count ? (unsigned)AURAIO_OP_LINK : 0;
        chain[i].callback = outcome_record;
        chain[i].user_data = &outcomes[i];
    }
    check_is(auraio_submit_batch(engine, chain, count, NULL, NULL, requests), count);
    check_is(auraio_poll(engine), 0);
}

Test(chain, cancelling_a_link_that_has_not_started_cancels_the_rest_and_spares_the_head)
{
    auraio_request_t *requests[LENGTH];
    const pipe_pair_t blocking = pipe_open(0);
    submit_waiting_chain(blocking.read_fd, LENGTH, requests);
    check_that(auraio_request_pending(requests[1]));
    check_is(auraio_cancel(engine, requests[1]), 0);
    check_that(drive_until(engine, &outcomes[1].calls, 1) && drive_until(engine, &outcomes[3].calls, 1));
    check_is(outcomes[0].calls, 0);
    fd_write_all(blocking.write_fd, "x", 1);
    check_is(auraio_drain(engine, PATIENCE_MS), 1);
    check_is(outcomes[0].result, 1);
    for (int i = 1; i < LENGTH; i++) {
        check_is(outcomes[i].calls, 1);
        check_is(outcomes[i].result, -ECANCELED);
    }
    pipe_close(blocking);
}

Test(chain, a_deadline_of_a_link_that_has_not_started_counts_from_submission)
{
    const pipe_pair_t blocking = pipe_open(0);
    chain[1].timeout_ns = 20 * 1000000;
    submit_waiting_chain(blocking.read_fd, 3, NULL);
    check_that(drive_until(engine, &outcomes[1].calls, 1) && drive_until(engine, &outcomes[2].calls, 1));
    check_is(outcomes[0].calls, 0);
    check_is(outcomes[1].result, -ETIMEDOUT);
    check_is(outcomes[2].result, -ECANCELED);
    fd_write_all(blocking.write_fd, "x", 1);
    check_is(outcome_await(engine, &outcomes[0]), 1);
    pipe_close(blocking);
}

Test(chain, destroying_the_engine_tells_every_link)
{
    auraio_engine_t *other = engine_with(NULL);
    const pipe_pair_t blocking = pipe_open(0);
    tally_t tally = {0};
    chain[0] = read_op(blocking.read_fd, &bytes[0], 1, -1);
    for (int i = 0; i + 1 < LENGTH; i++)
        chain[i].flags = AURAIO_OP_LINK;
    check_is(auraio_submit_batch(other, chain, LENGTH, tally_record, &tally, NULL), LENGTH);
    auraio_destroy(other);
    check_is(tally.calls, LENGTH);
    check_is(tally.cancelled, LENGTH);
    pipe_close(blocking);
}

Test(chain, waits_for_its_head)
{
    const pipe_pair_t blocking = pipe_open(0);
    chain[0] = read_op(blocking.read_fd, &bytes[0], 1, -1);
    submit_chain(2);
    check_is(auraio_wait(engine, 50), 0);
    check_is(outcomes[1].calls, 0);
    fd_write_all(blocking.write_fd, "x", 1);
    expect_results(2, (const ssize_t[]){1, 1});
    pipe_close(blocking);
}

Test(chain, a_deadline_passed_in_it_breaks_it)
{
    const pipe_pair_t blocking = pipe_open(0);
    chain[1] = read_op(blocking.read_fd, &bytes[1], 1, -1);
    chain[1].timeout_ns = 20 * 1000000;
    submit_chain(3);
    expect_results(3, (const ssize_t[]){1, -ETIMEDOUT, -ECANCELED});
    pipe_close(blocking);
}

static void *run_engine(void *unused)
{
    (void)unused;
    auraio_run(engine);
    return NULL;
}

static bool is_told(void *calls)
{
    return atomic_load((atomic_int *)calls) == 1;
}

Test(chain, holds_when_another_thread_drives)
{
    char copy[BYTES];
    pthread_t driver;
    const int fd = file_empty(0);
    check_is(pthread_create(&driver, NULL, run_engine, NULL), 0);
    for (int round = 0; round < 200; round++) {
        memset(outcomes, 0, sizeof(outcomes));
        pattern_fill(buf, BYTES, round);
        chain[0] = write_op(fd, buf, BYTES, 0);
        chain[1] = read_op(fd, copy, BYTES, 0);
        chain[2] = read_op(fd, &bytes[2], 1, BYTES); /* at the end of the file: short, but last */
        submit_chain(3);
        check_that(await_condition(is_told, &outcomes[2].calls, PATIENCE_MS));
        check_is(outcomes[1].result, BYTES);
        check_is(outcomes[2].result, 0);
        check_that(pattern_holds(copy, BYTES, round));
    }
    auraio_stop(engine);
    check_is(pthread_join(driver, NULL), 0);
    close(fd);
}

Test(chain, may_be_longer_than_the_limit)
{
    enum { LONG = 64 };
    static auraio_op_t links[LONG];
    static char sink[LONG];
    tally_t tally = {0};
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.queue_depth = LONG;
    options.min_in_flight = 1;
    options.initial_in_flight = 1;
    options.disable_adaptive = true;
    auraio_engine_t *narrow = engine_with(&options);
    for (int i = 0; i < LONG; i++) {
        links[i] = read_op(file_fd, &sink[i], 1, i);
        links[i].flags = i + 1 < LONG ? (unsigned)AURAIO_OP_LINK : 0;
    }
    check_is(auraio_submit_batch(narrow, links, LONG, tally_record, &tally, NULL), LONG);
    check_is(auraio_drain(narrow, PATIENCE_MS), LONG);
    check_is(tally.bytes, LONG);
    auraio_destroy(narrow);
}
