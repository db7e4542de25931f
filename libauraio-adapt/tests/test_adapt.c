/* What the controller does on devices whose right limit is known. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>

#include "device.h"
#include "drive.h"

#define US INT64_C(1000)
#define SEC INT64_C(1000000000)

static int count_of(const auraio_adapt_t *adapt, int cause)
{
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    int count = auraio_adapt_decisions(adapt, decisions, AURAIO_ADAPT_JOURNAL), found = 0;
    for (int i = 0; i < count; i++)
        found += decisions[i].cause == cause;
    return found;
}

Test(adapt, finds_the_knee_of_parallel_servers)
{
    for (int servers = 8; servers <= 32; servers *= 2) {
        device_t device;
        device_init(&device, servers, 100 * US, (uint64_t)servers);
        auraio_adapt_t adapt = drive_controller(0, 1, 256);
        device_run(&device, &adapt, 60000);
        int base = auraio_adapt_base_limit(&adapt);
        /* Exponential service: 95 % of all servers busy takes a few operations more than servers.
         */
        cr_assert(base >= servers * 9 / 10 && base <= servers * 3 / 2, "%d servers: limit %d", servers, base);
    }
}

Test(adapt, goes_below_its_start_where_one_operation_is_enough)
{
    device_t device;
    device_init(&device, 1, 100 * US, 3);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 120000);
    cr_assert_leq(auraio_adapt_base_limit(&adapt), 3);
}

Test(adapt, takes_what_the_application_has_where_more_was_worth_having)
{
    device_t device;
    device_init(&device, 64, 100 * US, 11);
    device.demand = 20;
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 60000);
    cr_assert_eq(auraio_adapt_base_limit(&adapt), 20);
}

Test(adapt, finds_the_knee_below_what_the_application_has)
{
    device_t device;
    device_init(&device, 8, 100 * US, 12);
    device.demand = 20; /* so 32 can't be tried */
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 60000);
    int base = auraio_adapt_base_limit(&adapt);
    cr_assert(base >= 7 && base <= 13, "limit %d", base);
}

/* A minute of device time. */
static void expect_limit_to_stay(int servers, int demand, uint64_t seed)
{
    device_t device;
    device_init(&device, servers, 1000 * US, seed);
    device.demand = demand;
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 20000);
    int settled = auraio_adapt_base_limit(&adapt);
    for (int64_t end_ns = device.now_ns + 60 * SEC; device.now_ns < end_ns;) {
        device_run(&device, &adapt, 100);
        int base = auraio_adapt_base_limit(&adapt);
        cr_assert(4 * base <= 5 * settled && 4 * base >= 3 * settled, "demand %d: limit %d, then %d", demand,
                  settled, base);
    }
}

Test(adapt, stays_put_while_the_application_is_the_bottleneck)
{
    for (int demand = 3; demand <= 40; demand += 7)
        expect_limit_to_stay(64, demand, (uint64_t)demand);
}

/* Bursts that the limit holds back, one in eight: what is seen in them is not what the limit reaches. */
Test(adapt, does_not_probe_for_an_application_that_rarely_fills_the_limit)
{
    device_t device;
    device_init(&device, 8, 100 * US, 14);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 60000);
    int base = auraio_adapt_base_limit(&adapt);
    for (int i = 0; i < 200000; i++) {
        device.demand = i % 1024 < 128 ? 0 : base - 1;
        device_step(&device, &adapt);
        int limit = auraio_adapt_limit(&adapt);
        /* What it had begun before may end. */
        cr_assert(i < 1024 || limit == base, "limit %d, then %d after %d", base, limit, i);
    }
}

Test(adapt, goes_on_when_the_application_has_more)
{
    device_t device;
    device_init(&device, 32, 100 * US, 13);
    device.demand = 10;
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 30000);
    cr_assert_eq(auraio_adapt_base_limit(&adapt), 10);
    device.demand = 200;
    device_run(&device, &adapt, 200000);
    int base = auraio_adapt_base_limit(&adapt);
    cr_assert(base >= 29 && base <= 48, "limit %d", base);
}

Test(adapt, keeps_a_target_that_depth_can_keep)
{
    device_t device;
    device_init(&device, 16, 100 * US, 5);
    auraio_adapt_t adapt = drive_controller(1000 * US, 1, 256);
    device_run(&device, &adapt, 50000);
    int over = 0;
    for (int i = 0; i < 200000; i++)
        over += device_step(&device, &adapt) > 1000 * US;
    cr_assert_leq(over, 2000, "%d of 200000 over the target", over);
    cr_assert_geq(auraio_adapt_base_limit(&adapt), 14);
}

Test(adapt, does_not_starve_for_a_target_that_no_depth_can_keep)
{
    device_t device;
    device_init(&device, 16, 100 * US, 6);
    auraio_adapt_t adapt = drive_controller(10 * US, 1, 256);
    device_run(&device, &adapt, 100000);
    cr_assert_geq(count_of(&adapt, AURAIO_ADAPT_CAUSE_EXOGENOUS), 1);
    int64_t begin_ns = device.now_ns;
    device_run(&device, &adapt, 50000);
    double reached = 50000 * 100e3 / (double)(device.now_ns - begin_ns) / 16;
    cr_assert(reached > 0.5, "throughput %f of the device's", reached);
}

Test(adapt, follows_a_device_that_loses_and_regains_servers)
{
    device_t device;
    device_init(&device, 32, 100 * US, 7);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 60000);
    device.servers = 8;
    device_run(&device, &adapt, 20000);
    cr_assert_geq(count_of(&adapt, AURAIO_ADAPT_CAUSE_CAPACITY_DOWN), 1);
    device_run(&device, &adapt, 100000);
    cr_assert_leq(auraio_adapt_base_limit(&adapt), 16);
    device.servers = 32;
    device_run(&device, &adapt, 100000);
    cr_assert_geq(auraio_adapt_base_limit(&adapt), 28);
}

Test(adapt, begins_a_search_anew_when_the_device_changes_under_it)
{
    for (int completions = 2000; completions <= 26000; completions += 3000) {
        device_t device;
        device_init(&device, 32, 100 * US, 11);
        auraio_adapt_t adapt = drive_controller(0, 1, 256);
        device_run(&device, &adapt, completions);
        device.servers = 6;
        device_run(&device, &adapt, 150000);
        int base = auraio_adapt_base_limit(&adapt);
        cr_assert(base >= 5 && base <= 14, "changed after %d completions: limit %d", completions, base);
    }
}

/* Who shares its CPU with many others sees nothing but noise: now fast, now slow, for times of any length. */
static int completions_until_more_than_one(uint64_t seed)
{
    device_t device;
    device_init(&device, 1, 0, seed);
    auraio_adapt_t adapt;
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.initial_limit = 1;
    options.p99_target_ns = SEC;
    cr_assert_eq(auraio_adapt_init(&adapt, &options), 0);
    int64_t until_ns = 0, service_ns = 0;
    int count = 0;
    for (; auraio_adapt_limit(&adapt) == 1 && count < 200000; count++) {
        if (device.now_ns >= until_ns) {
            until_ns =
                device.now_ns + (int64_t)(100 * US / device_uniform(&device)); /* Pareto's, of shape 1 */
            service_ns = (int64_t)(20 * US / (0.1 + device_uniform(&device)));
        }
        device.now_ns += service_ns;
        drive_one(&adapt, device.now_ns, service_ns, 0, AURAIO_ADAPT_BOUND, 0);
    }
    return count;
}

Test(adapt, noise_is_no_reason_to_stay_at_the_start)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        int count = completions_until_more_than_one(seed);
        cr_assert_lt(count, 10000, "seed %d: %d completions", (int)seed, count);
    }
}

/* The kernel's throttle loses a third where more is queued than a slice lets through, and a little of each
 * slice where the machine is busy. A batch of such a limit takes two slices. */
static int64_t ns_until_half(uint64_t seed, auraio_adapt_t *adapt)
{
    device_t device;
    device_init(&device, 8, 40 * US, seed);
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.max_limit = options.initial_limit = 256;
    cr_assert_eq(auraio_adapt_init(adapt, &options), 0);
    device.slice_ns = 100000 * US;
    int64_t half_ns = 0;
    while (device.now_ns < 6 * SEC) {
        if (device.in_slice <= 1)
            device.per_slice =
                (auraio_adapt_limit(adapt) > 200 ? 110 : 170) + (int)(40 * device_uniform(&device));
        device_step(&device, adapt);
        if (half_ns == 0 && auraio_adapt_limit(adapt) <= 128)
            half_ns = device.now_ns;
    }
    return half_ns > 0 ? half_ns : device.now_ns;
}

Test(adapt, leaves_a_queue_that_a_throttle_cannot_order)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        auraio_adapt_t adapt;
        int64_t time_ns = ns_until_half(seed, &adapt);
        cr_assert_lt(time_ns, 2 * SEC, "seed %d: %d ms", (int)seed, (int)(time_ns / (1000 * US)));
        cr_assert_eq(count_of(&adapt, AURAIO_ADAPT_CAUSE_CAPACITY_UP), 0, "seed %d", (int)seed);
        cr_assert_leq(auraio_adapt_base_limit(&adapt), 128, "seed %d", (int)seed);
    }
}

/* Under a throttle the arms of a search are long, and the limits measured before it went do not compare with
 * those after. */
Test(adapt, a_search_recovers_when_a_throttle_goes_under_it)
{
    for (int completions = 2000; completions <= 15000; completions += 300) {
        device_t device;
        device_init(&device, 8, 40 * US, 11); /* faster with one in flight than throttled with many */
        auraio_adapt_t adapt = drive_controller(0, 1, 256);
        device_run(&device, &adapt, 60000);
        device.slice_ns = 100000 * US;
        device.slice = device.now_ns / device.slice_ns;
        device.per_slice = 500;
        device_run(&device, &adapt, completions);
        device.per_slice = 0;
        memset(device.free_at_ns, 0, sizeof(device.free_at_ns));
        int64_t from_ns = device.now_ns;
        device_run(&device, &adapt, 200000);
        double seconds = (double)(device.now_ns - from_ns) / 1e9;
        cr_assert(seconds < 1.7, "throttled for %d completions: %.2f s for 1 s of work", completions,
                  seconds);
    }
}

/* Batches of a throttled device hold hundreds of completions, and none of them would be free of late ones. */
Test(adapt, searches_a_throttled_device_although_the_application_is_often_late)
{
    device_t device;
    device_init(&device, 8, 40 * US, 11);
    device.slice_ns = 100000 * US;
    device.per_slice = 500;
    device.late_every = 100;
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 40000);
    cr_assert_geq(count_of(&adapt, AURAIO_ADAPT_CAUSE_KNEE_FOUND), 1);
}

/* Nine in a thousand operations take longer than the target whatever the depth, so a queue has hardly any
 * exceedances left to make. */
Test(adapt, takes_the_depth_that_throughput_needs_when_latency_has_another_cause)
{
    device_t device;
    device_init(&device, 32, 100 * US, 12);
    device.hiccup_share = 0.009;
    device.hiccup_ns = 20000 * US;
    auraio_adapt_t adapt = drive_controller(5000 * US, 1, 256);
    device_run(&device, &adapt, 300000);
    cr_assert_geq(auraio_adapt_base_limit(&adapt), 24);
}

/* Completions at a steady rate that the application, not the limit, sets. */
static void run_unbound(auraio_adapt_t *adapt, int64_t from_ns, int64_t latency_ns, int in_flight, int count)
{
    for (int64_t i = 1; i <= count; i++)
        drive_one(adapt, from_ns + i * 20 * US, latency_ns + i % 7 * US, in_flight, 0, 0);
}

Test(adapt, freezes_while_the_application_is_the_bottleneck)
{
    device_t device;
    device_init(&device, 16, 100 * US, 8);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 60000);
    int base = auraio_adapt_base_limit(&adapt);
    run_unbound(&adapt, device.now_ns, 100 * US, 3, 100000);
    cr_assert_eq(auraio_adapt_base_limit(&adapt), base);
    cr_assert_eq(auraio_adapt_limit(&adapt), base);
}

Test(adapt, lowers_an_unreached_limit_below_what_was_in_flight_when_the_target_is_violated)
{
    auraio_adapt_t adapt = drive_controller(500 * US, 1, 256);
    device_t device;
    device_init(&device, 64, 50 * US, 9);
    device_run(&device, &adapt, 60000);
    int base = auraio_adapt_base_limit(&adapt);
    cr_assert_gt(base, 20);
    /* A burst every now and then: 20 in flight, one in twenty over the target. */
    for (int64_t i = 1; i <= 2000; i++)
        drive_one(&adapt, device.now_ns + i * 20 * US, i % 20 ? 60 * US : 900 * US, i % 20 ? 4 : 20, 0, 0);
    cr_assert_leq(auraio_adapt_base_limit(&adapt), 20);
}

Test(adapt, a_search_that_a_violation_ends_at_once_is_no_change_of_the_device)
{
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = 500 * US;
    options.max_limit = options.initial_limit = 256;
    auraio_adapt_t adapt;
    cr_assert_eq(auraio_adapt_init(&adapt, &options), 0);
    device_t device;
    device_init(&device, 16, 100 * US, 15);
    device.demand = 64; /* far from the limit, and too many */
    device_run(&device, &adapt, 30000);
    cr_assert_geq(count_of(&adapt, AURAIO_ADAPT_CAUSE_VIOLATION), 1);
    cr_assert_eq(count_of(&adapt, AURAIO_ADAPT_CAUSE_CAPACITY_DOWN), 0);
    int over = 0;
    for (int i = 0; i < 100000; i++)
        over += device_step(&device, &adapt) > 500 * US;
    cr_assert_leq(over, 1000, "%d of 100000 over the target", over);
}

Test(adapt, a_copy_decides_the_same)
{
    device_t device, other_device;
    device_init(&device, 16, 100 * US, 10);
    auraio_adapt_t adapt = drive_controller(800 * US, 1, 256), other;
    device_run(&device, &adapt, 10000);
    other = adapt;
    other_device = device;
    for (int i = 0; i < 50000; i++) {
        device_step(&device, &adapt);
        device_step(&other_device, &other);
        cr_assert_eq(auraio_adapt_limit(&adapt), auraio_adapt_limit(&other));
    }
}

Test(adapt, journal_is_in_order_and_explains_the_limit)
{
    device_t device;
    device_init(&device, 16, 100 * US, 11);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    device_run(&device, &adapt, 20000);
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    int count = auraio_adapt_decisions(&adapt, decisions, AURAIO_ADAPT_JOURNAL);
    cr_assert_gt(count, 3);
    cr_assert_eq(decisions[0].cause, AURAIO_ADAPT_CAUSE_START);
    for (int i = 1; i < count; i++) {
        cr_assert_geq(decisions[i].now_ns, decisions[i - 1].now_ns);
        cr_assert_gt(decisions[i].throughput_ops, 0);
        cr_assert_gt(decisions[i].samples, 0);
    }
    cr_assert_eq(decisions[count - 1].new_limit, auraio_adapt_base_limit(&adapt));

    auraio_adapt_decision_t newest[2];
    cr_assert_eq(auraio_adapt_decisions(&adapt, newest, 2), 2);
    cr_assert_eq(newest[1].now_ns, decisions[count - 1].now_ns);
    cr_assert_eq(newest[0].now_ns, decisions[count - 2].now_ns);
    cr_assert_eq(auraio_adapt_decisions(&adapt, NULL, 5), 0);
    cr_assert_eq(auraio_adapt_decisions(&adapt, newest, 0), 0);
}

Test(adapt, every_cause_and_phase_has_its_own_name)
{
    for (int i = 0; i < AURAIO_ADAPT_CAUSE_COUNT; i++) {
        cr_assert_str_neq(auraio_adapt_cause_name(i), "unknown");
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(auraio_adapt_cause_name(i), auraio_adapt_cause_name(j));
    }
    for (int i = AURAIO_ADAPT_BASELINE; i <= AURAIO_ADAPT_CONVERGED; i++)
        cr_assert_str_neq(auraio_adapt_phase_name(i), "unknown");
    cr_assert_str_eq(auraio_adapt_cause_name(-1), "unknown");
    cr_assert_str_eq(auraio_adapt_cause_name(AURAIO_ADAPT_CAUSE_COUNT), "unknown");
    cr_assert_str_eq(auraio_adapt_phase_name(6), "unknown");
}

Test(adapt, phases_go_from_baseline_over_probing_to_converged)
{
    device_t device;
    device_init(&device, 16, 100 * US, 12);
    auraio_adapt_t adapt = drive_controller(0, 1, 256);
    unsigned seen = 0;
    for (int i = 0; i < 400000; i++) {
        seen |= 1u << auraio_adapt_phase(&adapt);
        device_step(&device, &adapt);
    }
    cr_assert(seen & 1u << AURAIO_ADAPT_BASELINE);
    cr_assert(seen & 1u << AURAIO_ADAPT_PROBING);
    cr_assert(seen & 1u << AURAIO_ADAPT_SETTLING);
    cr_assert(seen & 1u << AURAIO_ADAPT_STEADY);
    cr_assert(seen & 1u << AURAIO_ADAPT_CONVERGED);
}
