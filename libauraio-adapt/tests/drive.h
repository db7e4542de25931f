/* Ways to feed a controller by hand: one completion a reap, everything else spelled out. */
#ifndef TEST_DRIVE_H
#define TEST_DRIVE_H

#include <auraio/adapt.h>

static inline void drive_one(auraio_adapt_t *adapt, int64_t now_ns, int64_t latency_ns, int in_flight,
                             unsigned sample_flags, unsigned batch_flags)
{
    auraio_adapt_sample_t sample = {
        .latency_ns = latency_ns, .size_bytes = 4096, .flags = (uint8_t)sample_flags};
    auraio_adapt_batch_t batch = {
        .now_ns = now_ns, .in_flight = in_flight, .count = 1, .flags = batch_flags, .samples = &sample};
    auraio_adapt_complete(adapt, &batch);
}

/* A controller with these options; the test fails when they are refused. */
static inline auraio_adapt_t drive_controller(int64_t p99_target_ns, int min_limit, int max_limit)
{
    auraio_adapt_t adapt;
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = p99_target_ns;
    options.min_limit = min_limit;
    options.max_limit = max_limit;
    cr_assert_eq(auraio_adapt_init(&adapt, &options), 0);
    return adapt;
}

#endif
