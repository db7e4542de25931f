/* tune_options.c - the command line of `auraio tune`. */
#include "tune.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "units.h"

#define BLOCK_MAX ((int64_t)16 << 20)
#define RUNTIME_MIN_NS ((int64_t)1000000000)

enum {
    OPTION_RW = 256,
    OPTION_BS,
    OPTION_RUNTIME,
    OPTION_MAX_DEPTH,
    OPTION_OVERWRITE,
    OPTION_JSON,
    OPTION_SVG,
    OPTION_COLOR,
    OPTION_NO_PROGRESS,
};

static const struct option long_options[] = {
    {"target-p99", required_argument, NULL, 't'},
    {"rw", required_argument, NULL, OPTION_RW},
    {"bs", required_argument, NULL, OPTION_BS},
    {"runtime", required_argument, NULL, OPTION_RUNTIME},
    {"max-depth", required_argument, NULL, OPTION_MAX_DEPTH},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"json", required_argument, NULL, OPTION_JSON},
    {"svg", required_argument, NULL, OPTION_SVG},
    {"color", required_argument, NULL, OPTION_COLOR},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char *const access_names[] = {"randread", "read", "write", "randwrite", "mixed"};

#define ACCESSES ((int)(sizeof(access_names) / sizeof(access_names[0])))

const char *tune_access_name(tune_access_t access)
{
    return access_names[access];
}

bool tune_access_writes(tune_access_t access)
{
    return access == TUNE_WRITE || access == TUNE_RANDWRITE || access == TUNE_MIXED;
}

void tune_options_help(void)
{
    fputs("usage: auraio tune FILE|DEVICE|DIRECTORY [OPTIONS]\n"
          "\n"
          "Measures a device at fixed depths (operations in flight): 1, 2, 4, ... 256. Then lets\n"
          "AuraIO find the depth by itself, in turns with the best of the fixed ones, and says what\n"
          "share of their throughput it reaches. Reads go around the page cache (O_DIRECT) where\n"
          "the file system can.\n"
          "\n"
          "Nothing is written to a file or device that exists unless --overwrite says so. In a\n"
          "DIRECTORY a scratch file of at most 256 MiB is made; it has no name and is gone when the\n"
          "command ends, however it ends.\n"
          "\n"
          "what to measure:\n"
          "  -t, --target-p99 TIME  99 % of operations shall complete within TIME, such as 500us\n"
          "                         (default: none; the least depth with full throughput)\n"
          "      --rw KIND          randread, read, write, randwrite, or mixed: random, 70 % reads\n"
          "                         (default: randread)\n"
          "      --bs SIZE          bytes of an operation, such as 4k or 1m (default: 4k)\n"
          "      --runtime TIME     all measuring together (default: 20s; at least 1s)\n"
          "      --max-depth N      the largest fixed depth, a power of two from 2 to 4096\n"
          "                         (default: 256)\n"
          "      --overwrite        the contents of FILE or DEVICE may be destroyed\n"
          "\n"
          "what to print:\n"
          "      --json FILE        every figure and decision as JSON; - is standard output\n"
          "      --svg FILE         the chart as SVG (needs gnuplot)\n"
          "      --color WHEN       auto, always or never\n"
          "      --no-progress      no progress bar, even on a terminal\n"
          "  -h, --help             this text\n"
          "\n"
          "exit status: 0 all is well, 1 it can't be measured, something failed, or no depth keeps the\n"
          "target, 2 the call was wrong, 128 and the signal's number when interrupted (^C: 130).\n",
          stdout);
}

static int wrong(const char *option, const char *value, const char *wanted)
{
    return arguments_wrong(TUNE_COMMAND, option, value, wanted);
}

static int parse_access(tune_options_t *options)
{
    for (int i = 0; i < ACCESSES; i++) {
        if (strcmp(optarg, access_names[i]) == 0) {
            options->access = (tune_access_t)i;
            return 0;
        }
    }
    return wrong("--rw", optarg, "give randread, read, write, randwrite or mixed");
}

static int parse_block(tune_options_t *options)
{
    int64_t bytes;
    if (!units_parse_size(optarg, &bytes) || bytes > BLOCK_MAX || bytes % 512 != 0)
        return wrong("--bs", optarg, "give a multiple of 512 bytes up to 16m, such as 4k or 128k");
    options->block_bytes = (size_t)bytes;
    return 0;
}

static int parse_runtime(tune_options_t *options)
{
    if (arguments_time(TUNE_COMMAND, "--runtime", optarg, &options->runtime_ns))
        return -1;
    if (options->runtime_ns < RUNTIME_MIN_NS)
        return wrong("--runtime", optarg, "all depths together need at least 1s");
    return 0;
}

static int parse_depth(tune_options_t *options)
{
    int depth;
    if (arguments_int(TUNE_COMMAND, "--max-depth", optarg, 2, TUNE_DEPTH_MAX, &depth))
        return -1;
    if ((depth & (depth - 1)) != 0)
        return wrong("--max-depth", optarg, "give a power of two");
    options->max_depth = depth;
    return 0;
}

static int parse_option(tune_options_t *options, int option)
{
    switch (option) {
    case 't':
        return arguments_time(TUNE_COMMAND, "--target-p99", optarg, &options->target_ns);
    case OPTION_RW:
        return parse_access(options);
    case OPTION_BS:
        return parse_block(options);
    case OPTION_RUNTIME:
        return parse_runtime(options);
    case OPTION_MAX_DEPTH:
        return parse_depth(options);
    case OPTION_COLOR:
        return arguments_color(TUNE_COMMAND, optarg, &options->color);
    case OPTION_OVERWRITE:
        options->overwrite = true;
        return 0;
    case OPTION_JSON:
        options->json = optarg;
        return 0;
    case OPTION_SVG:
        options->svg = optarg;
        return 0;
    case OPTION_NO_PROGRESS:
        options->progress = false;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    default:
        /* getopt has said what it didn't know. */
        fputs("auraio tune: `auraio tune --help` describes the options\n", stderr);
        return -1;
    }
}

int tune_options_parse(int argc, char **argv, tune_options_t *ret_options)
{
    tune_options_t options = {
        .block_bytes = 4096,
        .runtime_ns = (int64_t)20 * 1000000000,
        .max_depth = 256,
        .color = arguments_terminal_color(),
        .progress = isatty(STDERR_FILENO),
    };
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "t:h", long_options, NULL)) != -1) {
        if (parse_option(&options, option))
            return -1;
    }
    if (!options.help && optind == argc) {
        fputs("auraio tune: name a FILE, DEVICE or DIRECTORY to measure (`auraio tune --help`)\n", stderr);
        return -1;
    }
    if (optind < argc - 1)
        return wrong("argument", argv[optind + 1], "one FILE, DEVICE or DIRECTORY at a time");
    options.path = argv[optind];
    if (options.svg && strcmp(options.svg, "-") == 0)
        return wrong("--svg", options.svg, "give the name of a file");
    *ret_options = options;
    return 0;
}
