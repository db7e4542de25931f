/* trace.c - holds a trace: see trace.h. */
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int auraio_sim_trace_create(auraio_sim_trace_t **ret_trace)
{
    if (!ret_trace)
        return -EINVAL;
    auraio_sim_trace_t *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return -ENOMEM;
    *ret_trace = trace;
    return 0;
}

void auraio_sim_trace_destroy(auraio_sim_trace_t *trace)
{
    if (!trace)
        return;
    free(trace->samples);
    free(trace->reaps);
    free(trace);
}

/* Room for `more` items after `count`. 0 or -ENOMEM. */
static int reserve(void **items, size_t *capacity, size_t count, size_t more, size_t size)
{
    if (count + more <= *capacity)
        return 0;
    size_t wanted = 2 * (count + more);
    void *grown = reallocarray(*items, wanted, size);
    if (!grown)
        return -ENOMEM;
    *items = grown;
    *capacity = wanted;
    return 0;
}

int sim_trace_append(auraio_sim_trace_t *trace, const auraio_adapt_batch_t *batch)
{
    size_t more = (size_t)batch->count;
    void *reaps = trace->reaps, *samples = trace->samples;
    int error = reserve(&reaps, &trace->reap_capacity, trace->reap_count, 1, sizeof(sim_reap_t));
    trace->reaps = reaps;
    if (!error)
        error = reserve(&samples, &trace->sample_capacity, trace->sample_count, more,
                        sizeof(auraio_adapt_sample_t));
    trace->samples = samples;
    if (error)
        return error;
    trace->reaps[trace->reap_count++] = (sim_reap_t){
        .now_ns = batch->now_ns,
        .in_flight = batch->in_flight,
        .count = batch->count,
        .flags = batch->flags,
    };
    memcpy(trace->samples + trace->sample_count, batch->samples, more * sizeof(*trace->samples));
    trace->sample_count += more;
    return 0;
}

uint64_t auraio_sim_trace_completions(const auraio_sim_trace_t *trace)
{
    return trace->sample_count;
}
