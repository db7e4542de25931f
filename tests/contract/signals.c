/* SPDX-License-Identifier: MIT */
/* Signals do not shorten a wait, and an idle engine costs nothing. */
#include <auraio.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

static atomic_int alarms;

static void count_alarm(int signal_number)
{
    (void)signal_number;
    atomic_fetch_add(&alarms, 1);
}

TestEveryMode(signals, a_wait_of_two_seconds_lasts_two_seconds_under_a_50_ms_timer, .timeout = 60)
{
    char byte;
    const struct sigaction action = {.sa_handler = count_alarm};
    const struct itimerval every_50_ms = {{0, 50000}, {0, 50000}}, never = {{0, 0}, {0, 0}};
    const pipe_pair_t pipe = pipe_open(0);
    auraio_engine_t *engine = mode_engine(*mode);
    check_accepted(auraio_read(engine, pipe.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL));
    check_is(sigaction(SIGALRM, &action, NULL), 0);
    check_is(setitimer(ITIMER_REAL, &every_50_ms, NULL), 0);
    const int64_t start_ns = now_ns();
    check_is(auraio_wait(engine, 2000), 0);
    const int64_t lasted_ms = (now_ns() - start_ns) / 1000000;
    check_is(setitimer(ITIMER_REAL, &never, NULL), 0);
    check_at_least(alarms, 20);
    check_at_least(lasted_ms, 1999);
    check_below(lasted_ms, 5000 * slowness());
    auraio_destroy(engine);
    pipe_close(pipe);
}

TestEveryMode(signals, operations_complete_under_a_fast_timer, .timeout = 60)
{
    enum { COUNT = 2000, BYTES = 512 };
    static char bufs[COUNT][BYTES];
    tally_t tally = {0};
    const struct sigaction action = {.sa_handler = count_alarm};
    const struct itimerval every_ms = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    const int fd = file_of_pattern(sizeof(bufs));
    auraio_engine_t *engine = mode_engine(*mode);
    check_is(sigaction(SIGALRM, &action, NULL), 0);
    check_is(setitimer(ITIMER_REAL, &every_ms, NULL), 0);
    for (int round = 0; round < 20; round++) {
        file_make_cold(fd);
        for (int i = 0; i < COUNT; i++)
            check_accepted(
                auraio_read(engine, fd, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES, tally_record, &tally));
        check_is(auraio_drain(engine, PATIENCE_MS), COUNT);
    }
    check_is(setitimer(ITIMER_REAL, &never, NULL), 0);
    check_is(tally.bytes, 20 * COUNT * BYTES);
    check_is(tally.failures, 0);
    check_that(pattern_holds(bufs, sizeof(bufs), 0));
    auraio_destroy(engine);
    close(fd);
}

/* One engine that runs with nothing to do, on a thread that looks at its own costs. */
struct idler {
    auraio_engine_t *engine;
    int endless_fd; /* to submit a read of, or -1 */
    char byte;
    int64_t cpu_ns;
    long switches;
    atomic_int tid;
};

static long voluntary_switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : -1;
}

static void *run_idle(void *context)
{
    struct idler *idler = context;
    if (idler->endless_fd >= 0 &&
        auraio_read(idler->engine, idler->endless_fd, auraio_buf(&idler->byte), 1, -1, NULL, NULL) == NULL)
        return NULL;
    const int64_t cpu_before_ns = thread_cpu_ns();
    const long switches_before = voluntary_switches();
    atomic_store(&idler->tid, thread_id());
    auraio_run(idler->engine);
    idler->cpu_ns = thread_cpu_ns() - cpu_before_ns;
    idler->switches = voluntary_switches() - switches_before;
    return NULL;
}

static bool has_started(void *context)
{
    return atomic_load(&((struct idler *)context)->tid) != 0;
}

/*
 * All modes idle at once, each with nothing pending and with an endless read, so that the five seconds pass
 * once. They are the length of the measurement, not a way to let something happen.
 */
Test(idle, run_for_five_seconds_uses_less_than_ten_milliseconds_of_cpu, .timeout = 60)
{
    enum { COUNT = 2 * MODE_COUNT };
    pthread_t threads[COUNT];
    static struct idler idlers[COUNT];
    const pipe_pair_t pipe = pipe_open(0);
    for (int i = 0; i < COUNT; i++) {
        idlers[i].engine = mode_engine(every_mode[i / 2]);
        idlers[i].endless_fd = i % 2 == 1 ? pipe.read_fd : -1;
        check_is(pthread_create(&threads[i], NULL, run_idle, &idlers[i]), 0);
        check_that(await_condition(has_started, &idlers[i], PATIENCE_MS));
        check_that(await_thread_asleep((pid_t)idlers[i].tid, PATIENCE_MS));
    }
    const struct timespec five_seconds = {.tv_sec = 5};
    const int64_t cpu_before_ns = process_cpu_ns();
    check_is(nanosleep(&five_seconds, NULL), 0);
    const int64_t cpu_ns = process_cpu_ns() - cpu_before_ns;
    /* Stopped with an endless read pending, run would finish it first: give it its byte. */
    for (int i = 0; i < COUNT; i++)
        auraio_stop(idlers[i].engine);
    fd_write_all(pipe.write_fd, "xxxx", MODE_COUNT);
    for (int i = 0; i < COUNT; i++) {
        check_is(pthread_join(threads[i], NULL), 0);
        check_that(i % 2 == 0 || idlers[i].byte == 'x');
        cr_assert(idlers[i].cpu_ns < INT64_C(10000000) * slowness(),
                  "%s (%s pending) used %" PRId64 " us of CPU", mode_name(every_mode[i / 2]),
                  i % 2 == 1 ? "a read" : "nothing", idlers[i].cpu_ns / 1000);
        cr_assert(idlers[i].switches < 20, "%s (%s pending) woke up %ld times", mode_name(every_mode[i / 2]),
                  i % 2 == 1 ? "a read" : "nothing", idlers[i].switches);
        auraio_destroy(idlers[i].engine);
    }
    check_below(cpu_ns / 1000, 10000 * slowness());
    pipe_close(pipe);
}
