/* Memory that can't be had: every allocation of each entry point fails in turn. Nothing may crash,
 * leak (the address sanitizer has its say) or touch the result; the error is -ENOMEM until all
 * succeed.
 *
 * The linker wraps the library's calls: see meson.build. Only what runs between arm() and disarm()
 * is counted.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static int left = -1; /* allocations until one fails; negative: none does */

static bool fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, count, size);
}

/* Fail the first allocation, then the second, ... until the call gets through; how many failed. */
static int fail_in_turn(int (*call)(void))
{
    for (int failing = 0;; failing++) {
        left = failing;
        int error = call();
        bool through = left >= 0;
        left = -1;
        if (through) {
            cr_assert_eq(error, 0);
            return failing;
        }
        cr_assert_eq(error, -ENOMEM, "allocation %d failed, and the error was %d", failing, error);
    }
}

static auraio_sim_model_t model;

static int run(void)
{
    auraio_sim_result_t result = {.completions = 1234567};
    auraio_sim_scenario_t scenario = {
        .model = &model, .policy = auraio_sim_policy_find("aimd-p99"), .rings = 3};
    int error = auraio_sim_run(&scenario, &result);
    cr_assert_eq(error != 0, result.completions == 1234567);
    return error;
}

static int record(void)
{
    auraio_sim_trace_t *trace = NULL;
    int error = auraio_sim_trace_create(&trace);
    if (error)
        return error;
    auraio_sim_scenario_t scenario = {
        .model = &model, .policy = auraio_sim_policy_find("fixed"), .trace = trace};
    auraio_sim_result_t result;
    error = auraio_sim_run(&scenario, &result);
    auraio_sim_trace_destroy(trace);
    return error;
}

static const char text[] = "auraio-trace 1\nreap 5 0 1\ndone 5 4096 read\n";

static int parse(void)
{
    auraio_sim_trace_t *trace = NULL;
    int error = auraio_sim_trace_parse(text, strlen(text), &trace, NULL);
    cr_assert_eq(error != 0, trace == NULL);
    auraio_sim_trace_destroy(trace);
    return error;
}

static int oracle(void)
{
    auraio_sim_oracle_t result;
    return auraio_sim_oracle(&model, 1, &result);
}

Test(sim_alloc, a_run_of_every_station_survives_every_failure)
{
    static const char *const names[] = {"neighbour", "measured", "hdd", "light", "workers"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert_eq(auraio_sim_model_find(names[i], &model), 0);
        model.duration_ns = 1 * MS;
        cr_assert_geq(fail_in_turn(run), 10);
    }
}

Test(sim_alloc, recording_and_parsing_a_trace_survive_every_failure)
{
    cr_assert_eq(auraio_sim_model_find("nvme", &model), 0);
    model.duration_ns = 1 * MS;
    cr_assert_geq(fail_in_turn(record), 12);
    cr_assert_geq(fail_in_turn(parse), 3);
}

Test(sim_alloc, the_oracle_survives_every_failure)
{
    model = servers_model(2, AURAIO_SIM_FIXED, 100 * US);
    model.max_limit = 3;
    model.duration_ns = 1 * MS;
    cr_assert_geq(fail_in_turn(oracle), 20);
}
