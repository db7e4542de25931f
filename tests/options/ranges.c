/* SPDX-License-Identifier: MIT */
/* Every option out of its range is refused with EINVAL and a sentence that names it and its value. */
#include <auraio.h>
#include <math.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"

static auraio_options_t options;

static void set_up_options(void)
{
    auraio_options_init(&options);
}

TestSuite(range, .init = set_up_options, .timeout = 30);
TestSuite(limit, .init = set_up_options, .timeout = 60);

static void expect_refused(const char *field, const char *value)
{
    check_refused(auraio_create_with_options(&options), EINVAL);
    const char *text = auraio_last_error();
    cr_assert(strstr(text, field) != NULL, "the text names no %s: \"%s\"", field, text);
    cr_assert(strstr(text, value) != NULL, "the text of %s has no value %s: \"%s\"", field, value, text);
    set_up_options();
}

static void expect_accepted(void)
{
    char buf[512];
    const int fd = file_of_pattern(sizeof(buf));
    auraio_engine_t *engine = auraio_create_with_options(&options);
    cr_assert(engine != NULL, "refused: %s", auraio_last_error());
    check_is(perform_read(engine, fd, buf, sizeof(buf), 0), sizeof(buf));
    check_that(pattern_holds(buf, sizeof(buf), 0));
    auraio_destroy(engine);
    close(fd);
    set_up_options();
}

Test(range, queue_depth_is_0_to_32768)
{
    options.queue_depth = -1;
    expect_refused("queue_depth", "-1");
    options.queue_depth = 32769;
    expect_refused("queue_depth", "32769");
    options.queue_depth = INT32_MIN;
    expect_refused("queue_depth", "-2147483648");
}

Test(range, ring_count_is_0_to_1024)
{
    options.ring_count = -1;
    expect_refused("ring_count", "-1");
    options.ring_count = 1025;
    expect_refused("ring_count", "1025");
}

Test(range, initial_in_flight_is_0_to_queue_depth)
{
    options.initial_in_flight = -1;
    expect_refused("initial_in_flight", "-1");
    options.initial_in_flight = 257;
    expect_refused("initial_in_flight", "257");
    options.queue_depth = 16;
    options.initial_in_flight = 17;
    expect_refused("initial_in_flight", "17");
}

Test(range, min_in_flight_is_0_to_queue_depth)
{
    options.min_in_flight = -1;
    expect_refused("min_in_flight", "-1");
    options.min_in_flight = 257;
    expect_refused("min_in_flight", "257");
    options.queue_depth = 16;
    options.min_in_flight = 17;
    expect_refused("min_in_flight", "17");
}

Test(range, max_p99_latency_is_a_number_from_0)
{
    options.max_p99_latency_ms = -0.5;
    expect_refused("max_p99_latency_ms", "-0.5");
    options.max_p99_latency_ms = (double)NAN;
    expect_refused("max_p99_latency_ms", "nan");
    options.max_p99_latency_ms = (double)INFINITY;
    expect_refused("max_p99_latency_ms", "inf");
    options.max_p99_latency_ms = (double)-INFINITY;
    expect_refused("max_p99_latency_ms", "-inf");
}

Test(range, buffer_alignment_is_a_power_of_two_from_that_of_a_pointer)
{
    options.buffer_alignment = 1;
    expect_refused("buffer_alignment", "1");
    options.buffer_alignment = sizeof(void *) / 2;
    expect_refused("buffer_alignment", "4");
    options.buffer_alignment = 4097;
    expect_refused("buffer_alignment", "4097");
    options.buffer_alignment = 24;
    expect_refused("buffer_alignment", "24");
}

Test(range, sqpoll_idle_is_not_negative)
{
    options.sqpoll_idle_ms = -1;
    expect_refused("sqpoll_idle_ms", "-1");
}

Test(range, ring_select_is_one_of_four)
{
    options.ring_select = (auraio_ring_select_t)4;
    expect_refused("ring_select", "4");
    options.ring_select = (auraio_ring_select_t)77;
    expect_refused("ring_select", "77");
}

Test(range, max_pending_is_not_negative)
{
    options.max_pending = -1;
    expect_refused("max_pending", "-1");
}

Test(range, backend_is_one_of_three)
{
    options.backend = (auraio_backend_t)3;
    expect_refused("backend", "3");
}

Test(range, reserved_fields_are_zero)
{
    options.reserved8[3] = 1;
    expect_refused("reserved", "");
    options.reserved[7] = 1;
    expect_refused("reserved", "");
}

Test(limit, zero_means_the_default_everywhere)
{
    memset(&options, 0, sizeof(options));
    options.struct_size = sizeof(options);
    expect_accepted();
}

Test(limit, the_ends_of_every_range_are_accepted)
{
    options.queue_depth = 1;
    expect_accepted();
    options.queue_depth = 32768;
    expect_accepted();
    options.ring_count = 1;
    expect_accepted();
    options.ring_count = 1024;
    expect_accepted();
    options.initial_in_flight = 256;
    expect_accepted();
    options.initial_in_flight = 1;
    options.min_in_flight = 1;
    expect_accepted();
    options.min_in_flight = 256;
    expect_accepted();
    options.max_p99_latency_ms = 0.001;
    expect_accepted();
    options.buffer_alignment = sizeof(void *);
    expect_accepted();
    options.buffer_alignment = 65536;
    expect_accepted();
    options.max_pending = 1;
    expect_accepted();
    options.disable_adaptive = true;
    expect_accepted();
}

Test(limit, the_default_minimum_is_lowered_to_a_smaller_queue)
{
    for (int depth = 1; depth <= 5; depth++) {
        options.queue_depth = depth;
        expect_accepted();
        options.queue_depth = depth;
        options.min_in_flight = 0;
        expect_accepted();
    }
}
