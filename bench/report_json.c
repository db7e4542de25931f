/* SPDX-License-Identifier: MIT */
/* The JSON document. */
#include "report.h"

#include <auraio.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", *text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static void put_field(FILE *out, const char *name, const char *text)
{
    fprintf(out, ", \"%s\": ", name);
    put_string(out, text);
}

/* JSON knows no infinity, which a division by nothing gives. */
static void put_number(FILE *out, const char *name, double value)
{
    if (isfinite(value))
        fprintf(out, ", \"%s\": %.6g", name, value);
    else
        fprintf(out, ", \"%s\": null", name);
}

static void put_figure(FILE *out, const struct figure *figure, bool has_peer)
{
    fprintf(out, "{\"label\": ");
    put_string(out, figure->label);
    put_field(out, "unit", figure->unit);
    put_number(out, "ours", figure->ours);
    if (has_peer) {
        put_number(out, "theirs", figure->theirs);
        put_number(out, "ratio", figure->value);
    }
    put_number(out, "low", figure->low);
    put_number(out, "high", figure->high);
    fputc('}', out);
}

static void put_target(FILE *out, enum goal goal, enum verdict verdict)
{
    if (goal == GOAL_NONE)
        return;
    put_field(out, "goal", goals[goal].name);
    put_number(out, goals[goal].kind == TARGET_AT_LEAST ? "at_least" : "at_most", goals[goal].target);
    put_field(out, "verdict", verdict_names[verdict]);
}

static void put_row(FILE *out, const struct report *report, unsigned number)
{
    const struct row *row = &report->results->plan->rows[number];
    const struct bench_case *c = bench_case_of(row);
    struct outcome outcome;
    fprintf(out, "    {\"row\": ");
    put_string(out, row->name);
    put_field(out, "case", c->name);
    put_field(out, "ours", row->ours);
    if (row->theirs)
        put_field(out, "theirs", row->theirs);
    if (row->task.depth > 0)
        fprintf(out, ", \"depth\": %u, \"threads\": %u", row->task.depth, row->task.lanes);
    fprintf(out, ", \"runs\": %u", report->results->rows[number].runs);
    if (results_of(report->results, number, &outcome)) {
        put_target(out, row->goal, results_verdict(row->goal, &outcome));
        if (outcome.state != OUTCOME_MEASURED)
            put_field(out, outcome.state == OUTCOME_FAILED ? "failed" : "left_out", outcome.reason);
        fprintf(out, ", \"figures\": [");
        for (unsigned i = 0; i < outcome.count; i++) {
            fputs(i > 0 ? ", " : "", out);
            put_figure(out, &outcome.figures[i], row->theirs != NULL);
        }
        fputc(']', out);
    }
    fputc('}', out);
}

static void put_goals(FILE *out, const struct report *report)
{
    bool first = true;
    fprintf(out, "  \"goals\": [");
    for (unsigned goal = GOAL_NONE + 1; goal < GOALS; goal++) {
        struct goal_result result = results_of_goal(report->results, goal);
        if (result.rows == 0)
            continue;
        fprintf(out, "%s\n    {\"what\": ", first ? "" : ",");
        put_string(out, goals[goal].what);
        put_target(out, goal, result.verdict);
        fprintf(out, ", \"rows\": %u, \"measured\": %u", result.rows, result.measured);
        if (result.measured > 0) {
            put_field(out, "worst", report->results->plan->rows[result.worst].name);
            put_number(out, "value", result.figure.value);
            put_number(out, "low", result.figure.low);
            put_number(out, "high", result.figure.high);
        }
        fputc('}', out);
        first = false;
    }
    fprintf(out, "\n  ],\n");
}

/* The processor's name, as the kernel tells it. */
static void put_processor(FILE *out)
{
    char line[256] = "";
    FILE *in = fopen("/proc/cpuinfo", "re");
    while (in && fgets(line, sizeof(line), in) && strncmp(line, "model name", 10) != 0)
        line[0] = '\0';
    if (in)
        fclose(in);
    char *name = strchr(line, ':');
    line[strcspn(line, "\n")] = '\0';
    put_field(out, "processor", name ? name + 2 : "");
}

void report_json(FILE *out, const struct report *report)
{
    struct utsname system;
    uname(&system);
    fprintf(out, "{\n  \"auraio\": ");
    put_string(out, auraio_version());
    put_field(out, "command", report->command);
    put_field(out, "effort", report_efforts[report->bench->effort]);
    put_field(out, "kernel", system.release);
    put_processor(out);
    fprintf(out, ", \"cpus\": %ld, \"runs\": %u,\n", sysconf(_SC_NPROCESSORS_ONLN), report->runs);
    put_goals(out, report);
    fprintf(out, "  \"cases\": [");
    for (const struct bench_case *c = bench_cases; c->name; c++) {
        fprintf(out, "%s\n    {\"name\": ", c == bench_cases ? "" : ",");
        put_string(out, c->name);
        put_field(out, "title", c->title);
        fputc('}', out);
    }
    fprintf(out, "\n  ],\n  \"rows\": [");
    for (unsigned i = 0; i < report->results->plan->count; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        put_row(out, report, i);
    }
    fprintf(out, "\n  ]\n}\n");
}
