/* SPDX-License-Identifier: MIT */
/* See report.h. The JSON is collected in memory as it comes, because standard output must hold nothing else.
 */
#include "report.h"

#include "progress.h"

#include <auraio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct report {
    bool json;
    struct progress progress;
    char *text; /* of the JSON rows */
    size_t text_size;
    FILE *rows; /* writes into text; NULL without --json */
    unsigned row_count;
    char group[32];
    unsigned met, missed, left_out;
};

struct report *report_new(bool json)
{
    struct report *report = calloc(1, sizeof(*report));
    if (!report)
        return NULL;
    report->json = json;
    progress_init(&report->progress);
    if (json && !(report->rows = open_memstream(&report->text, &report->text_size))) {
        free(report);
        return NULL;
    }
    return report;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    if (report->rows)
        fclose(report->rows);
    free(report->text);
    free(report);
}

void report_group(struct report *report, const char *name, const char *title)
{
    progress_clear(&report->progress);
    snprintf(report->group, sizeof(report->group), "%s", name);
    if (report->json)
        return;
    printf("\n%s: %s\n", name, title);
    printf("  %-14s %-12s %-11s %10s %10s %9s  %-15s %9s\n", "", "", "against", "ours", "theirs", "figure",
           "quartiles", "target");
    fflush(stdout);
}

static const char *verdict(struct report *report, const struct report_row *row)
{
    if (row->target_kind == REPORT_NO_TARGET)
        return "";
    bool met = row->target_kind == REPORT_AT_LEAST ? row->value >= row->target : row->value <= row->target;
    if (met)
        report->met++;
    else
        report->missed++;
    return met ? "met" : "missed";
}

static void print_json_row(struct report *report, const struct report_row *row, const char *result)
{
    FILE *out = report->rows;
    fprintf(out, "%s\n    {\"case\": \"%s\", \"label\": \"%s\", \"subject\": \"%s\"",
            report->row_count ? "," : "", report->group, row->label, row->subject);
    if (row->against) {
        fprintf(out, ", \"against\": \"%s\", \"ratio\": %.4f, \"quartiles\": [%.4f, %.4f]", row->against,
                row->value, row->low, row->high);
        fprintf(out, ", \"ops_per_s\": %.0f, \"against_ops_per_s\": %.0f", row->subject_rate,
                row->against_rate);
    } else {
        fprintf(out, ", \"value\": %.5f, \"unit\": \"%s\"", row->value, row->unit);
    }
    if (row->target_kind != REPORT_NO_TARGET)
        fprintf(out, ", \"%s\": %g, \"met\": %s",
                row->target_kind == REPORT_AT_LEAST ? "at_least" : "at_most", row->target,
                strcmp(result, "met") == 0 ? "true" : "false");
    fprintf(out, "}");
}

static void print_text_row(const struct report_row *row, const char *result)
{
    printf("  %-14s %-12s %-11s ", row->label, row->subject, row->against ? row->against : "");
    if (row->against)
        printf("%8.3f M %8.3f M %9.3f  %6.3f - %5.3f ", row->subject_rate / 1e6, row->against_rate / 1e6,
               row->value, row->low, row->high);
    else
        printf("%31.4g  %-15s ", row->value, row->unit);
    if (row->target_kind != REPORT_NO_TARGET)
        printf("%s %-6.4g %s", row->target_kind == REPORT_AT_LEAST ? ">=" : "<=", row->target, result);
    printf("\n");
    fflush(stdout);
}

void report_row(struct report *report, const struct report_row *row)
{
    progress_clear(&report->progress);
    const char *result = verdict(report, row);
    if (report->json)
        print_json_row(report, row, result);
    else
        print_text_row(row, result);
    report->row_count++;
}

void report_left_out(struct report *report, const char *label, const char *what, const char *reason)
{
    progress_clear(&report->progress);
    if (report->json)
        fprintf(report->rows,
                "%s\n    {\"case\": \"%s\", \"label\": \"%s\", \"subject\": \"%s\", \"left_out\": \"%s\"}",
                report->row_count ? "," : "", report->group, label, what, reason);
    else
        printf("  %-14s %-12s left out: %s\n", label, what, reason);
    report->row_count++;
    report->left_out++;
}

void report_progress(struct report *report, const char *what, double done)
{
    progress_show(&report->progress, what, done);
}

void report_finish(struct report *report)
{
    progress_clear(&report->progress);
    if (!report->json) {
        printf("\n%u of %u targets met", report->met, report->met + report->missed);
        if (report->left_out > 0)
            printf("; %u measurements left out, see above", report->left_out);
        printf("\n");
        return;
    }
    fflush(report->rows);
    struct utsname system;
    uname(&system);
    printf("{\n  \"auraio\": \"%s\",\n  \"kernel\": \"%s\",\n  \"cpus\": %ld,\n", auraio_version(),
           system.release, sysconf(_SC_NPROCESSORS_ONLN));
    printf("  \"met\": %u,\n  \"missed\": %u,\n  \"left_out\": %u,\n  \"rows\": [%s\n  ]\n}\n", report->met,
           report->missed, report->left_out, report->text);
}
