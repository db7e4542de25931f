/* sim_export.c - the table for other programs: CSV (a line a row) and JSON (every segment of every
 * seed). Times are in nanoseconds, shares are fractions of 1. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>

#include "output.h"

int sim_export_csv(const sim_plan_t *plan, const char *path)
{
    FILE *file = output_open("sim", path);
    if (!file)
        return -1;
    fputs("device,rings,target_ns,policy,throughput_share,p99_ratio,violations,swing,jain,"
          "reached_ns,reached_completions,reaction_ns,settled_ns,findings\n",
          file);
    for (int i = 0; i < plan->row_count; i++) {
        const sim_row_t *row = &plan->rows[i];
        fprintf(file,
                "%s,%d,%" PRId64 ",%s,%.6f,%.6f,%.6f,%.6f,%.6f,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
                ",%d\n",
                row->subject->model.name, row->rings, row->target_ns, row->policy->name, row->throughput,
                row->p99, row->violations, row->swing, row->jain, row->reached_ns, row->reached_completions,
                row->reaction_ns, row->settled_ns, row->findings);
    }
    return output_close("sim", file, path);
}

static void put_segment(FILE *file, const auraio_sim_figures_t *figures, const auraio_sim_best_t *best)
{
    fprintf(file,
            "{\"throughput_ops\": %.3f, \"mean_ns\": %" PRId64 ", \"p50_ns\": %" PRId64
            ", \"p99_ns\": %" PRId64 ", \"wait_p99_ns\": %" PRId64 ", \"violations\": %.6f, "
            "\"limit_mean\": %.3f, \"limit_min\": %d, \"limit_max\": %d, \"jain\": %.6f, "
            "\"reached_ns\": %" PRId64 ", \"reached_completions\": %" PRId64 ", \"settled_ns\": %" PRId64
            ", \"oracle\": {\"limit\": %d, \"throughput_ops\": %.3f, \"p99_ns\": %" PRId64 "}}",
            figures->throughput_ops, figures->mean_ns, figures->p50_ns, figures->p99_ns, figures->wait_p99_ns,
            figures->violations, figures->limit_mean, figures->limit_min, figures->limit_max, figures->jain,
            figures->reached_ns, figures->reached_completions, figures->settled_ns, best->limit,
            best->throughput_ops, best->p99_ns);
}

static void put_verdict(FILE *file, const sim_plan_t *plan, const sim_row_t *row, int seed)
{
    const auraio_sim_verdict_t *verdict = &row->verdicts[seed];
    auraio_sim_best_t best[AURAIO_SIM_SEGMENTS] = {{0}};
    (void)auraio_sim_oracle_best(&row->subject->model, &row->subject->oracles[seed], row->target_ns, best);
    fprintf(file,
            "      {\"seed\": %" PRIu64 ", \"digest\": \"%016" PRIx64
            "\", \"throughput_share\": %.6f, \"p99_ratio\": %.6f, \"violations\": %.6f, "
            "\"reaction_ns\": %" PRId64 ",\n       \"findings\": [",
            plan->options->seed + (uint64_t)seed, verdict->result.digest, verdict->throughput, verdict->p99,
            verdict->violations, verdict->reaction_ns);
    for (int i = 0; i < verdict->finding_count; i++) {
        const auraio_sim_finding_t *finding = &verdict->findings[i];
        fprintf(file, "%s{\"figure\": \"%s\", \"segment\": %d, \"value\": %.6g, \"%s\": %.6g}",
                i > 0 ? ", " : "", finding->figure, finding->segment, finding->value,
                finding->at_least ? "at_least" : "at_most", finding->bound);
    }
    fputs("],\n       \"segments\": [", file);
    for (int i = 0; i < verdict->result.segment_count; i++) {
        fputs(i > 0 ? ",\n         " : "\n         ", file);
        put_segment(file, &verdict->result.segments[i], &best[i]);
    }
    fputs("]}", file);
}

int sim_export_json(const sim_plan_t *plan, const char *path)
{
    FILE *file = output_open("sim", path);
    if (!file)
        return -1;
    fputs("{\"rows\": [", file);
    for (int i = 0; i < plan->row_count; i++) {
        const sim_row_t *row = &plan->rows[i];
        fprintf(file,
                "%s\n  {\"device\": \"%s\", \"rings\": %d, \"target_ns\": %" PRId64
                ", \"policy\": \"%s\", \"runs\": [\n",
                i > 0 ? "," : "", row->subject->model.name, row->rings, row->target_ns, row->policy->name);
        for (int seed = 0; seed < plan->options->seeds; seed++) {
            if (seed > 0)
                fputs(",\n", file);
            put_verdict(file, plan, row, seed);
        }
        fputs("]}", file);
    }
    fputs("\n]}\n", file);
    return output_close("sim", file, path);
}
