/* Models: those that come along are sound, those that are not are refused by name. */
#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "models.h"
#include "rng.h"

Test(sim_model, every_model_that_comes_along_passes_its_check_and_is_found_by_name)
{
    auraio_sim_model_t model, found;
    int count = 0;
    for (; auraio_sim_model_at(count, &model) == 0; count++) {
        const char *why = NULL;
        cr_assert_eq(auraio_sim_model_check(&model, &why), 0, "%s: %s", model.name, why);
        cr_assert_eq(auraio_sim_model_find(model.name, &found), 0);
        cr_assert_str_eq(found.name, model.name);
        cr_assert_gt(strlen(model.summary), 0);
    }
    cr_assert_geq(count, 12);
    cr_assert_eq(auraio_sim_model_at(-1, &model), -ENOENT);
    cr_assert_eq(auraio_sim_model_find("no such device", &model), -ENOENT);
}

Test(sim_model, random_models_are_sound_and_the_same_for_the_same_seed)
{
    auraio_sim_model_t a, b;
    for (int i = 0; i < 2000; i++) {
        const char *why = NULL;
        cr_assert_eq(auraio_sim_model_random(7, i, &a), 0);
        cr_assert_eq(auraio_sim_model_check(&a, &why), 0, "%d: %s", i, why);
        cr_assert_eq(auraio_sim_model_random(7, i, &b), 0);
        cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
    }
    cr_assert_eq(auraio_sim_model_random(8, 0, &b), 0);
    cr_assert_eq(auraio_sim_model_random(7, 0, &a), 0);
    cr_assert_neq(memcmp(&a, &b, sizeof(a)), 0);
    cr_assert_eq(auraio_sim_model_random(7, -1, &a), -EINVAL);
}

/* Breaks one field of a sound model at a time. */
static void expect_refused(const auraio_sim_model_t *model, const char *field)
{
    const char *why = "nothing";
    cr_assert_eq(auraio_sim_model_check(model, &why), -EINVAL, "%s was accepted", field);
    cr_assert(strstr(why, field), "'%s' doesn't name %s", why, field);
}

#define refuse(field, value)                                                                                 \
    do {                                                                                                     \
        auraio_sim_model_t broken = sound;                                                                   \
        broken.field = value;                                                                                \
        expect_refused(&broken, #field);                                                                     \
    } while (0)

Test(sim_model, a_model_that_cannot_run_is_refused_by_the_name_of_the_field)
{
    auraio_sim_model_t sound = servers_model(4, AURAIO_SIM_LOGNORMAL, 100 * US);
    cr_assert_eq(auraio_sim_model_check(&sound, NULL), 0);
    refuse(servers, 0);
    refuse(servers, -1);
    refuse(segment_count, 0);
    refuse(segment_count, AURAIO_SIM_SEGMENTS + 1);
    refuse(max_limit, 0);
    refuse(max_limit, 1 << 20);
    refuse(duration_ns, 0);
    refuse(duration_ns, INT64_MAX);
    refuse(transit_ns, -1);
    refuse(transit_jitter, NAN);
    refuse(pause_ns, 5);
    refuse(workers, -1);
    refuse(kib_ns, -1);
    auraio_sim_model_t broken = sound;
    broken.read.median_ns = -1;
    expect_refused(&broken, "latency");
    broken = sound;
    broken.read.tail_share = 2;
    expect_refused(&broken, "tail_share");
    broken = sound;
    broken.segments[0].write_share = -0.5;
    expect_refused(&broken, "write_share");
    broken = sound;
    broken.gate = AURAIO_SIM_SLICE;
    broken.gate_ops = 1;
    broken.gate_slice_ns = 100 * MS;
    expect_refused(&broken, "slice");
    broken = sound;
    broken.station = AURAIO_SIM_CURVE;
    expect_refused(&broken, "knot_count");
    cr_assert_eq(auraio_sim_model_check(NULL, NULL), -EINVAL);
}

/* Anything from nothing to far too much, with a liking for the ends. */
static int64_t wild(sim_rng_t *rng, int64_t most)
{
    uint64_t bits = sim_rng_next(rng);
    switch (bits % 4) {
    case 0:
        return 0;
    case 1:
        return most;
    case 2:
        return (int64_t)((bits >> 8) % 1000);
    default:
        return (int64_t)((bits >> 2) % ((uint64_t)most + 1));
    }
}

static auraio_sim_latency_t wild_latency(sim_rng_t *rng)
{
    return (auraio_sim_latency_t){
        .shape = (auraio_sim_shape_t)wild(rng, 2) % 3,
        .median_ns = wild(rng, 3600 * SEC),
        .sigma = (double)wild(rng, 5000) / 1000,
        .tail_share = (double)wild(rng, 1000) / 1000,
        .tail_from = (double)wild(rng, 1000000),
        .tail_shape = 0.1 + (double)wild(rng, 99),
        .tail_cap = (double)wild(rng, 1000000),
    };
}

static auraio_sim_model_t wild_model(sim_rng_t *rng)
{
    auraio_sim_model_t model = {
        .transit_ns = wild(rng, 3600 * SEC),
        .transit_jitter = (double)wild(rng, 5),
        .gate = (auraio_sim_gate_t)(wild(rng, 2) % 3),
        .gate_ops = (double)wild(rng, 100000000),
        .gate_burst = (double)wild(rng, 1000000),
        .gate_slice_ns = wild(rng, 3600 * SEC),
        .station = (auraio_sim_station_t)(wild(rng, 2) % 3),
        .servers = (int)wild(rng, 16384),
        .read = wild_latency(rng),
        .write = wild_latency(rng),
        .kib_ns = wild(rng, 10000000),
        .knots = {{1, (double)wild(rng, 100000000), wild(rng, 3600 * SEC)},
                  {(int)wild(rng, 16384), (double)wild(rng, 100000000), wild(rng, 3600 * SEC)}},
        .knot_count = (int)wild(rng, 2),
        .rotation_ns = wild(rng, 3600 * SEC),
        .seek_min_ns = wild(rng, 1000),
        .seek_max_ns = wild(rng, 3600 * SEC),
        .disk_queue = (int)wild(rng, 256),
        .disk_patience_ns = wild(rng, 3600 * SEC),
        .bus_kib_ns = wild(rng, 10000000),
        .neighbour_ops = (double)wild(rng, 100000000),
        .neighbour_on_ns = wild(rng, 3600 * SEC),
        .neighbour_off_ns = wild(rng, 3600 * SEC),
        .reap_ns = wild(rng, 3600 * SEC),
        .stall_every_ns = wild(rng, 3600 * SEC),
        .stall_ns = wild(rng, 3600 * SEC),
        .workers = (int)wild(rng, 16384),
        .think_ns = wild(rng, 3600 * SEC),
        .segments = {{.speed = (double)wild(rng, 1000),
                      .small_bytes = (uint32_t)wild(rng, UINT32_MAX),
                      .large_bytes = (uint32_t)wild(rng, UINT32_MAX),
                      .large_share = (double)wild(rng, 1000) / 1000,
                      .write_share = (double)wild(rng, 1000) / 1000,
                      .arrival_ops = (double)wild(rng, 100000000)}},
        .segment_count = 1,
        .max_limit = 8,
        .duration_ns = 20 * US,
    };
    model.pause_every_ns = model.pause_ns = wild(rng, 3600 * SEC);
    return model;
}

/* Bounds are bounds of the arithmetic: UBSan has its say here. */
Test(sim_model, every_model_that_passes_the_check_runs)
{
    sim_rng_t rng;
    sim_rng_seed(&rng, 1, 0);
    int runs = 0;
    for (int i = 0; i < 20000; i++) {
        auraio_sim_model_t model = wild_model(&rng);
        if (auraio_sim_model_check(&model, NULL))
            continue;
        auraio_sim_scenario_t scenario = {
            .model = &model, .policy = auraio_sim_policy_find("fixed"), .seed = (uint64_t)i};
        auraio_sim_result_t result;
        cr_assert_eq(auraio_sim_run(&scenario, &result), 0, "model %d", i);
        runs++;
    }
    cr_assert_geq(runs, 1000, "only %d models were sound", runs);
}

static const char good_curve[] = "# depth iops p99_us\n1 20000 60\n4, 44000, 120\n\n16 72000 326.5\n";

Test(sim_curve, a_curve_is_read_from_text)
{
    auraio_sim_model_t model;
    auraio_sim_syntax_t where = {0};
    cr_assert_eq(auraio_sim_curve_parse(good_curve, strlen(good_curve), &model, &where), 0, "%d: %s",
                 where.line, where.why);
    cr_assert_eq(model.knot_count, 3);
    cr_assert_eq(model.knots[2].depth, 16);
    cr_assert_float_eq(model.knots[2].throughput_ops, 72000, 0);
    cr_assert_eq(model.knots[2].p99_ns, 326500);
    cr_assert_eq(auraio_sim_model_check(&model, NULL), 0);
}

Test(sim_curve, a_wrong_curve_is_refused_with_its_line)
{
    static const struct {
        const char *text;
        int line;
    } wrong[] = {
        {"", 0},
        {"# nothing\n\n", 2},
        {"1 20000 60\nfour 44000 120\n", 2},
        {"1 20000 60\n\n1 44000 120\n", 3},
        {"0 20000 60\n", 1},
        {"1 -5 60\n", 1},
        {"1 20000\n", 1},
        {"1 20000 60 7\n", 1},
        {"1 20000 nan\n", 1},
        {"1 1e300 60\n", 1},
        {"1 20000 1e30\n", 1},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        auraio_sim_model_t model = {.knot_count = 77};
        auraio_sim_syntax_t where = {.line = -1};
        cr_assert_eq(auraio_sim_curve_parse(wrong[i].text, strlen(wrong[i].text), &model, &where), -EINVAL,
                     "text %zu was accepted", i);
        cr_assert_eq(where.line, wrong[i].line, "text %zu: line %d", i, where.line);
        cr_assert_not_null(where.why);
        cr_assert_eq(model.knot_count, 77);
    }
}
