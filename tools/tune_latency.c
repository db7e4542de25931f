/* tune_latency.c - figures of a turn. The engine counts latencies from its start and tells percentiles; those
 * are as exact as its histogram, so asking for every rank gives the histogram back, bucket by bucket, and the
 * difference of two is what happened between. */
#include "tune.h"

/* The latency of the operation of that rank, 1 the fastest. The middle of the rank's share, so that no
 * rounding makes it a neighbour's. */
static int64_t latency_of(const auraio_engine_t *engine, int64_t rank, int64_t ops)
{
    return auraio_get_latency_percentile(engine, -1, 100 * ((double)rank - 0.5) / (double)ops);
}

void tune_latency_read(const auraio_engine_t *engine, int64_t ops, auraio_hist_t *ret_latency)
{
    auraio_hist_reset(ret_latency);
    for (int64_t rank = 1; rank <= ops;) {
        int64_t value = latency_of(engine, rank, ops);
        int64_t last = rank, beyond = ops + 1; /* the last rank of this value is in last..beyond-1 */
        while (beyond - last > 1) {
            int64_t middle = last + (beyond - last) / 2;
            if (latency_of(engine, middle, ops) == value)
                last = middle;
            else
                beyond = middle;
        }
        ret_latency->buckets[auraio_hist_index(value)] += (uint32_t)(last - rank + 1);
        rank = last + 1;
    }
}

double tune_rate(const tune_figures_t *figures)
{
    return figures->time_ns > 0 ? (double)figures->ops * 1e9 / (double)figures->time_ns : 0;
}

int64_t tune_percentile(const tune_figures_t *figures, double percent)
{
    return auraio_hist_percentile(&figures->latency, percent);
}

double tune_exceedance(const tune_figures_t *figures, int64_t target_ns)
{
    uint64_t count = auraio_hist_count(&figures->latency);
    double over = 0;
    for (int i = auraio_hist_index(target_ns); i < auraio_hist_bucket_count(); i++) {
        int64_t low = auraio_hist_bucket_low_ns(i), high = auraio_hist_bucket_high_ns(i);
        /* The bucket of the target itself counts with the share of it that lies above. */
        double share = low >= target_ns ? 1 : (double)(high - target_ns) / (double)(high - low);
        over += share * auraio_hist_bucket(&figures->latency, i);
    }
    return count > 0 ? over / (double)count : 0;
}

void tune_figures_add(tune_figures_t *into, const tune_figures_t *from)
{
    into->ops += from->ops;
    into->time_ns += from->time_ns;
    auraio_hist_merge(&into->latency, &from->latency);
}
