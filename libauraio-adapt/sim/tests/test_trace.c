/* Traces: recorded, written, read, replayed; and what is not one is refused with its line. */
#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models.h"
#include "trace.h"

typedef struct buffer {
    char *bytes;
    size_t length, capacity;
} buffer_t;

static int append(void *argument, const char *bytes, size_t length)
{
    buffer_t *buffer = argument;
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = 2 * (buffer->length + length);
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return 0;
}

static auraio_sim_trace_t *record(const auraio_sim_model_t *model, const char *policy)
{
    auraio_sim_trace_t *trace;
    cr_assert_eq(auraio_sim_trace_create(&trace), 0);
    auraio_sim_scenario_t scenario = {
        .model = model, .policy = auraio_sim_policy_find(policy), .seed = 1, .trace = trace};
    auraio_sim_result_t result;
    cr_assert_eq(auraio_sim_run(&scenario, &result), 0);
    cr_assert_eq(auraio_sim_trace_completions(trace), result.completions);
    return trace;
}

static auraio_sim_model_t short_model(const char *name)
{
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_model_find(name, &model), 0);
    model.duration_ns = 200 * MS;
    return model;
}

Test(sim_trace, written_and_read_again_it_is_the_same)
{
    static const char *const names[] = {"mix", "late"};
    for (size_t i = 0; i < 2; i++) {
        auraio_sim_model_t model = short_model(names[i]);
        auraio_sim_trace_t *trace = record(&model, "aimd-p99"), *again = NULL;
        buffer_t first = {0}, second = {0};
        auraio_sim_syntax_t where = {0};
        cr_assert_eq(auraio_sim_trace_write(trace, append, &first), 0);
        cr_assert_eq(auraio_sim_trace_parse(first.bytes, first.length, &again, &where), 0, "%d: %s",
                     where.line, where.why);
        cr_assert_eq(auraio_sim_trace_write(again, append, &second), 0);
        cr_assert_eq(first.length, second.length);
        cr_assert_eq(memcmp(first.bytes, second.bytes, first.length), 0);
        free(first.bytes);
        free(second.bytes);
        auraio_sim_trace_destroy(trace);
        auraio_sim_trace_destroy(again);
    }
}

/* The limits a policy set, one a reap. */
typedef struct limits {
    int *values;
    size_t count, capacity;
} limits_t;

static limits_t recorded;

static const auraio_sim_policy_t *spied;

static int spy_init(void *state, const auraio_adapt_options_t *options)
{
    return spied->init(state, options);
}

static void spy_complete(void *state, const auraio_adapt_batch_t *batch)
{
    spied->complete(state, batch);
    if (recorded.count == recorded.capacity) {
        recorded.capacity = 2 * recorded.capacity + 1024;
        recorded.values = realloc(recorded.values, recorded.capacity * sizeof(int));
    }
    recorded.values[recorded.count++] = spied->limit(state);
}

static int spy_limit(const void *state)
{
    return spied->limit(state);
}

static void compare(void *argument, const auraio_adapt_batch_t *batch, int limit, int phase)
{
    size_t *at = argument;
    (void)batch;
    (void)phase;
    cr_assert_lt(*at, recorded.count);
    cr_assert_eq(limit, recorded.values[*at], "reap %zu: %d, recorded %d", *at, limit, recorded.values[*at]);
    ++*at;
}

Test(sim_trace, a_policy_decides_at_replay_what_it_decided_when_recorded)
{
    const auraio_sim_policy_t *policy;
    for (int i = 0; (policy = auraio_sim_policy_at(i)); i++) {
        spied = policy;
        auraio_sim_policy_t spy = {.name = "spy",
                                   .state_size = policy->state_size,
                                   .init = spy_init,
                                   .complete = spy_complete,
                                   .limit = spy_limit};
        auraio_sim_model_t model = short_model("nvme");
        auraio_sim_trace_t *trace;
        cr_assert_eq(auraio_sim_trace_create(&trace), 0);
        auraio_sim_scenario_t scenario = {.model = &model, .policy = &spy, .seed = 1, .trace = trace};
        auraio_sim_result_t result;
        recorded = (limits_t){0};
        cr_assert_eq(auraio_sim_run(&scenario, &result), 0);

        auraio_adapt_options_t options;
        auraio_adapt_options_init(&options);
        options.min_limit = 1;
        options.max_limit = model.max_limit;
        options.initial_limit = 4;
        size_t at = 0;
        cr_assert_eq(auraio_sim_trace_replay(trace, policy, &options, compare, &at), 0);
        cr_assert_eq(at, recorded.count);
        cr_assert_gt(at, 1000);
        free(recorded.values);
        auraio_sim_trace_destroy(trace);
    }
}

Test(sim_trace, the_device_of_a_trace_does_what_the_recorded_one_did)
{
    auraio_sim_model_t model, replica;
    cr_assert_eq(auraio_sim_model_find("measured", &model), 0);
    model.duration_ns = 2 * SEC;
    /* The ticker passes all depths from 4 to 37 on its way. */
    auraio_sim_trace_t *trace = record(&model, "ticker");
    cr_assert_eq(auraio_sim_trace_model(trace, &replica), 0);
    cr_assert_eq(auraio_sim_model_check(&replica, NULL), 0);
    for (int depth = 4; depth <= 32; depth *= 2) {
        auraio_sim_figures_t was = steady(&model, depth, 1), is = steady(&replica, depth, 1);
        assert_near(is.throughput_ops, was.throughput_ops, 0.05);
        assert_near(is.p99_ns, was.p99_ns, 0.15);
    }
    auraio_sim_trace_destroy(trace);
}

Test(sim_trace, a_trace_too_thin_describes_no_device)
{
    static const char text[] = "auraio-trace 1\nreap 5 0 1\ndone 5 4096 read\n";
    auraio_sim_trace_t *trace;
    auraio_sim_model_t model;
    cr_assert_eq(auraio_sim_trace_parse(text, strlen(text), &trace, NULL), 0);
    cr_assert_eq(auraio_sim_trace_model(trace, &model), -ENODATA);
    auraio_sim_trace_destroy(trace);
    auraio_sim_trace_destroy(NULL);
}

#define HEAD "auraio-trace 1\n"

Test(sim_trace, a_wrong_trace_is_refused_with_its_line)
{
    static const struct {
        const char *text;
        int line;
    } wrong[] = {
        {"", 0},
        {"hello\n", 1},
        {"auraio-trace 2\n", 1},
        {HEAD "done 5 4096 read\n", 2},
        {HEAD "reap -1 0 1\ndone 5 4096 read\n", 2},
        {HEAD "reap 99999999999999999999 0 1\ndone 5 4096 read\n", 2},
        {HEAD "reap 5 1048577 1\ndone 5 4096 read\n", 2},
        {HEAD "reap 5 -1 1\ndone 5 4096 read\n", 2},
        {HEAD "reap 5 0 0\n", 2},
        {HEAD "reap 5 0 65537\n", 2},
        {HEAD "reap 5 0 1 early\ndone 5 4096 read\n", 2},
        {HEAD "reap 5 0 2\ndone 5 4096 read\n", 3},
        {HEAD "reap 5 0 1\n# a comment\ndone -5 4096 read\n", 4},
        {HEAD "reap 5 0 1\ndone 5 4294967296 read\n", 3},
        {HEAD "reap 5 0 1\ndone 5 4096 erase\n", 3},
        {HEAD "reap 5 0 1\ndone 5 4096 read bound bound\n", 3},
        {HEAD "reap 5 0 1\ndone 5 4096 read\nreap 4 0 1\ndone 5 4096 read\n", 4},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        auraio_sim_trace_t *trace = NULL;
        auraio_sim_syntax_t where = {.line = -1};
        cr_assert_eq(auraio_sim_trace_parse(wrong[i].text, strlen(wrong[i].text), &trace, &where), -EINVAL,
                     "text %zu was accepted", i);
        cr_assert_eq(where.line, wrong[i].line, "text %zu: line %d, %s", i, where.line, where.why);
        cr_assert_not_null(where.why);
        cr_assert_null(trace);
    }
}
