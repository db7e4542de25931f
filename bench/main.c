/* SPDX-License-Identifier: MIT */
/* auraio-bench: AuraIO against the alternatives, in figures with targets. */
#include "bench.h"

#include "options.h"
#include "run.h"

#include <auraio.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: auraio-bench [OPTION...] [CASE...]\n"
    "       auraio-bench run PEER [--depth N] [--ops N] [--lanes N] [--direct] [--file FILE]\n"
    "\n"
    "Measures AuraIO beside the alternatives, in turns in one process, and prints the medians of the "
    "ratios.\n"
    "\n"
    "  --quick         shorter and less exact\n"
    "  --instructions  the case of that name: count user instructions per operation with callgrind\n"
    "  --json          one JSON document in place of the table\n"
    "  --dir DIR       where the data file of 256 MiB is made and kept (default /var/tmp; not on tmpfs)\n"
    "  --list          the cases and the peers\n"
    "  --help          this\n"
    "  --version       the library's version\n"
    "\n";

struct arguments {
    const char *dir;
    bool quick, json, instructions;
    char **names;
    int name_count;
};

static void print_list(void)
{
    printf("cases:\n");
    for (const struct bench_case *c = bench_cases; c->name; c++)
        printf("  %-14s %s%s\n", c->name, c->summary, c->on_request ? " (only when named)" : "");
    printf("peers:\n");
    for (size_t i = 0; peer_table[i]; i++)
        printf("  %-14s %s\n", peer_table[i]->name,
               peer_table[i]->missing ? peer_table[i]->missing : peer_table[i]->summary);
}

static struct arguments parse(int argc, char **argv)
{
    enum { OPT_QUICK = 256, OPT_INSTRUCTIONS, OPT_JSON, OPT_DIR, OPT_LIST, OPT_HELP, OPT_VERSION };
    static const struct option options[] = {
        {"quick", no_argument, NULL, OPT_QUICK},     {"instructions", no_argument, NULL, OPT_INSTRUCTIONS},
        {"json", no_argument, NULL, OPT_JSON},       {"dir", required_argument, NULL, OPT_DIR},
        {"list", no_argument, NULL, OPT_LIST},       {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION}, {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.dir = "/var/tmp"};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPT_QUICK:
            arguments.quick = true;
            break;
        case OPT_INSTRUCTIONS:
            arguments.instructions = true;
            break;
        case OPT_JSON:
            arguments.json = true;
            break;
        case OPT_DIR:
            arguments.dir = optarg;
            break;
        case OPT_LIST:
            print_list();
            exit(EXIT_SUCCESS);
        case OPT_HELP:
            printf("%s%s", usage, run_usage);
            exit(EXIT_SUCCESS);
        case OPT_VERSION:
            printf("%s\n", auraio_version());
            exit(EXIT_SUCCESS);
        default:
            exit(OPTIONS_EXIT_USAGE); /* getopt_long has said what is wrong */
        }
    }
    arguments.names = argv + optind;
    arguments.name_count = argc - optind;
    return arguments;
}

static void check_names(const struct arguments *arguments)
{
    for (int i = 0; i < arguments->name_count; i++) {
        const struct bench_case *c = bench_cases;
        while (c->name && strcmp(c->name, arguments->names[i]) != 0)
            c++;
        if (!c->name)
            options_refuse("there is no case '%s'; --list names them", arguments->names[i]);
    }
}

static bool is_wanted(const struct arguments *arguments, const struct bench_case *c)
{
    for (int i = 0; i < arguments->name_count; i++) {
        if (strcmp(arguments->names[i], c->name) == 0)
            return true;
    }
    if (strcmp(c->name, "instructions") == 0)
        return arguments->instructions;
    return arguments->name_count == 0 && !arguments->instructions && !c->on_request;
}

static void show_creation(double done, void *user_data)
{
    report_progress(user_data, "writing the data file", done);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        return run_main(argc - 1, argv + 1);

    struct arguments arguments = parse(argc, argv);
    check_names(&arguments);
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0)
        options_fail("/proc/self/exe: %s", strerror(errno));
    self[length] = '\0';

    struct bench bench = {.self = self, .quick = arguments.quick, .report = report_new(arguments.json)};
    if (!bench.report)
        options_fail("out of memory");
    bench.path = options_data_file(arguments.dir, show_creation, bench.report);
    int status = EXIT_SUCCESS;
    for (const struct bench_case *c = bench_cases; c->name; c++) {
        int r = is_wanted(&arguments, c) ? c->run(&bench) : 0;
        if (r == 0)
            continue;
        report_left_out(bench.report, "all", c->name, strerror(-r));
        status = EXIT_FAILURE;
    }
    report_finish(bench.report);
    report_free(bench.report);
    free(bench.path);
    return status;
}
