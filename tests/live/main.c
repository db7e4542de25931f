/* SPDX-License-Identifier: MIT */
/* Experiments with the engine's control on a real disk, by name. */
#include "live.h"

#include <stdio.h>
#include <string.h>

static const struct experiment {
    const char *name;
    const char *title;
    int (*run)(const struct live_disk *disk);
} experiments[] = {
    {"throttle", "throttled to 5,000 reads a second and let go again", live_throttle},
    {"neighbour", "two threads write beside it, and stop", live_neighbour},
    {"access", "4 KiB at random, 128 KiB in order, 4 KiB at random", live_access},
    {"two", "the disk beside a throttled device, in one engine", live_two},
    {"rings", "16 threads with a ring each, and one with one", live_rings},
    {"below", "less in flight than the disk could serve, two minutes", live_below},
    {"idle", "a thread asleep in an engine with nothing to do, a minute", live_idle},
};

enum { COUNT = sizeof(experiments) / sizeof(experiments[0]), WRONG_CALL = 2 };

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; argc == 3 && i < COUNT; i++) {
        struct live_disk disk;
        if (strcmp(argv[1], experiments[i].name) != 0)
            continue;
        live_disk_open(argv[2], &disk);
        printf("%s: %s\n", experiments[i].name, experiments[i].title);
        return experiments[i].run(&disk);
    }
    fprintf(
        stderr,
        "usage: auraio-live EXPERIMENT FILE; FILE has 64 MiB or more, is on the disk, and is only read\n");
    for (int i = 0; i < COUNT; i++)
        fprintf(stderr, "  %-10s %s\n", experiments[i].name, experiments[i].title);
    return WRONG_CALL;
}
