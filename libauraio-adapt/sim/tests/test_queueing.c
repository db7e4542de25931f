/* The simulated queues against queueing theory: formulas from Kleinrock, "Queueing Systems" (1975).
 */
#include <criterion/criterion.h>

#include <math.h>

#include "models.h"

/* Erlang's C: the probability that an arrival at M/M/c waits, `load` being lambda / mu. */
static double erlang_c(int servers, double load)
{
    double term = 1, sum = 1; /* load^k / k!, k = 0 */
    for (int k = 1; k < servers; k++) {
        term *= load / k;
        sum += term;
    }
    term *= load / servers;
    double waiting = term / (1 - load / servers);
    return waiting / (sum + waiting);
}

static void check_mmc(int servers, double utilisation)
{
    const double mean_ns = 100e3;
    auraio_sim_model_t model = servers_model(servers, AURAIO_SIM_EXPONENTIAL, (int64_t)mean_ns);
    double rate = utilisation * servers * 1e9 / mean_ns;
    model.segments[0].arrival_ops = rate;
    model.duration_ns = (int64_t)(2 * 1e6 / rate * 1e9); /* a million in the steady half */
    auraio_sim_figures_t figures = steady(&model, 1024, 7);
    double load = utilisation * servers;
    double wait_ns = erlang_c(servers, load) * mean_ns / (servers * (1 - utilisation));
    assert_near(figures.throughput_ops, rate, 0.01);
    assert_near(figures.mean_ns, mean_ns + wait_ns, 0.03);
}

Test(sim_queueing, mm1_at_half_load_takes_what_theory_says)
{
    check_mmc(1, 0.5);
}

Test(sim_queueing, mm1_at_80_percent_takes_what_theory_says)
{
    check_mmc(1, 0.8);
}

Test(sim_queueing, mm4_at_80_percent_takes_what_theory_says)
{
    check_mmc(4, 0.8);
}

Test(sim_queueing, mm32_at_90_percent_takes_what_theory_says)
{
    check_mmc(32, 0.9);
}

/* Pollaczek and Khinchine: fixed service times wait half as long as exponential ones. */
Test(sim_queueing, md1_waits_half_as_long_as_mm1)
{
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 100 * US);
    model.segments[0].arrival_ops = 8000;
    model.duration_ns = 200 * SEC;
    auraio_sim_figures_t figures = steady(&model, 1024, 7);
    assert_near(figures.mean_ns, 100e3 * (1 + 0.8 / (2 * (1 - 0.8))), 0.03);
}

/* Processor sharing is insensitive to the distribution of the work: s / (1 - rho) for any. */
Test(sim_queueing, processor_sharing_takes_s_over_1_minus_rho_whatever_the_work)
{
    for (int tail = 0; tail < 2; tail++) {
        auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 1);
        model.station = AURAIO_SIM_CURVE;
        model.knots[0] = (auraio_sim_knot_t){1, 10000, tail ? 800 * US : 101 * US};
        model.knot_count = 1;
        /* The throughput is the same at all depths; keep the tail's ratio the same too. */
        model.knots[1] = (auraio_sim_knot_t){1000, 10000, 1000 * model.knots[0].p99_ns};
        model.knot_count = 2;
        model.segments[0].arrival_ops = 7000;
        model.duration_ns = 300 * SEC;
        auraio_sim_figures_t figures = steady(&model, 1024, 3);
        assert_near(figures.mean_ns, 100e3 / (1 - 0.7), 0.05);
    }
}

/* A closed loop of N exponential operations before c servers: N - c of them always wait. */
Test(sim_queueing, a_closed_loop_keeps_all_servers_busy_and_obeys_littles_law)
{
    for (int limit = 1; limit <= 64; limit *= 4) {
        auraio_sim_model_t model = servers_model(8, AURAIO_SIM_EXPONENTIAL, 100 * US);
        auraio_sim_figures_t figures = steady(&model, limit, 11);
        double busy = limit < 8 ? limit : 8;
        assert_near(figures.throughput_ops, busy * 1e4, 0.01);
        assert_near(figures.throughput_ops * (double)figures.mean_ns * 1e-9, limit, 0.005);
    }
}

/* The machine repair model M/M/1//N: N workers think, one server serves them. */
Test(sim_queueing, workers_that_think_follow_the_machine_repair_model)
{
    const int workers = 5;
    const double service_ns = 100e3, think_ns = 400e3;
    double p = 1, sum = 1; /* p_n / p_0 */
    for (int n = 1; n <= workers; n++) {
        p *= (workers - n + 1) * service_ns / think_ns;
        sum += p;
    }
    double throughput = (1 - 1 / sum) * 1e9 / service_ns;
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_EXPONENTIAL, (int64_t)service_ns);
    model.workers = workers;
    model.think_ns = (int64_t)think_ns;
    model.duration_ns = 100 * SEC;
    auraio_sim_figures_t figures = steady(&model, 64, 5);
    assert_near(figures.throughput_ops, throughput, 0.01);
    /* Little's law over the whole loop: workers = X * (response + think). */
    assert_near(figures.throughput_ops * ((double)figures.mean_ns + think_ns) * 1e-9, workers, 0.01);
}

Test(sim_queueing, a_curve_gives_back_the_throughput_and_p99_it_was_measured_with)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("measured", &model), 0);
    for (int i = 0; i < model.knot_count; i++) {
        auraio_sim_figures_t figures = steady(&model, model.knots[i].depth, 1);
        assert_near(figures.throughput_ops, model.knots[i].throughput_ops, 0.005);
        assert_near(figures.p99_ns, model.knots[i].p99_ns, 0.05);
    }
}

Test(sim_queueing, a_token_bucket_passes_its_rate_and_no_more)
{
    auraio_sim_model_t model = servers_model(64, AURAIO_SIM_FIXED, 100 * US);
    model.gate = AURAIO_SIM_BUCKET;
    model.gate_ops = 5000;
    model.gate_burst = 100;
    auraio_sim_figures_t figures = steady(&model, 16, 1);
    assert_near(figures.throughput_ops, 5000, 0.001);
    /* 16 in flight at 5000 a second: all but the service time is waiting for tokens. */
    assert_near(figures.mean_ns, 16 / 5000.0 * 1e9, 0.001);
}

Test(sim_queueing, a_token_bucket_first_gives_out_its_burst)
{
    auraio_sim_model_t model = servers_model(1000, AURAIO_SIM_FIXED, 1 * MS);
    model.gate = AURAIO_SIM_BUCKET;
    model.gate_ops = 1000;
    model.gate_burst = 100;
    auraio_sim_scenario_t scenario = {
        .model = &model,
        .policy = auraio_sim_policy_find("fixed"),
        .initial_limit = 1000,
        .duration_ns = 10 * MS,
    };
    auraio_sim_result_t result;
    cr_assert_eq(auraio_sim_run(&scenario, &result), 0);
    /* 100 at once, then one a millisecond; each takes one more to be served. */
    cr_assert_geq(result.completions, 108);
    cr_assert_leq(result.completions, 110);
}

Test(sim_queueing, a_slice_passes_its_budget_at_once_and_then_nothing)
{
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 100 * US);
    model.gate = AURAIO_SIM_SLICE;
    model.gate_ops = 100;
    model.gate_slice_ns = 100 * MS;
    auraio_sim_figures_t figures = steady(&model, 1, 1);
    assert_near(figures.throughput_ops, 100, 0.001);
    /* Nine of ten are served at once; the tenth waits for the next slice: 100 ms - 10 x 0.1 ms. */
    cr_assert_leq(figures.p50_ns, 103 * US);
    assert_near(figures.p99_ns, 99 * MS, 0.03);
}

Test(sim_queueing, transit_is_added_and_takes_no_server)
{
    auraio_sim_model_t model = servers_model(4, AURAIO_SIM_FIXED, 100 * US);
    model.transit_ns = 4 * MS;
    auraio_sim_figures_t figures = steady(&model, 4, 1);
    assert_near(figures.mean_ns, 4.1e6, 0.001);
    figures = steady(&model, 400, 1);
    assert_near(figures.throughput_ops, 40000, 0.001);
}

Test(sim_queueing, the_bus_carries_one_transfer_at_a_time)
{
    auraio_sim_model_t model = servers_model(64, AURAIO_SIM_FIXED, 100 * US);
    model.bus_kib_ns = 1000; /* 4 us for 4 KiB: 250k a second */
    auraio_sim_figures_t figures = steady(&model, 64, 1);
    assert_near(figures.throughput_ops, 250e3, 0.001);
}

Test(sim_queueing, pauses_take_their_share_of_the_throughput)
{
    auraio_sim_model_t model = servers_model(1, AURAIO_SIM_FIXED, 100 * US);
    model.pause_every_ns = 9 * MS;
    model.pause_ns = 1 * MS;
    auraio_sim_figures_t figures = steady(&model, 1, 1);
    /* One of ten milliseconds; what is in service when a pause begins still ends: up to one more
     * operation in each cycle of 100. */
    cr_assert_geq(figures.throughput_ops, 8950);
    cr_assert_leq(figures.throughput_ops, 9150);
}

Test(sim_queueing, a_neighbour_takes_its_arrivals_from_us)
{
    auraio_sim_model_t model = servers_model(8, AURAIO_SIM_EXPONENTIAL, 100 * US);
    model.neighbour_ops = 30000;
    auraio_sim_figures_t figures = steady(&model, 64, 1);
    assert_near(figures.throughput_ops, 80000 - 30000, 0.01);
}

Test(sim_queueing, a_disk_alone_seeks_and_turns_and_with_a_queue_does_more)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find("hdd", &model), 0);
    auraio_sim_figures_t one = steady(&model, 1, 1), many = steady(&model, 32, 1);
    /* The mean of sqrt of the distance of two random points is 8/15; half a turn; the transfer. */
    double seek_ns = 0.5e6 + 15.5e6 * 8 / 15;
    assert_near(one.mean_ns, seek_ns + 8333333 / 2.0 + 20e3, 0.02);
    cr_assert_geq(many.throughput_ops, 2 * one.throughput_ops);
}
