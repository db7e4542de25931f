/* trial.c - a policy against the oracle: ratios, and the bounds they are held to. */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <string.h>

#define THROUGHPUT_MIN 0.98
#define THROUGHPUT_TARGET_MIN 0.97
#define P99_MAX 1.2
#define P99_SHALLOW_MAX 1.5 /* a step of 1 is a large share of a limit under SHALLOW */
#define SHALLOW 6
#define VIOLATIONS_MAX 0.01
#define SWING_MAX 0.25
#define JAIN_MIN 0.99
#define COMPLETIONS_MAX 8192

int auraio_sim_oracle_best(const auraio_sim_model_t *model, const auraio_sim_oracle_t *oracle,
                           int64_t p99_target_ns, auraio_sim_best_t *ret_best)
{
    const auraio_sim_best_t *best[AURAIO_SIM_SEGMENTS];
    int target = -1;
    for (int i = 0; i < AURAIO_SIM_TARGETS && p99_target_ns > 0; i++) {
        if (model->targets_ns[i] == p99_target_ns)
            target = i;
    }
    if (p99_target_ns != 0 && target < 0)
        return -EINVAL;
    for (int i = 0; i < oracle->segment_count; i++) {
        best[i] = target < 0 ? &oracle->knee[i] : &oracle->target[i][target];
        if (best[i]->limit == 0)
            return -ERANGE;
    }
    for (int i = 0; i < oracle->segment_count; i++)
        ret_best[i] = *best[i];
    return 0;
}

static bool is_idle(const auraio_sim_model_t *model, int segment)
{
    return model->workers > 0 || model->segments[segment].arrival_ops > 0;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void find(auraio_sim_verdict_t *verdict, const char *figure, int segment, double value, double bound,
                 bool at_least)
{
    bool kept = at_least ? value >= bound : value <= bound;
    if (kept || verdict->finding_count == AURAIO_SIM_FINDINGS)
        return;
    verdict->findings[verdict->finding_count++] =
        (auraio_sim_finding_t){figure, segment, value, bound, at_least};
}

/* A time that must be reached at all (-1: it was not) and within a bound (0: any). */
static void find_time(auraio_sim_verdict_t *verdict, const char *figure, int segment, int64_t value,
                      int64_t bound)
{
    if (value < 0)
        find(verdict, figure, segment, -1, 0, true);
    else if (bound > 0)
        find(verdict, figure, segment, (double)value, (double)bound, false);
}

static void judge_reached(auraio_sim_verdict_t *verdict, const auraio_sim_model_t *model, int segment)
{
    const auraio_sim_figures_t *figures = &verdict->result.segments[segment];
    if (segment == 0) {
        verdict->reached_ns = figures->reached_ns;
        verdict->reached_completions = figures->reached_completions;
        find_time(verdict, "reached (ns)", segment, figures->reached_ns, model->reach_ns);
        find_time(verdict, "reached (completions)", segment, figures->reached_completions, COMPLETIONS_MAX);
        return;
    }
    bool worse = figures->reached_ns < 0 || figures->reached_ns > verdict->reaction_ns;
    if (verdict->reaction_ns >= 0 && worse)
        verdict->reaction_ns = figures->reached_ns;
    find_time(verdict, "reaction (ns)", segment, figures->reached_ns, model->react_ns);
}

static void judge_segment(auraio_sim_verdict_t *verdict, const auraio_sim_scenario_t *scenario,
                          const auraio_sim_best_t *best, int segment)
{
    const auraio_sim_figures_t *figures = &verdict->result.segments[segment];
    bool target = scenario->p99_target_ns > 0;
    bool idle = is_idle(scenario->model, segment);
    double throughput = figures->throughput_ops / best->throughput_ops;
    double p99 = (double)figures->p99_ns / (double)best->p99_ns;
    double above = figures->limit_max / figures->limit_mean - 1;
    double swing = larger(above, 1 - figures->limit_min / figures->limit_mean);

    verdict->throughput = segment == 0 || throughput < verdict->throughput ? throughput : verdict->throughput;
    verdict->p99 = larger(verdict->p99, p99);
    bool longer = figures->settled_ns < 0 || figures->settled_ns > verdict->settled_ns;
    if (!idle && verdict->settled_ns >= 0 && longer)
        verdict->settled_ns = figures->settled_ns;
    verdict->violations = larger(verdict->violations, figures->violations);
    verdict->swing = larger(verdict->swing, swing);
    verdict->jain = figures->jain < verdict->jain ? figures->jain : verdict->jain;

    find(verdict, "throughput", segment, throughput, target ? THROUGHPUT_TARGET_MIN : THROUGHPUT_MIN, true);
    if (target)
        find(verdict, "violations", segment, figures->violations, VIOLATIONS_MAX, false);
    else if (!idle)
        find(verdict, "p99", segment, p99, best->limit < SHALLOW ? P99_SHALLOW_MAX : P99_MAX, false);
    if (idle && !target)
        find(verdict, "swing", segment, swing, SWING_MAX, false);
    if (!idle)
        judge_reached(verdict, scenario->model, segment);
    if (scenario->rings > 1)
        find(verdict, "jain", segment, figures->jain, JAIN_MIN, true);
}

int auraio_sim_trial(const auraio_sim_scenario_t *scenario, const auraio_sim_oracle_t *oracle,
                     auraio_sim_verdict_t *ret_verdict)
{
    if (!scenario || !scenario->model || !oracle || !ret_verdict)
        return -EINVAL;
    if (oracle->segment_count != scenario->model->segment_count)
        return -EINVAL;
    auraio_sim_best_t best[AURAIO_SIM_SEGMENTS];
    int error = auraio_sim_oracle_best(scenario->model, oracle, scenario->p99_target_ns, best);
    if (error)
        return error;
    auraio_sim_scenario_t aimed = *scenario;
    for (int i = 0; i < oracle->segment_count; i++)
        aimed.goals[i] = (auraio_sim_goal_t){best[i].throughput_ops, best[i].mean_ns};
    auraio_sim_verdict_t verdict = {.jain = 1};
    error = auraio_sim_run(&aimed, &verdict.result);
    if (error)
        return error;
    for (int i = 0; i < verdict.result.segment_count; i++)
        judge_segment(&verdict, &aimed, &best[i], i);
    *ret_verdict = verdict;
    return 0;
}
