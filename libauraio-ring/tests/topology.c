/* SPDX-License-Identifier: MIT */
/*
 * topology_read() below a directory that this program builds, with what real machines and containers put
 * there and with what they should not; topology_make() on machines larger and odder than this one.
 *
 * The affinity mask always is the caller's, so a test first learns which CPUs it may use and then lays nodes
 * around them.
 */
#include "placement.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char root[64];
static int cpus[CPU_SETSIZE]; /* this process may use */
static int cpu_total;

/* The affinity mask of a kernel for more CPUs: it takes no smaller one than this. 0: this kernel's. */
static size_t mask_bytes_min;

int __real_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
    if (bytes < mask_bytes_min) {
        errno = EINVAL;
        return -1;
    }
    int rc = __real_sched_getaffinity(pid, bytes, set);
    if (rc == 0 && mask_bytes_min > 0)
        CPU_SET_S(8 * mask_bytes_min - 1, bytes, set); /* the last CPU it knows */
    return rc;
}

static void set_up(void)
{
    cpu_set_t set;
    strcpy(root, "/tmp/auraio-topology-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    check_is(sched_getaffinity(0, sizeof(set), &set), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            cpus[cpu_total++] = (int)cpu;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

static void tear_down(void)
{
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file below the root, with the directories on the way. */
static void put(const char *path, const char *text)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        check_that(mkdir(full, 0700) == 0 || errno == EEXIST);
    }
    FILE *file = fopen(full, "we");
    cr_assert_not_null(file, "%s", full);
    fputs(text, file);
    check_is(fclose(file), 0);
}

static int quota_read(void)
{
    struct topology topology;
    check_is(topology_read(root, &topology), 0);
    int quota = topology.quota_cpus;
    topology_free(&topology);
    return quota;
}

static int node_of_cpu(const struct topology *topology, int cpu)
{
    for (int i = 0; i < topology->cpu_count; i++)
        if (topology->cpus[i].cpu == cpu)
            return topology->cpus[i].node;
    return -1;
}

TestSuite(topology, .init = set_up, .fini = tear_down, .timeout = 60);

/* ------------------------------------------------------------------- CPUs */

Test(topology, the_running_system_has_exactly_the_cpus_of_the_affinity_mask)
{
    struct topology topology;
    check_is(topology_read("", &topology), 0);
    check_is(topology.cpu_count, cpu_total);
    for (int i = 0; i < cpu_total; i++)
        check_at_least(node_of_cpu(&topology, cpus[i]), 0);
    topology_free(&topology);
}

Test(topology, a_process_bound_to_one_cpu_has_one)
{
    cpu_set_t one;
    struct topology topology;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpus[cpu_total - 1], &one);
    check_is(sched_setaffinity(0, sizeof(one), &one), 0);
    check_is(topology_read("", &topology), 0);
    check_is(topology.cpu_count, 1);
    check_is(topology.cpus[0].cpu, cpus[cpu_total - 1]);
    topology_free(&topology);
}

Test(topology, a_kernel_that_knows_thousands_of_cpus_is_asked_with_a_mask_that_is_long_enough)
{
    struct topology topology;
    mask_bytes_min = 4096 / 8;
    check_is(topology_read("", &topology), 0);
    check_is(topology.cpu_count, cpu_total + 1);
    check_at_least(node_of_cpu(&topology, 4095), 0);
    topology_free(&topology);
}

Test(topology, a_mask_longer_than_any_machine_has_is_refused)
{
    struct topology untouched = {.cpu_count = 77}, topology = untouched;
    mask_bytes_min = 1 << 20;
    check_is(topology_read("", &topology), -ENOMEM);
    check_that(memcmp(&topology, &untouched, sizeof(topology)) == 0);
}

Test(topology, an_empty_root_is_one_node_and_no_quota)
{
    struct topology topology;
    check_is(topology_read(root, &topology), 0);
    check_is(topology.cpu_count, cpu_total);
    check_is(topology.node_count, 1);
    check_is(topology.quota_cpus, 0);
    check_is(topology_parallelism(&topology), cpu_total);
    topology_free(&topology);
    check_that(topology.cpus == NULL);
}

/* ------------------------------------------------------------------ nodes */

Test(topology, cpus_get_the_node_whose_list_names_them)
{
    char list[64];
    struct topology topology;
    snprintf(list, sizeof(list), "%d\n", cpus[0]);
    put("/sys/devices/system/node/node3/cpulist", list);
    check_is(topology_read(root, &topology), 0);
    check_is(node_of_cpu(&topology, cpus[0]), 3);
    check_is(topology.node_count, 4);
    for (int i = 1; i < cpu_total; i++)
        check_is(node_of_cpu(&topology, cpus[i]), 0);
    topology_free(&topology);
}

Test(topology, lists_have_ranges_holes_and_cpus_that_this_process_may_not_use)
{
    char list[128];
    struct topology topology;
    put("/sys/devices/system/node/node0/cpulist", "\n"); /* memory only */
    snprintf(list, sizeof(list), "%d-%d,9000-9999,12001\n", cpus[0], cpus[cpu_total - 1]);
    put("/sys/devices/system/node/node5/cpulist", list);
    put("/sys/devices/system/node/node7/cpulist", "15000-15999\n");
    check_is(topology_read(root, &topology), 0);
    check_is(topology.cpu_count, cpu_total);
    for (int i = 0; i < cpu_total; i++)
        check_is(node_of_cpu(&topology, cpus[i]), 5);
    check_is(topology.node_count, 6);
    topology_free(&topology);
}

/* ----------------------------------------------------------------- distances */

/* Nodes 0, 2 and 3 are online, and the last CPU is on node 3. */
static void put_three_nodes(void)
{
    char list[64];
    snprintf(list, sizeof(list), "%d\n", cpus[cpu_total - 1]);
    put("/sys/devices/system/node/node3/cpulist", list);
    put("/sys/devices/system/node/online", "0,2-3\n");
}

Test(topology, distances_are_those_to_the_nodes_that_are_online)
{
    struct topology topology, copy;
    put_three_nodes();
    put("/sys/devices/system/node/node0/distance", "10 21 32\n");
    put("/sys/devices/system/node/node2/distance", "21 10 15\n");
    put("/sys/devices/system/node/node3/distance", "32 15 10\n");
    check_is(topology_read(root, &topology), 0);
    check_is(topology.node_count, 4);
    check_is(topology_copy(&topology, &copy), 0);
    topology_free(&topology);
    check_is(topology_distance(&copy, 0, 2), 21);
    check_is(topology_distance(&copy, 0, 3), 32);
    check_is(topology_distance(&copy, 2, 3), 15);
    check_is(topology_distance(&copy, 3, 0), 32);
    check_is(topology_distance(&copy, 1, 0), TOPOLOGY_FAR); /* nobody knows */
    check_is(topology_distance(&copy, 0, 1), TOPOLOGY_FAR);
    check_is(topology_distance(&copy, 1, 1), TOPOLOGY_NEAR);
    topology_free(&copy);
}

Test(topology, distances_that_make_no_sense_are_as_far_as_usual)
{
    struct topology topology;
    put_three_nodes();
    put("/sys/devices/system/node/node0/distance", "10 9 300\n"); /* below what is near, and past a byte */
    put("/sys/devices/system/node/node2/distance", "33\n");
    put("/sys/devices/system/node/node3/distance", "10 what\n");
    check_is(topology_read(root, &topology), 0);
    check_is(topology_distance(&topology, 0, 2), TOPOLOGY_FAR);
    check_is(topology_distance(&topology, 0, 3), TOPOLOGY_FAR);
    check_is(topology_distance(&topology, 2, 0), 33);
    check_is(topology_distance(&topology, 2, 3), TOPOLOGY_FAR);
    check_that(topology_distance(&topology, 3, 0) > TOPOLOGY_NEAR); /* another node is never here */
    topology_free(&topology);
}

Test(topology, without_distances_every_other_node_is_as_far)
{
    struct topology topology;
    put_three_nodes();
    check_is(topology_read(root, &topology), 0);
    check_that(topology.distances == NULL);
    check_is(topology_distance(&topology, 0, 3), TOPOLOGY_FAR);
    check_is(topology_distance(&topology, 3, 3), TOPOLOGY_NEAR);
    topology_free(&topology);
}

Test(topology, what_is_no_node_is_passed_over)
{
    char list[64];
    struct topology topology;
    snprintf(list, sizeof(list), "0-%d\n", cpus[cpu_total - 1]);
    put("/sys/devices/system/node/node-1/cpulist", list);
    put("/sys/devices/system/node/node4x/cpulist", list);
    put("/sys/devices/system/node/possible", list);
    put("/sys/devices/system/node/power/cpulist", list);
    put("/sys/devices/system/node/node6/other", list); /* no cpulist */
    check_is(topology_read(root, &topology), 0);
    check_is(topology.node_count, 1);
    topology_free(&topology);
}

Test(topology, nonsense_in_a_list_leaves_the_cpus_on_node_0)
{
    static const char *const lists[] = {"", "\n", "abc\n", "-3\n", ",,,\n", "9-\n", "100000-1\n", "0x5\n"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct topology topology;
        put("/sys/devices/system/node/node2/cpulist", lists[i]);
        check_is(topology_read(root, &topology), 0);
        check_is(topology.cpu_count, cpu_total);
        for (int cpu = 1; cpu < cpu_total; cpu++) /* "0x5" does name CPU 0 */
            check_is(node_of_cpu(&topology, cpus[cpu]), 0);
        topology_free(&topology);
    }
}

Test(topology, a_root_too_long_for_a_path_reads_as_empty)
{
    char *longest = malloc(PATH_MAX + 1);
    struct topology topology;
    cr_assert_not_null(longest);
    memset(longest, 'a', PATH_MAX);
    longest[PATH_MAX] = '\0';
    check_is(topology_read(longest, &topology), 0);
    check_is(topology.node_count, 1);
    check_is(topology.quota_cpus, 0);
    topology_free(&topology);
    free(longest);
}

/* ------------------------------------------------------------------ quota */

Test(topology, cgroup_2_quota_is_rounded_up_to_whole_cpus)
{
    static const struct {
        const char *text;
        int cpus;
    } cases[] = {
        {"150000 100000\n", 2},
        {"100000 100000\n", 1},
        {"100001 100000\n", 2},
        {"1 100000\n", 1},
        {"799999 100000\n", 8},
        {"max 100000\n", 0},
        {"0 100000\n", 0},
        {"-1 100000\n", 0},
        {"100000 0\n", 0},
        {"100000\n", 0},
        {"", 0},
        {"nonsense\n", 0},
        {"9223372036854775000 1\n", 0},
    };
    put("/proc/self/cgroup", "0::/app\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put("/sys/fs/cgroup/app/cpu.max", cases[i].text);
        int quota = quota_read();
        cr_assert_eq(quota, cases[i].cpus, "\"%s\" gave %d", cases[i].text, quota);
    }
}

Test(topology, a_quota_near_the_largest_number_does_not_overflow)
{
    put("/proc/self/cgroup", "0::/app\n");
    put("/sys/fs/cgroup/app/cpu.max", "9223372036854775807 100000\n");
    check_is(quota_read(), 0);
}

Test(topology, the_tightest_quota_up_the_hierarchy_counts)
{
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    check_is(quota_read(), 4);
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    check_is(quota_read(), 4);
    put("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    check_is(quota_read(), 3);
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    check_is(quota_read(), 1);
}

Test(topology, a_container_that_is_its_own_cgroup_root_is_read)
{
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    check_is(quota_read(), 2);
}

Test(topology, cgroup_1_quota_comes_from_the_cpu_controller_only)
{
    put("/proc/self/cgroup", "4:memory:/m\n3:cpuset:/s\n2:cpuacct,cpu:/a/b\n1:name=systemd:/\n");
    put("/sys/fs/cgroup/cpu/m/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/m/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/s/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/s/cpu.cfs_period_us", "100000\n");
    check_is(quota_read(), 0);
    put("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
    check_is(quota_read(), 0);
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "350000\n");
    check_is(quota_read(), 0); /* the period is missing */
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "what\n");
    check_is(quota_read(), 0);
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    check_is(quota_read(), 4);
}

Test(topology, with_both_hierarchies_the_tighter_one_counts)
{
    put("/proc/self/cgroup", "1:cpu:/one\n0::/two\n");
    put("/sys/fs/cgroup/cpu/one/cpu.cfs_quota_us", "300000\n");
    put("/sys/fs/cgroup/cpu/one/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/two/cpu.max", "200000 100000\n");
    check_is(quota_read(), 2);
    put("/sys/fs/cgroup/two/cpu.max", "500000 100000\n");
    check_is(quota_read(), 3);
}

Test(topology, lines_of_the_cgroup_file_that_make_no_sense_are_passed_over)
{
    put("/proc/self/cgroup", "\nnothing\n0:\n:::\n7\n0::/app\n");
    put("/sys/fs/cgroup/app/cpu.max", "200000 100000\n");
    check_is(quota_read(), 2);
}

Test(topology, a_cgroup_of_a_name_too_long_for_a_path_is_passed_over)
{
    char line[PATH_MAX + 64] = "0::/";
    memset(line + 4, 'g', PATH_MAX - 40);
    strcpy(line + PATH_MAX - 36, "\n0::/app\n");
    put("/proc/self/cgroup", line);
    put("/sys/fs/cgroup/app/cpu.max", "200000 100000\n");
    check_is(quota_read(), 2);
}

/* ------------------------------------------------------------ constructed */

Test(topology, distances_of_more_nodes_than_machines_have_are_refused)
{
    const struct topology_cpu cpu = {0, 1024};
    const unsigned char near = TOPOLOGY_NEAR;
    struct topology topology;
    check_is(topology_make(&cpu, 1, 0, &topology), 0);
    check_is(topology_set_distances(&topology, &near), -EINVAL);
    check_is(topology_distance(&topology, 0, 1024), TOPOLOGY_FAR);
    topology_free(&topology);
}

/* Node @i of eight has CPUs 32 i to 32 i + 31, without every third: they are offline. */
static int make_large(struct topology *ret)
{
    struct topology_cpu list[256];
    int count = 0;
    for (int cpu = 0; cpu < 256; cpu++)
        if (cpu % 3 != 2)
            list[count++] = (struct topology_cpu){.cpu = cpu, .node = cpu / 32};
    return topology_make(list, count, 0, ret);
}

Test(topology, the_poller_of_a_ring_runs_on_another_cpu_of_its_node)
{
    struct topology topology;
    bool taken[256] = {false};
    check_is(make_large(&topology), 0);
    for (int place = 0; place < topology.cpu_count; place++) {
        int cpu = placement_poller(&topology, place);
        check_is(cpu / 32, topology.cpus[place].node);
        check_that(cpu % 3 != 2);
        check_that(cpu != topology.cpus[place].cpu);
        check_that(!taken[cpu]); /* they share the work */
        taken[cpu] = true;
    }
    topology_free(&topology);
}

Test(topology, a_poller_goes_where_the_scheduler_likes_on_one_node_and_where_there_is_no_other_cpu)
{
    const struct topology_cpu one_node[] = {{0, 0}, {1, 0}}, lonely[] = {{0, 0}, {1, 1}, {2, 1}};
    struct topology topology;
    check_is(topology_make(one_node, 2, 0, &topology), 0);
    check_is(placement_poller(&topology, 1), -1);
    topology_free(&topology);
    check_is(topology_make(lonely, 3, 0, &topology), 0);
    check_is(placement_poller(&topology, 0), -1);
    check_is(placement_poller(&topology, 1), 2);
    check_is(placement_poller(&topology, 2), 1);
    topology_free(&topology);
}

Test(topology, a_node_is_the_cpus_of_it_that_this_process_may_use)
{
    struct topology topology;
    struct placement_mask mask;
    check_is(make_large(&topology), 0);
    placement_node(&topology, 5, &mask);
    for (size_t cpu = 0; cpu < PLACEMENT_CPUS; cpu++)
        check_is(CPU_ISSET_S(cpu, sizeof(mask.sets), mask.sets) != 0, cpu / 32 == 5 && cpu % 3 != 2);
    topology_free(&topology);
}

Test(topology, a_thread_is_bound_to_a_node_when_it_may_run_nowhere_else)
{
    struct topology topology;
    struct topology_cpu *all = calloc((size_t)cpu_total + 1, sizeof(*all));
    cpu_set_t one;
    cr_assert_not_null(all);
    for (int i = 0; i < cpu_total; i++)
        all[i] = (struct topology_cpu){.cpu = cpus[i], .node = i == 0 ? 0 : 1};
    all[cpu_total] = (struct topology_cpu){.cpu = 9000, .node = 1};
    check_is(topology_make(all, cpu_total + 1, 0, &topology), 0);
    check_is(placement_is_bound(&topology, 0), cpu_total == 1);
    CPU_ZERO(&one);
    CPU_SET((size_t)cpus[0], &one);
    check_is(sched_setaffinity(0, sizeof(one), &one), 0);
    check_that(placement_is_bound(&topology, 0));
    check_that(!placement_is_bound(&topology, 1));
    topology_free(&topology);
    free(all);
}

Test(topology, an_impossible_machine_is_refused_and_the_result_untouched)
{
    struct topology untouched = {.cpu_count = 77}, topology = untouched;
    struct topology_cpu good = {0, 0}, negative_cpu = {-1, 0}, negative_node = {0, -1};
    check_is(topology_make(NULL, 1, 0, &topology), -EINVAL);
    check_is(topology_make(&good, 0, 0, &topology), -EINVAL);
    check_is(topology_make(&good, -1, 0, &topology), -EINVAL);
    check_is(topology_make(&good, 1, -1, &topology), -EINVAL);
    check_is(topology_make(&negative_cpu, 1, 0, &topology), -EINVAL);
    check_is(topology_make(&negative_node, 1, 0, &topology), -EINVAL);
    check_that(memcmp(&topology, &untouched, sizeof(topology)) == 0);
}

Test(topology, eight_nodes_of_32_cpus_are_grouped_by_node_then_by_number)
{
    struct topology_cpu given[256];
    for (int i = 0; i < 256; i++) /* numbered across the nodes, backwards */
        given[i] = (struct topology_cpu){.cpu = 255 - i, .node = (255 - i) % 8};
    struct topology topology;
    check_is(topology_make(given, 256, 0, &topology), 0);
    check_is(topology.cpu_count, 256);
    check_is(topology.node_count, 8);
    for (int i = 0; i < 256; i++) {
        check_is(topology.cpus[i].node, i / 32);
        check_is(topology.cpus[i].cpu, i / 32 + i % 32 * 8);
    }
    topology_free(&topology);
}

Test(topology, numbers_that_no_machine_has_are_refused)
{
    const struct topology_cpu last = {16383, 16383}, cpu = {16384, 0}, node = {0, 16384},
                              huge = {INT_MAX, INT_MAX};
    struct topology topology;
    check_is(topology_make(&cpu, 1, 0, &topology), -EINVAL);
    check_is(topology_make(&node, 1, 0, &topology), -EINVAL);
    check_is(topology_make(&huge, 1, 0, &topology), -EINVAL);
    check_is(topology_make(&last, 1, 0, &topology), 0);
    check_is(topology.node_count, 16384);
    topology_free(&topology);
}

Test(topology, the_given_cpus_are_copied)
{
    struct topology_cpu given[2] = {{4, 1}, {2, 0}};
    struct topology topology;
    check_is(topology_make(given, 2, 0, &topology), 0);
    given[0].cpu = given[1].cpu = 99;
    check_is(topology.cpus[0].cpu, 2);
    check_is(topology.cpus[1].cpu, 4);
    topology_free(&topology);
}

Test(topology, the_quota_caps_the_rings_and_never_adds_any)
{
    struct topology_cpu given[6] = {{0, 0}, {1, 0}, {2, 0}, {16, 1}, {17, 1}, {18, 1}};
    static const struct {
        int quota, rings;
    } cases[] = {{0, 6}, {1, 1}, {5, 5}, {6, 6}, {7, 6}, {1000, 6}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct topology topology;
        check_is(topology_make(given, 6, cases[i].quota, &topology), 0);
        check_is(topology_parallelism(&topology), cases[i].rings);
        topology_free(&topology);
    }
}
