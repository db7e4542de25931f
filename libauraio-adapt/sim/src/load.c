/* load.c - see load.h. */
#include "load.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define WAITING_MAX 65536u /* requests of a ring: an open load sheds what exceeds it */

enum { STREAM_SIZES = 101, STREAM_ARRIVALS };

int sim_load_init(sim_load_t *load, const auraio_sim_model_t *model, uint64_t seed, int rings)
{
    memset(load, 0, sizeof(*load));
    load->model = model;
    load->arrival_ns = INT64_MAX;
    sim_rng_seed(&load->sizes, seed, STREAM_SIZES);
    sim_rng_seed(&load->arrivals, seed, STREAM_ARRIVALS);
    load->waiting = calloc((size_t)rings, sizeof(*load->waiting));
    if (!load->waiting)
        return -ENOMEM;
    bool open = false;
    for (int i = 0; i < model->segment_count; i++)
        open = open || model->segments[i].arrival_ops > 0;
    uint32_t capacity = open ? WAITING_MAX : (uint32_t)model->workers + 1;
    for (load->rings = 0; load->rings < rings; load->rings++) {
        if (sim_fifo_init(&load->waiting[load->rings], capacity))
            return -ENOMEM;
    }
    int error = sim_heap_init(&load->thinkers, (uint32_t)model->workers + 1);
    if (error)
        return error;
    for (int worker = 0; worker < model->workers; worker++)
        sim_fifo_push(&load->waiting[worker % rings], 0);
    return 0;
}

void sim_load_destroy(sim_load_t *load)
{
    sim_heap_destroy(&load->thinkers);
    for (int i = 0; i < load->rings; i++)
        sim_fifo_destroy(&load->waiting[i]);
    free(load->waiting);
    *load = (sim_load_t){0};
}

static void plan_arrival(sim_load_t *load, int64_t now_ns)
{
    double mean_ns = 1e9 / load->segment->arrival_ops;
    load->arrival_ns = now_ns + sim_rng_interval_ns(&load->arrivals, mean_ns);
}

void sim_load_segment(sim_load_t *load, const auraio_sim_segment_t *segment, int64_t now_ns)
{
    load->segment = segment;
    bool open = segment->arrival_ops > 0;
    load->endless = !open && load->model->workers == 0;
    load->arrival_ns = INT64_MAX;
    if (open)
        plan_arrival(load, now_ns);
}

static void request(sim_load_t *load, uint32_t ring, int64_t now_ns)
{
    sim_fifo_t *waiting = &load->waiting[ring];
    if (waiting->count <= waiting->mask)
        sim_fifo_push(waiting, now_ns);
}

void sim_load_advance(sim_load_t *load, int64_t now_ns)
{
    while (sim_heap_first(&load->thinkers) <= now_ns)
        request(load, sim_heap_pop(&load->thinkers), now_ns);
    while (load->arrival_ns <= now_ns) {
        request(load, load->arrival_ring, now_ns);
        load->arrival_ring = (load->arrival_ring + 1) % (uint32_t)load->rings;
        plan_arrival(load, load->arrival_ns);
    }
}

int sim_load_waiting(const sim_load_t *load, uint32_t ring)
{
    return load->endless ? INT_MAX : (int)load->waiting[ring].count;
}

sim_op_t sim_load_take(sim_load_t *load, uint32_t ring, int64_t now_ns)
{
    const auraio_sim_segment_t *segment = load->segment;
    sim_op_t op = {.ring = ring, .queued_ns = now_ns, .size_bytes = segment->small_bytes};
    if (load->waiting[ring].count > 0)
        op.queued_ns = sim_fifo_pop(&load->waiting[ring]);
    op.kind = AURAIO_ADAPT_READ;
    if (segment->write_share > 0 && sim_rng_uniform(&load->sizes) <= segment->write_share)
        op.kind = AURAIO_ADAPT_WRITE;
    if (segment->large_share > 0 && sim_rng_uniform(&load->sizes) <= segment->large_share)
        op.size_bytes = segment->large_bytes;
    return op;
}

void sim_load_completed(sim_load_t *load, uint32_t ring, int64_t now_ns)
{
    if (load->model->workers == 0 || load->segment->arrival_ops > 0)
        return;
    if (load->model->think_ns == 0)
        request(load, ring, now_ns);
    else
        sim_heap_push(&load->thinkers,
                      now_ns + sim_rng_interval_ns(&load->arrivals, (double)load->model->think_ns), ring);
}
