/* SPDX-License-Identifier: MIT */
/* See arguments.h. */
#include "arguments.h"

#include <auraio.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "results.h"
#include "run.h"

static const char usage[] =
    "usage: auraio-bench [OPTION...] [PATTERN...]\n"
    "       auraio-bench run PEER [OPTION...]\n"
    "\n"
    "Measures AuraIO beside the alternatives, in turns in one process, and prints the medians of the\n"
    "rounds' ratios with their 95 % confidence interval. A PATTERN names rows: \"peers\", \"peers/4\" or, "
    "as\n"
    "the shell would, \"peers/*/lib*\"; without one every row is measured.\n"
    "\n"
    "  --rows PATTERN  the same as PATTERN\n"
    "  --runs N        every row N times (default 1, at most 25): medians of the runs and their range\n"
    "  --quick         a third of the time, less exact\n"
    "  --smoke         every row once, as short as it goes: shows that all work, the figures mean nothing\n"
    "  --instructions  the case of that name: user instructions per operation, counted by callgrind\n"
    "  --json          one JSON document in place of the table\n"
    "  --svg FILE      also draw the ratios by depth (needs gnuplot)\n"
    "  --journal FILE  keep every outcome there as it comes, and measure only what is not there yet\n"
    "  --limit SECONDS begin no row after that; with --journal the next call goes on\n"
    "  --dir DIR       where the data file of 256 MiB is made and kept (default /var/tmp; not on tmpfs)\n"
    "  --list          cases, rows, targets and peers\n"
    "  --help          this\n"
    "  --version       the library's version\n"
    "\n"
    "Exit status: 0 all was measured, met or missed; 1 a row failed; 2 a wrong call; 3 rows are left\n"
    "because of --limit or an interrupt.\n"
    "\n";

struct plan arguments_plan(void)
{
    struct plan plan = {0};
    for (const struct bench_case *c = bench_cases; c->name; c++)
        c->plan(&plan);
    return plan;
}

static void print_list(void)
{
    struct plan plan = arguments_plan();
    for (const struct bench_case *c = bench_cases; c->name; c++) {
        printf("%s: %s\n", c->name, c->title);
        for (unsigned i = 0; i < plan.count; i++) {
            const struct row *row = &plan.rows[i];
            if (bench_case_of(row) != c)
                continue;
            printf("  %-28s %s%s%s", row->name, row->ours, row->theirs ? " : " : "",
                   row->theirs ? row->theirs : "");
            if (row->goal != GOAL_NONE)
                printf(", %s %.4g", goals[row->goal].kind == TARGET_AT_LEAST ? "at least" : "at most",
                       goals[row->goal].target);
            printf("\n");
        }
    }
    printf("who they are:\n");
    for (size_t i = 0; peer_table[i]; i++)
        printf("  %-14s %s\n", peer_table[i]->name,
               peer_table[i]->missing ? peer_table[i]->missing : peer_table[i]->summary);
    plan_free(&plan);
}

static void add_pattern(struct arguments *arguments, char *pattern)
{
    if (arguments->pattern_count == ARGUMENTS_PATTERNS)
        options_refuse("at most %d patterns", ARGUMENTS_PATTERNS);
    arguments->patterns[arguments->pattern_count++] = pattern;
}

static void set(struct arguments *arguments, const char *name, char *value)
{
    static char instructions[] = "instructions";
    if (strcmp(name, "rows") == 0)
        add_pattern(arguments, value);
    else if (strcmp(name, "runs") == 0)
        arguments->runs = (unsigned)options_number("--runs", value, RESULTS_RUNS);
    else if (strcmp(name, "quick") == 0)
        arguments->effort = EFFORT_QUICK;
    else if (strcmp(name, "smoke") == 0)
        arguments->effort = EFFORT_SMOKE;
    else if (strcmp(name, "instructions") == 0)
        add_pattern(arguments, instructions);
    else if (strcmp(name, "json") == 0)
        arguments->json = true;
    else if (strcmp(name, "svg") == 0)
        arguments->svg = value;
    else if (strcmp(name, "journal") == 0)
        arguments->journal = value;
    else if (strcmp(name, "limit") == 0)
        arguments->limit_s = (unsigned)options_number("--limit", value, 1000000);
    else if (strcmp(name, "dir") == 0)
        arguments->dir = value;
    else if (strcmp(name, "list") == 0)
        print_list();
    else if (strcmp(name, "help") == 0)
        printf("%s%s", usage, run_usage);
    else
        printf("%s\n", auraio_version());
}

struct arguments arguments_parse(int argc, char **argv)
{
    enum { GOES_ON, ENDS };
    static const struct option options[] = {
        {"rows", required_argument, NULL, GOES_ON},
        {"runs", required_argument, NULL, GOES_ON},
        {"quick", no_argument, NULL, GOES_ON},
        {"smoke", no_argument, NULL, GOES_ON},
        {"instructions", no_argument, NULL, GOES_ON},
        {"json", no_argument, NULL, GOES_ON},
        {"svg", required_argument, NULL, GOES_ON},
        {"journal", required_argument, NULL, GOES_ON},
        {"limit", required_argument, NULL, GOES_ON},
        {"dir", required_argument, NULL, GOES_ON},
        {"list", no_argument, NULL, ENDS},
        {"help", no_argument, NULL, ENDS},
        {"version", no_argument, NULL, ENDS},
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.dir = "/var/tmp", .runs = 1};
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (option == '?')
            exit(OPTIONS_EXIT_USAGE); /* getopt_long has said what is wrong */
        set(&arguments, options[index].name, optarg);
        if (option == ENDS)
            exit(EXIT_SUCCESS);
    }
    for (int i = optind; i < argc; i++)
        add_pattern(&arguments, argv[i]);
    return arguments;
}

char *arguments_join(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&line, &size);
    if (!out)
        return NULL;
    fputs(program_invocation_short_name, out);
    for (int i = 1; i < argc; i++)
        fprintf(out, " %s", argv[i]);
    fclose(out);
    return line;
}
