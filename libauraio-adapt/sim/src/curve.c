/* curve.c - a station that reproduces a measured device: throughput and p99 at each depth.
 *
 * Processor sharing: with n operations in the station, each is served at X(n) / n, where X is the
 * measured throughput at depth n. In a closed loop of n this gives X(n) exactly, whatever the work
 * of the operations; anything else (arrivals, changes of the limit, pauses) follows from the queue.
 * Work is lognormal with mean 1; its sigma is what makes the p99 of a closed loop the measured one:
 * p99 / mean = exp(2.326 sigma - sigma^2 / 2).
 *
 * All operations are served at the same rate, so they leave in the order of the virtual time (work
 * served to each) at which their own work is done: one heap in virtual time and one timer.
 */
#include "device.h"

#include <errno.h>

#define WORK_UNIT 0x1p24 /* virtual time of a mean operation: fine enough, and 2^39 of them fit */
#define Z99 2.326347874

/* ln of y at depth n, linear in ln(depth) between the knots and constant outside of them. */
static double interpolate(const auraio_sim_model_t *model, int n, double (*value)(const auraio_sim_knot_t *))
{
    const auraio_sim_knot_t *knots = model->knots;
    int count = model->knot_count;
    if (n <= knots[0].depth)
        return log(value(&knots[0]));
    for (int i = 1; i < count; i++) {
        if (n > knots[i].depth)
            continue;
        double x0 = log(knots[i - 1].depth), x1 = log(knots[i].depth);
        double y0 = log(value(&knots[i - 1])), y1 = log(value(&knots[i]));
        return y0 + (y1 - y0) * (log(n) - x0) / (x1 - x0);
    }
    return log(value(&knots[count - 1]));
}

static double throughput(const auraio_sim_knot_t *knot)
{
    return knot->throughput_ops;
}

static double tail_ratio(const auraio_sim_knot_t *knot)
{
    return (double)knot->p99_ns * knot->throughput_ops * 1e-9 / knot->depth;
}

/* Solves ln(ratio) = Z99 sigma - sigma^2 / 2 for the smaller sigma. No lognormal has a ratio over
 * exp(Z99^2 / 2) = 15, nor one under 1. */
static double sigma_of(double log_ratio)
{
    double d = Z99 * Z99 - 2 * fmax(0, log_ratio);
    return Z99 - sqrt(fmax(0, d));
}

/* What makes the mean of exp(sigma z) 1: the lognormal's exp(-sigma^2 / 2), and what the table of
 * normal variates cuts off beyond its ends +-a, Phi(a - sigma) - Phi(-a - sigma) of Phi(a) -
 * Phi(-a). */
static double work_scale(const sim_normal_t *normal, double sigma)
{
    double a = normal->at[SIM_NORMAL_CELLS];
    double all = erf(a * M_SQRT1_2);
    double kept = 0.5 * (erf((a - sigma) * M_SQRT1_2) + erf((a + sigma) * M_SQRT1_2));
    return exp(-0.5 * sigma * sigma) * all / kept;
}

int sim_curve_init(sim_device_t *device, uint32_t depth)
{
    sim_curve_t *curve = &device->curve;
    curve->per_ns = malloc(((size_t)depth + 1) * sizeof(double));
    curve->sigma = malloc(((size_t)depth + 1) * sizeof(double));
    curve->scale = malloc(((size_t)depth + 1) * sizeof(double));
    if (!curve->per_ns || !curve->sigma || !curve->scale)
        return -ENOMEM;
    curve->depth_max = depth;
    for (uint32_t n = 0; n <= depth; n++) {
        int at = n > 0 ? (int)n : 1;
        const auraio_sim_knot_t *first = &device->model->knots[0];
        double ops = exp(interpolate(device->model, at, throughput));
        if (at < first->depth) /* below the first knot: no queueing, in proportion */
            ops *= (double)at / first->depth;
        curve->per_ns[n] = ops * 1e-9 / at * WORK_UNIT;
        curve->sigma[n] = sigma_of(interpolate(device->model, at, tail_ratio));
        curve->scale[n] = work_scale(&device->normal, curve->sigma[n]);
    }
    return sim_heap_init(&curve->heap, depth);
}

void sim_curve_destroy(sim_device_t *device)
{
    sim_heap_destroy(&device->curve.heap);
    free(device->curve.per_ns);
    free(device->curve.sigma);
    free(device->curve.scale);
}

static double rate(const sim_device_t *device)
{
    return device->paused ? 0 : device->curve.per_ns[device->curve.heap.count] * device->speed;
}

/* Bring virtual time up to now, at the rate that held until now. */
void sim_curve_sync(sim_device_t *device)
{
    sim_curve_t *curve = &device->curve;
    curve->virtual_now += (int64_t)(rate(device) * (double)(device->now_ns - curve->last_ns));
    curve->last_ns = device->now_ns;
}

/* Set the timer to when the first operation's work will be done at the rate that holds from now. */
void sim_curve_plan(sim_device_t *device)
{
    sim_curve_t *curve = &device->curve;
    int64_t at = INT64_MAX;
    if (curve->heap.count > 0 && !device->paused) {
        double left = (double)(sim_heap_first(&curve->heap) - curve->virtual_now);
        at = device->now_ns + sim_time_ns(left / rate(device) + 1);
    }
    sim_device_set_timer(device, SIM_TIMER_CURVE, at);
}

void sim_curve_arrive(sim_device_t *device, uint32_t op)
{
    sim_curve_t *curve = &device->curve;
    sim_curve_sync(device);
    assert(curve->heap.count < curve->depth_max);
    uint32_t n = curve->heap.count + 1;
    double z = sim_normal_draw(&device->normal, &device->service);
    double work = exp(curve->sigma[n] * z) * curve->scale[n];
    sim_heap_push(&curve->heap, curve->virtual_now + sim_time_ns(work * WORK_UNIT), op);
    sim_curve_plan(device);
}

/* The first operation's work is done. */
void sim_curve_timer(sim_device_t *device)
{
    sim_curve_t *curve = &device->curve;
    sim_curve_sync(device);
    if (curve->heap.count > 0 && sim_heap_first(&curve->heap) <= curve->virtual_now)
        sim_device_station_left(device, sim_heap_pop(&curve->heap));
    sim_curve_plan(device);
}
