/* SPDX-License-Identifier: MIT */
/*
 * The simulation: random schedules of the whole library in a simulated world, each from a seed. Two processes
 * or as many as there are CPUs share the seeds. What fails prints its seed, and the schedule of that seed can
 * be seen step by step.
 */
#include "report.h"
#include "schedule.h"
#include "slot.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, SECONDS_PER_SEED = 60, WARM_SEEDS = 64, WARM_SLABS = 64 };

struct settings {
    uint64_t first, count;
    int jobs;
    bool digest;
};

/* What a process is at, seen by the one that waits for it. */
struct progress {
    _Atomic uint64_t seed;
};

static struct progress *progress;

static _Noreturn void usage(const char *wrong)
{
    fprintf(stderr,
            "simulate: %s\n"
            "usage: simulate [--seeds N] [--seed FIRST] [--jobs N] [--verbose] [--digest]\n"
            "  --seeds N    so many schedules; 1 with --seed alone, else 10000\n"
            "  --seed FIRST the first of their seeds; 1\n"
            "  --jobs N     processes that share them; as many as there are CPUs\n"
            "  --verbose    print each step; one process\n"
            "  --digest     print a number for each seed: the same whenever and wherever it runs\n",
            wrong);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;
    if (!text || *end || end == text || errno || strchr(text, '-'))
        usage("an option lacks its number");
    return value;
}

static struct settings read_settings(int argc, char **argv)
{
    struct settings settings = {.first = 1, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    bool one = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seeds")) {
            settings.count = number(argv[++i]);
        } else if (!strcmp(argv[i], "--seed")) {
            settings.first = number(argv[++i]);
            one = true;
        } else if (!strcmp(argv[i], "--jobs")) {
            uint64_t jobs = number(argv[++i]);
            settings.jobs = jobs < JOBS_MAX ? (int)jobs : JOBS_MAX;
        } else if (!strcmp(argv[i], "--verbose")) {
            report_trace = true;
        } else if (!strcmp(argv[i], "--digest")) {
            settings.digest = true;
        } else {
            usage("unknown option");
        }
    }
    if (settings.count == 0)
        settings.count = one ? 1 : 10000;
    if (settings.jobs < 1 || report_trace || settings.digest)
        settings.jobs = 1;
    return settings;
}

/*
 * The library keeps memory for slots, and other things, for the life of the process: what the first seeds
 * find new, later ones find made. So that a seed alone meets what it meets among others, all that is made
 * before.
 */
static void warm_up(struct progress *mine)
{
    bool trace = report_trace;
    uint32_t slabs[WARM_SLABS];
    struct ring_slot *slots;
    for (int i = 0; i < WARM_SLABS; i++)
        if (slab_acquire(NULL, 0, &slots, &slabs[i]) < 0)
            report_failure("no memory for slots");
    for (int i = 0; i < WARM_SLABS; i++)
        slab_retire(slabs[i]);
    report_trace = false;
    for (uint64_t seed = UINT64_MAX; seed > UINT64_MAX - WARM_SEEDS; seed--) {
        atomic_store(&mine->seed, seed);
        schedule_run(seed);
    }
    report_trace = trace;
}

static void work(const struct settings *settings, int job)
{
    (void)close_range(3, ~0u, 0); /* numbers of descriptors are part of a schedule */
    warm_up(&progress[job]);
    for (uint64_t i = (uint64_t)job; i < settings->count; i += (uint64_t)settings->jobs) {
        atomic_store(&progress[job].seed, settings->first + i);
        if (i / (uint64_t)settings->jobs % 256 == 0)
            alarm(SECONDS_PER_SEED);
        schedule_run(settings->first + i);
        if (settings->digest)
            printf("%" PRIu64 " %016" PRIx64 "\n", settings->first + i, report_digest());
    }
}

/* Returns the exit status. */
static int wait_for_workers(const pid_t *workers, int count)
{
    int failed = 0;
    for (int left = count; left > 0; left--) {
        int status, job = 0;
        pid_t ended = wait(&status);
        while (job < count && workers[job] != ended)
            job++;
        if (WIFSIGNALED(status) && !failed)
            fprintf(stderr,
                    "seed %" PRIu64 ": ended by signal %d (%s)\n  again: ./dev simulate --seed %" PRIu64
                    " --verbose\n",
                    atomic_load(&progress[job].seed), WTERMSIG(status), strsignal(WTERMSIG(status)),
                    atomic_load(&progress[job].seed));
        if (status == 0)
            continue;
        failed = 1;
        for (int other = 0; other < count; other++)
            if (other != job)
                (void)kill(workers[other], SIGTERM);
    }
    return failed;
}

int main(int argc, char **argv)
{
    struct settings settings = read_settings(argc, argv);
    struct timespec start, end;
    pid_t workers[JOBS_MAX];
    clock_gettime(CLOCK_MONOTONIC, &start);
    progress =
        mmap(NULL, JOBS_MAX * sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED)
        return 1;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int job = 0; job < settings.jobs; job++) {
        workers[job] = fork();
        if (workers[job] == 0) {
            work(&settings, job);
            return 0;
        }
        if (workers[job] < 0) {
            fprintf(stderr, "simulate: no process: %s\n", strerror(errno));
            return 1;
        }
    }
    int failed = wait_for_workers(workers, settings.jobs);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    if (!failed && !settings.digest)
        printf("%" PRIu64 " seeds from %" PRIu64 ": every invariant held (%.1f s, %d processes)\n",
               settings.count, settings.first, seconds, settings.jobs);
    return failed;
}
