/* A small closed-loop device for tests: `servers` parallel servers behind one queue, exponential
 * service times, from a seed. The application always has work, and keeps exactly the controller's
 * limit in flight; or it has no more than `demand` operations, and starts another when one completes. A
 * throttled device begins no more than `per_slice` operations in each slice_ns. */
#ifndef TEST_DEVICE_H
#define TEST_DEVICE_H

#include <auraio/adapt.h>

#include <assert.h>
#include <math.h>
#include <string.h>

#define DEVICE_SERVERS_MAX 64
#define DEVICE_QUEUE_MAX 4096

typedef struct device {
    int servers;
    int demand; /* 0: without end */
    double service_ns;
    double hiccup_share; /* of the operations that are reported hiccup_ns later than they completed */
    int64_t hiccup_ns;
    int per_slice; /* 0: not throttled */
    int64_t slice_ns;
    int64_t slice; /* the newest, and how many began in it */
    int in_slice;
    int late_every; /* of so many completions one waited for the application; 0: none */
    uint64_t random;
    int64_t now_ns;
    int64_t free_at_ns[DEVICE_SERVERS_MAX];
    /* operations in flight: when they were dispatched and when they will complete */
    int in_flight;
    int64_t dispatched_ns[DEVICE_QUEUE_MAX];
    int64_t completes_ns[DEVICE_QUEUE_MAX];
    int64_t completed;
} device_t;

/* splitmix64 (Steele, Lea and Flood 2014) */
static inline uint64_t device_random(device_t *device)
{
    uint64_t z = device->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline double device_uniform(device_t *device)
{
    return ((double)(device_random(device) >> 11) + 0.5) * 0x1p-53;
}

static inline void device_init(device_t *device, int servers, double service_ns, uint64_t seed)
{
    assert(servers <= DEVICE_SERVERS_MAX);
    memset(device, 0, sizeof(*device));
    device->servers = servers;
    device->service_ns = service_ns;
    device->random = seed;
}

/* When the throttle lets an operation begin that could at start_ns. */
static inline int64_t device_throttle(device_t *device, int64_t start_ns)
{
    int64_t slice = start_ns / device->slice_ns;
    if (slice <= device->slice)
        slice = device->slice + (device->in_slice == device->per_slice);
    if (slice > device->slice)
        device->in_slice = 0;
    device->slice = slice;
    device->in_slice++;
    return start_ns > slice * device->slice_ns ? start_ns : slice * device->slice_ns;
}

static inline void device_dispatch(device_t *device)
{
    int server = 0;
    for (int i = 1; i < device->servers; i++)
        if (device->free_at_ns[i] < device->free_at_ns[server])
            server = i;
    int64_t start_ns =
        device->free_at_ns[server] > device->now_ns ? device->free_at_ns[server] : device->now_ns;
    if (device->per_slice > 0)
        start_ns = device_throttle(device, start_ns);
    int64_t end_ns = start_ns + 1 + (int64_t)(-log(device_uniform(device)) * device->service_ns);
    assert(device->in_flight < DEVICE_QUEUE_MAX);
    device->free_at_ns[server] = end_ns;
    device->dispatched_ns[device->in_flight] = device->now_ns;
    device->completes_ns[device->in_flight++] = end_ns;
}

/* Fill the device up to the limit, then let the next operation complete and report it. */
static inline int64_t device_step(device_t *device, auraio_adapt_t *adapt)
{
    bool bound = device->demand == 0 || device->demand > auraio_adapt_limit(adapt);
    while (device->in_flight < (bound ? auraio_adapt_limit(adapt) : device->demand))
        device_dispatch(device);
    int first = 0;
    for (int i = 1; i < device->in_flight; i++)
        if (device->completes_ns[i] < device->completes_ns[first])
            first = i;
    device->now_ns = device->completes_ns[first];
    auraio_adapt_sample_t sample = {
        .latency_ns = device->now_ns - device->dispatched_ns[first],
        .size_bytes = 4096,
        .flags = bound ? AURAIO_ADAPT_BOUND : 0,
    };
    if (device->hiccup_share > 0 && device_uniform(device) < device->hiccup_share)
        sample.latency_ns += device->hiccup_ns;
    device->in_flight--;
    device->completed++;
    device->dispatched_ns[first] = device->dispatched_ns[device->in_flight];
    device->completes_ns[first] = device->completes_ns[device->in_flight];
    auraio_adapt_batch_t batch = {
        .now_ns = device->now_ns, .in_flight = device->in_flight, .count = 1, .samples = &sample};
    if (device->late_every > 0 && device->completed % device->late_every == 0)
        batch.flags = AURAIO_ADAPT_LATE;
    auraio_adapt_complete(adapt, &batch);
    return sample.latency_ns;
}

static inline void device_run(device_t *device, auraio_adapt_t *adapt, int completions)
{
    for (int i = 0; i < completions; i++)
        device_step(device, adapt);
}

#endif
