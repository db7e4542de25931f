/* fuzz_text.c - whatever the bytes, reading them as a trace or as a curve is safe, and what is
 * accepted can be used: a trace writes back, describes a device or not, and can be shown to every
 * policy; a curve runs.
 *
 * Built two ways: with -fsanitize=fuzzer by clang (target fuzz-sim-text), and with fuzz_main.c,
 * which runs it over the files of corpus/ as a test.
 */
#include <auraio/adapt_sim.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* A property that does not hold ends the process: what a fuzzer looks for. */
static void require(bool holds)
{
    if (!holds)
        abort();
}

typedef struct copy {
    char *bytes;
    size_t length, capacity;
} copy_t;

static int append(void *argument, const char *bytes, size_t length)
{
    copy_t *copy = argument;
    if (copy->length + length > copy->capacity) {
        copy->capacity = 2 * (copy->length + length);
        copy->bytes = realloc(copy->bytes, copy->capacity);
        require(copy->bytes != NULL);
    }
    memcpy(copy->bytes + copy->length, bytes, length);
    copy->length += length;
    return 0;
}

static void within_bounds(void *argument, const auraio_adapt_batch_t *batch, int limit, int phase)
{
    const auraio_adapt_options_t *options = argument;
    (void)phase;
    require(batch->count > 0);
    require(limit >= options->min_limit && limit <= options->max_limit);
}

static void replay(const auraio_sim_trace_t *trace, int64_t target_ns)
{
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = target_ns;
    options.min_limit = 2;
    options.max_limit = 100;
    options.initial_limit = 4;
    const auraio_sim_policy_t *policy;
    for (int i = 0; (policy = auraio_sim_policy_at(i)); i++)
        require(auraio_sim_trace_replay(trace, policy, &options, within_bounds, &options) == 0);
}

static void run(const auraio_sim_model_t *model)
{
    require(auraio_sim_model_check(model, NULL) == 0);
    /* A faster device is no different, and takes a fuzzer seconds. */
    for (int i = 0; i < model->knot_count; i++) {
        if (model->knots[i].throughput_ops > 1e6)
            return;
    }
    auraio_sim_scenario_t scenario = {
        .model = model,
        .policy = auraio_sim_policy_find("fixed"),
        .duration_ns = 1000000,
        .seed = 1,
    };
    auraio_sim_result_t result;
    require(auraio_sim_run(&scenario, &result) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    auraio_sim_syntax_t where = {0};
    auraio_sim_model_t model;
    if (auraio_sim_curve_parse(text, length, &model, &where) == 0)
        run(&model);
    else
        require(where.why != NULL);

    auraio_sim_trace_t *trace, *again;
    where.why = NULL;
    if (auraio_sim_trace_parse(text, length, &trace, &where)) {
        require(where.why != NULL);
        return 0;
    }
    copy_t copy = {0};
    require(auraio_sim_trace_write(trace, append, &copy) == 0);
    require(auraio_sim_trace_parse(copy.bytes, copy.length, &again, NULL) == 0);
    require(auraio_sim_trace_completions(again) == auraio_sim_trace_completions(trace));
    if (auraio_sim_trace_model(trace, &model) == 0)
        run(&model);
    replay(trace, 0);
    replay(trace, 1000000);
    auraio_sim_trace_destroy(again);
    auraio_sim_trace_destroy(trace);
    free(copy.bytes);
    return 0;
}
