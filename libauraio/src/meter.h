/* SPDX-License-Identifier: MIT */
/*
 * What a ring measures: a histogram since the start, and the last two windows, from which p99 and throughput
 * "now" are read. One writer at a time (the ring's observer); readers take no lock: counters are relaxed
 * atomics, and a sequence number makes a reader repeat what a change of windows disturbed.
 */
#ifndef AURAIO_METER_H
#define AURAIO_METER_H

#include "engine.h"

#include <auraio/adapt.h>

struct meter_reading {
    auraio_hist_t recent;
    double bytes_per_second;
};

/* The ring's meter, NULL when it has completed nothing yet. */
struct meter *meter_of(const auraio_engine_t *engine, int ring);

/* Add what was measured since the start. */
void meter_add_total(struct meter *meter, auraio_hist_t *into);

/* Add what was measured in the last windows; nothing when the load has stopped. */
void meter_add_recent(struct meter *meter, int64_t now_ns, struct meter_reading *into);

#endif
