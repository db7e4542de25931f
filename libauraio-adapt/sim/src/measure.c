/* measure.c - see measure.h. */
#include "measure.h"

#include <string.h>

void sim_measure_begin(sim_measure_t *measure, int64_t from_ns, int64_t to_ns, int limit,
                       uint64_t *ring_counts, int rings, const int64_t *targets_ns)
{
    memset(measure, 0, sizeof(*measure));
    memset(ring_counts, 0, (size_t)rings * sizeof(*ring_counts));
    measure->from_ns = from_ns;
    measure->steady_ns = from_ns + (to_ns - from_ns) / 2;
    measure->first = from_ns == 0;
    measure->targets_ns = targets_ns;
    while (measure->target_count < AURAIO_SIM_TARGETS && targets_ns[measure->target_count] > 0)
        measure->target_count++;
    measure->ring_counts = ring_counts;
    measure->rings = rings;
    measure->limit = measure->limit_min = measure->limit_max = limit;
    measure->limit_since_ns = measure->steady_ns;
    measure->quarters[0].from_ns = from_ns;
    measure->reached_ns = measure->reached_completions = -1;
}

/* Judge the look that ends with the quarter that is running. */
static void judge_look(sim_measure_t *measure)
{
    const sim_quarter_t *oldest = &measure->quarters[(measure->quarter + 1) % SIM_QUARTERS];
    double count = 0, latency_sum = 0;
    for (int i = 0; i < SIM_QUARTERS; i++) {
        count += measure->quarters[i].count;
        latency_sum += measure->quarters[i].latency_sum;
    }
    const auraio_sim_goal_t *goal = &measure->goal;
    double elapsed_ns = (double)(measure->last_ns - oldest->from_ns);
    bool fast = count * 1e9 >= SIM_REACHED_SHARE * goal->throughput_ops * elapsed_ns;
    bool quick = latency_sum <= SIM_REACHED_LATENCY * (double)goal->mean_ns * count;
    if (measure->reached_ns < 0 && fast && (quick || measure->first)) {
        measure->reached_ns = oldest->from_ns - measure->from_ns;
        measure->reached_completions = oldest->before;
    }
    measure->slow_looks = quick ? 0 : measure->slow_looks + 1;
    if (measure->slow_looks >= SIM_SLOW_LOOKS)
        measure->settled_ns = measure->last_ns - measure->from_ns;
}

/* Completions that come at one instant belong to one quarter, or a rate would depend on how its end
 * divides them. */
static void look(sim_measure_t *measure, int64_t now_ns, int64_t latency_ns)
{
    sim_quarter_t *quarter = &measure->quarters[measure->quarter % SIM_QUARTERS];
    if (quarter->count >= SIM_LOOK / SIM_QUARTERS && now_ns > measure->last_ns) {
        if (measure->quarter >= SIM_QUARTERS - 1)
            judge_look(measure);
        measure->quarter++;
        quarter = &measure->quarters[measure->quarter % SIM_QUARTERS];
        *quarter = (sim_quarter_t){.from_ns = measure->last_ns, .before = measure->seen};
    }
    quarter->count++;
    quarter->latency_sum += (double)latency_ns;
    measure->last_ns = now_ns;
}

void sim_measure_completion(sim_measure_t *measure, int64_t now_ns, int64_t latency_ns, int64_t wait_ns,
                            uint32_t ring)
{
    if (measure->goal.throughput_ops > 0)
        look(measure, now_ns, latency_ns);
    measure->seen++;
    if (now_ns < measure->steady_ns)
        return;
    measure->count++;
    measure->latency_sum += (double)latency_ns;
    measure->over += measure->target_ns > 0 && latency_ns > measure->target_ns;
    for (int i = 0; i < measure->target_count; i++)
        measure->overs[i] += latency_ns > measure->targets_ns[i];
    auraio_hist_record(&measure->latency, latency_ns);
    auraio_hist_record(&measure->wait, wait_ns);
    measure->ring_counts[ring]++;
}

void sim_measure_limit(sim_measure_t *measure, int64_t now_ns, int limit)
{
    if (now_ns > measure->steady_ns) {
        measure->limit_area += (double)measure->limit * (double)(now_ns - measure->limit_since_ns);
        measure->limit_since_ns = now_ns;
        measure->limit_min = limit < measure->limit_min ? limit : measure->limit_min;
        measure->limit_max = limit > measure->limit_max ? limit : measure->limit_max;
    } else {
        measure->limit_min = measure->limit_max = limit;
    }
    measure->limit = limit;
}

/* Jain's index, (sum x)^2 / (n sum x^2): 1 when all rings got the same, 1 / n when one got all. */
static double jain(const uint64_t *counts, int rings)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < rings; i++) {
        sum += (double)counts[i];
        squares += (double)counts[i] * (double)counts[i];
    }
    return squares > 0 ? sum * sum / (rings * squares) : 1;
}

void sim_measure_end(sim_measure_t *measure, int64_t now_ns, auraio_sim_figures_t *ret_figures)
{
    sim_measure_limit(measure, now_ns, measure->limit);
    double steady_ns = (double)(now_ns - measure->steady_ns);
    double count = measure->count > 0 ? (double)measure->count : 1;
    *ret_figures = (auraio_sim_figures_t){
        .completions = measure->count,
        .throughput_ops = (double)measure->count * 1e9 / steady_ns,
        .mean_ns = (int64_t)(measure->latency_sum / count),
        .p50_ns = auraio_hist_percentile(&measure->latency, 50),
        .p99_ns = auraio_hist_percentile(&measure->latency, 99),
        .wait_p99_ns = auraio_hist_percentile(&measure->wait, 99),
        .violations = (double)measure->over / count,
        .limit_mean = measure->limit_area / steady_ns,
        .limit_min = measure->limit_min,
        .limit_max = measure->limit_max,
        .jain = jain(measure->ring_counts, measure->rings),
        .reached_ns = measure->reached_ns,
        .reached_completions = measure->reached_completions,
        .settled_ns = measure->slow_looks >= SIM_SLOW_LOOKS ? -1 : measure->settled_ns,
    };
    for (int i = 0; i < measure->target_count; i++)
        ret_figures->over[i] = (double)measure->overs[i] / count;
}
