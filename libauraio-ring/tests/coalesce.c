/* SPDX-License-Identifier: MIT */
/*
 * What a thread that waits on its own ring asks of the kernel: how many completions, and for how long it
 * insists on them. The backend completes one in each wait, and the tests say what the ring has measured.
 */
#include <unistd.h>

#include "check.h"
#include "fake.h"
#include "files.h"
#include "support.h"

enum { BYTES = 64, MANY = 32, FEW = 15, HELD_MAX = MANY };

static const int64_t us = 1000, ms = 1000 * 1000;

static struct ring_group *group;
static struct outcome outcomes[HELD_MAX];
static unsigned char bytes[BYTES];
static int fd;

static void set_up(void)
{
    group = fake_group(RING_SELECT_THREAD_LOCAL, 64);
    fake.wait_result = BYTES;
    fd = file_of_pattern(4096);
}

static void tear_down(void)
{
    (void)drain(group);
    check_that(ring_group_check(group));
    ring_group_destroy(group);
    close(fd);
}

TestSuite(coalesce, .init = set_up, .fini = tear_down, .timeout = 60);

static void hold(int count)
{
    static struct fake_answer script[HELD_MAX];
    for (int i = 0; i < count; i++)
        script[i] = (struct fake_answer){FAKE_HOLD, 0};
    fake_script(script, count);
    for (int i = 0; i < count; i++) {
        struct ring_op op = op_transfer(RING_OP_READ, fd, bytes, BYTES, 0, &outcomes[i]);
        (void)submit(group, &op);
    }
}

/* What the next wait asks for when the ring has measured this latency. It ends with one read; another
 * follows. */
static struct backend_wait wait_at(int64_t latency_ns)
{
    atomic_store(&group_ring(group, 0)->latency_ns, latency_ns);
    check_is(ring_group_wait(group, -1, NULL), 1);
    hold(1);
    return fake.wait;
}

Test(coalesce, a_wait_asks_for_a_quarter_for_a_quarter_of_the_latency)
{
    hold(MANY);
    struct backend_wait wait = wait_at(400 * us);
    check_is(wait.min_events, MANY / 4);
    check_is(wait.min_wait_ns, 100 * us);
}

Test(coalesce, of_few_it_asks_for_one)
{
    hold(FEW);
    struct backend_wait wait = wait_at(400 * us);
    check_is(wait.min_events, 1);
    check_is(wait.min_wait_ns, 0);
}

/* One read in a thousand that takes long makes the next ones' mean long; waiting longer would make theirs so.
 */
Test(coalesce, a_stall_does_not_make_waits_longer)
{
    hold(MANY);
    (void)wait_at(400 * us);
    for (int i = 0; i < 10; i++)
        check_that(wait_at(50 * ms).min_wait_ns < 120 * us);
    check_is(wait_at(400 * us).min_wait_ns, 100 * us);
}

Test(coalesce, waits_are_shorter_at_once_where_the_device_is_quicker)
{
    hold(MANY);
    (void)wait_at(50 * ms);
    check_is(wait_at(200 * us).min_wait_ns, 50 * us);
}

Test(coalesce, waits_follow_a_device_that_stays_slower)
{
    hold(MANY);
    (void)wait_at(400 * us);
    int64_t longest_ns = 0;
    for (int i = 0; i < 200; i++)
        longest_ns = wait_at(4 * ms).min_wait_ns;
    check_is(longest_ns, ms);
}
