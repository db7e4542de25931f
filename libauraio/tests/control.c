/* SPDX-License-Identifier: MIT */
/*
 * The control, with rings played by the tests: what each device gets, who gets its credits, who is asked to
 * give some back, and when anybody reports at all. Time comes from the tests.
 */
#include "target.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

enum { LIMIT = 8, RINGS = 4, BATCH = 16 };

static const int64_t ms = 1000 * 1000;

static struct control *control;
static const struct ring_control *rings;
static int64_t now;

static void create(int initial_limit, int max_limit, int64_t p99_target_ns)
{
    const struct control_options options = {
        .min_limit = 1,
        .max_limit = max_limit,
        .initial_limit = initial_limit,
        .p99_target_ns = p99_target_ns,
    };
    check_is(control_create(&options, &control), 0);
    rings = control_of_rings(control);
    now = 1000 * ms;
}

static void set_up(void)
{
    create(LIMIT, LIMIT, 0);
}

static void tear_down(void)
{
    control_destroy(control);
}

TestSuite(control, .init = set_up, .fini = tear_down, .timeout = 60);
TestSuite(control_alone, .fini = tear_down, .timeout = 60);

static int take(int ring, int want)
{
    return rings->take(rings->context, ring, 0, want);
}

static void give(int ring, int credits)
{
    rings->give(rings->context, ring, 0, credits);
}

static void park(int ring, int credits)
{
    rings->park(rings->context, ring, 0, credits);
}

/* A batch of reads that took this long, and the time it came. Returns what is to be given back. */
static int report(int ring, int64_t latency_ns, bool bound, bool late)
{
    const struct ring_sample samples[] = {
        {.latency_ns = latency_ns, .bytes = 4096, .kind = RING_SAMPLE_READ, .count = BATCH - 1},
        {.latency_ns = latency_ns, .bytes = 8192, .kind = RING_SAMPLE_READ, .count = 1}};
    const struct ring_batch batch = {
        .samples = samples,
        .count = 2,
        .held_back = bound,
        .in_kernel = LIMIT,
        .bound = bound,
        .late = late,
        .now_ns = now += ms,
    };
    return rings->report(rings->context, ring, &batch);
}

static auraio_target_stats_t stats(void)
{
    auraio_target_stats_t target;
    control_target_stats(control, 0, &target);
    return target;
}

/* ------------------------------------------------------------------- targets */

static int target_of(mode_t mode, dev_t st_dev, dev_t st_rdev)
{
    const struct stat st = {.st_mode = mode, .st_dev = st_dev, .st_rdev = st_rdev};
    return rings->target_of(rings->context, &st);
}

Test(control, files_and_directories_of_a_file_system_share_a_target)
{
    const int target = target_of(S_IFREG, 5, 0);
    check_at_least(target, 1);
    check_is(target_of(S_IFDIR, 5, 0), target);
    check_is(target_of(S_IFREG, 5, 7), target);
    check_that(target_of(S_IFREG, 6, 0) != target);
    check_is(control_target_count(control), 3);
}

Test(control, a_block_device_is_its_own_target_and_not_that_of_its_node)
{
    const int target = target_of(S_IFBLK, 5, 9);
    check_is(target_of(S_IFBLK, 6, 9), target);
    check_that(target_of(S_IFBLK, 5, 10) != target);
    check_that(target_of(S_IFREG, 5, 9) != target);
    check_is(target_of(S_IFREG, 9, 0), target); /* the file system on it */
}

Test(control, devices_after_the_fifteenth_share_target_0)
{
    for (dev_t device = 1; device < RING_TARGETS; device++)
        check_is(target_of(S_IFREG, device, 0), (int)device);
    check_is(target_of(S_IFREG, 100, 0), 0);
    check_is(target_of(S_IFREG, 101, 0), 0);
    check_is(target_of(S_IFREG, 3, 0), 3);
    check_is(control_target_count(control), RING_TARGETS);
}

/* ------------------------------------------------------------------- credits */

Test(control, all_rings_together_never_hold_more_than_the_limit)
{
    int held[RINGS] = {0}, parked[RINGS] = {0};
    uint64_t random = 12345;
    for (int step = 0; step < 20000; step++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        const int ring = (int)(random >> 33) % RINGS, count = (int)(random >> 40) % LIMIT + 1;
        if (parked[ring] || (random >> 60) < 8) {
            parked[ring] = 0;
            held[ring] += take(ring, count);
        } else if ((random >> 60) < 12 && held[ring] > 0) {
            const int given = count < held[ring] ? count : held[ring];
            give(ring, given);
            held[ring] -= given;
        } else {
            park(ring, held[ring]);
            held[ring] = 0;
            parked[ring] = 1;
        }
        int sum = 0;
        for (int i = 0; i < RINGS; i++)
            sum += held[i];
        check_below(sum, LIMIT + 1);
        check_that(control_check(control));
    }
}

Test(control, parked_credits_are_found_again)
{
    check_is(take(0, 5), 5);
    park(0, 5);
    check_is(stats().credits_taken, 5);
    check_is(take(0, 2), 5); /* all of them, without a look at the others */
    check_is(take(0, 9), 3);
}

Test(control, parked_credits_go_to_a_ring_that_asks_in_vain)
{
    check_is(take(0, LIMIT), LIMIT);
    park(0, LIMIT);
    check_is(take(1, LIMIT), LIMIT);
    check_is(take(0, 1), 0);
    check_that(control_check(control));
}

Test(control, a_ring_that_has_nothing_more_to_do_wants_nothing_more)
{
    check_is(take(0, LIMIT), LIMIT);
    check_is(take(1, 1), 0);
    check_is(stats().rings_waiting, 1);
    park(1, 0);
    check_is(stats().rings_waiting, 0);
}

Test(control, a_ring_that_holds_more_than_its_share_is_asked_for_it_when_another_waits)
{
    check_is(take(0, LIMIT), LIMIT);
    check_is(take(1, LIMIT), 0);
    check_is(report(0, ms, true, false), LIMIT / 2);
    give(0, LIMIT / 2);
    check_is(take(1, LIMIT), LIMIT / 2);
    check_is(report(0, ms, true, false), 0);
    check_is(report(1, ms, true, false), 0);
}

/* ------------------------------------------------------------------- evidence */

Test(control, nobody_reports_until_a_ring_asks_in_vain)
{
    check_is(take(0, LIMIT), LIMIT);
    check_is(*rings->watched, 0);
    check_is(report(0, ms, false, false), 0);
    check_is(stats().ops_judged, 0);
    check_is(take(0, 1), 0);
    check_is(*rings->watched, 1);
    check_that(stats().watched);
}

Test(control, a_ring_that_has_needed_no_credit_reports_too)
{
    check_is(take(0, LIMIT + 1), LIMIT);
    (void)report(0, ms, true, false);
    (void)report(1, ms, false, false);
    check_is(stats().ops_judged, 2 * BATCH);
    check_that(control_check(control));
}

Test(control, a_target_rests_when_its_limit_has_held_nothing_back_for_a_while)
{
    check_is(take(0, LIMIT + 1), LIMIT);
    (void)report(0, ms, true, false);
    for (int i = 0; i < 100; i++) { /* a millisecond each */
        (void)report(0, ms, false, false);
        check_is(*rings->watched, 1);
    }
    (void)report(0, ms, false, false);
    check_is(*rings->watched, 0);
    check_is(take(0, 1), 0);
    check_is(*rings->watched, 1);
}

Test(control, what_waited_for_the_application_is_no_evidence)
{
    check_is(take(0, LIMIT + 1), LIMIT);
    (void)report(0, ms, true, false); /* the first one begins at an unknown time */
    check_is(stats().ops_late, BATCH);
    (void)report(0, ms, true, false);
    check_is(stats().ops_late, BATCH);
    (void)report(0, ms, true, true);
    check_is(stats().ops_late, 2 * BATCH);
    check_is(stats().ops_judged, 3 * BATCH);
}

static void *report_once(void *target)
{
    const struct ring_sample samples[] = {{.count = BATCH}};
    const struct ring_batch batch = {.samples = samples, .count = 1, .now_ns = ms};
    return (void *)(intptr_t)target_report(target, 0, &batch);
}

Test(control, samples_that_find_the_lock_taken_are_reported_the_next_time)
{
    const struct control_options options = {
        .min_limit = 1, .max_limit = LIMIT, .initial_limit = 1, .p99_target_ns = ms};
    _Atomic int watched = 0;
    struct target *target;
    pthread_t thread;
    void *excess;
    check_is(target_create(1, &options, &watched, &target), 0);
    check_is(target_take(target, 0, 1), 1);
    pthread_mutex_lock(&target->lock);
    check_is(pthread_create(&thread, NULL, report_once, target), 0);
    check_is(pthread_join(thread, &excess), 0); /* it doesn't wait */
    check_is((intptr_t)excess, -1);
    check_is(target->samples, 0);
    pthread_mutex_unlock(&target->lock);
    check_is((intptr_t)report_once(target), 0);
    check_is(target->samples, 2 * BATCH);
    check_that(target_check(target));
    target_destroy(target);
}

/* --------------------------------------------------------------------- limits */

Test(control_alone, a_limit_that_holds_back_is_searched_upward)
{
    create(2, 64, 0);
    check_is(take(0, 64), 2);
    for (int i = 0; i < 1000 && stats().in_flight_limit <= 2; i++)
        (void)report(0, ms, true, false);
    check_at_least(stats().in_flight_limit, 3);
    check_at_least(take(0, 1), 1);
    check_that(control_check(control));
}

Test(control_alone, a_search_that_the_application_can_not_follow_ends_before_the_target_rests)
{
    create(4, 256, 0);
    check_is(take(0, 5), 4);
    for (int i = 0; i < 1000 && stats().in_flight_limit == 4; i++)
        (void)report(0, ms, true, false);
    check_is(stats().in_flight_limit, 8); /* which nobody asks for */
    check_is(stats().aimd_phase, AURAIO_PHASE_PROBING);
    int batches = 0;
    for (; batches < 1000 && stats().watched; batches++, now += 20 * ms)
        (void)report(0, ms, false, false);
    check_below(batches, 1000);
    check_at_least(batches, 12);
    check_that(stats().aimd_phase != AURAIO_PHASE_PROBING);
    check_below(stats().in_flight_limit, 9);
}

Test(control_alone, a_promise_is_kept_also_where_the_limit_holds_nothing_back)
{
    create(64, 64, ms);
    for (int i = 0; i < 1000 && stats().in_flight_limit >= LIMIT + BATCH; i++)
        (void)report(0, 10 * ms, false, false); /* of LIMIT and BATCH in flight */
    check_below(stats().in_flight_limit, LIMIT + BATCH);
}

Test(control_alone, credits_above_a_limit_that_fell_are_asked_back)
{
    create(32, 64, ms);
    check_is(*rings->watched, 1); /* a promise is watched from the start */
    check_is(take(0, 32), 32);
    int excess = 0;
    for (int i = 0; i < 1000 && excess == 0; i++)
        excess = report(0, 10 * ms, true, false);
    check_below(stats().in_flight_limit, 32);
    check_is(excess, 32 - stats().in_flight_limit);
    give(0, excess);
    check_is(stats().credits_taken, stats().in_flight_limit);
}

Test(control_alone, another_latency_target_goes_on_from_the_limit_of_now)
{
    auraio_decision_t decisions[AURAIO_DECISIONS_MAX];
    create(4, 64, 0);
    check_is(take(0, 64), 4);
    for (int i = 0; i < 1000 && stats().in_flight_limit <= 4; i++)
        (void)report(0, ms, true, false);
    const int limit = stats().in_flight_limit;
    check_at_least(control_decisions(control, 0, decisions, AURAIO_DECISIONS_MAX), 2);
    check_is(target_of(S_IFREG, 77, 0), 1);
    control_set_p99_target(control, 5 * ms);
    check_is(stats().in_flight_limit, limit);
    check_that(stats().target_p99_ms == 5);
    check_is(control_decisions(control, 0, decisions, AURAIO_DECISIONS_MAX), 1);
    check_is(decisions[0].new_limit, limit);
    check_that(strcmp(auraio_cause_name(decisions[0].cause), "start") == 0);
    check_is(*rings->watched, 2);
    control_set_p99_target(control, 0);
    check_that(stats().target_p99_ms == 0);
}

Test(control, the_share_of_a_ring_is_what_it_holds_and_what_is_free)
{
    struct control_share share = {0};
    control_ring_share(control, 0, &share);
    check_is(share.limit, LIMIT);
    check_is(take(0, 3), 3);
    check_is(take(1, 1), 1);
    control_ring_share(control, 0, &share);
    check_is(share.limit, LIMIT - 1);
    control_ring_share(control, 2, &share);
    check_is(share.limit, LIMIT - 4);
    check_is(share.phase, AURAIO_PHASE_BASELINE);
}
