/* sim_table.c - the table of `auraio sim`, and what --check found. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

#include "chart.h"
#include "units.h"

static const char *color(const sim_plan_t *plan, const char *code)
{
    return plan->options->color ? code : "";
}

const char *sim_row_name(const sim_row_t *row, char text[SIM_ROW_NAME])
{
    const char *name = row->subject->model.name;
    if (row->rings > 1)
        snprintf(text, SIM_ROW_NAME, "%s x%d", name, row->rings);
    else
        snprintf(text, SIM_ROW_NAME, "%s", name);
    return text;
}

/* The oracle's limit and the policy's mean limit, of the last segment of the first seed. */
static void limits_of(const sim_row_t *row, char *text, size_t size)
{
    const auraio_sim_verdict_t *verdict = &row->verdicts[0];
    int last = verdict->result.segment_count - 1;
    auraio_sim_best_t best[AURAIO_SIM_SEGMENTS] = {{0}};
    (void)auraio_sim_oracle_best(&row->subject->model, &row->subject->oracles[0], row->target_ns, best);
    snprintf(text, size, "%.0f/%d", verdict->result.segments[last].limit_mean, best[last].limit);
}

static void print_row(const sim_plan_t *plan, const sim_row_t *row, bool repeat)
{
    const auraio_sim_verdict_t *first = &row->verdicts[0];
    int last = first->result.segment_count - 1;
    char name[SIM_ROW_NAME], limits[32], target[UNITS_TEXT], ops[UNITS_TEXT], p99[UNITS_TEXT];
    char reached[UNITS_TEXT], reaction[UNITS_TEXT], completions[UNITS_TEXT];
    char settled[UNITS_TEXT];
    limits_of(row, limits, sizeof(limits));
    int64_t change_ns = first->result.segment_count > 1 ? row->reaction_ns : -1;
    bool reaches = row->reached_completions >= 0;
    char over[16] = "-", jain[16] = "-";
    if (row->target_ns > 0)
        snprintf(over, sizeof(over), "%.2f%%", 100 * row->violations);
    if (row->rings > 1)
        snprintf(jain, sizeof(jain), "%.3f", row->jain);
    const char *mark = row->findings > 0 ? "x" : "";
    const char *tint = !row->judged ? CHART_DIM : row->findings > 0 ? CHART_RED : CHART_GREEN;
    printf("%s%-14s %7s %-10s %9s %7s %6.3f %8s %6.2f %8s %7s %6s %7s %8s %6s %s%s\n", color(plan, tint),
           repeat ? "" : sim_row_name(row, name),
           row->target_ns > 0 ? units_time(target, row->target_ns) : "none", row->policy->name, limits,
           units_count(ops, first->result.segments[last].throughput_ops), row->throughput,
           units_time(p99, first->result.segments[last].p99_ns), row->p99, over,
           units_time(reached, row->reached_ns),
           reaches ? units_count(completions, (double)row->reached_completions) : "-",
           units_time(settled, row->settled_ns), units_time(reaction, change_ns), jain, mark,
           color(plan, CHART_PLAIN));
}

void sim_table(const sim_plan_t *plan)
{
    int seeds = plan->options->seeds;
    printf("%-14s %7s %-10s %9s %7s %6s %8s %6s %8s %7s %6s %7s %8s %6s\n", "device", "target", "policy",
           "limit", "ops/s", "share", "p99", "ratio", "over", "95%", "after", "settled", "change", "jain");
    const sim_row_t *above = NULL;
    for (int i = 0; i < plan->row_count; i++) {
        const sim_row_t *row = &plan->rows[i];
        bool repeat = above && above->subject == row->subject && above->rings == row->rings;
        print_row(plan, row, repeat);
        above = row;
    }
    printf("\n"
           "limit         the policy's mean / the oracle's\n"
           "share, ratio  throughput and p99 against the oracle's\n"
           "over          completions over the target\n"
           "95%%, after    time and completions until 95 %% of the oracle's throughput\n"
           "settled       time until latency stays under 1.5 times the oracle's, probes aside\n"
           "change        time until both, after a change of the device or the load\n"
           "jain          fairness between rings\n"
           "x             out of bounds\n"
           "limit, ops/s and p99 are those of seed %llu, the rest is the worst of %d seed%s.\n",
           (unsigned long long)plan->options->seed, seeds, seeds == 1 ? "" : "s");
}
