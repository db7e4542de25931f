/* SPDX-License-Identifier: MIT */
/*
 * What a ring measures, for each storage target and kind of operation apart: a histogram since the start, and
 * the last two windows, from which p99 and throughput "now" are read. One writer at a time (the ring's
 * observer); readers take no lock: counters are relaxed atomics, and a sequence number makes a reader repeat
 * what a change of windows disturbed.
 */
#ifndef AURAIO_METER_H
#define AURAIO_METER_H

#include "engine.h"

#include <auraio/adapt.h>

/* What is asked for: one target or METER_ALL, streams included; one kind (RING_SAMPLE_*) or METER_ALL. */
enum { METER_ALL = -1 };
struct meter_part {
    int target, kind;
};

struct meter_total {
    auraio_hist_t latency;
    uint64_t operations, bytes; /* failed operations included */
};

struct meter_reading {
    auraio_hist_t recent;
    double bytes_per_second;
};

/* The ring's meter, NULL when it has completed nothing yet. */
struct meter *meter_of(const auraio_engine_t *engine, int ring);

/* Add what was measured since the start. */
void meter_add_total(struct meter *meter, struct meter_part part, struct meter_total *into);

/* The same, of all rings. */
void meter_add_part(const auraio_engine_t *engine, struct meter_part part, struct meter_total *into);

/* Add what was measured in the last windows; nothing when the load has stopped. */
void meter_add_recent(struct meter *meter, struct meter_part part, int64_t now_ns,
                      struct meter_reading *into);

#endif
