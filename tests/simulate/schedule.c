/* SPDX-License-Identifier: MIT */
#include "schedule.h"
#include "engine.h"
#include "fibre.h"
#include "report.h"
#include "ring-private.h"
#include "system.h"

#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct schedule plan;

/* ---------------------------------------------------------------- asked by the model */

bool library_enter(void)
{
    fibre_point(NULL);
    return fibre_set_inside(true);
}

void library_leave(bool was_inside)
{
    (void)fibre_set_inside(was_inside);
    int error = errno;
    fibre_point(NULL);
    errno = error;
}

bool schedule_is_submitting(void)
{
    return plan.workers[fibre_current()].submitting;
}

/* A ring of a thread that is elsewhere while the engine ends is taken from it. */
bool schedule_may_be_torn_down(const struct token *token)
{
    (void)token;
    return tokens_end && plan.options.ring_select == AURAIO_SELECT_THREAD_LOCAL;
}

int schedule_threads_ended(void)
{
    int ended = 0;
    for (int i = 1; i <= plan.worker_count; i++)
        ended += fibre_has_ended(i);
    return ended;
}

void schedule_completed(struct token *token)
{
    (void)token;
    if (plan.destroy_in_callback) {
        plan.destroy_in_callback = false;
        plan.destroyed = tokens_end = true;
        report_step("destroy in a callback");
        bool was = library_enter();
        auraio_destroy(plan.engine);
        library_leave(was);
        return;
    }
    if (tokens_end || plan.callbacks_deep >= 3 || below(4) != 0)
        return;
    plan.callbacks_deep++;
    action_in_callback();
    plan.callbacks_deep--;
}

/* --------------------------------------------------------------- invariants */

/* Whether no thread is in the middle of something: no batch is taken, no lock held. */
static bool may_look(void)
{
    struct ring_group *group = plan.engine->group;
    for (int i = 0; i <= plan.worker_count; i++)
        if (plan.workers[i].driving > 0 || (plan.workers[i].ending && !fibre_has_ended(i)))
            return false;
    for (int i = 0; i < atomic_load(&group->rings_used); i++)
        if (group_ring(group, i) && atomic_load(&group_ring(group, i)->lock.state) != 0)
            return false;
    return true;
}

/*
 * What is in the kernel is within what the ring holds credits for; a chain goes as a whole. An operation
 * whose target could not be told for lack of memory may turn out to be this one's when it is in the kernel.
 */
static void check_limits(const struct ring *ring)
{
    enum { CHAIN_MAX = 4 };
    if (plan.faulty_memory)
        return;
    for (int i = LANE_STORAGE; i < LANES; i++) {
        const struct ring_lane *lane = &ring->lanes[i];
        int most = plan.engine->control ? lane->credits : lane->limit;
        if (lane_in_kernel(lane) > (most > CHAIN_MAX ? most : CHAIN_MAX))
            report_failure("ring %d has %d operations in the kernel, %d are allowed", ring->index,
                           lane_in_kernel(lane), most);
    }
}

static void check_engine(void)
{
    struct ring_group *group = plan.engine->group;
    if (!ring_group_check(group))
        report_failure("a ring is inconsistent: see ring_check()");
    for (int i = 0; i < atomic_load(&group->rings_used); i++)
        if (group_ring(group, i))
            check_limits(group_ring(group, i));
    /* As the group becomes crowded, each other ring may be just accepting one by the old rule. */
    int most = plan.options.max_pending + (plan.options.max_pending > 1 ? WORKERS_MAX - 1 : 0);
    if (tokens_pending() > most)
        report_failure("%d operations are pending, max_pending is %d", tokens_pending(),
                       plan.options.max_pending);
    if (world_overflows(plan.world) > 0)
        report_failure("completions found no room");
}

static void check_often(void)
{
    if (below(8) == 0 && may_look())
        check_engine();
}

/* Nothing is pending: nothing may be left anywhere. */
static void check_quiet(void)
{
    auraio_stats_t stats;
    int64_t completed = 0;
    check_engine();
    if (plan.engine->control && !control_check(plan.engine->control))
        report_failure("credits are inconsistent: see control_check()");
    for (int i = 0; i < token_count; i++)
        completed += tokens[i].completed;
    auraio_get_stats(plan.engine, &stats);
    if (stats.ops_completed != completed || stats.current_in_flight != 0)
        report_failure("statistics: %lld completed, %d in flight; it is %lld and 0",
                       (long long)stats.ops_completed, stats.current_in_flight, (long long)completed);
}

/* ------------------------------------------------------------------ threads */

static void work(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < worker->steps; i++) {
        action();
        check_often();
    }
    actions_free_buffers();
    worker->ending = plan.options.ring_select == AURAIO_SELECT_THREAD_LOCAL;
}

static bool workers_have_ended(void)
{
    for (int i = 1; i <= plan.worker_count; i++)
        if (!fibre_has_ended(i))
            return false;
    return true;
}

/* Everybody sleeps and nothing will happen: what is pending must be what nobody can complete. */
static bool look_for_sleepers_in_vain(void)
{
    bool local = plan.options.ring_select == AURAIO_SELECT_THREAD_LOCAL, streams = false;
    for (int i = 0; i < token_count; i++)
        streams = streams || (tokens[i].stream && tokens[i].accepted && !tokens[i].completed);
    for (int i = 1; i <= plan.worker_count; i++) {
        if (fibre_has_ended(i))
            continue;
        if (plan.workers[i].endless == ENDS)
            report_failure("thread %d sleeps for ever in a call that ends", i);
        if (plan.workers[i].endless == ENDLESS_WAIT && !streams)
            report_failure(
                "thread %d sleeps for ever and nothing is pending that may last: a wake-up was lost", i);
        for (int t = 0; t < token_count; t++)
            if (tokens[t].accepted && !tokens[t].completed && !tokens[t].stream &&
                (!local || tokens[t].thread == i))
                report_failure("thread %d sleeps while operation %d waits: a wake-up was lost", i, t);
    }
    return streams;
}

static void end_streams(void)
{
    for (int i = 0; i < token_count; i++) {
        if (!tokens[i].stream || !tokens[i].accepted || tokens[i].completed)
            continue;
        tokens[i].may_be_cancelled = true;
        (void)auraio_cancel(plan.engine, tokens[i].handle);
    }
}

/* Wake those who sleep for something that does not come. */
static void watch_over_workers(void)
{
    enum { ROUNDS_MAX = 200 };
    for (int round = 0;; round++) {
        fibre_idle();
        if (workers_have_ended())
            return;
        if (round == ROUNDS_MAX)
            report_failure("threads don't come to an end");
        if (look_for_sleepers_in_vain() && round % 2 == 0) {
            end_streams();
        } else {
            auraio_stop(plan.engine);
            auraio_wake(plan.engine);
        }
    }
}

/* ---------------------------------------------------------------------- end */

static void end_in_callback(void)
{
    plan.destroy_in_callback = true;
    if (!action_read())
        plan.destroy_in_callback = false;
    while (plan.destroy_in_callback)
        (void)auraio_wait(plan.engine, -1);
}

static void end_engine(void)
{
    struct worker *self = &plan.workers[0];
    self->driving++;
    system_be_kind();
    uint64_t how = below(5);
    report_step("the end, way %d", (int)how);
    if (how < 3)
        end_streams();
    if (how < 3 && auraio_drain(plan.engine, how == 0 ? -1 : 1000 * 1000) < 0 && errno != ETIMEDOUT)
        report_failure("drain fails with errno %d", errno);
    if (how < 3 && tokens_pending() > 0)
        report_failure("%d operations are pending after a drain", tokens_pending());
    self->driving--;
    if (tokens_pending() == 0)
        check_quiet();
    if (how == 3)
        end_in_callback();
    if (plan.destroyed)
        return;
    tokens_end = true;
    if (how == 4)
        auraio_shutdown(plan.engine);
    auraio_destroy(plan.engine);
}

static void check_after(void)
{
    for (int i = 0; i < token_count; i++)
        if (tokens[i].accepted && !tokens[i].completed)
            report_failure("operation %d has not called back, and the engine is gone", i);
    for (int i = 0; i < plan.file_count; i++)
        token_check_file(i);
    if (world_in_flight(plan.world) > 0)
        report_failure("the kernel still has %d operations", world_in_flight(plan.world));
}

/* ---------------------------------------------------------------------- seed */

static bool one_in(uint64_t odds)
{
    return below(odds) == 0;
}

static void choose_options(void)
{
    static const int depths[] = {1, 2, 4, 8, 64}, pendings[] = {1, 3, 16, 65536};
    auraio_options_t *options = &plan.options;
    auraio_options_init(options);
    options->queue_depth = depths[below(5)];
    options->min_in_flight = 0;
    options->ring_count = (int)below(4);
    options->ring_select = (auraio_ring_select_t)below(4);
    options->max_pending = one_in(3) ? pendings[below(4)] : 65536;
    options->disable_adaptive = one_in(3);
    options->max_p99_latency_ms = one_in(4) ? 0.05 : 0;
    options->initial_in_flight = one_in(4) ? 1 : 0;
    options->enable_sqpoll = one_in(8);
}

static void choose_faults(void)
{
    static const double odds[] = {0.01, 0.05, 0.3};
    for (int fault = 0; fault < WORLD_FAULTS; fault++)
        if (one_in(3))
            world_set_fault(plan.world, (enum world_fault)fault, odds[below(3)]);
    plan.faulty_memory = one_in(6);
    world_set_fault(plan.world, WORLD_SETUP_FAILS, plan.faulty_memory ? 0.1 : 0);
    world_set_fault(plan.world, WORLD_REGISTER_FAILS, plan.faulty_memory ? 0.2 : 0);
    tokens_may_lack_memory = plan.faulty_memory;
    if (plan.faulty_memory)
        system_begin(plan.world, plan.seed, 4 + (unsigned)below(60), one_in(2) ? 8 : 0);
    else
        system_begin(plan.world, plan.seed, 0, 0);
}

static void open_files(void)
{
    char name[16];
    for (int i = 0; i < plan.file_count; i++) {
        snprintf(name, sizeof(name), "file%d", i);
        files[i].fd = world_open(plan.world, name, O_RDWR | O_CREAT | O_CLOEXEC);
        if (files[i].fd < 0)
            report_failure("%s could not be made: errno %d", name, errno);
    }
    plan.pipe_fds[0] = plan.pipe_fds[1] = -1;
    if (one_in(4) && pipe2(plan.pipe_fds, O_CLOEXEC) < 0)
        report_failure("no pipe: errno %d", errno);
    if (plan.pipe_fds[0] >= 0 && one_in(2))
        (void)fcntl(plan.pipe_fds[0], F_SETFL, O_NONBLOCK);
    if (plan.pipe_fds[1] >= 0)
        (void)fcntl(plan.pipe_fds[1], F_SETFL, O_NONBLOCK);
}

static void close_files(void)
{
    for (int i = 0; i < plan.file_count; i++)
        close(files[i].fd);
    for (int i = 0; i < 2; i++)
        if (plan.pipe_fds[i] >= 0)
            close(plan.pipe_fds[i]);
}

static bool create_engine(void)
{
    struct topology_cpu cpus[4];
    int cpu_count = 1 + (int)below(4);
    for (int i = 0; i < cpu_count; i++)
        cpus[i] = (struct topology_cpu){.cpu = i};
    struct topology topology = {.cpus = cpus, .cpu_count = cpu_count, .node_count = 1};
    bool was = library_enter();
    plan.engine = engine_create_in(world_system(plan.world), &plan.options, &topology);
    library_leave(was);
    if (!plan.engine && !plan.faulty_memory)
        report_failure("no engine: errno %d (%s)", errno, auraio_last_error());
    return plan.engine != NULL;
}

static void watch(void *unused)
{
    (void)unused;
    open_files();
    if (!create_engine()) {
        close_files();
        return;
    }
    for (int i = 1; i <= plan.worker_count; i++) {
        plan.workers[i].steps = 2 + (int)below(14);
        plan.workers[i].fibre = fibre_start(work, &plan.workers[i]);
    }
    watch_over_workers();
    end_engine();
    check_after();
    close_files();
}

/* The lowest free descriptors: what was opened and not closed raises them. */
static int free_descriptors(void)
{
    int low = fcntl(0, F_DUPFD_CLOEXEC, 0), high = fcntl(0, F_DUPFD_CLOEXEC, 256);
    close(low);
    close(high);
    return low * 65536 + high;
}

void schedule_run(uint64_t seed)
{
    int descriptors = free_descriptors();
    long allocations = system_allocations();
    memset(&plan, 0, sizeof(plan));
    plan.seed = plan.random = seed;
    plan.file_count = 1 + (int)below(FILES_MAX);
    plan.worker_count = 1 + (int)below(WORKERS_MAX);
    struct world_options options = {
        .seed = below(UINT64_MAX),
        .latency_ns = 1000 + (int64_t)below(200 * 1000),
        .parallel = 1 + (int)below(8),
        .hooks = &fibre_hooks,
    };
    if (world_create(&options, &plan.world) < 0)
        report_failure("no world");
    report_begin(seed, plan.world);
    tokens_begin(FILES_MAX);
    choose_options();
    choose_faults();
    fibres_begin(plan.world, below(UINT64_MAX));
    (void)fibre_start(watch, NULL);
    fibres_run();
    system_end();
    world_destroy(plan.world);
    if (system_allocations() != allocations)
        report_failure("%ld allocations were not freed", system_allocations() - allocations);
    if (free_descriptors() != descriptors)
        report_failure("descriptors were not closed");
}
