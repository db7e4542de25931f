/* gate.c - rate limits in front of the station: what clouds and cgroups put there.
 *
 * Token bucket: one token an operation, gate_ops of them a second, at most gate_burst saved up.
 * Kept as the time at which the bucket is full again (the generic cell rate algorithm, ITU-T
 * I.371): taking a token moves that time by one interval, and none is left when it is a burst
 * ahead.
 *
 * Slices: what the kernel's blkio throttle does (block/blk-throttle.c): a slice's whole budget may
 * be used at once at its start, and then nothing passes until the next slice.
 */
#include "device.h"

static int64_t interval_ns(const auraio_sim_model_t *model)
{
    return (int64_t)(1e9 / model->gate_ops);
}

static int64_t slice_budget(const auraio_sim_model_t *model)
{
    return (int64_t)(model->gate_ops * (double)model->gate_slice_ns * 1e-9 + 0.5);
}

static bool bucket_passes(sim_device_t *device)
{
    int64_t interval = interval_ns(device->model);
    int64_t full = device->bucket_full_ns > device->now_ns ? device->bucket_full_ns : device->now_ns;
    int64_t ahead = (int64_t)((device->model->gate_burst - 1) * (double)interval);
    if (full - device->now_ns > ahead)
        return false;
    device->bucket_full_ns = full + interval;
    return true;
}

static bool slice_passes(sim_device_t *device)
{
    int64_t slice = device->now_ns / device->model->gate_slice_ns;
    if (slice != device->slice) {
        device->slice = slice;
        device->slice_used = 0;
    }
    if (device->slice_used >= slice_budget(device->model))
        return false;
    device->slice_used++;
    return true;
}

/* Take a token for an operation that goes through now. */
bool sim_gate_passes(sim_device_t *device)
{
    return device->model->gate == AURAIO_SIM_BUCKET ? bucket_passes(device) : slice_passes(device);
}

/* When a gate that is shut opens. */
int64_t sim_gate_opens_ns(const sim_device_t *device)
{
    const auraio_sim_model_t *model = device->model;
    if (model->gate == AURAIO_SIM_BUCKET)
        return device->bucket_full_ns - (int64_t)((model->gate_burst - 1) * (double)interval_ns(model));
    return (device->slice + 1) * model->gate_slice_ns;
}
