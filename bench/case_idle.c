/* SPDX-License-Identifier: MIT */
/* What an engine costs that has nothing to do: a thread asleep in auraio_run(), by the kernel's own account.
 */
#include "cases.h"

#include <auraio.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "peers.h"

enum { WATCHED_MS = 5000, SETTLING_MS = 100 };

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

/* Of another thread: ns on a CPU, ns waiting for one, times put on one. */
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

static void pass_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* What the thread used in a time in which it has nothing to do. */
static int watch(struct sleeper *sleeper, unsigned ms, struct thread_use *ret_use)
{
    struct thread_use before;
    while (sem_wait(&sleeper->running) != 0)
        ;
    pass_ms(SETTLING_MS);
    int r = read_use(sleeper->tid, &before);
    if (r < 0)
        return r;
    pass_ms(ms);
    r = read_use(sleeper->tid, ret_use);
    ret_use->cpu_ns -= before.cpu_ns;
    ret_use->switches -= before.switches;
    return r;
}

static int measure_idleness(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    unsigned ms = bench_scaled(bench, WATCHED_MS, SETTLING_MS);
    (void)row;
    struct sleeper sleeper = {.engine = auraio_create()};
    if (!sleeper.engine)
        return -errno;
    sem_init(&sleeper.running, 0, 0);
    pthread_t thread;
    struct thread_use use = {0, 0};
    int created = pthread_create(&thread, NULL, sleep_in_run, &sleeper), r = 0;
    if (created == 0) {
        r = watch(&sleeper, ms, &use);
        auraio_stop(sleeper.engine);
        pthread_join(thread, NULL);
    }
    sem_destroy(&sleeper.running);
    auraio_destroy(sleeper.engine);
    if (created != 0)
        return -created;
    if (r < 0)
        return outcome_leave_out(outcome, "this kernel keeps no account of threads (schedstat)");
    outcome_add_single(outcome, "wake-ups", "1/s", use.switches * 1e3 / ms);
    outcome_add_single(outcome, "CPUs", "", use.cpu_ns / 1e6 / ms);
    return 0;
}

void case_idle(struct plan *plan)
{
    struct row row = {.ours = peer_auraio_zero.name,
                      .goal = GOAL_IDLE,
                      .seconds = WATCHED_MS / 1e3,
                      .measure = measure_idleness};
    plan_add(plan, &row, "idle/%s", row.ours);
}
