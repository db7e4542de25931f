/* device.c - moves operations through the device: see device.h for the picture. */
#include "device.h"

#include <errno.h>
#include <string.h>

enum { STREAM_SERVICE = 1, STREAM_JITTER, STREAM_PAUSES, STREAM_NEIGHBOUR };

void sim_device_set_timer(sim_device_t *device, sim_timer_t timer, int64_t at_ns)
{
    device->timer_ns[timer] = at_ns;
    int64_t next = INT64_MAX;
    for (int i = 0; i < SIM_TIMERS; i++)
        next = device->timer_ns[i] < next ? device->timer_ns[i] : next;
    device->next_timer_ns = next;
}

int64_t sim_device_service_ns(sim_device_t *device, const sim_op_t *op)
{
    const auraio_sim_model_t *model = device->model;
    bool write = op->kind == AURAIO_ADAPT_WRITE && model->write.median_ns > 0;
    const auraio_sim_latency_t *latency = write ? &model->write : &model->read;
    double ns = (double)latency->median_ns;
    if (latency->tail_share > 0 && sim_rng_uniform(&device->service) < latency->tail_share) {
        double u = sim_rng_uniform(&device->service);
        ns *= fmin(latency->tail_from * pow(u, -1 / latency->tail_shape), latency->tail_cap);
    } else if (latency->shape == AURAIO_SIM_LOGNORMAL) {
        ns *= exp(latency->sigma * sim_normal_draw(&device->normal, &device->service));
    } else if (latency->shape == AURAIO_SIM_EXPONENTIAL) {
        ns = sim_rng_exponential(&device->service, ns);
    }
    ns += (double)model->kib_ns * (double)op->size_bytes / 1024;
    return sim_time_ns(ns / device->speed);
}

static int64_t transit_ns(sim_device_t *device)
{
    double half = (double)device->model->transit_ns / 2;
    if (device->model->transit_jitter > 0)
        half *= exp(device->model->transit_jitter * sim_normal_draw(&device->normal, &device->jitter));
    return sim_time_ns(half);
}

static void done(sim_device_t *device, uint32_t op)
{
    device->ops[op].stage = SIM_STAGE_DONE;
    if (device->ops[op].ring == SIM_NEIGHBOUR) {
        device->neighbour_count--;
        device->free_ops[device->free_count++] = op;
        return;
    }
    device->done[device->done_count++] = op;
}

static void start_back(sim_device_t *device, uint32_t op)
{
    if (device->model->transit_ns == 0) {
        done(device, op);
        return;
    }
    device->ops[op].stage = SIM_STAGE_BACK;
    sim_heap_push(&device->heap, device->now_ns + transit_ns(device), op);
}

/* The bus serves one transfer at a time in order of arrival: when it becomes free says it all. */
void sim_device_station_left(sim_device_t *device, uint32_t op)
{
    int64_t kib_ns = device->model->bus_kib_ns;
    if (kib_ns == 0) {
        start_back(device, op);
        return;
    }
    int64_t start = device->bus_free_ns > device->now_ns ? device->bus_free_ns : device->now_ns;
    device->bus_free_ns = start + kib_ns * device->ops[op].size_bytes / 1024;
    device->ops[op].stage = SIM_STAGE_BUS;
    sim_heap_push(&device->heap, device->bus_free_ns, op);
}

static void start_station(sim_device_t *device, uint32_t op)
{
    device->ops[op].stage = SIM_STAGE_STATION;
    switch (device->model->station) {
    case AURAIO_SIM_SERVERS:
        sim_servers_arrive(device, op);
        break;
    case AURAIO_SIM_CURVE:
        sim_curve_arrive(device, op);
        break;
    case AURAIO_SIM_DISK:
        sim_disk_arrive(device, op);
        break;
    }
}

/* Let through what the gate lets through, and come back when it opens again. */
static void pump_gate(sim_device_t *device)
{
    while (device->gate_queue.count > 0 && sim_gate_passes(device))
        start_station(device, (uint32_t)sim_fifo_pop(&device->gate_queue));
    bool waiting = device->gate_queue.count > 0;
    sim_device_set_timer(device, SIM_TIMER_GATE, waiting ? sim_gate_opens_ns(device) : INT64_MAX);
}

static void start_gate(sim_device_t *device, uint32_t op)
{
    if (device->model->gate == AURAIO_SIM_OPEN) {
        start_station(device, op);
        return;
    }
    device->ops[op].stage = SIM_STAGE_GATE;
    sim_fifo_push(&device->gate_queue, op);
    if (device->gate_queue.count == 1)
        pump_gate(device);
}

void sim_device_send(sim_device_t *device, sim_op_t op)
{
    assert(device->free_count > 0);
    uint32_t id = device->free_ops[--device->free_count];
    op.sent_ns = device->now_ns;
    op.stage = SIM_STAGE_OUT;
    device->ops[id] = op;
    if (device->model->transit_ns > 0)
        sim_heap_push(&device->heap, device->now_ns + transit_ns(device), id);
    else
        start_gate(device, id);
}

static void station_start(sim_device_t *device)
{
    if (device->model->station == AURAIO_SIM_SERVERS)
        sim_servers_start(device);
    else if (device->model->station == AURAIO_SIM_DISK)
        sim_disk_start(device);
    else
        sim_curve_plan(device);
}

static void fire_pause(sim_device_t *device)
{
    const auraio_sim_model_t *model = device->model;
    if (model->station == AURAIO_SIM_CURVE)
        sim_curve_sync(device);
    device->paused = !device->paused;
    int64_t wait = device->paused ? model->pause_ns
                                  : sim_rng_interval_ns(&device->pauses, (double)model->pause_every_ns);
    sim_device_set_timer(device, SIM_TIMER_PAUSE, device->now_ns + wait);
    station_start(device);
}

static void plan_neighbour(sim_device_t *device)
{
    double mean_ns = 1e9 / device->model->neighbour_ops;
    int64_t at = INT64_MAX;
    if (device->neighbour_on)
        at = device->now_ns + sim_rng_interval_ns(&device->neighbour, mean_ns);
    sim_device_set_timer(device, SIM_TIMER_NEIGHBOUR, at);
}

static void fire_neighbour(sim_device_t *device)
{
    plan_neighbour(device);
    if (device->neighbour_count == SIM_NEIGHBOUR_OPS)
        return;
    device->neighbour_count++;
    sim_op_t op = {
        .ring = SIM_NEIGHBOUR, .kind = AURAIO_ADAPT_READ, .size_bytes = 4096, .queued_ns = device->now_ns};
    sim_device_send(device, op);
}

static void fire_switch(sim_device_t *device)
{
    const auraio_sim_model_t *model = device->model;
    device->neighbour_on = !device->neighbour_on;
    int64_t wait = device->neighbour_on ? model->neighbour_on_ns : model->neighbour_off_ns;
    sim_device_set_timer(device, SIM_TIMER_SWITCH, device->now_ns + wait);
    plan_neighbour(device);
}

static void fire_timer(sim_device_t *device, sim_timer_t timer)
{
    switch (timer) {
    case SIM_TIMER_GATE:
        pump_gate(device);
        break;
    case SIM_TIMER_CURVE:
        sim_curve_timer(device);
        break;
    case SIM_TIMER_PAUSE:
        fire_pause(device);
        break;
    case SIM_TIMER_NEIGHBOUR:
        fire_neighbour(device);
        break;
    case SIM_TIMER_SWITCH:
        fire_switch(device);
        break;
    case SIM_TIMERS:
        break;
    }
}

static void fire_event(sim_device_t *device, uint32_t op)
{
    switch ((sim_stage_t)device->ops[op].stage) {
    case SIM_STAGE_OUT:
        start_gate(device, op);
        break;
    case SIM_STAGE_STATION:
        if (device->model->station == AURAIO_SIM_DISK)
            sim_disk_leave(device, op);
        else
            sim_servers_leave(device, op);
        break;
    case SIM_STAGE_BUS:
        start_back(device, op);
        break;
    case SIM_STAGE_BACK:
        done(device, op);
        break;
    case SIM_STAGE_GATE:
    case SIM_STAGE_DONE:
        assert(false && "an operation in a queue has no event");
        break;
    }
}

void sim_device_advance(sim_device_t *device, int64_t now_ns)
{
    assert(now_ns >= device->now_ns && now_ns <= sim_device_next_ns(device));
    device->now_ns = now_ns;
    while (device->next_timer_ns == now_ns) {
        for (int i = 0; i < SIM_TIMERS; i++) {
            if (device->timer_ns[i] == now_ns)
                fire_timer(device, (sim_timer_t)i);
        }
    }
    while (sim_heap_first(&device->heap) == now_ns)
        fire_event(device, sim_heap_pop(&device->heap));
}

void sim_device_reaped(sim_device_t *device)
{
    for (uint32_t i = 0; i < device->done_count; i++)
        device->free_ops[device->free_count++] = device->done[i];
    device->done_count = 0;
}

void sim_device_segment(sim_device_t *device, const auraio_sim_segment_t *segment)
{
    if (device->model->station == AURAIO_SIM_CURVE)
        sim_curve_sync(device);
    device->servers = segment->servers > 0 ? segment->servers : device->model->servers;
    device->speed = segment->speed > 0 ? segment->speed : 1;
    station_start(device);
}

static void start_disturbances(sim_device_t *device)
{
    const auraio_sim_model_t *model = device->model;
    if (model->pause_every_ns > 0)
        sim_device_set_timer(device, SIM_TIMER_PAUSE,
                             sim_rng_interval_ns(&device->pauses, (double)model->pause_every_ns));
    if (model->neighbour_ops > 0) {
        device->neighbour_on = true;
        if (model->neighbour_off_ns > 0)
            sim_device_set_timer(device, SIM_TIMER_SWITCH, model->neighbour_on_ns);
        plan_neighbour(device);
    }
}

int sim_device_init(sim_device_t *device, const auraio_sim_model_t *model, uint64_t seed, uint32_t depth)
{
    memset(device, 0, sizeof(*device));
    device->model = model;
    device->speed = 1;
    for (int i = 0; i < SIM_TIMERS; i++)
        device->timer_ns[i] = INT64_MAX;
    device->next_timer_ns = INT64_MAX;
    sim_rng_seed(&device->service, seed, STREAM_SERVICE);
    sim_rng_seed(&device->jitter, seed, STREAM_JITTER);
    sim_rng_seed(&device->pauses, seed, STREAM_PAUSES);
    sim_rng_seed(&device->neighbour, seed, STREAM_NEIGHBOUR);
    sim_normal_init(&device->normal);

    uint32_t count = depth + (model->neighbour_ops > 0 ? SIM_NEIGHBOUR_OPS : 0);
    device->op_count = count;
    device->ops = malloc(count * sizeof(*device->ops));
    device->free_ops = malloc(count * sizeof(*device->free_ops));
    device->done = malloc(count * sizeof(*device->done));
    if (!device->ops || !device->free_ops || !device->done)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        device->ops[i].stage = SIM_STAGE_DONE;
        device->free_ops[i] = count - 1 - i;
    }
    device->free_count = count;
    int error = sim_heap_init(&device->heap, count);
    if (!error)
        error = sim_fifo_init(&device->gate_queue, count);
    if (!error)
        error = sim_fifo_init(&device->queue, count);
    if (!error && model->station == AURAIO_SIM_CURVE)
        error = sim_curve_init(device, count);
    if (error)
        return error;
    start_disturbances(device);
    return 0;
}

void sim_device_destroy(sim_device_t *device)
{
    sim_curve_destroy(device);
    sim_fifo_destroy(&device->queue);
    sim_fifo_destroy(&device->gate_queue);
    sim_heap_destroy(&device->heap);
    free(device->done);
    free(device->free_ops);
    free(device->ops);
    *device = (sim_device_t){0};
}

bool sim_device_check(const sim_device_t *device)
{
    uint32_t queued = device->heap.count + device->gate_queue.count + device->queue.count +
                      (uint32_t)device->disk.count + device->curve.heap.count;
    return sim_heap_check(&device->heap) &&
           queued + device->done_count + device->free_count == device->op_count && device->busy >= 0 &&
           device->next_timer_ns >= device->now_ns;
}
