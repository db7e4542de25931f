/* policy_test.c - unit-test a limit policy of your own against simulated devices, without hardware
 * and in milliseconds.
 *
 * The policy here is what many write first: one more in flight while latency stays under twice the
 * least seen, ten per cent less when it does not. The tests say what it is good for, and that it is
 * not good enough where many wait for few servers.
 *
 *   cc policy_test.c $(pkg-config --cflags --libs auraio-adapt-sim criterion) -o policy_test &&
 * ./policy_test
 */
#include <auraio/adapt_sim.h>

#include <criterion/criterion.h>

typedef struct simple {
    int limit, max_limit;
    int count; /* completions since the last decision */
    double sum_ns, least_ns;
} simple_t;

static int simple_init(void *state, const auraio_adapt_options_t *options)
{
    simple_t *simple = state;
    *simple = (simple_t){.limit = options->initial_limit > 0 ? options->initial_limit : 4,
                         .max_limit = options->max_limit > 0 ? options->max_limit : 1024};
    return 0;
}

static void simple_complete(void *state, const auraio_adapt_batch_t *batch)
{
    simple_t *simple = state;
    for (int i = 0; i < batch->count; i++)
        simple->sum_ns += (double)batch->samples[i].latency_ns;
    simple->count += batch->count;
    if (simple->count < 8 * simple->limit)
        return;
    double mean_ns = simple->sum_ns / simple->count;
    if (simple->least_ns == 0 || mean_ns < simple->least_ns)
        simple->least_ns = mean_ns;
    if (mean_ns < 2 * simple->least_ns)
        simple->limit += simple->limit < simple->max_limit;
    else
        simple->limit = simple->limit * 9 / 10 > 1 ? simple->limit * 9 / 10 : 1;
    simple->count = 0;
    simple->sum_ns = 0;
}

static int simple_limit(const void *state)
{
    return ((const simple_t *)state)->limit;
}

static const auraio_sim_policy_t simple_policy = {
    .name = "simple",
    .summary = "one more while latency is under twice its least",
    .state_size = sizeof(simple_t),
    .init = simple_init,
    .complete = simple_complete,
    .limit = simple_limit,
};

/* Run a policy on a device: its throughput and p99 against those of the best static limit. */
static void measure(const char *device, const auraio_sim_policy_t *policy, double *ret_throughput,
                    double *ret_p99)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find(device, &model), 0);
    auraio_sim_oracle_t oracle;
    cr_assert_eq(auraio_sim_oracle(&model, 1, &oracle), 0);
    auraio_sim_scenario_t scenario = {.model = &model, .policy = policy, .seed = 1};
    auraio_sim_result_t result;
    cr_assert_eq(auraio_sim_run(&scenario, &result), 0);
    *ret_throughput = result.segments[0].throughput_ops / oracle.knee[0].throughput_ops;
    *ret_p99 = (double)result.segments[0].p99_ns / (double)oracle.knee[0].p99_ns;
}

Test(policy, reaches_the_throughput_of_flash)
{
    double throughput, p99;
    measure("nvme", &simple_policy, &throughput, &p99);
    cr_assert_geq(throughput, 0.95, "%f of the oracle's", throughput);
}

Test(policy, queues_longer_than_the_one_that_comes_with_the_library)
{
    double throughput, p99, own_p99;
    measure("nvme", &simple_policy, &throughput, &own_p99);
    measure("nvme", auraio_sim_policy_find("auraio"), &throughput, &p99);
    cr_assert_lt(p99, own_p99);
}

Test(policy, is_the_same_for_the_same_seed)
{
    double throughput, p99, again_throughput, again_p99;
    measure("nvme", &simple_policy, &throughput, &p99);
    measure("nvme", &simple_policy, &again_throughput, &again_p99);
    cr_assert_float_eq(throughput, again_throughput, 0);
    cr_assert_float_eq(p99, again_p99, 0);
}
