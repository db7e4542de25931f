/* load.h - the application: who wants which operation when.
 *
 * Each ring has a queue of requests that wait for the limit. Endless closed load: it never empties.
 * Workers: each wants one operation, and the next a think time after the last one completed. Open
 * load: Poisson arrivals, dealt to the rings in turn.
 */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include <auraio/adapt_sim.h>

#include "device.h"

typedef struct sim_load {
    const auraio_sim_model_t *model;
    const auraio_sim_segment_t *segment;
    sim_rng_t sizes, arrivals;
    bool endless; /* in the segment that is running */
    int rings;
    sim_fifo_t *waiting; /* of each ring: when the requests were made */
    sim_heap_t thinkers; /* workers (by ring) that think until then */
    int64_t arrival_ns;  /* the next one; INT64_MAX: closed loop */
    uint32_t arrival_ring;
} sim_load_t;

/* 0 or -ENOMEM; the load is to be destroyed either way. */
int sim_load_init(sim_load_t *load, const auraio_sim_model_t *model, uint64_t seed, int rings);
void sim_load_destroy(sim_load_t *load);

/* From `now_ns` on the load is as `segment` says. */
void sim_load_segment(sim_load_t *load, const auraio_sim_segment_t *segment, int64_t now_ns);

/* When new requests come; INT64_MAX: none will by themselves. */
static inline int64_t sim_load_next_ns(const sim_load_t *load)
{
    int64_t thinker = sim_heap_first(&load->thinkers);
    return thinker < load->arrival_ns ? thinker : load->arrival_ns;
}

/* Let the requests that come by `now_ns` come. */
void sim_load_advance(sim_load_t *load, int64_t now_ns);

/* How many requests of the ring wait; INT_MAX when its load is endless. */
int sim_load_waiting(const sim_load_t *load, uint32_t ring);

/* Take the ring's next request, which waits, as an operation. */
sim_op_t sim_load_take(sim_load_t *load, uint32_t ring, int64_t now_ns);

/* An operation of the ring completed. */
void sim_load_completed(sim_load_t *load, uint32_t ring, int64_t now_ns);

#endif
