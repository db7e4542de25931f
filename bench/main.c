/* SPDX-License-Identifier: MIT */
/* auraio-bench: AuraIO against the alternatives, in figures with targets. */
#include "arguments.h"

#include <auraio.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "contender.h"
#include "journal.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "run.h"
#include "runner.h"

enum { EXIT_LEFT = 3, SMOKE_MIB = 16 };

static void show_creation(double done, void *progress)
{
    progress_show(progress, "writing the data file", done);
}

static char *prepare_data(const struct arguments *arguments)
{
    struct progress progress;
    unsigned mib = arguments->effort == EFFORT_SMOKE ? SMOKE_MIB : OPTIONS_DATA_MIB;
    progress_init(&progress);
    char *path = options_data_file(arguments->dir, mib, show_creation, &progress);
    progress_clear(&progress);
    return path;
}

static FILE *open_journal(const struct arguments *arguments, struct results *results)
{
    struct utsname system;
    char heading[256];
    FILE *journal = NULL;
    if (!arguments->journal)
        return NULL;
    uname(&system);
    snprintf(heading, sizeof(heading), "auraio-bench %s, %s, Linux %s", auraio_version(),
             report_efforts[arguments->effort], system.release);
    int r = journal_open(arguments->journal, heading, results, &journal);
    if (r == -EBADMSG)
        options_fail("%s is no journal of auraio-bench, or damaged: name another file", arguments->journal);
    if (r == -ESTALE)
        options_fail("%s is the journal of another version, effort or kernel than \"%s\": remove it or name "
                     "another file",
                     arguments->journal, heading);
    if (r < 0)
        options_fail("%s: %s", arguments->journal, strerror(-r));
    return journal;
}

static struct plan make_plan(const struct arguments *arguments)
{
    struct plan plan = arguments_plan();
    if (arguments->pattern_count == 0)
        return plan;
    const char *unknown = plan_keep(&plan, arguments->patterns, arguments->pattern_count);
    if (unknown)
        options_refuse("no row is named by '%s'; --list shows them", unknown);
    return plan;
}

struct printer {
    const struct report *report;
    bool quiet;    /* for a JSON document, which comes at the end */
    unsigned next; /* row that was not printed yet */
};

static void print_row(void *opaque, unsigned row)
{
    struct printer *printer = opaque;
    if (!printer->quiet)
        report_table_row(stdout, printer->report, row);
    printer->next = row + 1;
}

static void finish(const struct arguments *arguments, struct printer *printer, int missing)
{
    const struct report *report = printer->report;
    /* After a run that was cut short there are rows with fewer runs than asked for, or none. */
    while (printer->next < report->results->plan->count)
        print_row(printer, printer->next);
    if (arguments->json)
        report_json(stdout, report);
    else
        report_table_goals(stdout, report);
    if (missing > 0)
        fprintf(stderr, "%d measurements are left%s\n", missing,
                arguments->journal ? "; the same call goes on with them" : "");
    int r = arguments->svg ? report_svg(arguments->svg, report) : 0;
    if (r < 0)
        options_fail("%s: gnuplot could not draw it", arguments->svg);
}

static bool has_failure(const struct results *results)
{
    struct outcome outcome;
    for (unsigned i = 0; i < results->plan->count; i++) {
        if (results_of(results, i, &outcome) && outcome.state == OUTCOME_FAILED)
            return true;
    }
    return false;
}

static int measure(const struct arguments *arguments, const struct bench *bench, const char *command)
{
    struct results results;
    struct plan plan = make_plan(arguments);
    if (results_init(&results, &plan) < 0)
        options_fail("out of memory");
    struct report report = {bench, &results, arguments->runs, command};
    struct printer printer = {.report = &report, .quiet = arguments->json};
    struct runner runner = {
        .bench = bench,
        .results = &results,
        .runs = arguments->runs,
        .limit_s = arguments->limit_s,
        .journal = open_journal(arguments, &results),
        .row_done = print_row,
        .user_data = &printer,
    };
    double seconds = runner_seconds(&runner);
    fprintf(stderr, "%u rows, about %d:%02d minutes\n", plan.count, (int)seconds / 60, (int)seconds % 60);
    int missing = runner_go(&runner);
    if (missing < 0)
        options_fail("%s", strerror(-missing));
    finish(arguments, &printer, missing);
    int status = missing > 0 ? EXIT_LEFT : has_failure(&results) ? EXIT_FAILURE : EXIT_SUCCESS;
    if (runner.journal)
        fclose(runner.journal);
    results_free(&results);
    plan_free(&plan);
    return status;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        return run_main(argc - 1, argv + 1);
    /* Not for people: the pool's rows start this program for each allocator. */
    if (argc == 4 && strcmp(argv[1], "--serve") == 0)
        return contender_serve(atoi(argv[2]), atoi(argv[3]));

    char *command = arguments_join(argc, argv); /* first: getopt sorts the line */
    struct arguments arguments = arguments_parse(argc, argv);
    if (arguments.svg && !report_can_draw())
        options_fail("--svg needs gnuplot, which is not installed");
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0)
        options_fail("/proc/self/exe: %s", strerror(errno));
    self[length] = '\0';
    if (!command)
        options_fail("out of memory");

    char *path = prepare_data(&arguments);
    struct bench bench = {.self = self, .path = path, .effort = arguments.effort};
    int status = measure(&arguments, &bench, command);
    free(path);
    free(command);
    return status;
}
