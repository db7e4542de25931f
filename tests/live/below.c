/* SPDX-License-Identifier: MIT */
/* An application that has fewer reads in flight than the disk could serve: the limit stays where it is. */
#include "live.h"

#include <stdio.h>

enum { IN_FLIGHT = 4 };

static const int64_t settling_ns = (int64_t)5 * 1000 * 1000 * 1000;
static const int64_t watched_ns = (int64_t)60 * 1000 * 1000 * 1000;

static void watch(const struct live_disk *disk, double target_ms)
{
    const struct live_access access = {.block_bytes = 4096};
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_ADAPTIVE, 0, target_ms);
    struct live_load *load = live_load_create(engine, disk, access, IN_FLIGHT);
    live_load_start(load);
    live_load_drive(&load, 1, settling_ns + watched_ns);
    const int first = (int)(settling_ns / LIVE_BIN_NS), end = load->bin;
    int least = load->limits[first], most = least, start = least;
    for (int bin = first; bin < end; bin++) {
        least = load->limits[bin] < least ? load->limits[bin] : least;
        most = load->limits[bin] > most ? load->limits[bin] : most;
    }
    printf("  %d in flight, p99 target %s: %.0f/s, limit %d after %lld s, then from %d to %d for %lld s\n",
           IN_FLIGHT, target_ms > 0 ? "2 ms" : "none",
           live_load_rate(load, settling_ns, settling_ns + watched_ns), start,
           (long long)(settling_ns / 1000000000), least, most, (long long)(watched_ns / 1000000000));
    live_load_stop(&load, 1);
    live_load_destroy(load);
    auraio_destroy(engine);
}

int live_below(const struct live_disk *disk)
{
    watch(disk, 0);
    watch(disk, 2);
    return 0;
}
