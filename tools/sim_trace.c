/* sim_trace.c - records a run as a trace, and shows a policy a trace. */
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

static int write_bytes(void *argument, const char *bytes, size_t length)
{
    return fwrite(bytes, 1, length, argument) == length ? 0 : -EIO;
}

static int save(const auraio_sim_trace_t *trace, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    int error = file ? auraio_sim_trace_write(trace, write_bytes, file) : -errno;
    if (file == stdout)
        error = fflush(file) ? -EIO : error;
    else if (file && fclose(file))
        error = -EIO;
    if (error)
        fprintf(stderr, "auraio sim: can't write '%s': %s\n", path, strerror(-error));
    return error ? -1 : 0;
}

int sim_trace_record(const sim_plan_t *plan, const char *path)
{
    const sim_options_t *options = plan->options;
    const sim_row_t *row = &plan->rows[0];
    auraio_sim_trace_t *trace;
    int error = auraio_sim_trace_create(&trace);
    if (error)
        return -1;
    auraio_sim_scenario_t scenario = {
        .model = &row->subject->model,
        .policy = row->policy,
        .p99_target_ns = row->target_ns,
        .initial_limit = options->initial_limit,
        .seed = options->seed,
        .rings = row->rings,
        .trace = trace,
    };
    auraio_sim_result_t result;
    error = auraio_sim_run(&scenario, &result);
    if (error)
        fprintf(stderr, "auraio sim: can't record: %s\n", strerror(-error));
    else
        error = save(trace, path);
    auraio_sim_trace_destroy(trace);
    return error ? -1 : 0;
}

/* ---- replay -----------------------------------------------------------------------------------
 */

typedef struct replay {
    int limit;
    int changes;
    int64_t first_ns, last_ns;
} replay_t;

static void replayed(void *argument, const auraio_adapt_batch_t *batch, int limit, int phase)
{
    replay_t *replay = argument;
    if (replay->first_ns < 0)
        replay->first_ns = batch->now_ns;
    replay->last_ns = batch->now_ns;
    if (limit == replay->limit)
        return;
    char text[UNITS_TEXT];
    printf("%12s  limit %5d -> %-5d  %s\n", units_time(text, batch->now_ns), replay->limit, limit,
           phase >= 0 ? auraio_adapt_phase_name(phase) : "");
    replay->limit = limit;
    replay->changes++;
}

int sim_trace_replay(const sim_options_t *options)
{
    const char *name = options->policy_count > 0 ? options->policies[0] : "auraio";
    const auraio_sim_policy_t *policy = auraio_sim_policy_find(name);
    auraio_sim_trace_t *trace;
    if (sim_file_trace(options->replay, &trace))
        return -1;
    auraio_adapt_options_t adapt;
    auraio_adapt_options_init(&adapt);
    adapt.p99_target_ns = options->target == SIM_TARGET_ONE ? options->target_ns : 0;
    adapt.min_limit = 1;
    adapt.max_limit = 1024;
    adapt.initial_limit = options->initial_limit > 0 ? options->initial_limit : 4;
    if (adapt.initial_limit > adapt.max_limit)
        adapt.max_limit = adapt.initial_limit;
    replay_t replay = {.limit = adapt.initial_limit, .first_ns = -1};
    int error = auraio_sim_trace_replay(trace, policy, &adapt, replayed, &replay);
    if (error) {
        fprintf(stderr, "auraio sim: can't replay: %s\n", strerror(-error));
    } else {
        char text[UNITS_TEXT];
        printf("%s: %llu completions over %s: %d changes, limit %d at the end\n", policy->name,
               (unsigned long long)auraio_sim_trace_completions(trace),
               units_time(text, replay.last_ns - replay.first_ns), replay.changes, replay.limit);
    }
    auraio_sim_trace_destroy(trace);
    return error ? -1 : 0;
}
