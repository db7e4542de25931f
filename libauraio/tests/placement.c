/* SPDX-License-Identifier: MIT */
/*
 * Engines on machines that this one is not: constructed topologies, and a CPU to run on of the test's choice
 * (the linker sends the library's sched_getcpu() here). What a large machine costs that is not used, which
 * ring a CPU's submissions go to, where they spill, and what happens when descriptors run out.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

static int this_cpu;

int __wrap_sched_getcpu(void);
int __wrap_sched_getcpu(void)
{
    return this_cpu;
}

TestSuite(placement, .timeout = 100);

static auraio_engine_t *engine_on(const struct topology_cpu *cpus, int count, int quota,
                                  const auraio_options_t *options)
{
    struct topology topology;
    check_is(topology_make(cpus, count, quota, &topology), 0);
    auraio_engine_t *engine = engine_create(options, &topology);
    topology_free(&topology);
    cr_assert(engine != NULL, "%s", auraio_last_error());
    return engine;
}

/* CPUs 0 .. count - 1, @per_node to a node; quota 0. */
static auraio_engine_t *engine_of(int count, int per_node, const auraio_options_t *options)
{
    struct topology_cpu *cpus = calloc((size_t)count, sizeof(*cpus));
    cr_assert_not_null(cpus);
    for (int i = 0; i < count; i++)
        cpus[i] = (struct topology_cpu){.cpu = i, .node = i / per_node};
    auraio_engine_t *engine = engine_on(cpus, count, 0, options);
    free(cpus);
    return engine;
}

static auraio_options_t options_small(auraio_ring_select_t mode)
{
    auraio_options_t options = mode_options(mode);
    options.queue_depth = 8;
    return options;
}

static auraio_ring_stats_t stats_of(const auraio_engine_t *engine, int ring)
{
    auraio_ring_stats_t stats;
    check_is(auraio_get_ring_stats(engine, ring, &stats), 0);
    return stats;
}

/* The ring that serves submissions made on @cpu, by the operation it counts. */
static int ring_of(auraio_engine_t *engine, int cpu)
{
    char byte;
    int count = auraio_get_ring_count(engine), found = -1, zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int64_t *before = calloc((size_t)count, sizeof(*before));
    cr_assert_not_null(before);
    for (int ring = 0; ring < count; ring++)
        before[ring] = stats_of(engine, ring).ops_completed;
    this_cpu = cpu;
    check_is(perform_read(engine, zero, &byte, 1, 0), 1);
    for (int ring = 0; ring < count; ring++) {
        int64_t more = stats_of(engine, ring).ops_completed - before[ring];
        check_that(more == 0 || (more == 1 && found < 0));
        found = more ? ring : found;
    }
    free(before);
    close(zero);
    check_at_least(found, 0);
    return found;
}

/* ------------------------------------------------- what is not used is free */

static const int sizes[] = {64, 256, 1024};

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_value);
    return values[count / 2];
}

Test(placement, an_engine_on_a_large_machine_is_made_and_destroyed_in_under_a_millisecond)
{
    enum { ROUNDS = 101 };
    if (is_instrumented() || slowness() > 1)
        skip_because("an instrumented build and an emulated machine say nothing about time");
    for (size_t s = 0; s < 3; s++) {
        double least_ms = 1e9; /* where a thread serves, other programs make it wait for its turn to run */
        struct topology_cpu cpus[1024];
        struct topology topology;
        for (int i = 0; i < sizes[s]; i++)
            cpus[i] = (struct topology_cpu){.cpu = i, .node = i / 32};
        check_is(topology_make(cpus, sizes[s], 0, &topology), 0);
        for (int i = 0; i < ROUNDS; i++) {
            int64_t start_ns = now_ns();
            auraio_engine_t *engine = engine_create(NULL, &topology);
            check_that(engine != NULL);
            auraio_destroy(engine);
            double ms = (double)(now_ns() - start_ns) / 1e6;
            least_ms = ms < least_ms ? ms : least_ms;
        }
        topology_free(&topology);
        fprintf(stderr, "create + destroy on %d CPUs: %.3f ms (least of %d)\n", sizes[s], least_ms, ROUNDS);
        cr_assert(least_ms < 1, "%d CPUs: %.3f ms", sizes[s], least_ms);
    }
}

/* An engine makes no more rings than half of the descriptors that its process may have: often 1024. */
static void allow_rings(int count)
{
    const rlim_t needed = 2 * (rlim_t)count;
    struct rlimit limit;
    check_is(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < needed)
        skip_because("%d rings need a hard RLIMIT_NOFILE of %ju, it is %ju", count, (uintmax_t)needed,
                     (uintmax_t)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max;
    check_is(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(placement, an_engine_that_was_not_used_holds_two_descriptors_at_most)
{
    for (size_t s = 0; s < 3; s++) {
        allow_rings(sizes[s]);
        int before = open_fd_count();
        auraio_engine_t *engine = engine_of(sizes[s], 32, NULL);
        check_is(auraio_get_ring_count(engine), sizes[s]);
        check_that(open_fd_count() - before <= 2);
        auraio_backend_info_t info = {.struct_size = sizeof(info)};
        check_is(auraio_get_backend_info(engine, &info), 0);
        check_is(info.rings_created, 0);
        check_is(info.numa_nodes, sizes[s] / 32);
        auraio_destroy(engine);
        check_is(open_fd_count(), before);
    }
}

/* CPU time of many reads, each waited for. */
static double cost_of_reads(auraio_engine_t *engine, int fd, void *buf)
{
    enum { READS = 200 };
    int64_t start_ns = thread_cpu_ns();
    for (int i = 0; i < READS; i++)
        if (!auraio_read(engine, fd, auraio_buf(buf), 4096, i * 4096, NULL, NULL) ||
            auraio_wait(engine, -1) != 1)
            return -1;
    return (double)(thread_cpu_ns() - start_ns);
}

Test(placement, a_read_costs_the_same_on_a_large_machine)
{
    enum { ROUNDS = 151 };
    static char buf[4096];
    if (is_instrumented() || slowness() > 1)
        skip_because("an instrumented build and an emulated machine say nothing about time");
    int fd = file_of_pattern(1 << 20);
    for (size_t s = 0; s < 3; s++) {
        auraio_engine_t *small = engine_of(2, 2, NULL), *large = engine_of(sizes[s], 32, NULL);
        double ratios[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) { /* who goes first alternates */
            double first = cost_of_reads(i % 2 ? small : large, fd, buf);
            double second = cost_of_reads(i % 2 ? large : small, fd, buf);
            check_that(first > 0 && second > 0);
            ratios[i] = i % 2 ? second / first : first / second;
        }
        double typical = median(ratios, ROUNDS);
        fprintf(stderr, "read + wait on %d CPUs: %.3f of what it costs on 2 (median of %d)\n", sizes[s],
                typical, ROUNDS);
        cr_assert(typical < 1.10, "%d CPUs: %.3f", sizes[s], typical);
        auraio_destroy(small);
        auraio_destroy(large);
    }
    close(fd);
}

/* ------------------------------------------------------- which ring a CPU has */

Test(placement, every_cpu_of_eight_nodes_has_a_ring_of_its_own)
{
    auraio_options_t options = options_small(AURAIO_SELECT_CPU_LOCAL);
    auraio_engine_t *engine = engine_of(64, 8, &options);
    bool seen[64] = {false};
    check_is(auraio_get_ring_count(engine), 64);
    for (int cpu = 0; cpu < 64; cpu++) {
        int ring = ring_of(engine, cpu);
        check_that(!seen[ring]);
        seen[ring] = true;
    }
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.rings_created, 64);
    auraio_destroy(engine);
}

Test(placement, with_fewer_rings_than_cpus_neighbours_of_a_node_share_one)
{
    auraio_options_t options = options_small(AURAIO_SELECT_CPU_LOCAL);
    options.ring_count = 16;
    struct topology_cpu cpus[64];
    int served[16] = {0}, node[16];
    for (int i = 0; i < 64; i++) /* numbered across the nodes, as machines do */
        cpus[i] = (struct topology_cpu){.cpu = i, .node = i % 8};
    auraio_engine_t *engine = engine_on(cpus, 64, 0, &options);
    check_is(auraio_get_ring_count(engine), 16);
    for (int cpu = 0; cpu < 64; cpu++) {
        int ring = ring_of(engine, cpu);
        if (served[ring]++ == 0)
            node[ring] = cpu % 8;
        check_is(cpu % 8, node[ring]);
    }
    for (int ring = 0; ring < 16; ring++)
        check_is(served[ring], 4);
    auraio_destroy(engine);
}

Test(placement, a_machine_with_holes_uses_exactly_the_cpus_it_has)
{
    const struct topology_cpu cpus[] = {{3, 0}, {7, 0}, {100, 2}, {9000, 5}};
    auraio_options_t options = options_small(AURAIO_SELECT_CPU_LOCAL);
    auraio_engine_t *engine = engine_on(cpus, 4, 0, &options);
    check_is(auraio_get_ring_count(engine), 4);
    for (int i = 0; i < 4; i++)
        check_is(ring_of(engine, cpus[i].cpu), i);
    auraio_destroy(engine);
}

Test(placement, a_cpu_that_came_later_or_has_no_number_is_served_too)
{
    const struct topology_cpu cpus[] = {{2, 0}, {4, 0}, {6, 1}};
    static const int others[] = {0, 3, 5, 7, 4096, INT32_MAX, -1};
    auraio_options_t options = options_small(AURAIO_SELECT_ADAPTIVE);
    auraio_engine_t *engine = engine_on(cpus, 3, 0, &options);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        check_below(ring_of(engine, others[i]), 3);
    auraio_destroy(engine);
}

Test(placement, the_cgroup_quota_caps_the_rings_and_every_cpu_still_has_one)
{
    struct topology_cpu cpus[8];
    int served[3] = {0};
    auraio_options_t options = options_small(AURAIO_SELECT_CPU_LOCAL);
    for (int i = 0; i < 8; i++)
        cpus[i] = (struct topology_cpu){.cpu = i, .node = 0};
    auraio_engine_t *engine = engine_on(cpus, 8, 3, &options);
    check_is(auraio_get_ring_count(engine), 3);
    for (int cpu = 0; cpu < 8; cpu++)
        served[ring_of(engine, cpu)]++;
    for (int ring = 0; ring < 3; ring++)
        check_that(served[ring] == 2 || served[ring] == 3);
    auraio_destroy(engine);
}

Test(placement, more_rings_than_cpus_are_all_used_in_turn)
{
    auraio_options_t options = options_small(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = 12;
    auraio_engine_t *engine = engine_of(4, 2, &options);
    for (int i = 0; i < 24; i++)
        check_is(ring_of(engine, 0), i % 12);
    auraio_destroy(engine);
}

/* ------------------------------------------------------------------ spilling */

/* Fill up the ring that submissions go to now with reads that wait. */
static void fill_ring(auraio_engine_t *engine, int fd, char *bytes)
{
    for (int i = 0; i < 8; i++)
        check_accepted(auraio_read(engine, fd, auraio_buf(bytes), 1, -1, NULL, NULL));
}

static uint64_t spills_of(const auraio_engine_t *engine)
{
    auraio_stats_t stats;
    auraio_get_stats(engine, &stats);
    return stats.adaptive_spills;
}

Test(placement, a_full_ring_spills_to_its_own_node_first_and_then_to_others)
{
    /* rings: node 0: 0 1, node 1: 2 3, node 2: 4 5; the numbers of the CPUs are interleaved */
    const struct topology_cpu cpus[] = {{0, 0}, {1, 1}, {2, 2}, {3, 0}, {4, 1}, {5, 2}};
    auraio_options_t options = options_small(AURAIO_SELECT_ADAPTIVE);
    auraio_engine_t *engine = engine_on(cpus, 6, 0, &options);
    pipe_pair_t pair = pipe_open(0);
    char byte;
    this_cpu = 4; /* node 1, ring 3 */
    fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 3).pending_count, 8);
    check_is(spills_of(engine), 0);
    fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 2).pending_count, 8); /* the other one of the node */
    check_is(spills_of(engine), 8);
    fill_ring(engine, pair.read_fd, &byte);
    check_is(spills_of(engine), 16);
    check_is(stats_of(engine, 3).pending_count, 8);
    check_is(stats_of(engine, 2).pending_count, 8);
    check_is(stats_of(engine, 0).pending_count + stats_of(engine, 1).pending_count +
                 stats_of(engine, 4).pending_count + stats_of(engine, 5).pending_count,
             8);
    pipe_close(pair);
    auraio_destroy(engine);
}

Test(placement, a_full_node_spills_to_the_nearest_one_with_room)
{
    enum { NODES = 8, CPUS = 256, RINGS = 8 };
    /* From node 2: node 5, then 0 and 7, then the others. */
    static const unsigned char from_2[NODES] = {15, 30, 10, 30, 30, 12, 30, 15};
    static const int by_distance[NODES] = {0, 3, 0, 3, 3, 1, 3, 1};
    static struct topology_cpu cpus[CPUS];
    unsigned char distances[NODES * NODES];
    struct topology topology;
    auraio_options_t options = options_small(AURAIO_SELECT_ADAPTIVE);
    char byte;
    memset(distances, 40, sizeof(distances));
    memcpy(&distances[2 * NODES], from_2, NODES);
    for (int i = 0; i < CPUS; i++)
        cpus[i] = (struct topology_cpu){.cpu = i, .node = i % NODES};
    options.ring_count = RINGS; /* one for each node, with its number */
    check_is(topology_make(cpus, CPUS, 0, &topology), 0);
    check_is(topology_set_distances(&topology, distances), 0);
    auraio_engine_t *engine = engine_create(&options, &topology);
    topology_free(&topology);
    check_that(engine != NULL);
    pipe_pair_t pair = pipe_open(0);
    this_cpu = 2;
    fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 2).pending_count, 8);
    fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 5).pending_count, 8);
    fill_ring(engine, pair.read_fd, &byte);
    fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 0).pending_count, 8);
    check_is(stats_of(engine, 7).pending_count, 8);
    for (int ring = 0; ring < RINGS; ring++)
        check_is(stats_of(engine, ring).pending_count, by_distance[ring] == 3 ? 0 : 8);
    pipe_close(pair);
    auraio_destroy(engine);
}

Test(placement, when_every_ring_is_full_the_own_one_queues)
{
    auraio_options_t options = options_small(AURAIO_SELECT_ADAPTIVE);
    auraio_engine_t *engine = engine_of(4, 2, &options);
    pipe_pair_t pair = pipe_open(0);
    char byte;
    this_cpu = 1;
    for (int i = 0; i < 4; i++)
        fill_ring(engine, pair.read_fd, &byte);
    for (int ring = 0; ring < 4; ring++)
        check_is(stats_of(engine, ring).pending_count, 8);
    check_is(spills_of(engine), 24);
    fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 1).pending_count, 16);
    check_is(spills_of(engine), 24);
    pipe_close(pair);
    auraio_destroy(engine);
}

Test(placement, cpu_local_never_spills)
{
    auraio_options_t options = options_small(AURAIO_SELECT_CPU_LOCAL);
    auraio_engine_t *engine = engine_of(4, 2, &options);
    pipe_pair_t pair = pipe_open(0);
    char byte;
    this_cpu = 2;
    for (int i = 0; i < 4; i++)
        fill_ring(engine, pair.read_fd, &byte);
    check_is(stats_of(engine, 2).pending_count, 32);
    check_is(spills_of(engine), 0);
    pipe_close(pair);
    auraio_destroy(engine);
}

/* --------------------------------------------------------------- descriptors */

static void limit_descriptors(rlim_t count)
{
    struct rlimit limit = {.rlim_cur = count, .rlim_max = count};
    check_is(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Take descriptors until @left are left. Returns how many were taken, which stand in @fds. */
static int take_descriptors(int left, int fds[64])
{
    int count = 0, fd;
    while (count < 64 && (fd = dup(STDERR_FILENO)) >= 0)
        fds[count++] = fd;
    check_is(errno, EMFILE);
    while (left-- > 0)
        close(fds[--count]);
    return count;
}

Test(placement, with_32_descriptors_an_engine_for_256_cpus_is_smaller_and_works)
{
    limit_descriptors(32);
    auraio_options_t options = options_small(AURAIO_SELECT_ADAPTIVE);
    auraio_engine_t *engine = engine_of(256, 32, &options);
    check_is(auraio_get_ring_count(engine), 16);
    for (int cpu = 0; cpu < 256; cpu += 5)
        check_below(ring_of(engine, cpu), 16);
    auraio_destroy(engine);
}

Test(placement, rings_refused_for_lack_of_descriptors_are_replaced_by_those_there_are)
{
    int taken[64];
    limit_descriptors(48);
    auraio_options_t options = options_small(AURAIO_SELECT_CPU_LOCAL);
    options.ring_count = 16;
    auraio_engine_t *engine = engine_of(16, 4, &options);
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    /* Where io_uring is refused, not where threads were asked for, that stays the reason. */
    const char *asked = getenv("AURAIO_BACKEND");
    const bool replaced = info.backend == AURAIO_BACKEND_THREADS && !(asked && strcmp(asked, "threads") == 0);
    /* One descriptor for the file that ring_of() opens, one for the wake-up, the rest for rings: on node 0
     * and on node 1 one each, then none is left. */
    int count = take_descriptors(4, taken);
    int first = ring_of(engine, 0), second = ring_of(engine, 5);
    check_is(first, 0);
    check_is(second, 5);
    int rest[64], rest_count = take_descriptors(1, rest);
    check_is(ring_of(engine, 1), 0);
    check_is(ring_of(engine, 7), 5); /* of its node */
    check_that(ring_of(engine, 12) == 0 || ring_of(engine, 12) == 5);
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.rings_created, 2);
    check_is(strstr(info.reason, strerrordesc_np(EMFILE)) != NULL, !replaced);
    while (rest_count > 0)
        close(rest[--rest_count]);
    while (count > 0)
        close(taken[--count]);
    auraio_destroy(engine);
}

Test(placement, without_a_descriptor_for_the_first_ring_a_submission_is_refused_and_the_next_may_work)
{
    int taken[64];
    char byte;
    limit_descriptors(32);
    auraio_options_t options = options_small(AURAIO_SELECT_ADAPTIVE);
    auraio_engine_t *engine = engine_of(4, 2, &options);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    this_cpu = 0;
    int count = take_descriptors(0, taken);
    check_refused(auraio_read(engine, zero, auraio_buf(&byte), 1, 0, NULL, NULL), EMFILE);
    check_is(auraio_wait(engine, -1), 0);
    while (count > 0)
        close(taken[--count]);
    check_is(perform_read(engine, zero, &byte, 1, 0), 1);
    auraio_destroy(engine);
    close(zero);
}

Test(placement, without_any_descriptor_there_is_no_engine_and_errno_says_why)
{
    int taken[64];
    const struct topology_cpu cpus[] = {{0, 0}};
    struct topology topology;
    limit_descriptors(32);
    check_is(topology_make(cpus, 1, 0, &topology), 0);
    int count = take_descriptors(0, taken);
    check_refused(engine_create(NULL, &topology), EMFILE);
    while (count > 0)
        close(taken[--count]);
    auraio_engine_t *engine = engine_create(NULL, &topology);
    check_that(engine != NULL);
    auraio_destroy(engine);
    topology_free(&topology);
}
