/* oracle.c - the best static limit, found by trying them.
 *
 * Every limit up to 16, then steps of 1/8, with short runs; then every limit around the knee and
 * around each target's bound; and at last one run as long as the policy's at each limit chosen, for
 * the figures the policy is held to. All runs of one oracle share the seed: two limits then differ
 * by what they do, not by their luck.
 */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <stdlib.h>

#include "policy.h"

#define KNEE_SHARE 0.95
#define VIOLATIONS_MAX 0.01
#define SWEEP_MAX 512
#define SWEEP_COMPLETIONS 60000.0 /* of a short run: 600 beyond its p99 */

typedef struct sweep {
    auraio_sim_model_t model; /* one segment only */
    uint64_t seed;
    int64_t short_ns;
    int limits[SWEEP_MAX]; /* growing */
    auraio_sim_figures_t figures[SWEEP_MAX];
    int count;
} sweep_t;

static int measure(const sweep_t *sweep, int limit, int64_t duration_ns, auraio_sim_figures_t *ret_figures)
{
    auraio_sim_scenario_t scenario = {
        .model = &sweep->model,
        .policy = &sim_policy_fixed,
        .initial_limit = limit,
        .seed = sweep->seed,
        .duration_ns = duration_ns,
    };
    auraio_sim_result_t result;
    int error = auraio_sim_run(&scenario, &result);
    if (!error)
        *ret_figures = result.segments[0];
    return error;
}

/* Measure `limit` unless it was, and keep the list sorted. */
static int try_limit(sweep_t *sweep, int limit)
{
    int at = sweep->count;
    while (at > 0 && sweep->limits[at - 1] > limit)
        at--;
    if ((at > 0 && sweep->limits[at - 1] == limit) || sweep->count == SWEEP_MAX)
        return 0;
    auraio_sim_figures_t figures;
    int error = measure(sweep, limit, sweep->short_ns, &figures);
    if (error)
        return error;
    for (int i = sweep->count; i > at; i--) {
        sweep->limits[i] = sweep->limits[i - 1];
        sweep->figures[i] = sweep->figures[i - 1];
    }
    sweep->limits[at] = limit;
    sweep->figures[at] = figures;
    sweep->count++;
    return 0;
}

/* How long a run must be for SWEEP_COMPLETIONS in its steady half; never longer than the policy's.
 */
static int plan_short_runs(sweep_t *sweep)
{
    int limit = sweep->model.max_limit < 64 ? sweep->model.max_limit : 64;
    auraio_sim_figures_t figures;
    int64_t duration_ns = sweep->model.duration_ns;
    int error = measure(sweep, limit, duration_ns / 8 + 1, &figures);
    if (error)
        return error;
    double wanted_ns = 2 * SWEEP_COMPLETIONS * 1e9 / (figures.throughput_ops + 1);
    sweep->short_ns = wanted_ns < (double)duration_ns ? (int64_t)wanted_ns : duration_ns;
    return 0;
}

static int try_grid(sweep_t *sweep)
{
    int max = sweep->model.max_limit;
    for (int limit = 1; limit < max; limit += limit < 16 ? 1 : limit / 8) {
        int error = try_limit(sweep, limit);
        if (error)
            return error;
    }
    return try_limit(sweep, max);
}

/* The index of the best limit tried under the model's target of that number, -1: the knee. Returns
 * -1 when no limit keeps the target. */
static int choose(const sweep_t *sweep, int target)
{
    double most = 0;
    int best = -1;
    for (int i = 0; i < sweep->count; i++) {
        const auraio_sim_figures_t *figures = &sweep->figures[i];
        bool kept = target < 0 || figures->over[target] <= VIOLATIONS_MAX;
        if (kept && figures->throughput_ops > most) {
            most = figures->throughput_ops;
            best = i;
        }
    }
    if (target >= 0 || best < 0)
        return best;
    for (int i = 0; i < sweep->count; i++) {
        if (sweep->figures[i].throughput_ops >= KNEE_SHARE * most)
            return i;
    }
    return best;
}

static int try_around(sweep_t *sweep, int index)
{
    int from = index > 0 ? sweep->limits[index - 1] : 1;
    int to = index + 1 < sweep->count ? sweep->limits[index + 1] : sweep->limits[index];
    for (int limit = from; limit <= to; limit++) {
        int error = try_limit(sweep, limit);
        if (error)
            return error;
    }
    return 0;
}

/* The best limit under a target, with the figures of a run of full length. */
static int find(sweep_t *sweep, int target, auraio_sim_best_t *ret_best)
{
    int index = choose(sweep, target);
    int error = index >= 0 ? try_around(sweep, index) : 0;
    if (error)
        return error;
    index = choose(sweep, target);
    if (index < 0) {
        *ret_best = (auraio_sim_best_t){0};
        return 0;
    }
    auraio_sim_figures_t figures;
    error = measure(sweep, sweep->limits[index], sweep->model.duration_ns, &figures);
    if (error)
        return error;
    *ret_best = (auraio_sim_best_t){
        .limit = sweep->limits[index],
        .throughput_ops = figures.throughput_ops,
        .mean_ns = figures.mean_ns,
        .p99_ns = figures.p99_ns,
    };
    return 0;
}

/* The model as it is during one of its segments. */
static void isolate(const auraio_sim_model_t *model, int segment, auraio_sim_model_t *ret_model)
{
    *ret_model = *model;
    ret_model->segments[0] = model->segments[segment];
    ret_model->segment_count = 1;
    int64_t start = 0;
    for (int i = 0; i < segment; i++)
        start += model->segments[i].duration_ns;
    bool last = segment == model->segment_count - 1;
    int64_t end = last ? model->duration_ns : start + model->segments[segment].duration_ns;
    ret_model->duration_ns = end - start;
}

int auraio_sim_oracle(const auraio_sim_model_t *model, uint64_t seed, auraio_sim_oracle_t *ret_oracle)
{
    if (!ret_oracle || auraio_sim_model_check(model, NULL))
        return -EINVAL;
    sweep_t *sweep = malloc(sizeof(*sweep));
    if (!sweep)
        return -ENOMEM;
    auraio_sim_oracle_t oracle = {.segment_count = model->segment_count};
    int error = 0;
    for (int i = 0; i < model->segment_count && !error; i++) {
        *sweep = (sweep_t){.seed = seed};
        isolate(model, i, &sweep->model);
        error = plan_short_runs(sweep);
        if (!error)
            error = try_grid(sweep);
        if (!error)
            error = find(sweep, -1, &oracle.knee[i]);
        for (int t = 0; t < AURAIO_SIM_TARGETS && model->targets_ns[t] > 0 && !error; t++)
            error = find(sweep, t, &oracle.target[i][t]);
    }
    free(sweep);
    if (!error)
        *ret_oracle = oracle;
    return error;
}
