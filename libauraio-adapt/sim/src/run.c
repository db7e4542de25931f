/* run.c - see run.h. */
#include "run.h"

#include <errno.h>
#include <string.h>

#include "dispatch.h"
#include "trace.h"

#define RINGS_MAX 1024

static void digest(sim_run_t *run, int64_t value)
{
    uint64_t state = run->result.digest ^ (uint64_t)value;
    run->result.digest = sim_mix(&state);
}

int64_t sim_segment_end_ns(const auraio_sim_model_t *model, int segment, int64_t duration_ns)
{
    int64_t end = 0;
    for (int i = 0; i <= segment; i++)
        end += model->segments[i].duration_ns;
    bool last = segment == model->segment_count - 1;
    return last || end > duration_ns ? duration_ns : end;
}

static void begin_segment(sim_run_t *run, int segment)
{
    const auraio_sim_segment_t *now = &run->model->segments[segment];
    run->segment = segment;
    run->segment_end_ns = sim_segment_end_ns(run->model, segment, run->end_ns);
    sim_device_segment(&run->device, now);
    sim_load_segment(&run->load, now, run->now_ns);
    sim_measure_begin(&run->measure, run->now_ns, run->segment_end_ns, run->controls[0].limit,
                      run->ring_counts, run->rings, run->model->targets_ns);
    run->measure.target_ns = run->scenario->p99_target_ns;
    run->measure.goal = run->scenario->goals[segment];
}

static void end_segment(sim_run_t *run)
{
    sim_measure_end(&run->measure, run->now_ns, &run->result.segments[run->segment]);
    run->result.segment_count = run->segment + 1;
}

/* ---- reaping ----------------------------------------------------------------------------------
 */

/* The operation's sample; whether the limit held more back is asked before it is replaced. */
static auraio_adapt_sample_t sample_of(sim_run_t *run, const sim_op_t *op)
{
    bool bound = sim_load_waiting(&run->load, op->ring) > 0;
    auraio_adapt_sample_t sample = {
        .latency_ns = run->now_ns - op->sent_ns,
        .size_bytes = op->size_bytes,
        .kind = op->kind,
        .flags = bound ? AURAIO_ADAPT_BOUND : 0,
    };
    return sample;
}

static void note_completion(sim_run_t *run, const sim_op_t *op, int64_t latency_ns)
{
    sim_measure_completion(&run->measure, run->now_ns, latency_ns, op->sent_ns - op->queued_ns, op->ring);
    run->result.completions++;
    digest(run, run->now_ns ^ latency_ns);
    if (run->scenario->points) {
        auraio_hist_record(&run->point_latency, latency_ns);
        run->point_count++;
    }
}

/* One batch to one controller: all that is done, or what is done of one ring. */
static int report(sim_run_t *run, sim_control_t *control, int64_t ring, unsigned flags)
{
    int count = 0;
    for (uint32_t i = 0; i < run->device.done_count; i++) {
        const sim_op_t *op = &run->device.ops[run->device.done[i]];
        if (ring < 0 || op->ring == (uint32_t)ring)
            run->samples[count++] = sample_of(run, op);
    }
    if (count == 0)
        return 0;
    auraio_adapt_batch_t batch = {
        .now_ns = run->now_ns,
        .in_flight = control->in_flight - count,
        .count = count,
        .flags = flags,
        .samples = run->samples,
    };
    run->policy->complete(control->state, &batch);
    if (!run->scenario->trace)
        return 0;
    return sim_trace_append(run->scenario->trace, &batch);
}

static void take_limits(sim_run_t *run)
{
    int old_limit = run->controls[0].limit;
    sim_dispatch_refresh(run);
    int limit = run->controls[0].limit;
    if (limit == old_limit)
        return;
    sim_measure_limit(&run->measure, run->now_ns, limit);
    digest(run, limit);
}

static int reap(sim_run_t *run)
{
    bool late = run->now_ns == run->stall_end_ns;
    unsigned flags = late ? AURAIO_ADAPT_LATE : 0;
    int error = 0;
    for (int i = 0; i < run->control_count && !error; i++)
        error = report(run, &run->controls[i], run->control_count > 1 ? i : -1, flags);
    if (error)
        return error;
    take_limits(run);
    /* The done operations leave first: a ring that keeps its credit sends anew into their slots. */
    uint32_t count = run->device.done_count;
    for (uint32_t i = 0; i < count; i++) {
        const sim_op_t *op = &run->device.ops[run->device.done[i]];
        note_completion(run, op, run->now_ns - op->sent_ns);
        sim_load_completed(&run->load, op->ring, run->now_ns);
        run->reaped_rings[i] = op->ring;
    }
    sim_device_reaped(&run->device);
    for (uint32_t i = 0; i < count; i++)
        sim_dispatch_completed(run, run->reaped_rings[i]);
    run->reap_ns = INT64_MAX;
    return 0;
}

/* When completions that are there now are seen: at once, or at the next point of the grid, or when
 * the application that comes late is back. */
static void plan_reap(sim_run_t *run)
{
    const auraio_sim_model_t *model = run->model;
    while (model->stall_every_ns > 0 && run->now_ns >= run->stall_ns + model->stall_ns)
        run->stall_ns += model->stall_every_ns;
    if (run->device.done_count == 0 || run->reap_ns != INT64_MAX)
        return;
    int64_t at = run->now_ns;
    if (model->reap_ns > 0)
        at = (at + model->reap_ns - 1) / model->reap_ns * model->reap_ns;
    if (model->stall_every_ns > 0 && at >= run->stall_ns && at < run->stall_ns + model->stall_ns) {
        at = run->stall_ns + model->stall_ns;
        run->stall_end_ns = at;
    }
    run->reap_ns = at;
}

/* ---- the clock --------------------------------------------------------------------------------
 */

static void add_points(sim_run_t *run)
{
    const auraio_sim_scenario_t *scenario = run->scenario;
    int64_t step = run->end_ns / scenario->points_max;
    const sim_control_t *control = &run->controls[0];
    while (run->point < scenario->points_max && run->now_ns >= run->point_ns) {
        scenario->points[run->point++] = (auraio_sim_point_t){
            .at_ns = run->point_ns,
            .throughput_ops = (double)run->point_count * 1e9 / (double)step,
            .p99_ns = auraio_hist_percentile(&run->point_latency, 99),
            .limit = control->limit,
            .phase = run->policy->phase ? run->policy->phase(control->state) : -1,
        };
        run->point_ns += step;
        run->point_count = 0;
        auraio_hist_reset(&run->point_latency);
    }
}

static int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_ns(const sim_run_t *run)
{
    int64_t next = min_ns(sim_device_next_ns(&run->device), sim_load_next_ns(&run->load));
    next = min_ns(next, min_ns(run->reap_ns, run->segment_end_ns));
    return run->scenario->points ? min_ns(next, run->point_ns) : next;
}

static int loop(sim_run_t *run)
{
    sim_dispatch_refresh(run);
    begin_segment(run, 0);
    for (;;) {
        sim_dispatch(run);
        run->now_ns = next_ns(run);
        sim_device_advance(&run->device, run->now_ns);
        sim_load_advance(&run->load, run->now_ns);
        plan_reap(run);
        if (run->now_ns >= run->reap_ns) {
            int error = reap(run);
            if (error)
                return error;
        }
        if (run->scenario->points)
            add_points(run);
        if (run->now_ns < run->segment_end_ns)
            continue;
        end_segment(run);
        if (run->now_ns >= run->end_ns)
            return 0;
        begin_segment(run, run->segment + 1);
    }
}

/* ---- beginning and end ------------------------------------------------------------------------
 */

static int init_controls(sim_run_t *run)
{
    const auraio_sim_scenario_t *scenario = run->scenario;
    auraio_adapt_options_t options;
    auraio_adapt_options_init(&options);
    options.p99_target_ns = scenario->p99_target_ns;
    options.min_limit = 1;
    options.max_limit = run->model->max_limit;
    options.initial_limit = scenario->initial_limit > 0 ? scenario->initial_limit : 4;
    if (options.initial_limit > options.max_limit)
        options.initial_limit = options.max_limit;
    run->control_count = scenario->separate ? run->rings : 1;
    size_t align = _Alignof(max_align_t);
    size_t size = (run->policy->state_size + align) / align * align;
    run->controls = calloc((size_t)run->control_count, sizeof(*run->controls));
    run->states = calloc((size_t)run->control_count, size);
    if (!run->controls || !run->states)
        return -ENOMEM;
    for (int i = 0; i < run->control_count; i++) {
        run->controls[i].state = run->states + (size_t)i * size;
        int error = run->policy->init(run->controls[i].state, &options);
        if (error)
            return error;
    }
    return 0;
}

static int init(sim_run_t *run)
{
    const auraio_sim_scenario_t *scenario = run->scenario;
    run->rings = scenario->rings > 0 ? scenario->rings : 1;
    run->end_ns = scenario->duration_ns > 0 ? scenario->duration_ns : run->model->duration_ns;
    run->reap_ns = INT64_MAX;
    run->stall_ns = run->model->stall_every_ns;
    run->stall_end_ns = -1;
    if (scenario->points)
        run->point_ns = run->end_ns / scenario->points_max;
    int error = init_controls(run);
    if (error)
        return error;
    uint32_t depth = (uint32_t)run->model->max_limit * (uint32_t)run->control_count;
    error = sim_device_init(&run->device, run->model, scenario->seed, depth);
    if (!error)
        error = sim_load_init(&run->load, run->model, scenario->seed, run->rings);
    if (error)
        return error;
    run->samples = malloc(depth * sizeof(*run->samples));
    run->reaped_rings = malloc(depth * sizeof(*run->reaped_rings));
    run->users = calloc((size_t)run->rings, sizeof(*run->users));
    run->ring_counts = calloc((size_t)run->rings, sizeof(*run->ring_counts));
    if (!run->samples || !run->reaped_rings || !run->users || !run->ring_counts)
        return -ENOMEM;
    auraio_adapt_share_init(&run->share, 1);
    return 0;
}

static void destroy(sim_run_t *run)
{
    free(run->ring_counts);
    free(run->users);
    free(run->reaped_rings);
    free(run->samples);
    sim_load_destroy(&run->load);
    sim_device_destroy(&run->device);
    free(run->states);
    free(run->controls);
    free(run);
}

static bool is_valid(const auraio_sim_scenario_t *scenario)
{
    if (!scenario || !scenario->model || !scenario->policy)
        return false;
    if (scenario->p99_target_ns < 0 || scenario->initial_limit < 0 || scenario->duration_ns < 0)
        return false;
    if (scenario->rings < 0 || scenario->rings > RINGS_MAX)
        return false;
    if (scenario->points && scenario->points_max < 1)
        return false;
    /* The duration of a scenario cuts or stretches the last segment only. */
    const auraio_sim_model_t *model = scenario->model;
    if (auraio_sim_model_check(model, NULL))
        return false;
    int64_t last_ns = 0;
    for (int i = 0; i + 1 < model->segment_count; i++)
        last_ns += model->segments[i].duration_ns;
    return scenario->duration_ns == 0 || scenario->duration_ns > last_ns;
}

int auraio_sim_run(const auraio_sim_scenario_t *scenario, auraio_sim_result_t *ret_result)
{
    if (!is_valid(scenario) || !ret_result)
        return -EINVAL;
    sim_run_t *run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->scenario = scenario;
    run->model = scenario->model;
    run->policy = scenario->policy;
    int error = init(run);
    if (!error)
        error = loop(run);
    if (!error)
        *ret_result = run->result;
    destroy(run);
    return error;
}
