/* trace.h - the inside of a trace: reaps, each with its samples, in two growing arrays. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <auraio/adapt_sim.h>

typedef struct sim_reap {
    int64_t now_ns;
    int in_flight;
    int count;
    unsigned flags;
} sim_reap_t;

struct auraio_sim_trace {
    sim_reap_t *reaps;
    size_t reap_count, reap_capacity;
    auraio_adapt_sample_t *samples;
    size_t sample_count, sample_capacity;
};

/* 0 or -ENOMEM, and the trace is as before. */
int sim_trace_append(auraio_sim_trace_t *trace, const auraio_adapt_batch_t *batch);

#endif
