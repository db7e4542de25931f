/* measure.h - what is written down of one segment while it runs.
 *
 * The steady window is the second half of the segment: what came before is the policy's way there,
 * and is judged by the time it took. Nothing here feeds back into the run.
 */
#ifndef SIM_MEASURE_H
#define SIM_MEASURE_H

#include <auraio/adapt_sim.h>

/* Completions of one look at whether the goal is reached: enough that luck is a few percent. A look
 * ends with each quarter of one, so that on a slow device it doesn't take seconds to see it. */
#define SIM_LOOK 256
#define SIM_QUARTERS 4
#define SIM_REACHED_SHARE 0.95
#define SIM_REACHED_LATENCY 1.5

/* Latency is unsettled as long as the looks of 4 x 256 completions in a row see too much of it: a
 * probe is over sooner. */
#define SIM_SLOW_LOOKS (3 * SIM_QUARTERS + 1)

typedef struct sim_quarter {
    int64_t from_ns;
    int64_t before; /* completions of the segment before it */
    int count;
    double latency_sum;
} sim_quarter_t;

typedef struct sim_measure {
    int64_t from_ns, steady_ns;
    int64_t target_ns;         /* 0: none */
    const int64_t *targets_ns; /* the model's */
    int target_count;
    auraio_sim_goal_t goal;
    bool first; /* of the run: no old operations whose latency must fall */

    auraio_hist_t latency, wait; /* steady */
    uint64_t count, over;        /* steady */
    uint64_t overs[AURAIO_SIM_TARGETS];
    double latency_sum;
    uint64_t *ring_counts;
    int rings;

    int limit, limit_min, limit_max;
    int64_t limit_since_ns;
    double limit_area;

    sim_quarter_t quarters[SIM_QUARTERS]; /* the one that is running, and those before it */
    int quarter;                          /* how many are over */
    int64_t last_ns;                      /* the last completion */
    int64_t seen;                         /* completions since the segment began */
    int64_t reached_ns, reached_completions;
    int slow_looks;
    int64_t settled_ns;
} sim_measure_t;

/* Begin a segment that lasts from `from_ns` to `to_ns`. `ring_counts` (rings of them) is kept, and
 * so are the model's `targets_ns`. */
void sim_measure_begin(sim_measure_t *measure, int64_t from_ns, int64_t to_ns, int limit,
                       uint64_t *ring_counts, int rings, const int64_t *targets_ns);

void sim_measure_completion(sim_measure_t *measure, int64_t now_ns, int64_t latency_ns, int64_t wait_ns,
                            uint32_t ring);

void sim_measure_limit(sim_measure_t *measure, int64_t now_ns, int limit);

void sim_measure_end(sim_measure_t *measure, int64_t now_ns, auraio_sim_figures_t *ret_figures);

#endif
