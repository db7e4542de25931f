/* Never stuck: whatever is reported, the limit stays in bounds, the state stays valid, and the
 * controller finds its way once the device is sane again. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>

#include "device.h"
#include "drive.h"

#define US INT64_C(1000)
#define SEC INT64_C(1000000000)
#define SERVERS 16
/* Completions in which it must have found the knee: a fresh search takes 8,000, and before it what was
 * learned from nonsense (long batches, wrong costs, a wrong curve) must be found wrong. */
#define RECOVERY 200000

typedef int64_t clock_fn(device_t *random, int64_t now_ns);

static int64_t any_time(device_t *random, int64_t now_ns)
{
    (void)now_ns;
    return (int64_t)device_random(random) >> (device_random(random) % 64);
}

static int64_t any_latency(device_t *random)
{
    return (int64_t)device_random(random) >> (device_random(random) % 64);
}

/* `count` reaps of nonsense; the time of each comes from `clock`. */
static void abuse(auraio_adapt_t *adapt, device_t *random, clock_fn *clock, int lowest, int highest,
                  int count)
{
    int64_t now_ns = 0;
    for (int i = 0; i < count; i++) {
        auraio_adapt_sample_t samples[64];
        int reaped = 1 + (int)(device_random(random) % 64);
        for (int j = 0; j < reaped; j++)
            samples[j] = (auraio_adapt_sample_t){
                .latency_ns = any_latency(random),
                .size_bytes = (uint32_t)device_random(random),
                .kind = (uint8_t)device_random(random),
                .flags = device_random(random) % 8 ? AURAIO_ADAPT_BOUND : (uint8_t)device_random(random),
            };
        now_ns = clock(random, now_ns);
        auraio_adapt_batch_t batch = {
            .now_ns = now_ns,
            .in_flight = device_random(random) % 4 ? (int)(device_random(random) % 64)
                                                   : (int)(device_random(random) >> 32),
            .count = reaped,
            .flags = device_random(random) % 16 ? 0 : AURAIO_ADAPT_LATE,
            .samples = samples,
        };
        auraio_adapt_complete(adapt, &batch);
        int limit = auraio_adapt_limit(adapt);
        cr_assert(limit >= lowest && limit <= highest, "limit %d", limit);
        cr_assert(auraio_adapt_is_valid(adapt));
    }
}

/* On a sane device that begins where the abuse left the clock, throughput comes back within the
 * bound. */
static void expect_recovery(auraio_adapt_t *adapt, int64_t now_ns)
{
    device_t device;
    device_init(&device, SERVERS, 100 * US, 99);
    device.now_ns = now_ns;
    for (int i = 0; i < device.servers; i++)
        device.free_at_ns[i] = now_ns;
    device_run(&device, adapt, RECOVERY);
    int64_t begin_ns = device.now_ns;
    device_run(&device, adapt, 20000);
    double reached = 20000 * 100e3 / (double)(device.now_ns - begin_ns) / SERVERS;
    cr_assert(reached > 0.9, "throughput %f of the device's", reached);
}

static int64_t sane_time(device_t *random, int64_t now_ns)
{
    return now_ns + (int64_t)(device_random(random) % 200000);
}

Test(stuck, random_reports_with_a_sane_clock_leave_a_controller_that_recovers)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        device_t random;
        device_init(&random, 1, 1, seed);
        auraio_adapt_t adapt = drive_controller(seed % 2 ? 0 : 2000 * US, 1, 256);
        abuse(&adapt, &random, sane_time, 1, 256, 3000);
        expect_recovery(&adapt, 100 * SEC);
    }
}

Test(stuck, a_clock_that_jumps_anywhere_keeps_the_state_valid)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        device_t random;
        device_init(&random, 1, 1, seed);
        auraio_adapt_t adapt = drive_controller(seed % 2 ? 0 : 500 * US, 1, 1024);
        abuse(&adapt, &random, any_time, 1, 1024, 3000);
    }
}

static int64_t frozen_time(device_t *random, int64_t now_ns)
{
    (void)random;
    (void)now_ns;
    return 5 * SEC;
}

Test(stuck, a_clock_that_stands_still_keeps_the_state_valid_and_does_no_lasting_harm)
{
    device_t random;
    device_init(&random, 1, 1, 3);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    abuse(&adapt, &random, frozen_time, 1, 256, 5000);
    expect_recovery(&adapt, 6 * SEC);
}

Test(stuck, bounds_that_leave_no_choice_are_kept)
{
    device_t random;
    device_init(&random, 1, 1, 4);
    auraio_adapt_t adapt = drive_controller(100 * US, 1, 1);
    abuse(&adapt, &random, sane_time, 1, 1, 3000);
    adapt = drive_controller(0, 7, 7);
    abuse(&adapt, &random, sane_time, 7, 7, 3000);
}

Test(stuck, an_hour_without_completions_changes_nothing)
{
    device_t device;
    device_init(&device, SERVERS, 100 * US, 5);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 50000);
    expect_recovery(&adapt, device.now_ns + 3600 * SEC);
}

Test(stuck, when_everything_is_late_the_limit_stays_where_it_is)
{
    auraio_adapt_t adapt = drive_controller(200 * US, 1, 256);
    for (int64_t i = 1; i <= 100000; i++)
        drive_one(&adapt, i * 10 * US, 40 * US * (i % 50), 4, AURAIO_ADAPT_BOUND, AURAIO_ADAPT_LATE);
    cr_assert_eq(auraio_adapt_limit(&adapt), 4);
    cr_assert(auraio_adapt_is_valid(&adapt));
}

Test(stuck, operations_that_never_end_do_not_keep_an_arm_from_settling)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64);
    for (int64_t i = 1; i <= 20000; i++)
        drive_one(&adapt, i * 10 * US, 40 * US, 1000, AURAIO_ADAPT_BOUND, 0);
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    cr_assert_gt(auraio_adapt_decisions(&adapt, decisions, AURAIO_ADAPT_JOURNAL), 1);
}

Test(stuck, a_count_of_nothing_is_ignored)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64), before = adapt;
    auraio_adapt_batch_t batch = {.now_ns = SEC, .in_flight = 3, .count = 0};
    auraio_adapt_complete(&adapt, &batch);
    batch.count = -5;
    auraio_adapt_complete(&adapt, &batch);
    cr_assert_arr_eq(&adapt, &before, sizeof(adapt));
}
