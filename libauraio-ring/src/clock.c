/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <auraio-ring/ring.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t system_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#if defined(__x86_64__)

static const int64_t first_calibration_ns =
    20 * 1000 * 1000; /* long enough for 5 ppm with reads 100 ns apart */
static const double valid_ns = 1e9;

static pthread_once_t counter_once = PTHREAD_ONCE_INIT;
static bool counter_usable;

/* The kernel has checked that the counter is steady and the same on every CPU when it is its own clock
 * source. */
static void look_at_counter(void)
{
    char source[16] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    counter_usable = read(fd, source, sizeof(source) - 1) > 0 && !strcmp(source, "tsc\n");
    close(fd);
}

/*
 * Both clocks at one moment. A thread that is held up between the two reads would note a pair that belongs to
 * two moments: only a pair taken within 2000 ticks, less than a microsecond, is good for 35 ppm over the
 * first calibration. False: not this time; *ret_now_ns is right all the same.
 */
static bool read_pair(uint64_t *ret_ticks, int64_t *ret_now_ns)
{
    enum { TRIES = 4, WIDTH_MAX = 2000 };
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = __rdtsc();
        *ret_now_ns = system_ns();
        uint64_t width = __rdtsc() - before;
        *ret_ticks = before + width / 2;
        if (width <= WIDTH_MAX)
            return true;
    }
    return false;
}

int64_t ring_clock_read(struct ring_clock *clock)
{
    uint64_t ticks;
    int64_t now_ns;
    if (clock->system)
        return clock->system->now_ns(clock->system->context);
    pthread_once(&counter_once, look_at_counter);
    if (!counter_usable)
        return system_ns();
    bool good = read_pair(&ticks, &now_ns);
    int64_t elapsed_ns = now_ns - clock->base_ns;
    if (!good || (clock->base_ns && elapsed_ns < first_calibration_ns))
        return now_ns;
    if (clock->base_ns && ticks > clock->base_ticks) {
        double ns_per_tick = (double)elapsed_ns / (double)(ticks - clock->base_ticks);
        clock->scale = (uint64_t)(ns_per_tick * (1 << CLOCK_SCALE_BITS));
        clock->valid_ticks = (uint64_t)(valid_ns / ns_per_tick);
    }
    clock->base_ticks = ticks;
    clock->base_ns = now_ns;
    return now_ns;
}

#else

int64_t ring_clock_read(struct ring_clock *clock)
{
    return clock->system ? clock->system->now_ns(clock->system->context) : system_ns();
}

#endif
