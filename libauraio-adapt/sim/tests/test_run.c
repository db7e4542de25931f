/* Runs: determinism, the limit, what policies are shown, segments and rings. */
#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "device.h"
#include "models.h"

static auraio_sim_result_t run(const auraio_sim_scenario_t *scenario)
{
    auraio_sim_result_t result;
    int error = auraio_sim_run(scenario, &result);
    cr_assert_eq(error, 0, "the run failed with %d", error);
    return result;
}

Test(sim_run, every_model_runs_twice_the_same_from_the_same_seed)
{
    auraio_sim_model_t model;
    for (int i = 0; auraio_sim_model_at(i, &model) == 0; i++) {
        auraio_sim_scenario_t scenario = {
            .model = &model,
            .policy = auraio_sim_policy_find("aimd-p99"),
            .seed = 42,
        };
        model.duration_ns /= 10;
        for (int s = 0; s < model.segment_count; s++)
            model.segments[s].duration_ns /= 10;
        auraio_sim_result_t a = run(&scenario), b = run(&scenario);
        cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0, "%s", model.name);
        scenario.seed = 43;
        auraio_sim_result_t c = run(&scenario);
        cr_assert_neq(a.digest, c.digest, "%s", model.name);
    }
}

/* A policy that checks what it is shown, and moves its limit about. */
typedef struct witness {
    int limit, highest;
    int64_t now_ns;
    int batches, late, bound;
    bool broken;
} witness_t;

static witness_t last_seen;

static int witness_init(void *state, const auraio_adapt_options_t *options)
{
    witness_t *witness = state;
    witness->limit = witness->highest = options->initial_limit;
    return 0;
}

static void witness_complete(void *state, const auraio_adapt_batch_t *batch)
{
    witness_t *witness = state;
    witness->broken = witness->broken || batch->count < 1 || batch->in_flight < 0 ||
                      batch->now_ns < witness->now_ns || batch->in_flight + batch->count > witness->highest;
    for (int i = 0; i < batch->count; i++) {
        witness->broken = witness->broken || batch->samples[i].latency_ns < 1 ||
                          batch->samples[i].latency_ns > batch->now_ns;
        witness->bound += (batch->samples[i].flags & AURAIO_ADAPT_BOUND) != 0;
    }
    witness->now_ns = batch->now_ns;
    witness->late += (batch->flags & AURAIO_ADAPT_LATE) != 0;
    witness->batches++;
    /* Under a limit that fell, what was sent before may stay until it completes, and with several
     * rings one below its fair share may send again while another gives back. */
    if (batch->in_flight + batch->count <= witness->limit)
        witness->highest = witness->limit;
    if (witness->batches % 100 == 0)
        witness->limit = 1 + witness->batches / 100 * 37 % 60;
    if (witness->limit > witness->highest)
        witness->highest = witness->limit;
    last_seen = *witness;
}

static int witness_limit(const void *state)
{
    const witness_t *witness = state;
    return witness->limit;
}

static const auraio_sim_policy_t witness_policy = {
    .name = "witness",
    .state_size = sizeof(witness_t),
    .init = witness_init,
    .complete = witness_complete,
    .limit = witness_limit,
};

Test(sim_run, no_model_ever_has_more_in_flight_than_the_limit)
{
    auraio_sim_model_t model;
    for (int i = 0; auraio_sim_model_at(i, &model) == 0; i++) {
        for (int rings = 1; rings <= 8; rings *= 8) {
            auraio_sim_scenario_t scenario = {
                .model = &model, .policy = &witness_policy, .seed = 1, .rings = rings};
            run(&scenario);
            cr_assert_geq(last_seen.batches, 100, "%s", model.name);
            cr_assert_not(last_seen.broken, "%s with %d rings", model.name, rings);
        }
    }
}

Test(sim_run, a_late_application_is_flagged_and_only_then)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("late", &model), 0);
    auraio_sim_scenario_t scenario = {.model = &model, .policy = &witness_policy, .seed = 1};
    run(&scenario);
    /* Once every 50 ms for 3 s; the first stall ends at 55 ms. */
    cr_assert_geq(last_seen.late, 55);
    cr_assert_leq(last_seen.late, 60);
    model.stall_every_ns = model.stall_ns = 0;
    run(&scenario);
    cr_assert_eq(last_seen.late, 0);
}

Test(sim_run, completions_are_bound_when_more_waits_and_not_when_nothing_does)
{
    auraio_sim_model_t model = servers_model(4, AURAIO_SIM_FIXED, 100 * US);
    model.duration_ns = SEC;
    auraio_sim_scenario_t scenario = {.model = &model, .policy = &witness_policy, .seed = 1};
    auraio_sim_result_t result = run(&scenario);
    cr_assert_eq((uint64_t)last_seen.bound, result.completions);
    model.workers = 1; /* nothing ever waits behind a single worker */
    run(&scenario);
    cr_assert_geq(last_seen.batches, 1000);
    cr_assert_eq(last_seen.bound, 0);
}

Test(sim_run, segments_change_the_device_when_they_should)
{
    auraio_sim_model_t model = servers_model(32, AURAIO_SIM_FIXED, 100 * US);
    model.segments[0].duration_ns = 1 * SEC;
    model.segments[1] = (auraio_sim_segment_t){.duration_ns = SEC, .servers = 8, .small_bytes = 4096};
    model.segments[2] = (auraio_sim_segment_t){.speed = 2, .small_bytes = 4096};
    model.segment_count = 3;
    model.duration_ns = 3 * SEC;
    auraio_sim_scenario_t scenario = {
        .model = &model, .policy = auraio_sim_policy_find("fixed"), .initial_limit = 64};
    auraio_sim_result_t result = run(&scenario);
    cr_assert_eq(result.segment_count, 3);
    assert_near(result.segments[0].throughput_ops, 320e3, 0.001);
    assert_near(result.segments[1].throughput_ops, 80e3, 0.001);
    assert_near(result.segments[2].throughput_ops, 640e3, 0.001);
}

Test(sim_run, rings_under_one_controller_share_a_device_evenly)
{
    auraio_sim_model_t model = servers_model(32, AURAIO_SIM_EXPONENTIAL, 100 * US);
    model.duration_ns = 2 * SEC;
    for (int rings = 2; rings <= 64; rings *= 2) {
        auraio_sim_scenario_t scenario = {.model = &model,
                                          .policy = auraio_sim_policy_find("fixed"),
                                          .initial_limit = 32,
                                          .rings = rings,
                                          .seed = 1};
        auraio_sim_result_t result = run(&scenario);
        cr_assert_geq(result.segments[0].jain, 0.999, "%d rings: %g", rings, result.segments[0].jain);
        assert_near(result.segments[0].throughput_ops, 320e3, 0.01);
    }
}

Test(sim_run, rings_with_controllers_of_their_own_queue_on_top_of_each_other)
{
    auraio_sim_model_t model = servers_model(32, AURAIO_SIM_EXPONENTIAL, 100 * US);
    model.duration_ns = 2 * SEC;
    auraio_sim_scenario_t scenario = {.model = &model,
                                      .policy = auraio_sim_policy_find("fixed"),
                                      .initial_limit = 32,
                                      .rings = 16,
                                      .separate = true,
                                      .seed = 1};
    auraio_sim_result_t result = run(&scenario);
    /* Little's law: 16 x 32 in a device that does 320k a second. */
    assert_near(result.segments[0].mean_ns, 512 / 320e3 * 1e9, 0.01);
}

Test(sim_run, the_time_to_95_percent_is_that_of_the_policy)
{
    auraio_sim_model_t model = servers_model(32, AURAIO_SIM_FIXED, 100 * US);
    model.duration_ns = 10 * SEC;
    auraio_sim_scenario_t scenario = {
        .model = &model,
        .policy = auraio_sim_policy_find("ticker"), /* 4, and one more every 10 ms */
        .goals = {{.throughput_ops = 320e3, .mean_ns = 100 * US}},
    };
    auraio_sim_result_t result = run(&scenario);
    /* The first tick learns; 31 of 32 servers, 97 %, are busy after 27 more. */
    assert_near(result.segments[0].reached_ns, 280e6, 0.05);
    scenario.policy = auraio_sim_policy_find("fixed");
    result = run(&scenario);
    cr_assert_eq(result.segments[0].reached_ns, -1);
    cr_assert_eq(result.segments[0].reached_completions, -1);
}

Test(sim_run, latency_settles_when_the_last_stretch_of_too_much_of_it_ends)
{
    auraio_sim_model_t model = servers_model(4, AURAIO_SIM_FIXED, 100 * US);
    model.duration_ns = 4 * SEC;
    auraio_sim_scenario_t scenario = {
        .model = &model,
        .policy = auraio_sim_policy_find("ticker"), /* one more every 10 ms */
        .p99_target_ns = 100 * MS,
        .goals = {{.throughput_ops = 40e3, .mean_ns = 5 * MS}},
    };
    /* It queues past 1.5 times 5 ms and never comes back. */
    auraio_sim_result_t result = run(&scenario);
    cr_assert_eq(result.segments[0].settled_ns, -1);
    scenario.goals[0].mean_ns = 100 * MS;
    result = run(&scenario);
    cr_assert_eq(result.segments[0].settled_ns, 0);
    /* The same limit on a device that becomes four times as slow: 64 in flight take 1.6, then 6.4
     * ms. */
    model.segments[0].duration_ns = 2 * SEC;
    model.segments[1] = model.segments[0];
    model.segments[1].speed = 0.25;
    model.segment_count = 2;
    scenario.policy = auraio_sim_policy_find("fixed");
    scenario.initial_limit = 64;
    scenario.goals[0] = scenario.goals[1] = (auraio_sim_goal_t){40e3, 3 * MS};
    result = run(&scenario);
    cr_assert_eq(result.segments[0].settled_ns, 0);
    cr_assert_eq(result.segments[1].settled_ns, -1);
}

Test(sim_run, wrong_scenarios_are_refused_and_the_result_is_untouched)
{
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 100 * US);
    const auraio_sim_policy_t *fixed = auraio_sim_policy_find("fixed");
    auraio_sim_scenario_t wrong[] = {
        {.model = NULL, .policy = fixed},
        {.model = &model, .policy = NULL},
        {.model = &model, .policy = fixed, .rings = 1025},
        {.model = &model, .policy = fixed, .p99_target_ns = -1},
        {.model = &model, .policy = fixed, .duration_ns = -1},
        {.model = &model, .policy = fixed, .points = (auraio_sim_point_t[1]){{0}}},
    };
    auraio_sim_result_t result = {.completions = 12345};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(auraio_sim_run(&wrong[i], &result), -EINVAL, "scenario %zu", i);
    cr_assert_eq(auraio_sim_run(NULL, &result), -EINVAL);
    model.servers = 0;
    auraio_sim_scenario_t broken = {.model = &model, .policy = fixed};
    cr_assert_eq(auraio_sim_run(&broken, &result), -EINVAL);
    cr_assert_eq(result.completions, 12345);
}

static int refuse(void *state, const auraio_adapt_options_t *options)
{
    (void)state;
    (void)options;
    return -EDOM;
}

Test(sim_run, a_policy_that_refuses_its_options_ends_the_run_with_its_error)
{
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 100 * US);
    auraio_sim_policy_t policy = witness_policy;
    policy.init = refuse;
    auraio_sim_scenario_t scenario = {.model = &model, .policy = &policy};
    auraio_sim_result_t result;
    cr_assert_eq(auraio_sim_run(&scenario, &result), -EDOM);
}

Test(sim_run, points_cover_the_run_and_add_up_to_it)
{
    auraio_sim_model_t model = servers_model(4, AURAIO_SIM_FIXED, 100 * US);
    model.duration_ns = SEC;
    auraio_sim_point_t points[10];
    auraio_sim_scenario_t scenario = {.model = &model,
                                      .policy = auraio_sim_policy_find("fixed"),
                                      .initial_limit = 4,
                                      .points = points,
                                      .points_max = 10};
    auraio_sim_result_t result = run(&scenario);
    double sum = 0;
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(points[i].at_ns, (i + 1) * SEC / 10);
        cr_assert_eq(points[i].limit, 4);
        sum += points[i].throughput_ops / 10;
    }
    assert_near(sum, result.completions, 1e-9);
}

/* Drives a device directly, by its own interface, and walks its invariants at each event. */
Test(sim_device, operations_are_in_one_place_at_every_instant)
{
    auraio_sim_model_t model;
    for (int i = 0; auraio_sim_model_at(i, &model) == 0; i++) {
        sim_device_t device;
        sim_rng_t rng;
        sim_rng_seed(&rng, (uint64_t)i, 0);
        cr_assert_eq(sim_device_init(&device, &model, 1, 64), 0);
        sim_device_segment(&device, &model.segments[0]);
        int in_flight = 0;
        for (int event = 0; event < 5000; event++) {
            while (in_flight == 0 || (in_flight < 64 && sim_rng_next(&rng) % 4 != 0)) {
                sim_device_send(&device, (sim_op_t){.size_bytes = 4096});
                in_flight++;
            }
            int64_t next_ns = sim_device_next_ns(&device);
            cr_assert_lt(next_ns, INT64_MAX, "%s: nothing will ever happen", model.name);
            sim_device_advance(&device, next_ns);
            cr_assert(sim_device_check(&device), "%s after %d events", model.name, event);
            in_flight -= (int)device.done_count;
            sim_device_reaped(&device);
        }
        sim_device_destroy(&device);
    }
}
