/* model_check.c - refuses models that cannot run, field by field. Bounds are those of the
 * arithmetic: times fit 64 bits with room to add, counts fit what is allocated for them. */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <math.h>

#include "device.h"

#define HOUR_NS (3600 * INT64_C(1000000000))
#define OPS_MAX 1e8
#define LIMIT_MAX 16384
#define KIB_NS_MAX 1e7 /* 100 KiB/s: a bus of LIMIT_MAX transfers of 4 GiB ends within 64 bits */
#define SPEED_MAX 1e3

/* Whether lo <= value <= hi; false for NaN. */
static bool within(double value, double lo, double hi)
{
    return value >= lo && value <= hi;
}

static bool time_ok(int64_t ns, int64_t lo)
{
    return ns >= lo && ns <= HOUR_NS;
}

static const char *check_latency(const auraio_sim_latency_t *latency)
{
    if ((unsigned)latency->shape > AURAIO_SIM_LOGNORMAL)
        return "latency shape";
    if (!time_ok(latency->median_ns, 0) || !within(latency->sigma, 0, 5))
        return "latency median_ns or sigma";
    if (!within(latency->tail_share, 0, 1))
        return "latency tail_share";
    bool tail = within(latency->tail_from, 0, 1e6) && within(latency->tail_shape, 0.1, 100) &&
                within(latency->tail_cap, 0, 1e6);
    return latency->tail_share > 0 && !tail ? "latency tail" : NULL;
}

static const char *check_knots(const auraio_sim_model_t *model)
{
    if (model->knot_count < 1 || model->knot_count > AURAIO_SIM_KNOTS)
        return "knot_count";
    for (int i = 0; i < model->knot_count; i++) {
        const auraio_sim_knot_t *knot = &model->knots[i];
        if (knot->depth < 1 || (i > 0 && knot->depth <= knot[-1].depth))
            return "knots: depths must grow from 1 or more";
        if (!within(knot->throughput_ops, 1e-3, OPS_MAX) || !time_ok(knot->p99_ns, 1))
            return "knots: throughput_ops or p99_ns";
    }
    return NULL;
}

static const char *check_station(const auraio_sim_model_t *model)
{
    switch (model->station) {
    case AURAIO_SIM_SERVERS:
        if (model->servers < 1 || model->servers > LIMIT_MAX)
            return "servers";
        break;
    case AURAIO_SIM_CURVE:
        return check_knots(model);
    case AURAIO_SIM_DISK:
        if (!time_ok(model->rotation_ns, 1) || !time_ok(model->seek_min_ns, 0) ||
            !time_ok(model->seek_max_ns, model->seek_min_ns))
            return "rotation_ns, seek_min_ns or seek_max_ns";
        if (model->disk_queue < 1 || model->disk_queue > SIM_DISK_QUEUE_MAX)
            return "disk_queue";
        if (!time_ok(model->disk_patience_ns, 0))
            return "disk_patience_ns";
        break;
    default:
        return "station";
    }
    const char *why = check_latency(&model->read);
    return why ? why : check_latency(&model->write);
}

static const char *check_gate(const auraio_sim_model_t *model)
{
    if ((unsigned)model->gate > AURAIO_SIM_SLICE)
        return "gate";
    if (model->gate == AURAIO_SIM_OPEN)
        return NULL;
    if (!within(model->gate_ops, 1e-3, OPS_MAX))
        return "gate_ops";
    if (model->gate == AURAIO_SIM_BUCKET && !within(model->gate_burst, 1, 1e6))
        return "gate_burst";
    if (model->gate == AURAIO_SIM_SLICE &&
        (!time_ok(model->gate_slice_ns, 1) || model->gate_ops * (double)model->gate_slice_ns * 1e-9 < 1))
        return "gate_slice_ns: a slice must hold an operation";
    return NULL;
}

static const char *check_around(const auraio_sim_model_t *model)
{
    if (!time_ok(model->transit_ns, 0) || !within(model->transit_jitter, 0, 5))
        return "transit_ns or transit_jitter";
    if (!within((double)model->kib_ns, 0, KIB_NS_MAX) || !within((double)model->bus_kib_ns, 0, KIB_NS_MAX))
        return "kib_ns or bus_kib_ns";
    if (!time_ok(model->pause_every_ns, 0) || !time_ok(model->pause_ns, 0) ||
        (model->pause_every_ns > 0) != (model->pause_ns > 0))
        return "pause_every_ns and pause_ns go together";
    bool neighbour = model->neighbour_ops != 0;
    if ((neighbour && !within(model->neighbour_ops, 1e-3, OPS_MAX)) || !time_ok(model->neighbour_on_ns, 0) ||
        !time_ok(model->neighbour_off_ns, 0))
        return "neighbour";
    if (model->neighbour_off_ns > 0 && model->neighbour_on_ns == 0)
        return "neighbour_on_ns: needed with neighbour_off_ns";
    if (!time_ok(model->reap_ns, 0) || !time_ok(model->stall_every_ns, 0) || !time_ok(model->stall_ns, 0) ||
        (model->stall_every_ns > 0 && model->stall_ns >= model->stall_every_ns))
        return "reap_ns, stall_every_ns or stall_ns";
    if (model->workers < 0 || model->workers > LIMIT_MAX || !time_ok(model->think_ns, 0))
        return "workers or think_ns";
    return NULL;
}

static const char *check_segments(const auraio_sim_model_t *model)
{
    if (model->segment_count < 1 || model->segment_count > AURAIO_SIM_SEGMENTS)
        return "segment_count";
    int64_t start_ns = 0;
    for (int i = 0; i < model->segment_count; i++) {
        const auraio_sim_segment_t *segment = &model->segments[i];
        bool last = i == model->segment_count - 1;
        if (!time_ok(segment->duration_ns, last ? 0 : 1))
            return "segment duration_ns";
        if (start_ns >= model->duration_ns)
            return "duration_ns: it ends before the last segment begins";
        start_ns += segment->duration_ns;
        if (segment->servers < 0 || segment->servers > LIMIT_MAX)
            return "segment servers";
        if (segment->speed != 0 && !within(segment->speed, 1 / SPEED_MAX, SPEED_MAX))
            return "segment speed";
        if (!within(segment->large_share, 0, 1) || !within(segment->write_share, 0, 1))
            return "segment large_share or write_share";
        if (segment->arrival_ops != 0 && !within(segment->arrival_ops, 1e-3, OPS_MAX))
            return "segment arrival_ops";
    }
    return NULL;
}

int auraio_sim_model_check(const auraio_sim_model_t *model, const char **ret_why)
{
    const char *why = model ? NULL : "no model";
    if (!why && !time_ok(model->duration_ns, 1))
        why = "duration_ns";
    const char *(*const checks[])(const auraio_sim_model_t *) = {check_station, check_gate, check_around,
                                                                 check_segments};
    for (size_t i = 0; !why && i < sizeof(checks) / sizeof(checks[0]); i++)
        why = checks[i](model);
    if (!why && (model->max_limit < 1 || model->max_limit > LIMIT_MAX))
        why = "max_limit";
    for (int i = 0; !why && i < AURAIO_SIM_TARGETS; i++) {
        if (!time_ok(model->targets_ns[i], 0) ||
            (i > 0 && model->targets_ns[i] > 0 && model->targets_ns[i - 1] == 0))
            why = "targets_ns: times, and those that are 0 last";
    }
    if (why && ret_why)
        *ret_why = why;
    return why ? -EINVAL : 0;
}
