/* SPDX-License-Identifier: MIT */
/* The table. A row is a line; beside its first figure the others, short. */
#include "report.h"

#include <string.h>

const char *const report_efforts[] = {
    [EFFORT_FULL] = "full", [EFFORT_QUICK] = "quick", [EFFORT_SMOKE] = "smoke"};

static const char *scaled(double value, char *buffer, size_t size)
{
    if (value >= 1e6)
        snprintf(buffer, size, "%.3f M", value / 1e6);
    else if (value >= 1e4)
        snprintf(buffer, size, "%.1f k", value / 1e3);
    else if (value >= 100)
        snprintf(buffer, size, "%.0f", value);
    else
        snprintf(buffer, size, "%.3g", value);
    return buffer;
}

static void print_heading(FILE *out, const struct report *report, unsigned row)
{
    const struct results *results = report->results;
    const struct bench_case *c = bench_case_of(&results->plan->rows[row]);
    for (unsigned i = 0; i < row; i++) {
        if (results->rows[i].runs > 0 && bench_case_of(&results->plan->rows[i]) == c)
            return;
    }
    fprintf(out, "\n%s: %s\n", c->name, c->title);
    fprintf(out, "  %-31s %-13s %10s %10s %-5s %7s  %-15s %s\n", "", "ours", "", "theirs", "", "ratio",
            report->runs > 1 ? "range of runs" : "95 % sure", "target");
}

/* Of rates the ratio is enough; of times and amounts both sides are worth knowing. */
static void print_other(FILE *out, const struct figure *figure, bool has_peer)
{
    char ours[16], theirs[16];
    scaled(figure->ours, ours, sizeof(ours));
    if (has_peer && strcmp(figure->unit, "op/s") == 0)
        fprintf(out, "%s %.3f", figure->label, figure->value);
    else if (has_peer)
        fprintf(out, "%s %s : %s %s", figure->label, ours, scaled(figure->theirs, theirs, sizeof(theirs)),
                figure->unit);
    else
        fprintf(out, "%s %s%s%s", figure->label, ours, figure->unit[0] ? " " : "", figure->unit);
}

static void print_target(FILE *out, enum goal goal, const struct outcome *outcome)
{
    const struct goal_text *text = &goals[goal];
    if (text->kind == TARGET_NONE)
        return;
    fprintf(out, " %s %-6.4g %s", text->kind == TARGET_AT_LEAST ? ">=" : "<=", text->target,
            verdict_names[results_verdict(goal, outcome)]);
}

static void print_figures(FILE *out, const struct report *report, const struct row *row,
                          const struct outcome *outcome)
{
    const struct figure *figure = &outcome->figures[0];
    char ours[16], theirs[16] = "", interval[32] = "";
    bool has_peer = row->theirs != NULL;
    if (has_peer)
        scaled(figure->theirs, theirs, sizeof(theirs));
    fprintf(out, "  %-31s %-13s %10s %10s %-5s", row->name, row->ours,
            scaled(figure->ours, ours, sizeof(ours)), theirs, figure->unit);
    if (has_peer)
        fprintf(out, " %7.3f ", figure->value);
    else
        fprintf(out, " %7s ", "");
    if (has_peer || report->runs > 1)
        snprintf(interval, sizeof(interval), has_peer ? "%.3f - %.3f" : "%.4g - %.4g", figure->low,
                 figure->high);
    fprintf(out, " %-15s", interval);
    print_target(out, row->goal, outcome);
    for (unsigned i = 1; i < outcome->count; i++) {
        fputs(i == 1 ? "  (" : ", ", out);
        print_other(out, &outcome->figures[i], has_peer);
    }
    fputs(outcome->count > 1 ? ")\n" : "\n", out);
}

void report_table_row(FILE *out, const struct report *report, unsigned number)
{
    const struct row *row = &report->results->plan->rows[number];
    struct outcome outcome;
    if (!results_of(report->results, number, &outcome))
        return;
    print_heading(out, report, number);
    if (outcome.state != OUTCOME_MEASURED)
        fprintf(out, "  %-31s %s: %s\n", row->name, outcome.state == OUTCOME_FAILED ? "FAILED" : "left out",
                outcome.reason);
    else
        print_figures(out, report, row, &outcome);
    fflush(out);
}

void report_table_goals(FILE *out, const struct report *report)
{
    unsigned met = 0, shown = 0;
    for (unsigned goal = GOAL_NONE + 1; goal < GOALS; goal++) {
        struct goal_result result = results_of_goal(report->results, goal);
        if (result.rows == 0)
            continue;
        if (shown++ == 0)
            fprintf(out, "\ntargets, each with the figure that is furthest from it\n");
        fprintf(out, "  %-64s %s %-6.4g", goals[goal].what,
                goals[goal].kind == TARGET_AT_LEAST ? ">=" : "<=", goals[goal].target);
        if (result.measured == 0) {
            fprintf(out, " not measured\n");
            continue;
        }
        met += result.verdict == VERDICT_MET || result.verdict == VERDICT_CLOSE_MET;
        fprintf(out, " %8.4g  %-13s %s", result.figure.value, verdict_names[result.verdict],
                report->results->plan->rows[result.worst].name);
        if (result.measured < result.rows)
            fprintf(out, " (of %u rows measured, %u not)", result.measured, result.rows - result.measured);
        fputc('\n', out);
    }
    if (shown > 0)
        fprintf(out, "%u of %u targets met\n", met, shown);
}
