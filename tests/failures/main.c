/* SPDX-License-Identifier: MIT */
/*
 * Every call of the library fails in turn: once with each error it may give, and with the first of them from
 * then on for good.
 *
 * usage: failures MODE [SCENARIO NUMBER VARIANT once|onwards]
 *
 * Each point is a child of its own, so that also what a process does only once can fail, and a crash or a
 * hang is one point's. A child runs the scenario with the plan, then again without. What it holds of the
 * system in the end is compared with a child in which nothing failed: more is a leak. The points are counted,
 * and printed; a point that fails prints the arguments that run it alone.
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

enum { SECONDS_MAX = 120, SKIPPED = 77 };

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

/* @return how many points failed; adds to *points and *calls. */
static int every_point(const struct scenario *scenario, const struct world *world, int *calls, int *points)
{
    int failed = 0;
    if (!point(scenario, world, (struct inject_plan){0}))
        return 1;
    const int count = inject_calls();
    if (count == 0 || count > INJECT_CALLS_MAX) {
        fprintf(stderr, "FAILED: %s makes %d calls that may fail\n", scenario->name, count);
        return 1;
    }
    static enum inject_call kinds[INJECT_CALLS_MAX];
    for (int i = 0; i < count; i++)
        kinds[i] = inject_kind(i + 1);
    for (int i = 0; i < count; i++)
        for (int variant = 0; variant < inject_variants(kinds[i]); variant++)
            for (int onwards = 0; onwards <= (variant == 0 && inject_lasts(kinds[i])); onwards++, ++*points)
                failed += !point(scenario, world, (struct inject_plan){i + 1, variant, onwards});
    *calls += count;
    return failed;
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

/* A backend that this release does not have is not tested. */
static void skip_without_backend(void)
{
    auraio_engine_t *engine = auraio_create();
    if (!engine && errno == EOPNOTSUPP) {
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
    if (argc != 2 && argc != 6) {
        fprintf(stderr, "usage: %s MODE [SCENARIO NUMBER VARIANT once|onwards]\n", argv[0]);
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
    bind_to_nth_cpu(0); /* where threads run decides how many rings there are */
    struct world world = world_make(mode_of_name(argv[1]));
    if (argc == 6) {
        const struct scenario *scenario = scenario_named(argv[2]);
        const struct inject_plan plan = {atoi(argv[3]), atoi(argv[4]), strcmp(argv[5], "onwards") == 0};
        return !(point(scenario, &world, (struct inject_plan){0}) && point(scenario, &world, plan));
    }
    int calls = 0, points = 0, failed = 0;
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
        failed += every_point(scenario, &world, &calls, &points);
    printf("%s: %d calls, %d points, %d failed\n", mode_name(world.mode), calls, points, failed);
    pipe_close(world.dry);
    close(world.source);
    close(world.sink);
    return failed > 0;
}
