/* SPDX-License-Identifier: MIT */
/* A ring's clock against the system's, and a ring's lock between threads. */
#include "clock.h"
#include "mutex.h"

#include <pthread.h>
#include <time.h>

#include "check.h"
#include "process.h"

TestSuite(clock, .timeout = 60);

Test(clock, a_rings_clock_is_the_systems_within_fifty_microseconds_and_never_much_behind_itself)
{
    enum { TOLERANCE_NS = 50000 };
    struct ring_clock clock = {0};
    const int64_t end_ns = now_ns() + 2500000000; /* two calibrations of a second each, and the first */
    for (int64_t before_ns = 0; before_ns < end_ns;) {
        before_ns = now_ns();
        int64_t read_ns = ring_clock_now_ns(&clock);
        int64_t after_ns = now_ns();
        check_that(read_ns >= before_ns - TOLERANCE_NS);
        check_that(read_ns <= after_ns + TOLERANCE_NS);
    }
}

Test(clock, a_clock_that_was_not_read_for_long_is_right_at_once)
{
    struct ring_clock clock = {0};
    int64_t before_ns = now_ns();
    check_at_least(ring_clock_read(&clock), before_ns);
    if (clock.base_ns == 0)
        skip_because("the system's clock source is not the time stamp counter: it is always asked");
    clock.base_ns -= 3600 * INT64_C(1000000000); /* as if both had been noted an hour ago */
    clock.base_ticks = 1;
    before_ns = now_ns();
    int64_t read_ns = ring_clock_now_ns(&clock);
    check_that(read_ns >= before_ns && read_ns <= now_ns());
}

enum { THREADS = 4, ROUNDS = 200000 };

static struct ring_mutex mutex;
static long counted; /* not atomic: the lock is all that protects it */

static void *count(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        ring_mutex_lock(&mutex);
        counted++;
        ring_mutex_unlock(&mutex);
    }
    return unused;
}

Test(clock, the_lock_excludes)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        check_is(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        check_is(pthread_join(threads[i], NULL), 0);
    check_is(counted, (long)THREADS * ROUNDS);
    check_is(mutex.state, 0);
}

static _Atomic pid_t waiter;

static void *lock_once(void *unused)
{
    atomic_store(&waiter, thread_id());
    ring_mutex_lock(&mutex);
    ring_mutex_unlock(&mutex);
    return unused;
}

static bool has_begun(void *unused)
{
    (void)unused;
    return atomic_load(&waiter) != 0;
}

Test(clock, who_waits_for_the_lock_sleeps_and_is_woken)
{
    pthread_t thread;
    ring_mutex_lock(&mutex);
    check_is(pthread_create(&thread, NULL, lock_once, NULL), 0);
    check_that(await_condition(has_begun, NULL, 10000));
    check_that(await_thread_asleep(atomic_load(&waiter), 10000));
    check_is(mutex.state, 2);
    ring_mutex_unlock(&mutex);
    check_is(pthread_join(thread, NULL), 0);
    check_is(mutex.state, 0);
}
