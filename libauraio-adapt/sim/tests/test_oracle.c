/* The oracle finds what is known, and the verdict says what is wrong. */
#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "models.h"

Test(sim_oracle, the_knee_of_fixed_servers_is_95_percent_of_them)
{
    static const int servers[] = {1, 3, 10, 40, 200};
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        auraio_sim_model_t model = servers_model(servers[i], AURAIO_SIM_FIXED, 100 * US);
        model.duration_ns = SEC / 2;
        model.max_limit = 256;
        auraio_sim_oracle_t oracle;
        cr_assert_eq(auraio_sim_oracle(&model, 1, &oracle), 0);
        int knee = (int)ceil(0.95 * servers[i]);
        cr_assert_eq(oracle.knee[0].limit, knee, "%d servers: %d", servers[i], oracle.knee[0].limit);
        assert_near(oracle.knee[0].throughput_ops, knee * 1e4, 0.001);
    }
}

Test(sim_oracle, a_target_bounds_the_queue_of_a_full_device)
{
    /* One server of 1 ms: at a limit of N every operation takes N ms. */
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 1 * MS);
    model.transit_ns = 5 * MS; /* so that more in flight is worth something: the knee is 6 */
    model.max_limit = 64;
    model.targets_ns[0] = 4 * MS;
    model.targets_ns[1] = 7 * MS;
    auraio_sim_oracle_t oracle;
    auraio_sim_best_t best[AURAIO_SIM_SEGMENTS];
    cr_assert_eq(auraio_sim_oracle(&model, 1, &oracle), 0);
    cr_assert_eq(oracle.knee[0].limit, 6);
    cr_assert_eq(oracle.target[0][0].limit, 0);
    cr_assert(oracle.target[0][1].limit == 6 || oracle.target[0][1].limit == 7);
    cr_assert_eq(auraio_sim_oracle_best(&model, &oracle, 4 * MS, best), -ERANGE);
    cr_assert_eq(auraio_sim_oracle_best(&model, &oracle, 5 * MS, best), -EINVAL);
    cr_assert_eq(auraio_sim_oracle_best(&model, &oracle, 7 * MS, best), 0);
    cr_assert_eq(best[0].limit, oracle.target[0][1].limit);
}

Test(sim_oracle, each_segment_has_its_own)
{
    auraio_sim_model_t model = servers_model(40, AURAIO_SIM_FIXED, 100 * US);
    model.segments[0].duration_ns = SEC;
    model.segments[1] = (auraio_sim_segment_t){.servers = 10, .small_bytes = 4096};
    model.segment_count = 2;
    model.duration_ns = 2 * SEC;
    model.max_limit = 128;
    auraio_sim_oracle_t oracle;
    cr_assert_eq(auraio_sim_oracle(&model, 1, &oracle), 0);
    cr_assert_eq(oracle.knee[0].limit, 38);
    cr_assert_eq(oracle.knee[1].limit, 10);
}

static auraio_sim_verdict_t judge(const auraio_sim_model_t *model, int limit, int64_t target_ns)
{
    auraio_sim_oracle_t oracle;
    auraio_sim_verdict_t verdict;
    auraio_sim_model_t small = *model; /* the sweep needn't go to 1024 for this */
    small.max_limit = 256;
    cr_assert_eq(auraio_sim_oracle(&small, 1, &oracle), 0);
    auraio_sim_scenario_t scenario = {
        .model = &small,
        .policy = auraio_sim_policy_find("fixed"),
        .initial_limit = limit,
        .p99_target_ns = target_ns,
        .seed = 1,
    };
    cr_assert_eq(auraio_sim_trial(&scenario, &oracle, &verdict), 0);
    return verdict;
}

static bool has_finding(const auraio_sim_verdict_t *verdict, const char *figure)
{
    for (int i = 0; i < verdict->finding_count; i++) {
        if (strcmp(verdict->findings[i].figure, figure) == 0)
            return true;
    }
    return false;
}

Test(sim_trial, the_oracles_own_limit_has_no_findings)
{
    auraio_sim_model_t model;
    auraio_sim_oracle_t oracle;
    cr_assert_eq(auraio_sim_model_find("nvme", &model), 0);
    model.max_limit = 256;
    cr_assert_eq(auraio_sim_oracle(&model, 1, &oracle), 0);
    auraio_sim_verdict_t verdict = judge(&model, oracle.knee[0].limit, 0);
    cr_assert_eq(verdict.finding_count, 0);
    cr_assert_float_eq(verdict.throughput, 1, 1e-9);
    cr_assert_float_eq(verdict.p99, 1, 1e-9);
}

Test(sim_trial, a_limit_too_low_is_found_by_its_throughput_and_never_reaches_it)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("nvme", &model), 0);
    auraio_sim_verdict_t verdict = judge(&model, 8, 0);
    cr_assert(has_finding(&verdict, "throughput"));
    cr_assert(has_finding(&verdict, "reached (ns)"));
    cr_assert_not(has_finding(&verdict, "p99"));
    cr_assert_eq(verdict.reached_ns, -1);
}

Test(sim_trial, a_limit_too_high_is_found_by_its_p99)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("nvme", &model), 0);
    auraio_sim_verdict_t verdict = judge(&model, 200, 0);
    cr_assert(has_finding(&verdict, "p99"));
    cr_assert_not(has_finding(&verdict, "throughput"));
}

Test(sim_trial, a_broken_target_is_found_by_its_violations)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("measured", &model), 0);
    auraio_sim_verdict_t verdict = judge(&model, 64, 500 * US);
    cr_assert(has_finding(&verdict, "violations"));
    verdict = judge(&model, 23, 500 * US);
    cr_assert_eq(verdict.finding_count, 0);
}

Test(sim_trial, a_change_that_is_not_followed_is_found_by_the_reaction)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("capacity", &model), 0);
    auraio_sim_verdict_t verdict = judge(&model, 31, 0);
    cr_assert(has_finding(&verdict, "reaction (ns)"));
    cr_assert_eq(verdict.reaction_ns, -1);
}
