/* doctor_report.c - findings, for people and for programs. */
#include "doctor.h"

#include <stdarg.h>

#include "chart.h"
#include "output.h"

static const char *const state_names[] = {"ok", "note", "advice", "problem"};
static const char *const state_colors[] = {CHART_GREEN, CHART_DIM, CHART_YELLOW, CHART_RED};

void doctor_add(doctor_report_t *report, doctor_state_t state, const char *name, const char *format, ...)
{
    if (report->count == DOCTOR_FINDINGS)
        return;
    doctor_finding_t *finding = &report->findings[report->count++];
    *finding = (doctor_finding_t){.state = state, .name = name};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

void doctor_advise(doctor_report_t *report, const char *format, ...)
{
    doctor_finding_t *finding = &report->findings[report->count - 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->todo, sizeof(finding->todo), format, arguments);
    va_end(arguments);
}

doctor_state_t doctor_worst(const doctor_report_t *report)
{
    doctor_state_t worst = DOCTOR_OK;
    for (int i = 0; i < report->count; i++)
        worst = report->findings[i].state > worst ? report->findings[i].state : worst;
    return worst;
}

void doctor_examine(const doctor_system_t *system, doctor_report_t *report)
{
    doctor_check_kernel(system, report);
    doctor_check_uring(system, report);
    doctor_check_backend(system, report);
    doctor_check_memlock(system, report);
    doctor_check_files(system, report);
    doctor_check_workers(system, report);
    doctor_check_cpus(system, report);
    doctor_check_cgroup(system, report);
    doctor_check_numa(system, report);
    doctor_check_device(system, report);
}

void doctor_print(const doctor_report_t *report, bool color)
{
    int advice = 0;
    for (int i = 0; i < report->count; i++) {
        const doctor_finding_t *finding = &report->findings[i];
        printf("%s%-8s%s %-10s %s\n", color ? state_colors[finding->state] : "", state_names[finding->state],
               color ? CHART_PLAIN : "", finding->name, finding->text);
        if (finding->todo[0])
            printf("%19s -> %s\n", "", finding->todo);
        advice += finding->state == DOCTOR_ADVICE;
    }
    if (doctor_worst(report) == DOCTOR_PROBLEM)
        puts("\nAuraIO cannot run here.");
    else if (advice > 0)
        printf("\nAuraIO runs here; %d thing%s could be better.\n", advice, advice == 1 ? "" : "s");
    else
        puts("\nAll is well.");
}

int doctor_print_json(const doctor_report_t *report)
{
    fprintf(stdout, "{\"version\": \"%s\", \"status\": \"%s\", \"findings\": [", auraio_version(),
            state_names[doctor_worst(report)]);
    for (int i = 0; i < report->count; i++) {
        const doctor_finding_t *finding = &report->findings[i];
        fprintf(stdout, "%s\n  {\"name\": \"%s\", \"state\": \"%s\", \"text\": ", i > 0 ? "," : "",
                finding->name, state_names[finding->state]);
        output_json_string(stdout, finding->text);
        fputs(", \"todo\": ", stdout);
        output_json_string(stdout, finding->todo);
        fputc('}', stdout);
    }
    fputs("\n]}\n", stdout);
    return output_close(DOCTOR_COMMAND, stdout, "-");
}
