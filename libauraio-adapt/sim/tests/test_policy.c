/* The policies for comparison: each does what it is known for, and stays in its bounds. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "models.h"

static auraio_sim_figures_t run(const auraio_sim_model_t *model, const char *policy, int64_t target_ns)
{
    auraio_sim_scenario_t scenario = {
        .model = model,
        .policy = auraio_sim_policy_find(policy),
        .p99_target_ns = target_ns,
        .seed = 1,
    };
    auraio_sim_result_t result;
    cr_assert_eq(auraio_sim_run(&scenario, &result), 0);
    return result.segments[0];
}

static auraio_sim_model_t named(const char *name)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find(name, &model), 0);
    return model;
}

Test(sim_policy, each_is_found_by_its_name_and_says_what_it_does)
{
    const auraio_sim_policy_t *policy;
    int count = 0;
    for (; (policy = auraio_sim_policy_at(count)); count++) {
        cr_assert_eq(auraio_sim_policy_find(policy->name), policy);
        cr_assert_gt(strlen(policy->summary), 0);
    }
    cr_assert_eq(count, 6);
    cr_assert_null(auraio_sim_policy_find("no such policy"));
    cr_assert_null(auraio_sim_policy_find(NULL));
    cr_assert_null(auraio_sim_policy_at(-1));
}

Test(sim_policy, every_one_stays_within_a_tiny_range_of_limits)
{
    auraio_sim_model_t model = named("card");
    model.max_limit = 2;
    const auraio_sim_policy_t *policy;
    for (int i = 0; (policy = auraio_sim_policy_at(i)); i++) {
        for (int64_t target_ns = 0; target_ns <= 1 * MS; target_ns += MS) {
            auraio_sim_figures_t figures = run(&model, policy->name, target_ns);
            cr_assert_geq(figures.limit_min, 1, "%s", policy->name);
            cr_assert_leq(figures.limit_max, 2, "%s", policy->name);
            cr_assert_gt(figures.completions, 1000, "%s", policy->name);
        }
    }
}

Test(sim_policy, fixed_never_moves)
{
    auraio_sim_model_t model = named("nvme");
    auraio_sim_figures_t figures = run(&model, "fixed", 300 * US);
    cr_assert_eq(figures.limit_min, 4);
    cr_assert_eq(figures.limit_max, 4);
}

Test(sim_policy, aimd_finds_a_target_it_can_measure)
{
    auraio_sim_model_t model = named("measured");
    auraio_sim_figures_t figures = run(&model, "aimd-p99", 500 * US);
    assert_near(figures.limit_mean, 22, 0.15);
}

Test(sim_policy, vegas_is_misled_by_the_least_latency_of_a_device_with_jitter)
{
    auraio_sim_model_t steady_model = servers_model(32, AURAIO_SIM_FIXED, 70 * US);
    auraio_sim_model_t jitter_model = servers_model(32, AURAIO_SIM_LOGNORMAL, 70 * US);
    steady_model.duration_ns = jitter_model.duration_ns = 2 * SEC;
    jitter_model.read.sigma = 0.25;
    /* Without jitter: the servers and 3 to 6 queued. With it, it takes the spread for a queue. */
    auraio_sim_figures_t plain = run(&steady_model, "vegas", 0);
    auraio_sim_figures_t jitter = run(&jitter_model, "vegas", 0);
    cr_assert_geq(plain.limit_mean, 34);
    cr_assert_leq(plain.limit_mean, 39);
    cr_assert_leq(jitter.limit_mean, 16);
}

Test(sim_policy, gradient2_ends_far_above_the_knee_without_a_target)
{
    auraio_sim_model_t model = named("nvme");
    auraio_sim_figures_t figures = run(&model, "gradient2", 0);
    cr_assert_geq(figures.limit_mean, 10 * 32);
}

Test(sim_policy, the_ticker_adds_one_each_tick_whatever_the_device)
{
    auraio_sim_model_t model = named("nvme");
    auraio_sim_figures_t figures = run(&model, "ticker", 10 * MS);
    /* 4 and one each 10 ms: at 2 s about 203. */
    cr_assert_geq(figures.limit_max, 195);
    cr_assert_leq(figures.limit_max, 204);
}
