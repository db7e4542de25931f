/* A throttle that is lifted, on a device that is not alone: what it serves changes by the moment, and now and
 * then it serves nothing for a while, as it seems to a program on a busy machine.
 *
 * Such a noise hides what a quiet device shows at once. Slices of the throttle are found by their stalls, and
 * batches then last as long as they; that the throttle is gone must be seen from few of them, in whatever
 * state the controller is. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>

#include "device.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)

static const double service_ns = 40e3;
static const int64_t window_ns = 100 * MS;

/* A device whose speed is drawn anew every 4 to 44 ms, and which stalls for 5 to 30 ms ten times a second. */
typedef struct noisy {
    device_t device;
    int64_t next_speed_ns, next_stall_ns;
} noisy_t;

/* Box and Muller 1958. */
static double draw_normal(device_t *device)
{
    double u = device_uniform(device), v = device_uniform(device);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979 * v);
}

static void stall(device_t *device, int64_t time_ns)
{
    for (int i = 0; i < device->servers; i++)
        device->free_at_ns[i] += time_ns;
    for (int i = 0; i < device->in_flight; i++)
        device->completes_ns[i] += time_ns;
}

static void run_until(noisy_t *noisy, auraio_adapt_t *adapt, int64_t end_ns)
{
    device_t *device = &noisy->device;
    while (device->now_ns < end_ns) {
        if (device->now_ns >= noisy->next_speed_ns) {
            noisy->next_speed_ns = device->now_ns + (int64_t)(20e6 * (0.2 + 2 * device_uniform(device)));
            device->service_ns = service_ns * exp(0.3 * draw_normal(device));
        }
        if (device->now_ns >= noisy->next_stall_ns) {
            noisy->next_stall_ns = device->now_ns + (int64_t)(-log(device_uniform(device)) * 100e6);
            stall(device, (int64_t)((5 + 25 * device_uniform(device)) * 1e6));
        }
        device_step(device, adapt);
    }
}

/* Completions a second in the time from now on. */
static double rate_for(noisy_t *noisy, auraio_adapt_t *adapt, int64_t time_ns)
{
    int64_t from_ns = noisy->device.now_ns, completed = noisy->device.completed;
    run_until(noisy, adapt, from_ns + time_ns);
    return (double)(noisy->device.completed - completed) * 1e9 / (double)(noisy->device.now_ns - from_ns);
}

static void throttle(device_t *device)
{
    device->slice_ns = 100 * MS;
    device->slice = device->now_ns / device->slice_ns;
    device->in_slice = 0;
    device->per_slice = 500;
}

/* What it held back may begin. */
static void lift(device_t *device)
{
    device->per_slice = 0;
    for (int i = 0; i < device->servers; i++)
        device->free_at_ns[i] = device->now_ns;
    for (int i = 0; i < device->in_flight; i++)
        if (device->completes_ns[i] > device->now_ns)
            device->completes_ns[i] = device->now_ns + (i + 1) * 5 * US;
}

/* The time after the throttle until what was reached before it is reached again. */
static int64_t recovery_ns(uint64_t seed, int64_t throttled_ns)
{
    noisy_t noisy = {.next_speed_ns = 0};
    device_init(&noisy.device, 8, service_ns, seed);
    auraio_adapt_t adapt;
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.max_limit = options.initial_limit = 256;
    cr_assert_eq(auraio_adapt_init(&adapt, &options), 0);
    run_until(&noisy, &adapt, 2 * SEC);
    double before = rate_for(&noisy, &adapt, SEC);
    throttle(&noisy.device);
    run_until(&noisy, &adapt, noisy.device.now_ns + throttled_ns);
    lift(&noisy.device);
    int64_t from_ns = noisy.device.now_ns;
    while (noisy.device.now_ns < from_ns + 4 * SEC)
        if (rate_for(&noisy, &adapt, window_ns) >= 0.85 * before)
            break;
    return noisy.device.now_ns - from_ns;
}

Test(lifted, is_seen_soon_in_whatever_state_the_controller_is)
{
    for (int64_t throttled_ns = 300 * MS; throttled_ns < 6 * SEC; throttled_ns += 370 * MS) {
        int64_t time_ns = recovery_ns(1, throttled_ns);
        cr_assert_lt(time_ns, 2000 * MS, "throttled for %d ms: not in %d ms", (int)(throttled_ns / MS),
                     (int)(time_ns / MS));
    }
}
