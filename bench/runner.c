/* SPDX-License-Identifier: MIT */
/* See runner.h. The outcome comes back through a pipe; its end without one says that the process died. */
#include "runner.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "progress.h"

/* A row that takes so much longer than it should hangs. */
enum { TICK_MS = 100, HANGING_TIMES = 10, HANGING_LEAST_S = 60 };

static volatile sig_atomic_t interrupted;

struct clock {
    struct progress progress;
    double start_s;
    double done_s, all_s; /* by estimate */
};

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned runs_missing(const struct runner *runner, unsigned row)
{
    unsigned runs = runner->results->rows[row].runs;
    unsigned wanted = runner->results->plan->rows[row].counted ? 1 : runner->runs;
    return runs < wanted ? wanted - runs : 0;
}

double runner_seconds(const struct runner *runner)
{
    const struct plan *plan = runner->results->plan;
    double seconds = 0;
    for (unsigned i = 0; i < plan->count; i++)
        seconds += bench_seconds(runner->bench, &plan->rows[i]) * runs_missing(runner, i);
    return seconds;
}

/* In the child. The pipe's buffer takes an outcome whole. */
static _Noreturn void measure(const struct runner *runner, const struct row *row, int result_fd)
{
    struct outcome outcome = {0};
    signal(SIGINT, SIG_DFL);
    int r = row->measure(runner->bench, row, &outcome);
    if (r == -EMEDIUMTYPE) {
        outcome_leave_out(&outcome, "the file system of %s refuses O_DIRECT", runner->bench->path);
    } else if (r < 0) {
        outcome = (struct outcome){.state = OUTCOME_FAILED};
        snprintf(outcome.reason, sizeof(outcome.reason), "%s",
                 r == -EBADMSG ? "wrong bytes were delivered" : strerror(-r));
    }
    ssize_t written = write(result_fd, &outcome, sizeof(outcome));
    _exit(written == (ssize_t)sizeof(outcome) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void show(struct clock *clock, const struct row *row, double row_s, double row_so_far_s)
{
    char what[96];
    double so_far_s = now_s() - clock->start_s, done = 0;
    /* Estimates are corrected by how they have done; at the beginning there is little to go by. */
    double done_s = clock->done_s + (row_so_far_s < row_s ? row_so_far_s : row_s);
    double left_s = (clock->all_s - done_s) * (done_s > 5 ? so_far_s / done_s : 1);
    if (clock->all_s > 0)
        done = done_s / clock->all_s;
    if (clock->progress.terminal)
        snprintf(what, sizeof(what), "%-28s %2d:%02d left", row->name, (int)left_s / 60, (int)left_s % 60);
    else
        snprintf(what, sizeof(what), "measuring %.*s", (int)strcspn(row->name, "/"), row->name);
    progress_show(&clock->progress, what, done);
}

/* Wait for the outcome while the bar moves. False: there is none, and why. */
static bool await(const struct runner *runner, struct clock *clock, const struct row *row, int result_fd,
                  struct outcome *outcome)
{
    double start_s = now_s(), row_s = bench_seconds(runner->bench, row);
    double most_s = HANGING_LEAST_S + HANGING_TIMES * row_s;
    *outcome = (struct outcome){.state = OUTCOME_FAILED};
    for (;;) {
        struct pollfd result = {.fd = result_fd, .events = POLLIN};
        show(clock, row, row_s, now_s() - start_s);
        int ready = poll(&result, 1, TICK_MS);
        if (interrupted)
            return false;
        if (ready > 0 && read(result_fd, outcome, sizeof(*outcome)) == (ssize_t)sizeof(*outcome))
            return true;
        if (ready > 0) {
            snprintf(outcome->reason, sizeof(outcome->reason), "its process died");
            return false;
        }
        if (now_s() - start_s > most_s) {
            snprintf(outcome->reason, sizeof(outcome->reason), "not done after %.0f s", most_s);
            return false;
        }
    }
}

/* The process is a group of its own, so that what it has started (strace, valgrind) ends with it. */
static int run_row(const struct runner *runner, struct clock *clock, const struct row *row,
                   struct outcome *outcome)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    if (pid == 0) {
        setpgid(0, 0);
        close(ends[0]);
        measure(runner, row, ends[1]);
    }
    setpgid(pid, pid);
    close(ends[1]);
    bool there = await(runner, clock, row, ends[0], outcome);
    close(ends[0]);
    if (!there)
        kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return interrupted ? -EINTR : 0;
}

static int keep(const struct runner *runner, unsigned row, const struct outcome *outcome)
{
    results_add(runner->results, row, outcome);
    if (!runner->journal || outcome->state == OUTCOME_FAILED)
        return 0;
    return journal_write(runner->journal, &runner->results->plan->rows[row], outcome);
}

/* Each row once that has had fewer runs than this. */
static int go_once(struct runner *runner, struct clock *clock, unsigned run)
{
    const struct plan *plan = runner->results->plan;
    for (unsigned i = 0; i < plan->count; i++) {
        struct outcome outcome;
        const struct row *row = &plan->rows[i];
        bool missing = runner->results->rows[i].runs <= run && runs_missing(runner, i) > 0;
        if (missing && runner->limit_s > 0 && now_s() - clock->start_s >= runner->limit_s)
            return -ETIME;
        int r = missing ? run_row(runner, clock, row, &outcome) : 0;
        if (missing && r == 0)
            r = keep(runner, i, &outcome);
        if (r < 0)
            return r;
        clock->done_s += missing ? bench_seconds(runner->bench, row) : 0;
        if (run + 1 < runner->runs)
            continue;
        progress_clear(&clock->progress);
        runner->row_done(runner->user_data, i);
    }
    return 0;
}

int runner_go(struct runner *runner)
{
    struct sigaction stop = {.sa_handler = on_interrupt}, before;
    struct clock clock = {.start_s = now_s(), .all_s = runner_seconds(runner)};
    int r = 0, missing = 0;
    assert(runner->runs <= RESULTS_RUNS);
    progress_init(&clock.progress);
    sigaction(SIGINT, &stop, &before);
    for (unsigned run = 0; r == 0 && run < runner->runs; run++)
        r = go_once(runner, &clock, run);
    sigaction(SIGINT, &before, NULL);
    progress_clear(&clock.progress);
    if (r < 0 && r != -EINTR && r != -ETIME)
        return r;
    for (unsigned i = 0; i < runner->results->plan->count; i++)
        missing += (int)runs_missing(runner, i);
    return missing;
}
