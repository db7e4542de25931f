/* sim_check.c - what --check found: each figure out of its bound, with both.
 *
 * A named device is held to the bounds of auraio_sim_trial. Devices drawn at random are held to
 * what can be asked of a policy on a device nobody has seen: a throughput of at least 0.97 of the
 * oracle's and violations of at most 1 % on each, and over all of them a median p99 of at most 1.15
 * times the oracle's.
 */
#include "sim.h"

#include <string.h>

#include "units.h"

#define RANDOM_THROUGHPUT_MIN 0.97
#define RANDOM_P99_MEDIAN_MAX 1.15
#define RANDOM_VIOLATIONS_MAX 0.01

static void put_row(FILE *out, const sim_plan_t *plan, const sim_row_t *row, int seed)
{
    char name[SIM_ROW_NAME], target[UNITS_TEXT];
    const char *red = plan->options->color ? "\033[31m" : "";
    const char *plain = plan->options->color ? "\033[0m" : "";
    fprintf(out, "%sFAIL%s %s, target %s, %s, seed %llu", red, plain, sim_row_name(row, name),
            row->target_ns > 0 ? units_time(target, row->target_ns) : "none", row->policy->name,
            (unsigned long long)(plan->options->seed + (uint64_t)seed));
}

static void put_finding(FILE *out, const sim_plan_t *plan, const sim_row_t *row, int seed,
                        const auraio_sim_finding_t *finding)
{
    put_row(out, plan, row, seed);
    if (row->verdicts[seed].result.segment_count > 1)
        fprintf(out, ", segment %d", finding->segment);
    if (finding->value < 0)
        fprintf(out, ": %s: never\n", finding->figure);
    else
        fprintf(out, ": %s is %.6g, must be %s %.6g\n", finding->figure, finding->value,
                finding->at_least ? "at least" : "at most", finding->bound);
}

static int check_named(FILE *out, const sim_plan_t *plan)
{
    int count = 0;
    for (int i = 0; i < plan->row_count; i++) {
        const sim_row_t *row = &plan->rows[i];
        for (int seed = 0; row->judged && seed < plan->options->seeds; seed++) {
            const auraio_sim_verdict_t *verdict = &row->verdicts[seed];
            for (int f = 0; f < verdict->finding_count; f++)
                put_finding(out, plan, row, seed, &verdict->findings[f]);
            count += verdict->finding_count;
        }
    }
    return count;
}

static int check_random_row(FILE *out, const sim_plan_t *plan, const sim_row_t *row)
{
    auraio_sim_finding_t findings[] = {
        {"throughput", 0, row->throughput, RANDOM_THROUGHPUT_MIN, true},
        {"violations", 0, row->target_ns > 0 ? row->violations : 0, RANDOM_VIOLATIONS_MAX, false},
    };
    int count = 0;
    for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
        const auraio_sim_finding_t *finding = &findings[i];
        if (finding->at_least ? finding->value >= finding->bound : finding->value <= finding->bound)
            continue;
        put_finding(out, plan, row, 0, finding);
        count++;
    }
    return count;
}

static int check_random(FILE *out, const sim_plan_t *plan)
{
    int count = 0;
    for (int i = 0; i < plan->row_count; i++) {
        if (plan->rows[i].judged)
            count += check_random_row(out, plan, &plan->rows[i]);
    }
    const auraio_sim_policy_t *policy;
    for (int i = 0; (policy = auraio_sim_policy_at(i)); i++) {
        double p99 = sim_worst_p99_median(plan, policy);
        if (!(p99 > RANDOM_P99_MEDIAN_MAX))
            continue;
        fprintf(out, "FAIL %s, no target: the median p99 is %.3f times the oracle's, must be at most %.2f\n",
                policy->name, p99, RANDOM_P99_MEDIAN_MAX);
        count++;
    }
    return count;
}

int sim_check(const sim_plan_t *plan, FILE *out)
{
    int count = plan->options->random > 0 ? check_random(out, plan) : check_named(out, plan);
    fprintf(out, "check: %d figure%s out of bounds\n", count, count == 1 ? "" : "s");
    return count;
}
