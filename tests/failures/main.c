/* SPDX-License-Identifier: MIT */
/*
 * Every call of the library fails in turn: once with each error it may give, and with the first of them from
 * then on for good.
 *
 * usage: failures MODE [EVERY | SCENARIO NUMBER VARIANT once|onwards]
 *
 * Each point is a child of its own, so that also what a process does only once can fail, and a crash or a
 * hang is one point's. A child runs the scenario with the plan, then again without. What it holds of the
 * system in the end is compared with a child in which nothing failed: more is a leak. The points are counted,
 * and printed; a point that fails prints the arguments that run it alone. With EVERY, a number, only every so
 * many-th is tried, and the last line says so.
 *
 * Where several threads make calls, which one is the n-th is not the same each time, nor how many there are:
 * a plan may find its call gone. Those points are counted apart.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fatal.h"
#include "inject.h"
#include "modes.h"
#include "operation.h"
#include "process.h"
#include "scenario.h"

enum { SECONDS_MAX = 60, SKIPPED = 77 };

struct count {
    int calls;
    int points; /* there are */
    int tried, gone, failed;
};

static struct inject_account *undisturbed; /* shared with the children */

static void check_account(void)
{
    const struct inject_account now = inject_look();
    must_of(now.fds == undisturbed->fds, now.fds - undisturbed->fds);
    must_of(now.rings == undisturbed->rings, now.rings - undisturbed->rings);
    must_of(now.blocks <= undisturbed->blocks, now.blocks - undisturbed->blocks);
    /* What the kernel refuses to unmap stays mapped. */
    if (inject_victim() != CALL_MUNMAP)
        must_of(now.mapped_bytes <= undisturbed->mapped_bytes, now.mapped_bytes - undisturbed->mapped_bytes);
}

_Noreturn static void child(const struct scenario *scenario, const struct world *world,
                            struct inject_plan plan)
{
    alarm(SECONDS_MAX);
    inject_arm(plan);
    scenario_run(scenario, world, false);
    inject_disarm();
    scenario_run(scenario, world, true);
    if (plan.number == 0)
        *undisturbed = inject_look();
    else
        check_account();
    _exit(0);
}

/* Whether all was well at that point. */
static bool point(const struct scenario *scenario, const struct world *world, struct inject_plan plan)
{
    int status;
    const pid_t pid = fork();
    if (pid < 0)
        fatal("fork");
    if (pid == 0)
        child(scenario, world, plan);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fatal("waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    fprintf(stderr, "FAILED: %s %s %d %d %s: %s", mode_name(world->mode), scenario->name, plan.number,
            plan.variant, plan.onwards ? "onwards" : "once", inject_name(inject_victim()));
    if (WIFSIGNALED(status))
        fprintf(stderr, ": %s", WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    fprintf(stderr, "\n");
    return false;
}

static void try_point(const struct scenario *scenario, const struct world *world, struct inject_plan plan,
                      struct count *count)
{
    count->tried++;
    count->failed += !point(scenario, world, plan);
    count->gone += inject_victim() == CALL_KINDS;
}

/* Try one point of @every. */
static void every_point(const struct scenario *scenario, const struct world *world, int every,
                        struct count *count)
{
    static enum wrapped_call kinds[INJECT_CALLS_MAX];
    const bool undisturbed_is_well = point(scenario, world, (struct inject_plan){0});
    const int calls = inject_calls();
    if (!undisturbed_is_well || calls == 0 || calls > INJECT_CALLS_MAX) {
        fprintf(stderr, "FAILED: %s makes %d calls that may fail\n", scenario->name, calls);
        count->failed++;
        return;
    }
    for (int i = 0; i < calls; i++)
        kinds[i] = inject_kind(i + 1);
    for (int i = 0; i < calls; i++)
        for (int variant = 0; variant < inject_variants(kinds[i]); variant++)
            for (int onwards = 0; onwards <= (variant == 0 && inject_lasts(kinds[i])); onwards++)
                if (count->points++ % every == 0)
                    try_point(scenario, world, (struct inject_plan){i + 1, variant, onwards}, count);
    count->calls += calls;
}

static int every_scenario(const struct world *world, int every)
{
    struct count count = {0};
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
        every_point(scenario, world, every, &count);
    printf("%s: %d calls, %d points", mode_name(world->mode), count.calls, count.points);
    if (every > 1)
        printf(", a SAMPLE of %d tried (one in %d; all: ./dev failures)", count.tried, every);
    printf(", %d of them found their call gone, %d failed\n", count.gone, count.failed);
    return count.failed;
}

static const struct scenario *scenario_named(const char *name)
{
    const struct scenario *scenario = scenarios;
    while (scenario->name && strcmp(scenario->name, name) != 0)
        scenario++;
    if (!scenario->name) {
        fprintf(stderr, "failures: there is no scenario '%s'\n", name);
        exit(2);
    }
    return scenario;
}

/* io_uring may be refused where this runs; threads never are. */
static void skip_without_backend(void)
{
    const char *backend = getenv("AURAIO_BACKEND");
    auraio_engine_t *engine = auraio_create();
    if (!engine && backend && strcmp(backend, "uring") == 0) {
        printf("skipped: %s\n", auraio_last_error());
        exit(SKIPPED);
    }
    auraio_destroy(engine);
}

static struct world world_make(auraio_ring_select_t mode)
{
    return (struct world){
        .mode = mode, .source = file_of_pattern(SOURCE_BYTES), .sink = file_empty(0), .dry = pipe_open(0)};
}

int main(int argc, char **argv)
{
    const int every = argc == 3 ? atoi(argv[2]) : 1;
    if ((argc != 2 && argc != 3 && argc != 6) || every < 1) {
        fprintf(stderr, "usage: %s MODE [EVERY | SCENARIO NUMBER VARIANT once|onwards]\n", argv[0]);
        return 2;
    }
    inject_start();
    undisturbed = mmap(NULL, sizeof(*undisturbed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (undisturbed == MAP_FAILED)
        fatal("mmap");
    const pid_t pid = fork(); /* so that this process makes none of the calls that are made only once */
    if (pid == 0) {
        skip_without_backend();
        exit(0);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        fatal("the first engine");
    if (WEXITSTATUS(status) != 0)
        return WEXITSTATUS(status);
    struct world world = world_make(mode_of_name(argv[1]));
    bind_to_nth_cpu((int)world.mode % cpu_count()); /* where threads run decides how many rings there are */
    if (argc == 6) {
        const struct scenario *scenario = scenario_named(argv[2]);
        const struct inject_plan plan = {atoi(argv[3]), atoi(argv[4]), strcmp(argv[5], "onwards") == 0};
        return !(point(scenario, &world, (struct inject_plan){0}) && point(scenario, &world, plan));
    }
    const int failed = every_scenario(&world, every);
    pipe_close(world.dry);
    close(world.source);
    close(world.sink);
    return failed > 0;
}
