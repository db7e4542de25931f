/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <stdlib.h>

enum { WINDOWS = 2 };

static const int64_t window_ns = 250 * 1000 * 1000;
static const int64_t silence_ns = 1000 * 1000 * 1000; /* after this the load has stopped */

struct window {
    auraio_hist_t latency;
    uint64_t bytes;
    int64_t start_ns;
};

struct meter {
    _Atomic unsigned sequence; /* odd while windows change */
    int current;               /* of windows */
    int64_t last_ns;           /* of the last batch */
    auraio_hist_t total;       /* of the windows that are over */
    struct window windows[WINDOWS];
};

#define RELAXED_LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define RELAXED_STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static void add(uint32_t *counter, uint32_t more)
{
    uint32_t count = RELAXED_LOAD(*counter);
    RELAXED_STORE(*counter, count + more < count ? UINT32_MAX : count + more);
}

static void add_hist(auraio_hist_t *into, const auraio_hist_t *from)
{
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++) {
        uint32_t more = RELAXED_LOAD(from->buckets[i]);
        if (more)
            add(&into->buckets[i], more);
    }
}

static void clear_window(struct window *window, int64_t start_ns)
{
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++)
        RELAXED_STORE(window->latency.buckets[i], 0);
    RELAXED_STORE(window->bytes, 0);
    RELAXED_STORE(window->start_ns, start_ns);
}

/* Close the current window: its counts join the total, and it stays readable until the next change. */
static void change_windows(struct meter *meter, int64_t now_ns)
{
    struct window *closing = &meter->windows[meter->current];
    bool long_over = now_ns - RELAXED_LOAD(closing->start_ns) > 2 * window_ns;
    atomic_fetch_add(&meter->sequence, 1);
    add_hist(&meter->total, &closing->latency);
    RELAXED_STORE(meter->current, (meter->current + 1) % WINDOWS);
    clear_window(&meter->windows[meter->current], now_ns);
    if (long_over)
        clear_window(closing, now_ns);
    atomic_fetch_add(&meter->sequence, 1);
}

static struct meter *meter_make(auraio_engine_t *engine, int ring, int64_t now_ns)
{
    struct meter *meter = calloc(1, sizeof(*meter));
    if (!meter)
        return NULL;
    for (int i = 0; i < WINDOWS; i++)
        meter->windows[i].start_ns = now_ns;
    atomic_store_explicit(&engine->meters[ring], meter, memory_order_release);
    return meter;
}

void meter_observe(void *context, int ring, const struct ring_sample *samples, int count, int64_t now_ns)
{
    auraio_engine_t *engine = context;
    struct meter *meter = atomic_load_explicit(&engine->meters[ring], memory_order_relaxed);
    if (!meter && !(meter = meter_make(engine, ring, now_ns)))
        return; /* without memory there are no figures, but the I/O goes on */
    if (now_ns - meter->windows[meter->current].start_ns >= window_ns)
        change_windows(meter, now_ns);
    struct window *window = &meter->windows[meter->current];
    uint64_t bytes = RELAXED_LOAD(window->bytes);
    for (int i = 0; i < count; i++) {
        bytes += samples[i].bytes;
        if (samples[i].latency_ns >= 0)
            add(&window->latency.buckets[auraio_hist_index(samples[i].latency_ns)], 1);
    }
    RELAXED_STORE(window->bytes, bytes);
    RELAXED_STORE(meter->last_ns, now_ns);
}

void meter_free_all(auraio_engine_t *engine)
{
    for (int i = 0; i < ENGINE_RINGS_MAX; i++)
        free(atomic_load(&engine->meters[i]));
}

struct meter *meter_of(const auraio_engine_t *engine, int ring)
{
    return atomic_load_explicit(&engine->meters[ring], memory_order_acquire);
}

/* The windows that count as recent, and the time they span. */
static int64_t read_recent(struct meter *meter, int64_t now_ns, auraio_hist_t *ret_latency,
                           uint64_t *ret_bytes)
{
    int64_t earliest_ns = now_ns;
    *ret_latency = (auraio_hist_t){0};
    *ret_bytes = 0;
    for (int i = 0; i < WINDOWS; i++) {
        struct window *window = &meter->windows[i];
        int64_t start_ns = RELAXED_LOAD(window->start_ns);
        if (start_ns < earliest_ns)
            earliest_ns = start_ns;
        add_hist(ret_latency, &window->latency);
        *ret_bytes += RELAXED_LOAD(window->bytes);
    }
    return now_ns - earliest_ns;
}

void meter_add_recent(struct meter *meter, int64_t now_ns, struct meter_reading *into)
{
    auraio_hist_t latency;
    uint64_t bytes;
    int64_t span_ns;
    unsigned before;
    if (now_ns - RELAXED_LOAD(meter->last_ns) > silence_ns)
        return;
    do {
        before = atomic_load(&meter->sequence);
        span_ns = read_recent(meter, now_ns, &latency, &bytes);
    } while (before & 1 || atomic_load(&meter->sequence) != before);
    add_hist(&into->recent, &latency);
    if (span_ns > 0)
        into->bytes_per_second += (double)bytes * 1e9 / (double)span_ns;
}

void meter_add_total(struct meter *meter, auraio_hist_t *into)
{
    auraio_hist_t total;
    unsigned before;
    do {
        before = atomic_load(&meter->sequence);
        total = (auraio_hist_t){0};
        add_hist(&total, &meter->total);
        add_hist(&total, &meter->windows[RELAXED_LOAD(meter->current)].latency);
    } while (before & 1 || atomic_load(&meter->sequence) != before);
    add_hist(into, &total);
}
