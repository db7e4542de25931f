/* SPDX-License-Identifier: MIT */
/*
 * Chains: each step starts only when the one before has succeeded in full, whether the kernel runs them or
 * the library has to, and every step completes exactly once. Against a backend that answers as told and
 * breaks links as the kernel does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fake.h"
#include "files.h"
#include "support.h"

enum { STEPS = 4, BYTES = 8192 };

#define SCRIPT(...)                                                                                          \
    do {                                                                                                     \
        static const struct fake_answer script_[] = {__VA_ARGS__};                                           \
        fake_script(script_, (int)(sizeof(script_) / sizeof(script_[0])));                                   \
    } while (0)

static struct ring_group *group;
static struct outcome outcomes[STEPS];
static ring_handle_t handles[STEPS];
static unsigned char bytes[BYTES];
static int fd;

static void set_up(void)
{
    group = fake_group(RING_SELECT_ADAPTIVE, 64);
    fd = file_empty(0);
    pattern_fill(bytes, BYTES, 0);
}

static void tear_down(void)
{
    check_that(ring_group_check(group));
    ring_group_destroy(group);
    close(fd);
}

TestSuite(chain, .init = set_up, .fini = tear_down, .timeout = 60);

/* Write, write, write, sync. Returns what ring_group_submit() does. */
static int submit_chain(int *ret_error)
{
    struct ring_op ops[STEPS];
    for (int i = 0; i < STEPS; i++) {
        ops[i] = i < STEPS - 1
                     ? op_transfer(RING_OP_WRITE, fd, bytes, BYTES, (int64_t)i * BYTES, &outcomes[i])
                     : op_sync(fd, &outcomes[i]);
        ops[i].flags = i < STEPS - 1 ? RING_OP_LINKED : 0;
        outcomes[i] = (struct outcome){0};
    }
    return ring_group_submit(group, ops, STEPS, handles, ret_error);
}

static void run_chain(void)
{
    int error;
    check_is(submit_chain(&error), STEPS);
    check_is(drain(group), STEPS);
}

static void check_results(ssize_t first, ssize_t second, ssize_t third, ssize_t fourth)
{
    const ssize_t wanted[STEPS] = {first, second, third, fourth};
    for (int i = 0; i < STEPS; i++) {
        check_is(outcomes[i].calls, 1);
        cr_assert_eq(outcomes[i].result, wanted[i], "step %d: %zd, not %zd", i, outcomes[i].result,
                     wanted[i]);
    }
}

Test(chain, steps_go_to_the_kernel_together_and_linked)
{
    SCRIPT({FAKE_DO, 0});
    run_chain();
    check_results(BYTES, BYTES, BYTES, 0);
    check_is(fake.calls_made, STEPS);
    for (int i = 0; i < STEPS; i++)
        check_is(fake.calls[i].linked, i < STEPS - 1);
}

Test(chain, a_short_step_is_completed_before_the_next_one_starts)
{
    SCRIPT({FAKE_DO, 0}, {FAKE_SHORT, 1000});
    run_chain();
    check_results(BYTES, BYTES, BYTES, 0);
    /* The kernel cancelled what was behind the short one, so they went again, each after the other. */
    check_is(fake.calls_made, 5);
    check_is(fake.calls[2].offset, BYTES + 1000);
    check_is(fake.calls[3].offset, 2 * BYTES);
    check_is(fake.calls[4].kind, FAKE_SYNC);
}

Test(chain, every_step_may_fall_short)
{
    for (int place = 0; place < STEPS - 1; place++) {
        struct fake_answer script[STEPS] = {{FAKE_DO, 0}};
        script[place] = (struct fake_answer){FAKE_SHORT, 4096};
        fake_script(script, place + 1);
        run_chain();
        check_results(BYTES, BYTES, BYTES, 0);
        check_is(fake.calls[fake.calls_made - 1].kind, FAKE_SYNC);
    }
}

Test(chain, a_step_that_fails_cancels_the_rest)
{
    SCRIPT({FAKE_DO, 0}, {FAKE_ANSWER, -EIO});
    run_chain();
    check_results(BYTES, -EIO, -ECANCELED, -ECANCELED);
    check_is(fake.calls_made, 2);
}

Test(chain, the_first_step_that_fails_cancels_all)
{
    SCRIPT({FAKE_ANSWER, -ENOSPC});
    run_chain();
    check_results(-ENOSPC, -ECANCELED, -ECANCELED, -ECANCELED);
}

Test(chain, a_step_that_stays_short_cancels_the_rest)
{
    SCRIPT({FAKE_SHORT, 1000}, {FAKE_ANSWER, -ENOSPC});
    run_chain();
    check_results(1000, -ECANCELED, -ECANCELED, -ECANCELED);
    check_is(fake.calls_made, 2);
}

Test(chain, an_interrupted_step_breaks_nothing)
{
    SCRIPT({FAKE_ANSWER, -EINTR}, {FAKE_ANSWER, -EAGAIN}, {FAKE_ANSWER, -ECANCELED});
    run_chain();
    check_results(BYTES, BYTES, BYTES, 0);
}

Test(chain, the_step_that_is_cancelled_takes_the_rest_along)
{
    int error;
    SCRIPT({FAKE_HOLD, 0});
    group->config.sqpoll = true; /* step by step, driven by the library */
    check_is(submit_chain(&error), STEPS);
    (void)ring_group_flush(group);
    check_is(fake.calls_made, 1);
    check_is(ring_group_cancel(group, handles[1]), 0);
    fake_release(group, BYTES);
    check_is(drain(group), STEPS);
    check_results(BYTES, -ECANCELED, -ECANCELED, -ECANCELED);
    check_is(fake.calls_made, 1);
}

/* The kernel ends what is behind a step that is to be tried again; a cancel lets go of it for good. Its slot
 * is given to another operation before the step completes. */
Test(chain, a_step_cancelled_while_the_one_before_is_tried_again_is_forgotten_by_it)
{
    struct outcome other = {0}, later[2] = {{0}, {0}};
    int error;
    SCRIPT({FAKE_HOLD, 0}, {FAKE_ANSWER, -EAGAIN}, {FAKE_HOLD, 0}, {FAKE_HOLD, 0});
    struct ring_op op = op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, &other);
    (void)submit(group, &op);
    check_is(submit_chain(&error), STEPS);
    (void)ring_group_flush(group);
    check_is(ring_group_cancel(group, handles[1]), 0);
    check_is(ring_group_poll(group), STEPS - 1);
    fake_release(group, BYTES);
    check_is(ring_group_poll(group), 1);
    group->config.sqpoll = true; /* the second waits in its slot */
    struct ring_op pair[2] = {op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, &later[0]),
                              op_sync(fd, &later[1])};
    pair[0].flags = RING_OP_LINKED;
    ring_handle_t pair_handles[2];
    check_is(ring_group_submit(group, pair, 2, pair_handles, &error), 2);
    (void)ring_group_flush(group);
    check_is(fake.calls_made, 4);
    fake_release(group, BYTES); /* the step that was tried again */
    check_is(ring_group_poll(group), 1);
    check_is(fake.calls_made, 4);
    check_results(BYTES, -ECANCELED, -ECANCELED, -ECANCELED);
    fake_release(group, BYTES);
    check_is(drain(group), 2);
    check_is(later[0].result, BYTES);
    check_is(later[1].result, 0);
    check_is(fake.calls_made, 5);
}

Test(chain, step_by_step_each_follows_the_success_of_the_one_before)
{
    group->config.sqpoll = true;
    SCRIPT({FAKE_DO, 0}, {FAKE_SHORT, 5});
    run_chain();
    check_results(BYTES, BYTES, BYTES, 0);
    check_is(fake.calls_made, 5);
    for (int i = 0; i < 5; i++)
        check_that(!fake.calls[i].linked);
}

Test(chain, step_by_step_a_failure_cancels_the_rest)
{
    group->config.sqpoll = true;
    SCRIPT({FAKE_DO, 0}, {FAKE_ANSWER, -EIO});
    run_chain();
    check_results(BYTES, -EIO, -ECANCELED, -ECANCELED);
    check_is(fake.calls_made, 2);
}

Test(chain, one_over_the_limit_waits_as_a_whole)
{
    int error;
    struct outcome before = {0};
    ring_group_destroy(group);
    group = fake_group(RING_SELECT_ADAPTIVE, 3); /* less than the chain is long */
    SCRIPT({FAKE_HOLD, 0});
    struct ring_op op = op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, &before);
    (void)submit(group, &op);
    check_is(submit_chain(&error), STEPS);
    (void)ring_group_flush(group);
    check_is(fake.calls_made, 1);
    fake_release(group, BYTES);
    check_is(drain(group), STEPS + 1);
    check_results(BYTES, BYTES, BYTES, 0);
}

Test(chain, it_is_accepted_as_a_whole_or_not_at_all)
{
    int error = 0;
    group->config.max_pending = STEPS - 1;
    group_share_pending(group, 1);
    check_is(submit_chain(&error), 0);
    check_is(error, -EAGAIN);
    check_is(ring_group_pending(group), 0);
    check_is(fake.calls_made, 0);
}

Test(chain, a_step_with_a_registered_buffer_that_is_not_there_refuses_the_whole)
{
    int error = 0;
    struct ring_op ops[3];
    for (int i = 0; i < 3; i++) {
        ops[i] = op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, &outcomes[i]);
        ops[i].flags = i < 2 ? RING_OP_LINKED : RING_OP_FIXED;
    }
    check_is(ring_group_submit(group, ops, 3, handles, &error), 0);
    check_is(error, -ENOENT);
    check_is(ring_group_pending(group), 0);
    check_that(ring_group_check(group));
}
