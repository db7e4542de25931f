/* SPDX-License-Identifier: MIT */
/*
 * What a ring does with credits: takes what it needs, enters the kernel with no more than it has, gives back
 * what it is asked for as operations complete, and keeps nothing when it has nothing to do. Controller and
 * kernel are played by the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fake.h"
#include "files.h"
#include "support.h"

enum { BYTES = 512, READS = 8, TARGET = 3, SLOW_TARGET = 5 };

static struct {
    _Atomic int watched;
    int free;   /* what can still be taken */
    int taken;  /* by the ring, not given back or parked */
    int excess; /* what reports are answered with */
    int reports, parks;
    struct ring_batch last;
    int slow_taken; /* the slow target has one credit */
    int slow_reports;
} controller;

/* A directory is what the slow target's operations name: it is storage, and nothing else of these tests. */
static int slow_fd;

static int target_of(void *context, const struct stat *st)
{
    (void)context;
    return S_ISREG(st->st_mode) ? TARGET : SLOW_TARGET;
}

static int take(void *context, int ring, int target, int want)
{
    (void)context;
    check_is(ring, 0);
    check_at_least(want, 1);
    if (target == SLOW_TARGET)
        return 1 - controller.slow_taken > 0 ? ++controller.slow_taken : 0;
    check_is(target, TARGET);
    int granted = want < controller.free ? want : controller.free;
    controller.free -= granted;
    controller.taken += granted;
    return granted;
}

static void give(void *context, int ring, int target, int credits)
{
    (void)context, (void)ring, (void)target;
    check_at_least(credits, 1);
    controller.taken -= credits; /* another ring has waited for them */
    check_at_least(controller.taken, 0);
}

static void park(void *context, int ring, int target, int credits)
{
    (void)context, (void)ring;
    if (target == SLOW_TARGET) {
        check_is(credits, controller.slow_taken);
        controller.slow_taken = 0;
        return;
    }
    check_is(credits, controller.taken);
    controller.free += credits;
    controller.taken = 0;
    controller.parks++;
}

static int report(void *context, int ring, const struct ring_batch *batch)
{
    (void)context, (void)ring;
    if (batch->target == SLOW_TARGET) {
        controller.slow_reports++;
        return 0;
    }
    controller.reports++;
    controller.last = *batch;
    return controller.excess;
}

static const struct ring_control control = {
    .watched = &controller.watched,
    .target_of = target_of,
    .take = take,
    .give = give,
    .park = park,
    .report = report,
};

static struct ring_group *group;
static struct outcome outcomes[READS];
static unsigned char bytes[BYTES];
static int fd;

static void set_up(void)
{
    static const struct fake_answer hold[READS] = {
        {FAKE_HOLD, 0}, {FAKE_HOLD, 0}, {FAKE_HOLD, 0}, {FAKE_HOLD, 0},
        {FAKE_HOLD, 0}, {FAKE_HOLD, 0}, {FAKE_HOLD, 0}, {FAKE_HOLD, 0},
    };
    group = fake_group(RING_SELECT_ADAPTIVE, 64);
    group->config.control = &control; /* before the first ring */
    fd = file_of_pattern(READS * BYTES);
    slow_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_at_least(slow_fd, 0);
    fake_script(hold, READS);
}

static void tear_down(void)
{
    check_that(ring_group_check(group));
    ring_group_destroy(group);
    close(slow_fd);
    close(fd);
}

TestSuite(credit, .init = set_up, .fini = tear_down, .timeout = 60);

static void submit_reads(int count)
{
    for (int i = 0; i < count; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, fd, bytes, BYTES, 0, &outcomes[i]);
        (void)submit(group, &op);
    }
    (void)ring_group_flush(group);
    check_that(ring_group_check(group));
}

static int in_kernel(void)
{
    return ring_storage_in_kernel(group_ring(group, 0));
}

static void complete(int count)
{
    for (int i = 0; i < count; i++)
        fake_release(group, BYTES);
    check_is(ring_group_poll(group), count);
    (void)ring_group_flush(group);
    check_that(ring_group_check(group));
}

Test(credit, no_more_enter_the_kernel_than_there_are_credits)
{
    controller.free = 3;
    submit_reads(READS);
    check_is(in_kernel(), 3);
    check_is(controller.taken, 3);
    for (int left = READS; left > 0; left--) {
        complete(1);
        check_is(in_kernel(), left > 3 ? 3 : left - 1);
    }
    for (int i = 0; i < READS; i++)
        check_is(outcomes[i].result, BYTES);
}

Test(credit, without_credits_they_go_one_by_one)
{
    submit_reads(READS);
    for (int left = READS; left > 0; left--) {
        check_is(in_kernel(), 1);
        complete(1);
    }
    check_is(in_kernel(), 0);
    check_is(controller.parks, 1); /* it wants nothing any more, and says so */
}

Test(credit, an_operation_by_itself_needs_none)
{
    controller.free = 64;
    for (int i = 0; i < READS; i++) {
        submit_reads(1);
        check_is(in_kernel(), 1);
        check_is(controller.free, 64);
        complete(1);
    }
    check_is(controller.parks, 0);
}

Test(credit, operations_that_need_no_detour_are_reported_with_their_target_too)
{
    submit_reads(1); /* looks at the descriptor */
    complete(1);
    controller.watched = 1;
    submit_reads(1);
    complete(1);
    check_is(controller.last.target, TARGET);
    check_is(controller.last.samples[0].target, TARGET);
}

Test(credit, operations_handed_over_and_reaped_together_are_one_sample_if_they_are_alike)
{
    enum { ALIKE = 3 };
    controller.free = 64;
    submit_reads(1); /* looks at the descriptor */
    complete(1);
    controller.watched = 1;
    submit_reads(ALIKE);
    complete(ALIKE);
    check_is(controller.last.count, 1);
    check_is(controller.last.samples[0].count, ALIKE);
    check_is(controller.last.samples[0].bytes, BYTES);
    check_at_least(controller.last.samples[0].latency_ns, 0);

    struct ring_status before, after;
    struct ring_op shorter = op_transfer(RING_OP_READ, fd, bytes, BYTES / 2, 0, &outcomes[ALIKE]);
    struct ring_op write = op_transfer(RING_OP_WRITE, fd, bytes, BYTES, 0, &outcomes[ALIKE + 1]);
    ring_group_status(group, 0, &before);
    (void)submit(group, &shorter);
    (void)submit(group, &write);
    submit_reads(2); /* hands all of them over */
    fake_release(group, BYTES / 2);
    for (int i = 0; i < 3; i++)
        fake_release(group, BYTES);
    check_is(ring_group_poll(group), 4);
    check_is(controller.last.count, 3);
    for (int i = 0; i < 3; i++)
        check_is(controller.last.samples[i].count, i < 2 ? 1 : 2);
    check_is(controller.last.samples[0].bytes, BYTES / 2);
    check_is(controller.last.samples[1].kind, RING_SAMPLE_WRITE);
    ring_group_status(group, 0, &after);
    check_is(after.ops_completed - before.ops_completed, 4);
    check_is(after.bytes_transferred - before.bytes_transferred, BYTES / 2 + 3 * BYTES);
}

Test(credit, what_never_entered_the_kernel_is_not_measured_by_the_time_its_slot_was_there_before)
{
    struct outcome cut = {0};
    struct ring_op op = op_transfer(RING_OP_FTRUNCATE, fd, NULL, 0, BYTES, &cut);
    submit_reads(1);
    complete(1);
    controller.watched = 1;
    group->kernel_features &= ~(unsigned)RING_FEATURE_FTRUNCATE;
    (void)submit(group, &op);
    check_is(ring_group_poll(group), 1);
    check_is(cut.calls, 1);
    check_is(cut.result, 0);
    check_is(controller.reports, 0);
}

Test(credit, credits_that_come_free_are_taken_with_the_next_completion)
{
    submit_reads(READS);
    controller.free = 4;
    check_is(in_kernel(), 1);
    complete(1);
    check_is(in_kernel(), 4);
    complete(4);
    check_is(in_kernel(), 3);
    complete(3);
}

Test(credit, a_ring_with_nothing_to_do_keeps_nothing)
{
    controller.free = 64;
    submit_reads(2);
    check_is(controller.taken, 2);
    complete(1);
    check_is(controller.taken, 2);
    complete(1);
    check_is(controller.taken, 0);
    check_is(controller.parks, 1);
}

Test(credit, a_lane_with_nothing_to_do_keeps_nothing_while_a_pipe_is_waited_for)
{
    struct outcome waiting = {0};
    const pipe_pair_t pipe = pipe_open(0);
    struct ring_op op = op_transfer(RING_OP_READ, pipe.read_fd, bytes, 1, -1, &waiting);
    controller.free = 64;
    submit_reads(2);
    (void)submit(group, &op);
    check_is(controller.taken, 2);
    complete(2);
    check_is(waiting.calls, 0);
    check_is(controller.taken, 0);
    complete(1);
    check_is(waiting.calls, 1);
    pipe_close(pipe);
}

Test(credit, a_target_whose_limit_is_reached_holds_nothing_of_another_back)
{
    struct outcome slow[4] = {{0}};
    controller.free = 4;
    controller.watched = 1;
    for (int i = 0; i < 4; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, slow_fd, bytes, BYTES, 0, &slow[i]);
        (void)submit(group, &op);
    }
    (void)ring_group_flush(group);
    check_is(in_kernel(), 1);
    submit_reads(4); /* behind three that wait */
    check_is(in_kernel(), 5);
    fake_release_at(group, 1, BYTES);
    check_is(ring_group_poll(group), 1);
    check_is(outcomes[0].result, BYTES);
    check_is(in_kernel(), 4); /* and what came free was not the slow target's */
    check_is(controller.reports, 1);
    check_that(!controller.last.bound);
    check_is(controller.slow_reports, 0);
    while (in_kernel() > 0)
        complete(1);
    for (int i = 0; i < 4; i++)
        check_is(slow[i].calls, 1);
    check_at_least(controller.slow_reports, 1);
}

Test(credit, nobody_is_told_while_nobody_watches)
{
    controller.free = 2;
    submit_reads(4);
    complete(1);
    check_is(controller.reports, 0);
    controller.watched = 1;
    complete(1);
    check_is(controller.reports, 1);
    complete(2);
    check_is(controller.reports, 2);
}

Test(credit, a_report_says_whether_the_limit_held_something_back)
{
    controller.free = 3;
    controller.watched = 1;
    submit_reads(4);
    complete(1);
    check_is(controller.last.target, TARGET);
    check_is(controller.last.count, 1);
    check_is(controller.last.in_kernel, 3);
    check_is(controller.last.held_back, 0);
    check_that(controller.last.bound); /* it did until this batch */
    complete(1);
    check_that(!controller.last.bound);
    check_is(controller.last.samples[0].target, TARGET);
    complete(2);
}

Test(credit, what_is_asked_back_is_given_as_operations_complete)
{
    controller.free = 4;
    controller.watched = 1;
    submit_reads(READS);
    check_is(in_kernel(), 4);
    controller.excess = 2;
    complete(1); /* dispatched before the controller was asked */
    check_is(controller.taken, 4);
    complete(1);
    check_is(in_kernel(), 3); /* two less than its credits, but for what was there */
    check_is(controller.taken, 3);
    controller.excess = 1;
    complete(1);
    check_is(in_kernel(), 2);
    check_is(controller.taken, 2);
    controller.excess = 0;
    while (in_kernel() > 0)
        complete(1);
}
