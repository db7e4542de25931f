/* sim_options.c - the command line of `auraio sim`. */
#include "sim.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "units.h"

enum {
    OPTION_SEEDS = 256,
    OPTION_DURATION,
    OPTION_RINGS,
    OPTION_SEPARATE,
    OPTION_INITIAL,
    OPTION_ARRIVALS,
    OPTION_WORKERS,
    OPTION_RANDOM,
    OPTION_CHECK,
    OPTION_CHART,
    OPTION_CSV,
    OPTION_JSON,
    OPTION_SVG,
    OPTION_RECORD,
    OPTION_REPLAY,
    OPTION_COLOR,
    OPTION_NO_PROGRESS,
};

static const struct option long_options[] = {
    {"policy", required_argument, NULL, 'p'},
    {"target", required_argument, NULL, 't'},
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"rings", required_argument, NULL, OPTION_RINGS},
    {"separate", no_argument, NULL, OPTION_SEPARATE},
    {"initial", required_argument, NULL, OPTION_INITIAL},
    {"arrivals", required_argument, NULL, OPTION_ARRIVALS},
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"all", no_argument, NULL, 'a'},
    {"random", required_argument, NULL, OPTION_RANDOM},
    {"jobs", required_argument, NULL, 'j'},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"chart", no_argument, NULL, OPTION_CHART},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"json", required_argument, NULL, OPTION_JSON},
    {"svg", required_argument, NULL, OPTION_SVG},
    {"record", required_argument, NULL, OPTION_RECORD},
    {"replay", required_argument, NULL, OPTION_REPLAY},
    {"color", required_argument, NULL, OPTION_COLOR},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void sim_options_help(void)
{
    fputs("usage: auraio sim MODEL... [OPTIONS]\n"
          "       auraio sim --all [OPTIONS]\n"
          "       auraio sim --random N [OPTIONS]\n"
          "       auraio sim --replay FILE [--policy NAME]\n"
          "\n"
          "Runs limit policies against simulated storage devices, and compares them with the\n"
          "oracle: the best limit that never moves, found by trying all of them. The same seed\n"
          "gives the same output.\n"
          "\n"
          "MODEL is a name that --list prints, curve:FILE (lines of: depth IOPS p99_us), or\n"
          "trace:FILE (the device a recorded trace describes).\n"
          "\n"
          "what to run:\n"
          "  -p, --policy NAME     policy to run; may be repeated (default: auraio; --all: every "
          "one)\n"
          "  -t, --target TIME     p99 target, such as 200us or 4ms; `each`: none, and every target\n"
          "                        of the model that can be kept (default: none; --all, --random: "
          "each)\n"
          "  -s, --seed N          first seed (default 1)\n"
          "      --seeds N         run seeds N times, counting up; the table shows the worst\n"
          "                        (default 1; --all --check: 3)\n"
          "      --duration TIME   simulated time (default: the model's)\n"
          "      --rings N         N users share the device (default 1)\n"
          "      --separate        each of them with a controller of its own\n"
          "      --initial N       initial limit (default 4); `--policy fixed` stays there\n"
          "      --arrivals N      open loop: N operations a second arrive, whatever completes\n"
          "      --workers N       closed loop: N operations want to be in flight (default: "
          "endless)\n"
          "  -a, --all             every model, and 2, 8 and 64 rings on one device\n"
          "      --random N        N devices drawn at random by the seed; names the worst five\n"
          "      --replay FILE     show a policy a recorded trace, and the limits it would set\n"
          "  -j, --jobs N          threads (default: the CPUs this process may use)\n"
          "\n"
          "what to print:\n"
          "      --check           judge the policies named by -p (default: auraio) by the bounds\n"
          "                        of docs/sim.md; name each figure that is out of them\n"
          "      --chart           limit, throughput and p99 over time, in the terminal\n"
          "      --csv FILE        the table as CSV; - is standard output\n"
          "      --json FILE       the table as JSON, with every segment of every seed\n"
          "      --svg FILE        the chart as SVG (needs gnuplot)\n"
          "      --record FILE     every completion of the run, as a trace\n"
          "      --color WHEN      auto, always or never\n"
          "      --no-progress     no progress bar, even on a terminal\n"
          "  -l, --list            the models and policies\n"
          "  -h, --help            this text\n"
          "\n"
          "exit status: 0 all is well, 1 --check found a figure out of bounds or something failed,\n"
          "2 the call was wrong.\n",
          stdout);
}

static int wrong(const char *option, const char *value, const char *wanted)
{
    return arguments_wrong("sim", option, value, wanted);
}

static int parse_int(const char *option, int64_t min, int64_t max, int *ret_value)
{
    return arguments_int("sim", option, optarg, min, max, ret_value);
}

static int parse_target(sim_options_t *options)
{
    if (strcmp(optarg, "each") == 0) {
        options->target = SIM_TARGET_EACH;
        return 0;
    }
    if (strcmp(optarg, "none") == 0) {
        options->target = SIM_TARGET_NONE;
        return 0;
    }
    options->target = SIM_TARGET_ONE;
    if (units_parse_time(optarg, &options->target_ns))
        return 0;
    return wrong("--target", optarg, "give a time with its unit such as 200us, or `each`, or `none`");
}

static int add_policy(sim_options_t *options)
{
    if (!auraio_sim_policy_find(optarg))
        return wrong("--policy", optarg, "no such policy; `auraio sim --list` names them");
    if (options->policy_count == SIM_NAMES)
        return wrong("--policy", optarg, "too many policies");
    options->policies[options->policy_count++] = optarg;
    return 0;
}

/* The options that name an output or input file. False: `option` is none of them. */
static bool parse_file(sim_options_t *options, int option)
{
    switch (option) {
    case OPTION_CSV:
        options->csv = optarg;
        return true;
    case OPTION_JSON:
        options->json = optarg;
        return true;
    case OPTION_SVG:
        options->svg = optarg;
        return true;
    case OPTION_RECORD:
        options->record = optarg;
        return true;
    case OPTION_REPLAY:
        options->replay = optarg;
        return true;
    default:
        return false;
    }
}

/* The options that are on or off. False: `option` is none of them. */
static bool parse_switch(sim_options_t *options, int option)
{
    switch (option) {
    case 'a':
        options->all = true;
        return true;
    case 'l':
        options->list = true;
        return true;
    case 'h':
        options->help = true;
        return true;
    case OPTION_SEPARATE:
        options->separate = true;
        return true;
    case OPTION_CHECK:
        options->check = true;
        return true;
    case OPTION_CHART:
        options->chart = true;
        return true;
    case OPTION_NO_PROGRESS:
        options->progress = false;
        return true;
    default:
        return false;
    }
}

static int parse_seed(sim_options_t *options)
{
    int64_t seed;
    if (!units_parse_number(optarg, 0, INT64_MAX, &seed))
        return wrong("--seed", optarg, "give a whole number from 0");
    options->seed = (uint64_t)seed;
    return 0;
}

static int parse_value(sim_options_t *options, int option)
{
    switch (option) {
    case 'p':
        return add_policy(options);
    case 't':
        return parse_target(options);
    case 's':
        return parse_seed(options);
    case 'j':
        return parse_int("--jobs", 1, 1024, &options->jobs);
    case OPTION_SEEDS:
        return parse_int("--seeds", 1, SIM_SEEDS, &options->seeds);
    case OPTION_DURATION:
        return arguments_time("sim", "--duration", optarg, &options->duration_ns);
    case OPTION_RINGS:
        return parse_int("--rings", 1, 1024, &options->rings);
    case OPTION_INITIAL:
        return parse_int("--initial", 1, AURAIO_ADAPT_MAX_LIMIT, &options->initial_limit);
    case OPTION_ARRIVALS:
        return parse_int("--arrivals", 1, 100000000, &options->arrivals);
    case OPTION_WORKERS:
        return parse_int("--workers", 1, 16384, &options->workers);
    case OPTION_RANDOM:
        return parse_int("--random", 1, 100000, &options->random);
    case OPTION_COLOR:
        return arguments_color("sim", optarg, &options->color);
    default:
        /* getopt has said what it didn't know. */
        fputs("auraio sim: `auraio sim --help` describes the options\n", stderr);
        return -1;
    }
}

/* What can't be asked for together. */
static int check(const sim_options_t *options)
{
    int sources =
        (options->model_count > 0) + options->all + (options->random > 0) + (options->replay != NULL);
    if (options->list || options->help)
        return 0;
    const char *why = NULL;
    if (sources == 0)
        why = "name a MODEL, or give --all, --random N or --replay FILE (--list names the models)";
    else if (sources > 1)
        why = "MODEL, --all, --random and --replay exclude each other: give one of them";
    else if (options->separate && options->rings < 2)
        why = "--separate needs --rings of at least 2";
    else if (options->arrivals > 0 && options->workers > 0)
        why = "--arrivals is an open loop, --workers a closed one: give one of them";
    else if (options->target == SIM_TARGET_ONE && options->all)
        why = "--all has targets for each model: give --target each or --target none";
    else if (options->record && (options->model_count != 1 || options->policy_count > 1))
        why = "--record takes one MODEL and one --policy";
    else if (options->record && options->separate)
        why = "--record writes what one controller sees: leave out --separate";
    else if (options->svg && (options->model_count != 1 || options->target == SIM_TARGET_EACH))
        why = "--svg takes one MODEL and one --target";
    if (!why)
        return 0;
    fprintf(stderr, "auraio sim: %s\n", why);
    return -1;
}

/* The CPUs this process may run on, which may be fewer than there are. */
static int cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? count : 1;
}

int sim_options_parse(int argc, char **argv, sim_options_t *ret_options)
{
    sim_options_t options = {
        .seed = 1,
        .rings = 1,
        .jobs = cpus(),
        .color = arguments_terminal_color(),
        .progress = isatty(STDERR_FILENO),
    };
    bool target_given = false;
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "p:t:s:j:alh", long_options, NULL)) != -1) {
        target_given = target_given || option == 't';
        if (parse_switch(&options, option) || parse_file(&options, option))
            continue;
        if (parse_value(&options, option))
            return -1;
    }
    for (; optind < argc; optind++) {
        if (options.model_count == SIM_NAMES)
            return wrong("MODEL", argv[optind], "too many models");
        options.models[options.model_count++] = argv[optind];
    }
    if (!target_given && (options.all || options.random > 0))
        options.target = SIM_TARGET_EACH;
    if (options.seeds == 0)
        options.seeds = options.all && options.check ? 3 : 1;
    if (check(&options))
        return -1;
    *ret_options = options;
    return 0;
}
