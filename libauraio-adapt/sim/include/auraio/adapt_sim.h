/**
 * @file
 * auraio/adapt_sim.h - a laboratory for limit policies: storage devices simulated offline.
 *
 * A policy decides how many operations may be in the device. Here it runs against simulated
 * devices, on a virtual clock, from a seed: the same seed gives the same run, to the byte. A device
 * is a network of queues (see auraio_sim_model_t), never a formula of the limit: throughput and
 * latency come out of operations waiting for one another. What a policy reaches is judged against
 * the oracle: the best limit that never moves, found by trying them all.
 *
 * Errors. Functions returning int return 0 or more, or a negative errno.
 * Threads. There is no global state: calls on different objects may run at once.
 * Memory. Models, scenarios and results are plain data that the caller owns; runs allocate what
 * they need and free it before they return.
 * Stability. This is a laboratory, built and run with one version of the library: its structs carry
 * no size and may grow in any release, so that a test can write a model down as an initialiser.
 */
#ifndef AURAIO_ADAPT_SIM_H
#define AURAIO_ADAPT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <auraio/adapt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- policies ----------------------------------------------------------------------------------
 */

/** What every controller implements here, and what you implement to test your own. The simulator
 * hands `state_size` zeroed bytes, aligned for any type, to every call. */
typedef struct auraio_sim_policy {
    const char *name;
    const char *summary;
    size_t state_size;
    /** 0, or a negative errno that ends the run. */
    int (*init)(void *state, const auraio_adapt_options_t *options);
    /** The completions of one reap. */
    void (*complete)(void *state, const auraio_adapt_batch_t *batch);
    /** The limit now; values outside the options' min_limit..max_limit are clamped into it. */
    int (*limit)(const void *state);
    /** An auraio_adapt_phase_t, for charts; may be NULL. */
    int (*phase)(const void *state);
} auraio_sim_policy_t;

/** The policies that come with the library, by index from 0; NULL past the last. */
AURAIO_ADAPT_API const auraio_sim_policy_t *auraio_sim_policy_at(int index);

/** The policy of that name, or NULL. */
AURAIO_ADAPT_API const auraio_sim_policy_t *auraio_sim_policy_find(const char *name);

/* ---- device models -----------------------------------------------------------------------------
 */

typedef enum auraio_sim_shape {
    AURAIO_SIM_FIXED = 0,       /**< always the median */
    AURAIO_SIM_EXPONENTIAL = 1, /**< memoryless; median_ns is taken as the mean */
    AURAIO_SIM_LOGNORMAL = 2,   /**< median_ns and sigma */
} auraio_sim_shape_t;

/** A random service time: a body of the given shape and, for a share of the operations, a Pareto
 * tail: tail_from * median_ns / u^(1 / tail_shape), cut at tail_cap * median_ns. */
typedef struct auraio_sim_latency {
    auraio_sim_shape_t shape;
    int64_t median_ns;
    double sigma;      /**< of the logarithm */
    double tail_share; /**< 0: no tail */
    double tail_from, tail_shape, tail_cap;
} auraio_sim_latency_t;

/** One row of a measured device: what it does with `depth` operations in flight. */
typedef struct auraio_sim_knot {
    int depth;
    double throughput_ops;
    int64_t p99_ns;
} auraio_sim_knot_t;

typedef enum auraio_sim_station {
    AURAIO_SIM_SERVERS = 0, /**< `servers` parallel servers behind one FIFO queue */
    AURAIO_SIM_CURVE = 1,   /**< one station sharing a measured throughput among all in flight */
    AURAIO_SIM_DISK = 2,    /**< one arm over a rotating platter, shortest positioning time first */
} auraio_sim_station_t;

typedef enum auraio_sim_gate {
    AURAIO_SIM_OPEN = 0,
    AURAIO_SIM_BUCKET = 1, /**< token bucket: gate_ops a second, gate_burst saved up */
    AURAIO_SIM_SLICE = 2,  /**< gate_ops a second, handed out at the start of each gate_slice_ns */
} auraio_sim_gate_t;

/** A stretch of time in which device and load stay as they are. */
typedef struct auraio_sim_segment {
    int64_t duration_ns; /**< of the last one: ignored, it lasts to the end */
    int servers;         /**< 0: the model's */
    double speed;        /**< service times are divided by it; 0: 1 */
    uint32_t small_bytes, large_bytes;
    double large_share; /**< share of operations of large_bytes */
    double write_share;
    double arrival_ops; /**< open loop: Poisson arrivals a second; 0: closed loop */
} auraio_sim_segment_t;

#define AURAIO_SIM_KNOTS 64
#define AURAIO_SIM_SEGMENTS 8
#define AURAIO_SIM_TARGETS 4

/** A device and its load. Operations travel: transit, gate, station, bus, transit. Everything left 0
 * is absent. Start from one of the models that come with the library, or from zero bytes. */
typedef struct auraio_sim_model {
    char name[32];
    char summary[96];

    /** the way to the device and back, half of it each way; jitter is the sigma of its logarithm */
    int64_t transit_ns;
    double transit_jitter;

    auraio_sim_gate_t gate;
    double gate_ops, gate_burst;
    int64_t gate_slice_ns;

    auraio_sim_station_t station;
    int servers;
    auraio_sim_latency_t read, write; /**< write.median_ns 0: as read */
    int64_t kib_ns;                   /**< added to a service time for each KiB */
    auraio_sim_knot_t knots[AURAIO_SIM_KNOTS];
    int knot_count;
    int64_t seek_min_ns, seek_max_ns, rotation_ns; /**< disk */
    int disk_queue;                                /**< operations the drive may choose from */
    int64_t disk_patience_ns;                      /**< an operation waiting longer goes first */

    int64_t bus_kib_ns; /**< a bus all transfers share, one at a time: time for each KiB */

    /** the station starts nothing for pause_ns, in exponential intervals of mean pause_every_ns */
    int64_t pause_every_ns, pause_ns;

    /** another user of the device: Poisson arrivals while it is on; on and off alternate */
    double neighbour_ops;
    int64_t neighbour_on_ns, neighbour_off_ns; /**< off 0: always on */

    /** the host: completions are seen on a grid of reap_ns; once every stall_every_ns the
     * application comes stall_ns late (those batches carry AURAIO_ADAPT_LATE) */
    int64_t reap_ns, stall_every_ns, stall_ns;

    int workers;      /**< closed loop: so many operations want to be in flight; 0: endless */
    int64_t think_ns; /**< mean exponential pause of a worker between two operations */

    auraio_sim_segment_t segments[AURAIO_SIM_SEGMENTS];
    int segment_count; /**< 1 to AURAIO_SIM_SEGMENTS */

    int max_limit;                          /**< what the policy may use at most */
    int64_t duration_ns;                    /**< of a run, unless the scenario says otherwise */
    int64_t targets_ns[AURAIO_SIM_TARGETS]; /**< p99 targets worth trying, then 0 */
    int64_t reach_ns; /**< time a policy is given to reach 95 % of the throughput; 0: any */
    int64_t react_ns; /**< the same after a change of segment */
} auraio_sim_model_t;

/** The models that come with the library, by index from 0. Returns 0, or -ENOENT past the last. */
AURAIO_ADAPT_API int auraio_sim_model_at(int index, auraio_sim_model_t *ret_model);

/** The model of that name. Returns 0, or -ENOENT. */
AURAIO_ADAPT_API int auraio_sim_model_find(const char *name, auraio_sim_model_t *ret_model);

/** A device drawn at random: the same for the same seed and index (from 0). Returns 0 or -EINVAL. */
AURAIO_ADAPT_API int auraio_sim_model_random(uint64_t seed, int index, auraio_sim_model_t *ret_model);

/** Where a text is wrong, and why (a static string). */
typedef struct auraio_sim_syntax {
    int line; /**< from 1; 0: there is no text */
    const char *why;
} auraio_sim_syntax_t;

/** A measured device from text: one line a depth, "depth operations_a_second p99_us", depths growing;
 * '#' begins a comment. Returns 0; -EINVAL for a text that is wrong: `ret_where`, unless NULL, says
 * where. */
AURAIO_ADAPT_API int auraio_sim_curve_parse(const char *text, size_t length, auraio_sim_model_t *ret_model,
                                            auraio_sim_syntax_t *ret_where);

/** Whether the model can run. Returns 0, or -EINVAL and, unless `ret_why` is NULL, a static string
 * naming the field at fault. */
AURAIO_ADAPT_API int auraio_sim_model_check(const auraio_sim_model_t *model, const char **ret_why);

/* ---- traces ------------------------------------------------------------------------------------
 */

/** Every reap of a run: what a policy saw. */
typedef struct auraio_sim_trace auraio_sim_trace_t;

/** An empty trace; the caller destroys it. Returns 0, -EINVAL (no ret_trace) or -ENOMEM. */
AURAIO_ADAPT_API int auraio_sim_trace_create(auraio_sim_trace_t **ret_trace);

/** NULL: nothing happens. */
AURAIO_ADAPT_API void auraio_sim_trace_destroy(auraio_sim_trace_t *trace);

/** How many completions it holds. */
AURAIO_ADAPT_API uint64_t auraio_sim_trace_completions(const auraio_sim_trace_t *trace);

/** A trace from text, as auraio_sim_trace_write writes it; the caller destroys it. Returns 0;
 * -EINVAL for a text that is wrong: `ret_where`, unless NULL, says where; -ENOMEM. */
AURAIO_ADAPT_API int auraio_sim_trace_parse(const char *text, size_t length, auraio_sim_trace_t **ret_trace,
                                            auraio_sim_syntax_t *ret_where);

/** The trace as text, in pieces to `write`, which returns 0 or an error that ends the writing.
 * Returns 0, -EINVAL, or what `write` returned. */
AURAIO_ADAPT_API int auraio_sim_trace_write(const auraio_sim_trace_t *trace,
                                            int (*write)(void *argument, const char *bytes, size_t length),
                                            void *argument);

/** The device a trace describes, as a measured curve: useful when the depth varied while the trace
 * was taken. What changed over time is averaged. Returns 0; -EINVAL; -ENODATA: at no depth does it
 * hold the 200 completions a p99 takes; -ENOMEM. */
AURAIO_ADAPT_API int auraio_sim_trace_model(const auraio_sim_trace_t *trace, auraio_sim_model_t *ret_model);

/** Called after each reap of a replay, with what the policy decided. */
typedef void (*auraio_sim_replayed_t)(void *argument, const auraio_adapt_batch_t *batch, int limit,
                                      int phase);

/** Show a policy what a trace recorded, reap for reap; what it decides changes nothing of that. A
 * policy that was recorded decides again what it decided then. `replayed` may be NULL. Returns 0,
 * -EINVAL, -ENOMEM, or what the policy's init returned. */
AURAIO_ADAPT_API int auraio_sim_trace_replay(const auraio_sim_trace_t *trace,
                                             const auraio_sim_policy_t *policy,
                                             const auraio_adapt_options_t *options,
                                             auraio_sim_replayed_t replayed, void *argument);

/* ---- runs --------------------------------------------------------------------------------------
 */

/** What a segment is measured against: see auraio_sim_oracle. */
typedef struct auraio_sim_goal {
    double throughput_ops; /**< 0: nothing to reach */
    int64_t mean_ns;
} auraio_sim_goal_t;

/** One interval of a run, for charts. */
typedef struct auraio_sim_point {
    int64_t at_ns; /**< its end */
    double throughput_ops;
    int64_t p99_ns;
    int limit; /**< at its end */
    int phase; /**< at its end; -1 when the policy has none */
} auraio_sim_point_t;

/** What to run. Start from zero bytes; zero means default. */
typedef struct auraio_sim_scenario {
    const auraio_sim_model_t *model;
    const auraio_sim_policy_t *policy;
    int64_t p99_target_ns; /**< 0: none */
    int initial_limit;     /**< 0: 4; the fixed policy stays there */
    uint64_t seed;
    int rings;           /**< users sharing the device: 0 is 1 */
    bool separate;       /**< one controller a ring instead of one for the device */
    int64_t duration_ns; /**< 0: the model's; past the start of the last segment */
    auraio_sim_goal_t goals[AURAIO_SIM_SEGMENTS];
    auraio_sim_point_t *points; /**< filled with points_max equal intervals; NULL: none */
    int points_max;
    auraio_sim_trace_t *trace; /**< every reap is appended to it; NULL: none */
} auraio_sim_scenario_t;

/** What one segment came to. "Steady" is the second half of the segment. */
typedef struct auraio_sim_figures {
    uint64_t completions; /**< steady; those of a neighbour don't count */
    double throughput_ops;
    int64_t mean_ns, p50_ns, p99_ns; /**< dispatch to completion */
    int64_t wait_p99_ns;             /**< in the application's queue, before dispatch */
    double violations;               /**< share of completions over the scenario's target */
    double over[AURAIO_SIM_TARGETS]; /**< the same for each of the model's targets_ns */
    double limit_mean;               /**< by time */
    int limit_min, limit_max;
    double jain; /**< fairness between rings, 1 / rings to 1 */
    /** From the segment's start to the first 256 completions that came at 95 % of the goal's
     * throughput (in a later segment also: with at most 1.5 times the goal's mean latency).
     * -1: never. */
    int64_t reached_ns;
    int64_t reached_completions;
    /** From the segment's start to the end of the last time that 4 x 256 completions in a row took
     * more than 1.5 times the goal's mean latency. 0: there was none, or no goal; -1: it goes on.
     */
    int64_t settled_ns;
} auraio_sim_figures_t;

typedef struct auraio_sim_result {
    int segment_count;
    auraio_sim_figures_t segments[AURAIO_SIM_SEGMENTS];
    uint64_t completions; /**< all of the run */
    uint64_t digest;      /**< of every completion and limit: equal runs have equal digests */
} auraio_sim_result_t;

/** Run a scenario.
 * Returns 0; -EINVAL: no model or policy, a model that fails auraio_sim_model_check, negative
 * values, a duration that doesn't reach the last segment, or more than 1024 rings; -ENOMEM; or what
 * the policy's init returned. `ret_result` is untouched on failure. */
AURAIO_ADAPT_API int auraio_sim_run(const auraio_sim_scenario_t *scenario, auraio_sim_result_t *ret_result);

/* ---- the oracle --------------------------------------------------------------------------------
 */

/** The best limit that never moves, for one segment and one target. */
typedef struct auraio_sim_best {
    int limit; /**< 0: no limit keeps the target */
    double throughput_ops;
    int64_t mean_ns, p99_ns;
} auraio_sim_best_t;

/** Without a target: the smallest limit that reaches 95 % of the best throughput any limit reaches.
 * With one: the limit of most throughput among those with at most 1 % of completions over it. */
typedef struct auraio_sim_oracle {
    int segment_count;
    auraio_sim_best_t knee[AURAIO_SIM_SEGMENTS];
    auraio_sim_best_t target[AURAIO_SIM_SEGMENTS][AURAIO_SIM_TARGETS]; /**< model's targets_ns */
} auraio_sim_oracle_t;

/** Sweep every static limit up to 16, then in steps of 1/8 to the model's max_limit, then one by
 * one around the knee and around each target's bound; each segment on its own.
 * Returns 0; -EINVAL as auraio_sim_run; -ENOMEM. `ret_oracle` is untouched on failure. */
AURAIO_ADAPT_API int auraio_sim_oracle(const auraio_sim_model_t *model, uint64_t seed,
                                       auraio_sim_oracle_t *ret_oracle);

/* ---- verdicts ----------------------------------------------------------------------------------
 */

/** A figure that is not what it should be. */
typedef struct auraio_sim_finding {
    const char *figure; /**< static string */
    int segment;
    double value, bound;
    bool at_least; /**< the bound is a lower one */
} auraio_sim_finding_t;

#define AURAIO_SIM_FINDINGS 16

/** How a policy did against the oracle. Of several segments the worst counts. */
typedef struct auraio_sim_verdict {
    auraio_sim_result_t result;
    double throughput; /**< share of the oracle's */
    double p99;        /**< times the oracle's */
    double violations; /**< share of completions over the target */
    double swing;      /**< how far the limit strayed from its mean, as a share of it */
    double jain;
    int64_t reached_ns, reached_completions; /**< 95 % of the oracle's throughput; -1: never */
    int64_t reaction_ns; /**< the same after the slowest change; 0: no change, -1: never */
    int64_t settled_ns;  /**< of the segment that took longest, -1: never; not judged */
    int finding_count;
    auraio_sim_finding_t findings[AURAIO_SIM_FINDINGS];
} auraio_sim_verdict_t;

/** Run a scenario (its `goals` are filled in from the oracle) and judge it:
 *
 *     throughput   without a target >= 0.98 of the oracle's, with one >= 0.97
 *     p99          without a target <= 1.2 times the oracle's; 1.5 where its limit is under 6
 *     violations   with a target <= 1 % of completions
 *     reached      within the model's reach_ns, and after at most 8192 completions
 *     reaction     within the model's react_ns
 *     swing        without a target, with a load that leaves the device idle: <= 25 %
 *     jain         several rings: >= 0.99
 *
 * With a load that leaves the device idle (workers or arrivals) p99 and reached are not judged:
 * what they come to is the application's doing. `oracle` is of the same model. A target must be one
 * of the model's, and one the oracle can keep in every segment. Returns 0 whether or not there are
 * findings; as auraio_sim_oracle_best for a target that is not; otherwise as auraio_sim_run.
 * `ret_verdict` is untouched on failure. */
AURAIO_ADAPT_API int auraio_sim_trial(const auraio_sim_scenario_t *scenario,
                                      const auraio_sim_oracle_t *oracle, auraio_sim_verdict_t *ret_verdict);

/** What the oracle reaches in each segment under the target, 0 for none:
 * best[oracle->segment_count]. Returns 0; -EINVAL: not one of the model's targets; -ERANGE: no
 * limit keeps it in some segment. */
AURAIO_ADAPT_API int auraio_sim_oracle_best(const auraio_sim_model_t *model,
                                            const auraio_sim_oracle_t *oracle, int64_t p99_target_ns,
                                            auraio_sim_best_t *ret_best);

#ifdef __cplusplus
}
#endif

#endif
