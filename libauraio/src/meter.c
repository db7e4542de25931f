/* SPDX-License-Identifier: MIT */
/*
 * A meter has a series for each target and kind of operation that its ring has completed, made when the first
 * comes. The window of the series that the last sample belonged to is at hand: nearly every sample goes
 * there, and telling them apart costs it one comparison.
 */
#include "meter.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Streams count as target -1; they have bytes, and no latency. */
enum { WINDOWS = 2, KINDS = RING_SAMPLE_OTHER + 1, SERIES = (RING_TARGETS + 1) * KINDS };

static const uint64_t no_key = UINT64_MAX; /* of no sample */
static const int64_t window_ns = 250 * 1000 * 1000;
static const int64_t silence_ns = 1000 * 1000 * 1000; /* after this the load has stopped */

struct window {
    auraio_hist_t latency;
    uint64_t operations, bytes;
};

struct series {
    struct meter_total total; /* of the windows that are over */
    struct window windows[WINDOWS];
};

struct meter {
    _Atomic unsigned sequence; /* odd while windows change */
    int current;               /* of windows */
    int64_t start_ns[WINDOWS]; /* of each, in all series */
    int64_t last_ns;           /* of the last batch */
    uint64_t key;              /* of the window at hand; no_key: none is */
    struct window *window;     /* current one of a series, or `nowhere` */
    struct window nowhere;     /* of series there is no memory for: the I/O goes on without figures */
    _Atomic(struct series *) series[SERIES];
};

#define RELAXED_LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define RELAXED_STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static void add(uint32_t *counter, uint32_t more)
{
    uint32_t count = RELAXED_LOAD(*counter);
    RELAXED_STORE(*counter, count + more < count ? UINT32_MAX : count + more);
}

static void add_long(uint64_t *counter, uint64_t more)
{
    RELAXED_STORE(*counter, RELAXED_LOAD(*counter) + more);
}

static void add_hist(auraio_hist_t *into, const auraio_hist_t *from)
{
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++) {
        uint32_t more = RELAXED_LOAD(from->buckets[i]);
        if (more)
            add(&into->buckets[i], more);
    }
}

/* -------------------------------------------------------------------- windows */

static void add_window(struct meter_total *into, const struct window *window)
{
    add_hist(&into->latency, &window->latency);
    add_long(&into->operations, RELAXED_LOAD(window->operations));
    add_long(&into->bytes, RELAXED_LOAD(window->bytes));
}

static void clear_window(struct window *window)
{
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++)
        RELAXED_STORE(window->latency.buckets[i], 0);
    RELAXED_STORE(window->operations, 0);
    RELAXED_STORE(window->bytes, 0);
}

/* Close the current window: its counts join the total, and it stays readable until the next change. */
static void change_windows(struct meter *meter, int64_t now_ns)
{
    int closing = meter->current, opening = (closing + 1) % WINDOWS;
    bool long_over = now_ns - RELAXED_LOAD(meter->start_ns[closing]) > 2 * window_ns;
    atomic_fetch_add(&meter->sequence, 1);
    for (int i = 0; i < SERIES; i++) {
        struct series *series = atomic_load_explicit(&meter->series[i], memory_order_relaxed);
        if (!series)
            continue;
        add_window(&series->total, &series->windows[closing]);
        clear_window(&series->windows[opening]);
        if (long_over)
            clear_window(&series->windows[closing]);
    }
    RELAXED_STORE(meter->current, opening);
    RELAXED_STORE(meter->start_ns[opening], now_ns);
    if (long_over)
        RELAXED_STORE(meter->start_ns[closing], now_ns);
    meter->key = no_key;
    atomic_fetch_add(&meter->sequence, 1);
}

/* ------------------------------------------------------------------ observing */

static struct meter *meter_make(auraio_engine_t *engine, int ring, int64_t now_ns)
{
    struct meter *meter = calloc(1, sizeof(*meter));
    if (!meter)
        return NULL;
    meter->key = no_key;
    for (int i = 0; i < WINDOWS; i++)
        meter->start_ns[i] = now_ns;
    atomic_store_explicit(&engine->meters[ring], meter, memory_order_release);
    return meter;
}

/* Target and kind of a sample, for one comparison. */
static inline uint64_t key_of(const struct ring_sample *sample)
{
    uint64_t key;
    _Static_assert(sizeof(key) == sizeof(sample->kind) + sizeof(sample->target), "both, and nothing else");
    _Static_assert(offsetof(struct ring_sample, target) ==
                       offsetof(struct ring_sample, kind) + sizeof(sample->kind),
                   "side by side");
    memcpy(&key, &sample->kind, sizeof(key));
    return key;
}

static int series_index(int target, int kind)
{
    assert(target >= -1 && target < RING_TARGETS && kind >= 0 && kind < KINDS);
    return (target + 1) * KINDS + kind;
}

/* Have the window of a sample's series at hand. */
static void take_window(struct meter *meter, const struct ring_sample *sample)
{
    _Atomic(struct series *) *place = &meter->series[series_index(sample->target, (int)sample->kind)];
    struct series *series = atomic_load_explicit(place, memory_order_relaxed);
    if (!series) {
        series = calloc(1, sizeof(*series));
        atomic_store_explicit(place, series, memory_order_release);
    }
    meter->key = key_of(sample);
    meter->window = series ? &series->windows[meter->current] : &meter->nowhere;
}

/* meter_observe() once there is a meter, and the right window at hand. */
static __attribute__((noinline)) void prepare_and_observe(auraio_engine_t *engine, int ring,
                                                          const struct ring_sample *samples, int count,
                                                          int64_t now_ns)
{
    struct meter *meter = atomic_load_explicit(&engine->meters[ring], memory_order_relaxed);
    if (!meter && !(meter = meter_make(engine, ring, now_ns)))
        return; /* as for a series there is no memory for */
    if (now_ns - meter->start_ns[meter->current] >= window_ns)
        change_windows(meter, now_ns);
    if (meter->key != key_of(samples))
        take_window(meter, samples);
    meter_observe(engine, ring, samples, count, now_ns);
}

/* Every call is the last thing done here, so that the usual way has nothing to keep across one. */
void meter_observe(void *context, int ring, const struct ring_sample *samples, int count, int64_t now_ns)
{
    auraio_engine_t *engine = context;
    struct meter *meter = atomic_load_explicit(&engine->meters[ring], memory_order_relaxed);
    uint64_t key = key_of(samples), operations = 0, bytes = 0;
    if (__builtin_expect(!meter || now_ns - meter->start_ns[meter->current] >= window_ns || meter->key != key,
                         0)) {
        prepare_and_observe(engine, ring, samples, count, now_ns);
        return;
    }
    struct window *window = meter->window;
    const struct ring_sample *sample = samples;
    int left = count;
    do {
        operations += (uint64_t)sample->count;
        bytes += sample->bytes * (uint64_t)sample->count;
        if (sample->latency_ns >= 0) { /* no window lasts until a counter is full */
            uint32_t *bucket = &window->latency.buckets[auraio_hist_index(sample->latency_ns)];
            RELAXED_STORE(*bucket, RELAXED_LOAD(*bucket) + (uint32_t)sample->count);
        }
        sample++;
    } while (--left > 0 && key_of(sample) == key);
    add_long(&window->operations, operations);
    add_long(&window->bytes, bytes);
    RELAXED_STORE(meter->last_ns, now_ns);
    if (left > 0)
        prepare_and_observe(engine, ring, sample, left, now_ns);
}

void meter_free_all(auraio_engine_t *engine)
{
    for (int i = 0; i < ENGINE_RINGS_MAX; i++) {
        struct meter *meter = atomic_load(&engine->meters[i]);
        for (int s = 0; meter && s < SERIES; s++)
            free(atomic_load(&meter->series[s]));
        free(meter);
    }
}

struct meter *meter_of(const auraio_engine_t *engine, int ring)
{
    return atomic_load_explicit(&engine->meters[ring], memory_order_acquire);
}

/* -------------------------------------------------------------------- reading */

/* The next series of a part, from *@index on; NULL: no more. */
static struct series *next_series(struct meter *meter, struct meter_part part, int *index)
{
    while (*index < SERIES) {
        int target = *index / KINDS - 1, kind = *index % KINDS;
        /* Acquire: its counters began at 0. */
        struct series *series = atomic_load_explicit(&meter->series[(*index)++], memory_order_acquire);
        if (series && (part.target == METER_ALL || part.target == target) &&
            (part.kind == METER_ALL || part.kind == kind))
            return series;
    }
    return NULL;
}

/* The windows that count as recent, and the time they span. */
static int64_t read_recent(struct meter *meter, struct meter_part part, int64_t now_ns,
                           struct meter_total *ret)
{
    int64_t earliest_ns = now_ns;
    *ret = (struct meter_total){0};
    for (int i = 0; i < WINDOWS; i++) {
        int64_t start_ns = RELAXED_LOAD(meter->start_ns[i]);
        if (start_ns < earliest_ns)
            earliest_ns = start_ns;
    }
    int index = 0;
    for (struct series *series; (series = next_series(meter, part, &index));) {
        for (int i = 0; i < WINDOWS; i++)
            add_window(ret, &series->windows[i]);
    }
    return now_ns - earliest_ns;
}

void meter_add_recent(struct meter *meter, struct meter_part part, int64_t now_ns, struct meter_reading *into)
{
    struct meter_total recent;
    int64_t span_ns;
    unsigned before;
    if (now_ns - RELAXED_LOAD(meter->last_ns) > silence_ns)
        return;
    do {
        before = atomic_load(&meter->sequence);
        span_ns = read_recent(meter, part, now_ns, &recent);
    } while (before & 1 || atomic_load(&meter->sequence) != before);
    add_hist(&into->recent, &recent.latency);
    if (span_ns > 0)
        into->bytes_per_second += (double)recent.bytes * 1e9 / (double)span_ns;
}

static void read_total(struct meter *meter, struct meter_part part, struct meter_total *ret)
{
    *ret = (struct meter_total){0};
    int index = 0;
    for (struct series *series; (series = next_series(meter, part, &index));) {
        add_hist(&ret->latency, &series->total.latency);
        ret->operations += RELAXED_LOAD(series->total.operations);
        ret->bytes += RELAXED_LOAD(series->total.bytes);
        add_window(ret, &series->windows[RELAXED_LOAD(meter->current)]);
    }
}

void meter_add_total(struct meter *meter, struct meter_part part, struct meter_total *into)
{
    struct meter_total total;
    unsigned before;
    do {
        before = atomic_load(&meter->sequence);
        read_total(meter, part, &total);
    } while (before & 1 || atomic_load(&meter->sequence) != before);
    add_hist(&into->latency, &total.latency);
    into->operations += total.operations;
    into->bytes += total.bytes;
}
