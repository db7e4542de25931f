/* sim_plan.c - decides what runs, runs it, and keeps the worst of the seeds. */
#include "command.h"
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

/* ---- devices ----------------------------------------------------------------------------------
 */

static int failed(int error)
{
    fprintf(stderr, "auraio sim: the simulation failed: %s\n", strerror(-error));
    return EXIT_FAILED;
}

/* Make the model's run last that long, its segments in proportion. */
static void stretch(auraio_sim_model_t *model, int64_t duration_ns)
{
    double factor = (double)duration_ns / (double)model->duration_ns;
    for (int i = 0; i < model->segment_count; i++) {
        int64_t *segment_ns = &model->segments[i].duration_ns;
        *segment_ns = (int64_t)((double)*segment_ns * factor);
    }
    model->duration_ns = duration_ns;
}

static int add_subject(sim_plan_t *plan, const auraio_sim_model_t *model)
{
    const sim_options_t *options = plan->options;
    size_t count = (size_t)plan->subject_count + 1;
    sim_subject_t *subjects = reallocarray(plan->subjects, count, sizeof(*subjects));
    if (!subjects)
        return -ENOMEM;
    plan->subjects = subjects;
    sim_subject_t *subject = &subjects[plan->subject_count];
    subject->model = *model;
    subject->oracles = calloc((size_t)options->seeds, sizeof(*subject->oracles));
    if (!subject->oracles)
        return -ENOMEM;
    plan->subject_count++;
    if (options->duration_ns > 0)
        stretch(&subject->model, options->duration_ns);
    for (int i = 0; options->arrivals > 0 && i < model->segment_count; i++)
        subject->model.segments[i].arrival_ops = options->arrivals;
    if (options->workers > 0)
        subject->model.workers = options->workers;
    if (options->target != SIM_TARGET_EACH)
        memset(subject->model.targets_ns, 0, sizeof(subject->model.targets_ns));
    if (options->target == SIM_TARGET_ONE)
        subject->model.targets_ns[0] = options->target_ns;
    return 0;
}

static int add_random(sim_plan_t *plan)
{
    const sim_options_t *options = plan->options;
    auraio_sim_model_t model;
    int error = 0;
    for (int i = 0; !error && i < options->random; i++) {
        error = auraio_sim_model_random(options->seed, i, &model);
        if (!error)
            error = add_subject(plan, &model);
    }
    return error;
}

static int add_all(sim_plan_t *plan)
{
    auraio_sim_model_t model;
    int error = 0;
    for (int i = 0; !error && auraio_sim_model_at(i, &model) == 0; i++)
        error = add_subject(plan, &model);
    return error;
}

int sim_plan_init(sim_plan_t *plan, const sim_options_t *options)
{
    *plan = (sim_plan_t){.options = options};
    int error = options->all ? add_all(plan) : add_random(plan);
    for (int i = 0; !error && i < options->model_count; i++) {
        auraio_sim_model_t model;
        int status = sim_file_model(options->models[i], &model);
        if (status != EXIT_OK)
            return status;
        error = add_subject(plan, &model);
    }
    return error ? failed(error) : EXIT_OK;
}

void sim_plan_destroy(sim_plan_t *plan)
{
    for (int i = 0; i < plan->row_count; i++) {
        free(plan->rows[i].verdicts);
        free(plan->rows[i].points);
    }
    for (int i = 0; i < plan->subject_count; i++)
        free(plan->subjects[i].oracles);
    free(plan->rows);
    free(plan->subjects);
    *plan = (sim_plan_t){0};
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static int add_row(sim_plan_t *plan, sim_row_t row)
{
    const sim_options_t *options = plan->options;
    if (plan->row_count == plan->row_capacity) {
        int capacity = 2 * plan->row_capacity + 16;
        sim_row_t *rows = reallocarray(plan->rows, (size_t)capacity, sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        plan->rows = rows;
        plan->row_capacity = capacity;
    }
    bool points = options->chart || options->svg;
    row.verdicts = calloc((size_t)options->seeds, sizeof(*row.verdicts));
    row.points = points ? calloc(SIM_POINTS, sizeof(*row.points)) : NULL;
    if (!row.verdicts || (points && !row.points)) {
        free(row.verdicts);
        free(row.points);
        return -ENOMEM;
    }
    plan->rows[plan->row_count++] = row;
    return 0;
}

/* The policies that were asked for by name are judged; by default, the library's own. */
static bool is_judged(const sim_options_t *options, const auraio_sim_policy_t *policy)
{
    for (int i = 0; i < options->policy_count; i++) {
        if (strcmp(options->policies[i], policy->name) == 0)
            return true;
    }
    return options->policy_count == 0 && strcmp(policy->name, "auraio") == 0;
}

/* The i-th policy of the plan, NULL past the last. */
static const auraio_sim_policy_t *policy_at(const sim_options_t *options, int i)
{
    if (options->policy_count > 0)
        return i < options->policy_count ? auraio_sim_policy_find(options->policies[i]) : NULL;
    if (options->all)
        return auraio_sim_policy_at(i);
    return i == 0 ? auraio_sim_policy_find("auraio") : NULL;
}

static int add_policies(sim_plan_t *plan, const sim_subject_t *subject, int64_t target_ns, int rings)
{
    const auraio_sim_policy_t *policy;
    int error = 0;
    for (int i = 0; !error && (policy = policy_at(plan->options, i)); i++) {
        bool judged = is_judged(plan->options, policy);
        error = add_row(plan, (sim_row_t){.subject = subject,
                                          .policy = policy,
                                          .target_ns = target_ns,
                                          .rings = rings,
                                          .judged = judged});
    }
    return error;
}

/* Whether the oracle of every seed keeps the target in every segment. */
static bool is_feasible(const sim_plan_t *plan, const sim_subject_t *subject, int64_t target_ns)
{
    auraio_sim_best_t best[AURAIO_SIM_SEGMENTS];
    for (int seed = 0; seed < plan->options->seeds; seed++) {
        if (auraio_sim_oracle_best(&subject->model, &subject->oracles[seed], target_ns, best))
            return false;
    }
    return true;
}

static int add_subject_rows(sim_plan_t *plan, const sim_subject_t *subject)
{
    const sim_options_t *options = plan->options;
    int error = 0;
    if (options->target != SIM_TARGET_ONE)
        error = add_policies(plan, subject, 0, options->rings);
    for (int t = 0; !error && t < AURAIO_SIM_TARGETS; t++) {
        int64_t target_ns = subject->model.targets_ns[t];
        if (target_ns == 0)
            continue;
        if (is_feasible(plan, subject, target_ns)) {
            error = add_policies(plan, subject, target_ns, options->rings);
        } else if (options->target == SIM_TARGET_ONE) {
            char text[UNITS_TEXT];
            fprintf(stderr, "auraio sim: no limit keeps a p99 of %s on %s; try a larger --target\n",
                    units_time(text, target_ns), subject->model.name);
            return -ERANGE;
        }
    }
    return error;
}

/* Several rings on one device, for the policies that are judged: --all on the first model. */
static int add_ring_rows(sim_plan_t *plan)
{
    static const int rings[] = {2, 8, 64};
    int error = 0;
    for (size_t i = 0; !error && i < sizeof(rings) / sizeof(rings[0]); i++) {
        const auraio_sim_policy_t *policy;
        for (int p = 0; !error && (policy = policy_at(plan->options, p)); p++) {
            if (is_judged(plan->options, policy))
                error = add_row(plan, (sim_row_t){.subject = &plan->subjects[0],
                                                  .policy = policy,
                                                  .rings = rings[i],
                                                  .judged = true});
        }
    }
    return error;
}

/* ---- running ----------------------------------------------------------------------------------
 */

/* Errors of the workers: the first stays. Relaxed order would do, the threads are joined before it
 * is read. */
static void note_error(sim_plan_t *plan, int error)
{
    int none = 0;
    if (error)
        __atomic_compare_exchange_n(&plan->error, &none, error, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void ask_oracle(void *argument, int index)
{
    sim_plan_t *plan = argument;
    int seeds = plan->options->seeds;
    sim_subject_t *subject = &plan->subjects[index / seeds];
    uint64_t seed = plan->options->seed + (uint64_t)(index % seeds);
    note_error(plan, auraio_sim_oracle(&subject->model, seed, &subject->oracles[index % seeds]));
}

static void run_trial(void *argument, int index)
{
    sim_plan_t *plan = argument;
    const sim_options_t *options = plan->options;
    int seed = index % options->seeds;
    sim_row_t *row = &plan->rows[index / options->seeds];
    auraio_sim_scenario_t scenario = {
        .model = &row->subject->model,
        .policy = row->policy,
        .p99_target_ns = row->target_ns,
        .initial_limit = options->initial_limit,
        .seed = options->seed + (uint64_t)seed,
        .rings = row->rings,
        .separate = options->separate,
        .points = seed == 0 ? row->points : NULL,
        .points_max = SIM_POINTS,
    };
    note_error(plan, auraio_sim_trial(&scenario, &row->subject->oracles[seed], &row->verdicts[seed]));
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

static double greater(double a, double b)
{
    return a > b ? a : b;
}

/* The later of two times; never (-1) is later than any. */
static int64_t later(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a > b ? a : b;
}

static void summarise(sim_row_t *row, int seeds)
{
    row->throughput = row->jain = 1e9;
    for (int i = 0; i < seeds; i++) {
        const auraio_sim_verdict_t *verdict = &row->verdicts[i];
        row->throughput = lesser(row->throughput, verdict->throughput);
        row->p99 = greater(row->p99, verdict->p99);
        row->violations = greater(row->violations, verdict->violations);
        row->swing = greater(row->swing, verdict->swing);
        row->jain = lesser(row->jain, verdict->jain);
        row->reached_ns = later(row->reached_ns, verdict->reached_ns);
        row->reached_completions = later(row->reached_completions, verdict->reached_completions);
        row->reaction_ns = later(row->reaction_ns, verdict->reaction_ns);
        row->settled_ns = later(row->settled_ns, verdict->settled_ns);
        row->findings += verdict->finding_count;
    }
}

static int add_rows(sim_plan_t *plan)
{
    int error = 0;
    for (int i = 0; !error && i < plan->subject_count; i++)
        error = add_subject_rows(plan, &plan->subjects[i]);
    if (!error && plan->options->all && plan->options->rings == 1)
        error = add_ring_rows(plan);
    return error;
}

int sim_plan_run(sim_plan_t *plan)
{
    const sim_options_t *options = plan->options;
    sim_work(plan->subject_count * options->seeds, options->jobs, options->progress, "oracles", ask_oracle,
             plan);
    int error = plan->error ? plan->error : add_rows(plan);
    if (error) /* -ERANGE has been explained */
        return error == -ERANGE ? EXIT_FAILED : failed(error);
    sim_work(plan->row_count * options->seeds, options->jobs, options->progress, "trials", run_trial, plan);
    if (plan->error)
        return failed(plan->error);
    for (int i = 0; i < plan->row_count; i++)
        summarise(&plan->rows[i], options->seeds);
    return EXIT_OK;
}
