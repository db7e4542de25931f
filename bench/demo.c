/* SPDX-License-Identifier: MIT */
/*
 * auraio-demo: the library's main job on real data, in about half a minute.
 *
 * A file of 256 MiB is made (and kept for next time), copied with the library, and the copy is checked byte
 * by byte. Then the file is read at random, from the cache and from the disk, beside pread and a plain
 * liburing loop.
 */
#include "copy.h"
#include "data.h"
#include "duel.h"
#include "options.h"
#include "peers.h"
#include "progress.h"

#include <auraio.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: auraio-demo [--dir DIR]\n"
    "\n"
    "Copies a file with AuraIO, checks the copy, and reads the file at random beside pread\n"
    "and a plain liburing loop. Takes about half a minute.\n"
    "\n"
    "  --dir DIR   where a data file of 256 MiB is made and kept, and the copy is made and\n"
    "              removed (default /var/tmp; not on tmpfs)\n";

struct demo {
    struct progress progress;
    const char *task;
};

static void show(double done, void *user_data)
{
    struct demo *demo = user_data;
    progress_show(&demo->progress, demo->task, done);
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Every page of the copy must be the page of that number. */
static void verify_copy(struct demo *demo, int fd, off_t size)
{
    static unsigned char chunk[256 * DATA_PAGE];
    demo->task = "checking the copy";
    for (off_t offset = 0; offset < size; offset += (off_t)sizeof(chunk)) {
        if (pread(fd, chunk, sizeof(chunk), offset) != (ssize_t)sizeof(chunk))
            options_fail("the copy ends before byte %lld", (long long)(offset + (off_t)sizeof(chunk)));
        for (size_t i = 0; i < sizeof(chunk); i += DATA_PAGE) {
            uint64_t page = ((uint64_t)offset + i) / DATA_PAGE;
            if (!data_page_is(chunk + i, page))
                options_fail("the copy is wrong in page %llu", (unsigned long long)page);
        }
        show((double)(offset + (off_t)sizeof(chunk)) / (double)size, demo);
    }
    progress_clear(&demo->progress);
}

static void copy_and_verify(struct demo *demo, const char *path)
{
    char *copy_path = NULL;
    struct stat st;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) != 0)
        options_fail("%s: %s", path, strerror(errno));
    if (asprintf(&copy_path, "%s.XXXXXX", path) < 0)
        options_fail("out of memory");
    int to = mkostemp(copy_path, O_CLOEXEC);
    if (to < 0)
        options_fail("%s: %s", copy_path, strerror(errno));
    unlink(copy_path);
    free(copy_path);

    auraio_engine_t *engine = auraio_create();
    if (!engine)
        options_fail("auraio_create: %s", auraio_last_error());
    demo->task = "copying";
    double start_s = now_s();
    int r = copy_file(engine, from, to, st.st_size, show, demo);
    double seconds = now_s() - start_s;
    progress_clear(&demo->progress);
    auraio_destroy(engine);
    if (r < 0)
        options_fail("copying: %s", strerror(-r));

    verify_copy(demo, to, st.st_size);
    printf("copied %lld MiB in %.2f s (%.0f MB/s); the copy is the same, byte for byte\n\n",
           (long long)st.st_size >> 20, seconds, (double)st.st_size / 1e6 / seconds);
    close(from);
    close(to);
}

static void race(struct demo *demo, struct task task, const char *label)
{
    enum duel_metric metric = task.direct ? DUEL_WALL : DUEL_CPU;
    struct duel duel = {
        .task = task,
        .rounds = 11,
        .limit_ms = 6000,
        .turn_ms = task.direct ? 90 : 40,
        .peers = {&peer_auraio_zero, &peer_pread, &peer_ring},
        .peer_count = 3,
        .progress = show,
        .user_data = demo,
    };
    demo->task = label;

    struct duel_result results[DUEL_PEERS];
    int r = duel_run(&duel, results);
    progress_clear(&demo->progress);
    if (r < 0)
        options_fail("%s: %s", label, strerror(-r));
    printf("%-34s %9.0f/s", label, results[0].rate[metric]);
    for (unsigned i = 1; i < duel.peer_count; i++) {
        if (results[i].error < 0)
            printf("  %20s", strerror(-results[i].error));
        else
            printf("  %9.0f/s  %6.2fx", results[i].rate[metric], results[i].ratio[metric].middle);
    }
    printf("\n");
}

static const char *parse(int argc, char **argv)
{
    enum { OPT_DIR = 256, OPT_HELP };
    static const struct option options[] = {
        {"dir", required_argument, NULL, OPT_DIR}, {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
    const char *dir = "/var/tmp";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPT_DIR:
            dir = optarg;
            break;
        case OPT_HELP:
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(OPTIONS_EXIT_USAGE); /* getopt_long has said what is wrong */
        }
    }
    if (optind < argc)
        options_refuse("takes no arguments, got '%s'", argv[optind]);
    return dir;
}

int main(int argc, char **argv)
{
    const char *dir = parse(argc, argv);
    struct demo demo = {.task = "writing the data file"};
    progress_init(&demo.progress);
    char *path = options_data_file(dir, OPTIONS_DATA_MIB, show, &demo);
    progress_clear(&demo.progress);
    printf("AuraIO %s on %s\n", auraio_version(), path);
    fflush(stdout);
    copy_and_verify(&demo, path);

    printf("%-34s %11s  %20s  %20s\n", "4 KiB random reads", "AuraIO", "pread, AuraIO is",
           "liburing, AuraIO is");
    struct task task = {.path = path, .depth = 32, .lanes = 1};
    int r = data_file_heat(path);
    if (r == 0)
        race(&demo, task, "cached, 32 at once, per CPU-second");
    task.direct = true;
    if (r == 0)
        r = data_file_cool(path);
    if (r < 0)
        options_fail("%s: %s", path, strerror(-r));
    race(&demo, task, "from the disk, 32 at once");
    task.depth = 4;
    race(&demo, task, "from the disk, 4 at once");
    free(path);
    return EXIT_SUCCESS;
}
