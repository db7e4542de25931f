/* SPDX-License-Identifier: MIT */
/*
 * What an engine costs that does nothing: to make and destroy, and to have a thread asleep in auraio_run().
 */
#include "cases.h"

#include "stats.h"

#include <auraio.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void report_figure(struct bench *bench, const char *label, double value, const char *unit,
                          double target)
{
    report_row(bench->report, &(struct report_row){
                                  .label = label,
                                  .subject = "auraio-zero",
                                  .value = value,
                                  .unit = unit,
                                  .target_kind = REPORT_AT_MOST,
                                  .target = target,
                              });
}

static int measure_creation(struct bench *bench)
{
    enum { TIMES = 200 };
    double us[TIMES];
    for (int i = 0; i < TIMES; i++) {
        double start_us = now_us();
        auraio_engine_t *engine = auraio_create();
        if (!engine)
            return -errno;
        auraio_destroy(engine);
        us[i] = now_us() - start_us;
    }
    report_figure(bench, "create+destroy", stats_quantile(us, TIMES, 0.5), "us", 1000);
    return 0;
}

struct sleeper {
    auraio_engine_t *engine;
    pid_t tid;
    sem_t running; /* posted when tid is set */
};

static void *sleep_in_run(void *opaque)
{
    struct sleeper *sleeper = opaque;
    sleeper->tid = (pid_t)syscall(SYS_gettid);
    sem_post(&sleeper->running);
    auraio_run(sleeper->engine);
    return NULL;
}

struct thread_use {
    double cpu_ns;   /* that it ran */
    double switches; /* times it was put on a CPU */
};

/* The kernel's own account of another thread: ns on a CPU, ns waiting for one, times put on one. */
static int read_use(pid_t tid, struct thread_use *ret_use)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)tid);
    FILE *in = fopen(path, "re");
    if (!in)
        return -errno;
    double waiting_ns;
    int read = fscanf(in, "%lf %lf %lf", &ret_use->cpu_ns, &waiting_ns, &ret_use->switches);
    fclose(in);
    return read == 3 ? 0 : -EIO;
}

/* How often and how long a thread ran in `seconds` that has nothing to do but wait in auraio_run(). */
static int watch(struct sleeper *sleeper, unsigned seconds, struct thread_use *ret_use)
{
    const struct timespec settling = {.tv_nsec = 100 * 1000 * 1000}, period = {.tv_sec = seconds};
    struct thread_use before;
    while (sem_wait(&sleeper->running) != 0)
        ;
    nanosleep(&settling, NULL);
    int r = read_use(sleeper->tid, &before);
    if (r < 0)
        return r;
    nanosleep(&period, NULL);
    r = read_use(sleeper->tid, ret_use);
    ret_use->cpu_ns -= before.cpu_ns;
    ret_use->switches -= before.switches;
    return r;
}

static int measure_idleness(struct bench *bench)
{
    unsigned seconds = bench->quick ? 1 : 3;
    struct sleeper sleeper = {.engine = auraio_create()};
    if (!sleeper.engine)
        return -errno;
    sem_init(&sleeper.running, 0, 0);
    pthread_t thread;
    struct thread_use use = {0, 0};
    int r = -pthread_create(&thread, NULL, sleep_in_run, &sleeper);
    if (r == 0) {
        report_progress(bench->report, "idle engine", 0.5);
        r = watch(&sleeper, seconds, &use);
        auraio_stop(sleeper.engine);
        pthread_join(thread, NULL);
    }
    sem_destroy(&sleeper.running);
    auraio_destroy(sleeper.engine);
    if (r < 0) {
        report_left_out(bench->report, "idle", "auraio-zero",
                        "this kernel keeps no account of threads (schedstat)");
        return 0;
    }
    report_figure(bench, "idle", use.switches / seconds, "wake-ups/s", 0);
    report_figure(bench, "idle", use.cpu_ns / 1e9 / seconds, "CPUs", 0);
    return 0;
}

int case_engine(struct bench *bench)
{
    report_group(bench->report, "engine", "an engine that does nothing");
    int r = measure_creation(bench);
    return r < 0 ? r : measure_idleness(bench);
}
