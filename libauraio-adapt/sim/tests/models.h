/* models.h - small models that theory knows the answers for. */
#ifndef TESTS_MODELS_H
#define TESTS_MODELS_H

#include <auraio/adapt_sim.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)

/* `servers` servers of `mean_ns` each; 4 KiB reads, an endless closed load. */
static inline auraio_sim_model_t servers_model(int servers, auraio_sim_shape_t shape, int64_t mean_ns)
{
    auraio_sim_model_t model = {
        .name = "test",
        .servers = servers,
        .read = {.shape = shape, .median_ns = mean_ns},
        .segments = {{.small_bytes = 4096}},
        .segment_count = 1,
        .max_limit = 1024,
        .duration_ns = 20 * SEC,
    };
    return model;
}

/* The steady figures of a fixed limit on the model. */
static inline auraio_sim_figures_t steady(const auraio_sim_model_t *model, int limit, uint64_t seed)
{
    auraio_sim_scenario_t scenario = {
        .model = model,
        .policy = auraio_sim_policy_find("fixed"),
        .initial_limit = limit,
        .seed = seed,
    };
    auraio_sim_result_t result;
    int error = auraio_sim_run(&scenario, &result);
    cr_assert_eq(error, 0, "the run failed with %d", error);
    return result.segments[0];
}

#define assert_near(value, wanted, share)                                                                    \
    cr_assert(fabs((double)(value) / (double)(wanted)-1) <= (share), "%s is %g, wanted %g", #value,          \
              (double)(value), (double)(wanted))

#endif
