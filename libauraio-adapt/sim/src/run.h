/* run.h - one run: application, limit, device and policy, moved by one clock.
 *
 * A cycle at each instant at which something happens: the device moves, requests come, completions
 * are reaped (each reap is one batch to the policy), and what the limit allows is sent.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "device.h"
#include "load.h"
#include "measure.h"

/* One instance of the policy: for the device, or for each ring. */
typedef struct sim_control {
    void *state;
    int in_flight;
    int limit;
} sim_control_t;

typedef struct sim_run {
    const auraio_sim_scenario_t *scenario;
    const auraio_sim_model_t *model;
    const auraio_sim_policy_t *policy;
    int64_t now_ns, end_ns;

    sim_device_t device;
    sim_load_t load;

    int rings;
    sim_control_t *controls; /* one, or one a ring */
    int control_count;
    unsigned char *states;
    auraio_adapt_share_t share; /* several rings, one controller: who gets its credits */
    auraio_adapt_share_user_t *users;

    auraio_adapt_sample_t *samples;
    uint32_t *reaped_rings;
    int64_t reap_ns; /* when completions that wait are reaped */
    int64_t stall_ns, stall_end_ns;

    int segment;
    int64_t segment_end_ns;
    sim_measure_t measure;
    uint64_t *ring_counts;

    int64_t point_ns; /* when the next point of the series is due */
    int point;
    auraio_hist_t point_latency;
    uint64_t point_count;

    auraio_sim_result_t result;
} sim_run_t;

/* Where a segment of a run of `duration_ns` ends. */
int64_t sim_segment_end_ns(const auraio_sim_model_t *model, int segment, int64_t duration_ns);

#endif
