/* doctor.c - `auraio doctor`: what this machine allows, what runs, and what to change. */
#include "command.h"
#include "doctor.h"

#include <getopt.h>

#include "arguments.h"

typedef struct doctor_options {
    const char *path;
    bool json, color, help;
} doctor_options_t;

static void help(void)
{
    fputs("usage: auraio doctor [PATH] [OPTIONS]\n"
          "\n"
          "Says what this machine and this process's limits allow AuraIO to do, which backend runs and\n"
          "why, and what to change, with the command. Looks at the block devices behind PATH (default:\n"
          "the current directory). Changes nothing.\n"
          "\n"
          "      --json        the findings as JSON\n"
          "      --color WHEN  auto, always or never\n"
          "  -h, --help        this text\n"
          "\n"
          "exit status: 0 all is well, 1 there is advice, 2 the call was wrong, 3 AuraIO cannot run here.\n",
          stdout);
}

static int parse(int argc, char **argv, doctor_options_t *ret_options)
{
    enum { OPTION_JSON = 256, OPTION_COLOR };
    static const struct option long_options[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"color", required_argument, NULL, OPTION_COLOR},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    doctor_options_t options = {.path = ".", .color = arguments_terminal_color()};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == OPTION_JSON) {
            options.json = true;
        } else if (option == 'h') {
            options.help = true;
        } else if (option != OPTION_COLOR) {
            fputs("auraio doctor: `auraio doctor --help` describes the options\n", stderr);
            return -1;
        } else if (arguments_color(DOCTOR_COMMAND, optarg, &options.color)) {
            return -1;
        }
    }
    if (optind < argc - 1) {
        arguments_wrong(DOCTOR_COMMAND, "argument", argv[optind + 1], "one PATH at a time");
        return -1;
    }
    if (optind < argc)
        options.path = argv[optind];
    *ret_options = options;
    return 0;
}

static int run(int argc, char **argv)
{
    static doctor_report_t report;
    doctor_options_t options;
    doctor_system_t system;
    if (parse(argc, argv, &options))
        return EXIT_USAGE;
    if (options.help) {
        help();
        return EXIT_OK;
    }
    if (doctor_gather(options.path, &system))
        return EXIT_USAGE;
    doctor_examine(&system, &report);
    if (options.json && doctor_print_json(&report))
        return EXIT_FAILED;
    if (!options.json)
        doctor_print(&report, options.color);
    switch (doctor_worst(&report)) {
    case DOCTOR_PROBLEM:
        return EXIT_UNFIT;
    case DOCTOR_ADVICE:
        return EXIT_FAILED;
    default:
        return EXIT_OK;
    }
}

const command_t command_doctor = {
    .name = "doctor",
    .summary = "what this machine allows, what runs, and what to change",
    .run = run,
};
