/* SPDX-License-Identifier: MIT */
/*
 * auraio-bench run: one peer's load, once, printing nothing, for tools that watch a process from outside
 * (strace, callgrind, perf).
 */
#include "run.h"

#include "crew.h"
#include "duel.h"
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 4096 };

const char run_usage[] = "run: one peer's load once, for tools that watch from outside\n"
                         "  --depth N       reads in flight per lane (default 32)\n"
                         "  --ops N         reads per lane (default 100000), at least the depth\n"
                         "  --lanes N       threads (default 1)\n"
                         "  --direct        O_DIRECT\n"
                         "  --mixed         reads of 4 to 128 KiB\n"
                         "  --file FILE     a data file of auraio-bench (default: the one in /var/tmp)\n";

int run_main(int argc, char **argv)
{
    enum { OPT_DEPTH = 256, OPT_OPS, OPT_LANES, OPT_DIRECT, OPT_MIXED, OPT_FILE };
    static const struct option options[] = {
        {"depth", required_argument, NULL, OPT_DEPTH},
        {"ops", required_argument, NULL, OPT_OPS},
        {"lanes", required_argument, NULL, OPT_LANES},
        {"direct", no_argument, NULL, OPT_DIRECT},
        {"mixed", no_argument, NULL, OPT_MIXED},
        {"file", required_argument, NULL, OPT_FILE},
        {NULL, 0, NULL, 0},
    };
    struct task task = {.depth = 32, .lanes = 1};
    uint64_t ops = 100000;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPT_DEPTH:
            task.depth = (unsigned)options_number("--depth", optarg, MAX_DEPTH);
            break;
        case OPT_OPS:
            ops = options_number("--ops", optarg, UINT64_C(1) << 40);
            break;
        case OPT_LANES:
            task.lanes = (unsigned)options_number("--lanes", optarg, CREW_LANES);
            break;
        case OPT_DIRECT:
            task.direct = true;
            break;
        case OPT_MIXED:
            task.mixed = true;
            break;
        case OPT_FILE:
            task.path = optarg;
            break;
        default:
            options_refuse("run does not know that option");
        }
    }
    if (argc - optind != 1)
        options_refuse("run takes the name of one peer; --list names them");
    const struct peer *peer = peer_find(argv[optind]);
    if (!peer)
        options_refuse("there is no peer '%s'; --list names them", argv[optind]);
    if (peer->missing)
        options_fail("%s: %s", argv[optind], peer->missing);
    if (ops < task.depth)
        options_refuse("--ops %llu is less than --depth %u", (unsigned long long)ops, task.depth);

    char *own_path = task.path ? NULL : options_data_file("/var/tmp", OPTIONS_DATA_MIB, NULL, NULL);
    if (own_path)
        task.path = own_path;
    int r = task.direct ? 0 : data_file_heat(task.path);
    if (r == 0)
        r = duel_run_alone(&task, peer, ops);
    if (r < 0)
        options_fail("%s on %s: %s", argv[optind], task.path, strerror(-r));
    free(own_path);
    return EXIT_SUCCESS;
}
