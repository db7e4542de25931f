/* Costs of operations: learned from what they do to a batch's time, and no change of the mix is
 * taken for a change of the device. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>

#include "device.h"
#include "drive.h"

#define US INT64_C(1000)

/* Serves one operation at a time; large ones and writes take longer. */
typedef struct serial {
    device_t random;
    int64_t now_ns;
    double large_share;
    double write_share;
} serial_t;

static void serial_run(serial_t *serial, auraio_adapt_t *adapt, int completions)
{
    for (int i = 0; i < completions; i++) {
        bool large = device_uniform(&serial->random) < serial->large_share;
        bool write = device_uniform(&serial->random) < serial->write_share;
        double mean_ns = (large ? 40e3 : 10e3) * (write ? 3 : 1);
        serial->now_ns += 1 + (int64_t)(mean_ns * (0.5 + device_uniform(&serial->random)));
        auraio_adapt_sample_t sample = {
            .latency_ns = 4 * (int64_t)mean_ns,
            .size_bytes = large ? 65536 : 4096,
            .kind = write ? AURAIO_ADAPT_WRITE : AURAIO_ADAPT_READ,
            .flags = AURAIO_ADAPT_BOUND,
        };
        auraio_adapt_batch_t batch = {.now_ns = serial->now_ns,
                                      .in_flight = auraio_adapt_limit(adapt) - 1,
                                      .count = 1,
                                      .samples = &sample};
        auraio_adapt_complete(adapt, &batch);
    }
}

static int capacity_changes(const auraio_adapt_t *adapt)
{
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    int count = auraio_adapt_decisions(adapt, decisions, AURAIO_ADAPT_JOURNAL), found = 0;
    for (int i = 0; i < count; i++)
        found += decisions[i].cause == AURAIO_ADAPT_CAUSE_CAPACITY_DOWN ||
                 decisions[i].cause == AURAIO_ADAPT_CAUSE_CAPACITY_UP;
    return found;
}

Test(cost, unknown_operations_cost_one)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64);
    cr_assert_float_eq(auraio_adapt_cost(&adapt, AURAIO_ADAPT_READ, 4096), 1, 1e-9);
    cr_assert_float_eq(auraio_adapt_cost(&adapt, AURAIO_ADAPT_OTHER, UINT32_MAX), 1, 1e-9);
}

Test(cost, large_operations_are_found_to_cost_more)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64);
    serial_t serial = {.large_share = 0.3};
    device_init(&serial.random, 1, 1, 21);
    serial_run(&serial, &adapt, 100000);
    double cost = auraio_adapt_cost(&adapt, AURAIO_ADAPT_READ, 65536);
    cr_assert(cost > 2.8 && cost < 5.2, "a large read costs %f small ones, not 4", cost);
}

Test(cost, reads_and_writes_are_told_apart)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64);
    serial_t serial = {.write_share = 0.4};
    device_init(&serial.random, 1, 1, 22);
    serial_run(&serial, &adapt, 100000);
    double cost = auraio_adapt_cost(&adapt, AURAIO_ADAPT_WRITE, 4096);
    cr_assert(cost > 2.2 && cost < 3.8, "a write costs %f reads, not 3", cost);
}

Test(cost, a_shifting_mix_is_no_change_of_capacity)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64);
    serial_t serial = {.large_share = 0.2};
    device_init(&serial.random, 1, 1, 23);
    serial_run(&serial, &adapt, 100000);
    int before = capacity_changes(&adapt);
    for (int i = 0; i < 30; i++) {
        serial.large_share = 0.2 + 0.02 * i; /* in the end operations a second have halved */
        serial_run(&serial, &adapt, 3000);
    }
    cr_assert_eq(capacity_changes(&adapt), before);
}

Test(cost, a_slower_device_with_the_same_mix_is_a_change_of_capacity)
{
    auraio_adapt_t adapt = drive_controller(0, 1, 64);
    serial_t serial = {.large_share = 0.2};
    device_init(&serial.random, 1, 1, 24);
    serial_run(&serial, &adapt, 100000);
    int before = capacity_changes(&adapt);
    for (int i = 0; i < 20000; i++) {
        serial.now_ns += 40 * US;
        serial_run(&serial, &adapt, 1);
    }
    cr_assert_gt(capacity_changes(&adapt), before);
}
