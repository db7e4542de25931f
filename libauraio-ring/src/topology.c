/* SPDX-License-Identifier: MIT */
/*
 * Reads affinity, NUMA nodes and their distances (sysfs) and the CPU quota of the cgroup (v2 cpu.max, v1
 * cpu.cfs_quota_us), each of which may be missing: a container without /sys is one node, no quota.
 */
#include <auraio-ring/topology.h>

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPU_LIMIT = 16384, DISTANCE_NODES = 1024 };

static int by_node_then_cpu(const void *a, const void *b)
{
    const struct topology_cpu *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return (x->cpu > y->cpu) - (x->cpu < y->cpu);
}

int topology_make(const struct topology_cpu *cpus, int cpu_count, int quota_cpus, struct topology *ret)
{
    if (!cpus || cpu_count < 1 || quota_cpus < 0)
        return -EINVAL;
    struct topology made = {.cpu_count = cpu_count, .quota_cpus = quota_cpus, .node_count = 1};
    for (int i = 0; i < cpu_count; i++) {
        if (cpus[i].cpu < 0 || cpus[i].cpu >= CPU_LIMIT || cpus[i].node < 0 || cpus[i].node >= CPU_LIMIT)
            return -EINVAL;
        if (cpus[i].node >= made.node_count)
            made.node_count = cpus[i].node + 1;
    }
    made.cpus = malloc((size_t)cpu_count * sizeof(*cpus));
    if (!made.cpus)
        return -ENOMEM;
    memcpy(made.cpus, cpus, (size_t)cpu_count * sizeof(*cpus));
    qsort(made.cpus, (size_t)cpu_count, sizeof(*cpus), by_node_then_cpu);
    *ret = made;
    return 0;
}

int topology_set_distances(struct topology *topology, const unsigned char *distances)
{
    if (topology->node_count > DISTANCE_NODES)
        return -EINVAL;
    size_t bytes = (size_t)topology->node_count * (size_t)topology->node_count;
    unsigned char *copy = malloc(bytes);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, distances, bytes);
    free(topology->distances);
    topology->distances = copy;
    return 0;
}

int topology_copy(const struct topology *topology, struct topology *ret)
{
    struct topology copy;
    int rc = topology_make(topology->cpus, topology->cpu_count, topology->quota_cpus, &copy);
    if (rc < 0)
        return rc;
    if (topology->distances)
        rc = topology_set_distances(&copy, topology->distances);
    if (rc < 0)
        topology_free(&copy);
    else
        *ret = copy;
    return rc;
}

int topology_distance(const struct topology *topology, int from, int to)
{
    assert(from >= 0 && from < topology->node_count && to >= 0 && to < topology->node_count);
    if (from == to)
        return TOPOLOGY_NEAR;
    if (!topology->distances)
        return TOPOLOGY_FAR;
    int distance = topology->distances[(size_t)from * (size_t)topology->node_count + (size_t)to];
    return distance > TOPOLOGY_NEAR ? distance : TOPOLOGY_NEAR + 1; /* elsewhere is never here */
}

int topology_place_of(const struct topology *topology, int cpu)
{
    for (int i = 0; i < topology->cpu_count; i++)
        if (topology->cpus[i].cpu == cpu)
            return i;
    return 0;
}

int topology_parallelism(const struct topology *topology)
{
    if (topology->quota_cpus > 0 && topology->quota_cpus < topology->cpu_count)
        return topology->quota_cpus;
    return topology->cpu_count;
}

void topology_free(struct topology *topology)
{
    free(topology->cpus);
    free(topology->distances);
    *topology = (struct topology){0};
}

static bool read_line(const char *root, const char *path, char *line, size_t size)
{
    char full[PATH_MAX];
    if ((size_t)snprintf(full, sizeof(full), "%s%s", root, path) >= sizeof(full))
        return false;
    FILE *file = fopen(full, "re");
    if (!file)
        return false;
    bool ok = fgets(line, (int)size, file) != NULL;
    fclose(file);
    return ok;
}

/* No CPU and no node has a number as large as that. */
static long bounded(long number)
{
    return number < CPU_LIMIT ? number : CPU_LIMIT;
}

/* The next range of a list such as "0-3,8,10-11"; false: there is none left. */
static bool next_range(const char **list, long *ret_first, long *ret_last)
{
    if (!isdigit((unsigned char)**list))
        return false;
    char *end;
    *ret_first = *ret_last = bounded(strtol(*list, &end, 10));
    if (*end == '-')
        *ret_last = bounded(strtol(end + 1, &end, 10));
    *list = *end == ',' ? end + 1 : end;
    return true;
}

/* Give every CPU of a list the node. */
static void assign_node(const char *list, int node, struct topology_cpu *cpus, int cpu_count)
{
    long first, last;
    while (next_range(&list, &first, &last))
        for (int i = 0; i < cpu_count; i++)
            if (cpus[i].cpu >= first && cpus[i].cpu <= last)
                cpus[i].node = node;
}

static void read_nodes(const char *root, struct topology_cpu *cpus, int cpu_count)
{
    static const char directory[] = "/sys/devices/system/node";
    char path[PATH_MAX], list[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s%s", root, directory) >= sizeof(path))
        return;
    DIR *nodes = opendir(path);
    if (!nodes)
        return;
    for (struct dirent *entry; (entry = readdir(nodes));) {
        int node;
        char rest;
        if (sscanf(entry->d_name, "node%d%c", &node, &rest) != 1 || node < 0 || node >= CPU_LIMIT)
            continue;
        snprintf(path, sizeof(path), "%s/node%d/cpulist", directory, node);
        if (read_line(root, path, list, sizeof(list)))
            assign_node(list, node, cpus, cpu_count);
    }
    closedir(nodes);
}

/* A node's line of distances has a number for each node of the list @online, in its order. */
static bool read_row(const char *root, int node, const char *online, int node_count, unsigned char *row)
{
    char path[64], line[8192], *next = line;
    long first, last;
    snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/distance", node);
    if (!read_line(root, path, line, sizeof(line)))
        return false;
    while (next_range(&online, &first, &last)) {
        for (long to = first; to <= last; to++) {
            char *end;
            long distance = strtol(next, &end, 10);
            if (end == next)
                return true;
            next = end;
            if (to < node_count && distance >= TOPOLOGY_NEAR && distance <= UCHAR_MAX)
                row[to] = (unsigned char)distance;
        }
    }
    return true;
}

/* What is missing is as far as usual. 0 or -ENOMEM. */
static int read_distances(const char *root, struct topology *topology)
{
    char online[4096];
    int count = topology->node_count;
    bool found = false;
    if (count < 2 || count > DISTANCE_NODES ||
        !read_line(root, "/sys/devices/system/node/online", online, sizeof(online)))
        return 0;
    unsigned char *distances = malloc((size_t)count * (size_t)count);
    if (!distances)
        return -ENOMEM;
    memset(distances, TOPOLOGY_FAR, (size_t)count * (size_t)count);
    for (int node = 0; node < count; node++)
        found = read_row(root, node, online, count, &distances[(size_t)node * (size_t)count]) || found;
    int rc = found ? topology_set_distances(topology, distances) : 0;
    free(distances);
    return rc;
}

/* CPUs granted by quota_us of every period_us, rounded up; 0 when there is no limit. */
static int quota_in_cpus(long long quota_us, long long period_us)
{
    if (quota_us <= 0 || period_us <= 0)
        return 0;
    long long cpus = quota_us / period_us + (quota_us % period_us != 0);
    return cpus > CPU_LIMIT ? 0 : (int)cpus;
}

static int quota_of_group(const char *root, bool v2, const char *group)
{
    char path[PATH_MAX], line[128];
    long long quota_us, period_us;
    if (v2) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
        if (!read_line(root, path, line, sizeof(line)) ||
            sscanf(line, "%lld %lld", &quota_us, &period_us) != 2)
            return 0;
        return quota_in_cpus(quota_us, period_us);
    }
    snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", group);
    if (!read_line(root, path, line, sizeof(line)) || sscanf(line, "%lld", &quota_us) != 1)
        return 0;
    snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", group);
    if (!read_line(root, path, line, sizeof(line)) || sscanf(line, "%lld", &period_us) != 1)
        return 0;
    return quota_in_cpus(quota_us, period_us);
}

/* The tightest quota of a group and its ancestors. */
static int quota_of_path(const char *root, bool v2, char *group)
{
    int tightest = 0;
    for (;;) {
        int quota = quota_of_group(root, v2, group);
        if (quota && (!tightest || quota < tightest))
            tightest = quota;
        char *slash = strrchr(group, '/');
        if (!slash)
            return tightest;
        *slash = '\0';
    }
}

static bool names_cpu_controller(const char *controllers)
{
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", controllers);
    for (char *save, *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save))
        if (!strcmp(name, "cpu"))
            return true;
    return false;
}

static int read_quota(const char *root)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root) >= sizeof(path))
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    int tightest = 0;
    char line[PATH_MAX];
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        bool v2 = controllers[1] == '\0';
        if (!v2 && !names_cpu_controller(controllers + 1))
            continue;
        if (strlen(group) > PATH_MAX - 64)
            continue;
        int quota = quota_of_path(root, v2, group);
        if (quota && (!tightest || quota < tightest))
            tightest = quota;
    }
    fclose(file);
    return tightest;
}

/* The affinity mask as a list of CPUs on node 0; the kernel may know more CPUs than a fixed cpu_set_t holds.
 */
static int read_affinity(struct topology_cpu **ret_cpus, int *ret_count)
{
    for (int size = 1024; size <= CPU_LIMIT; size *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)size);
        if (!set)
            return -ENOMEM;
        size_t bytes = CPU_ALLOC_SIZE((size_t)size);
        CPU_ZERO_S(bytes, set);
        if (sched_getaffinity(0, bytes, set) < 0) {
            CPU_FREE(set);
            continue;
        }
        int count = CPU_COUNT_S(bytes, set), filled = 0;
        struct topology_cpu *cpus = calloc((size_t)count + 1, sizeof(*cpus));
        for (int cpu = 0; cpus && cpu < size; cpu++)
            if (CPU_ISSET_S((size_t)cpu, bytes, set))
                cpus[filled++].cpu = cpu;
        CPU_FREE(set);
        if (!cpus)
            return -ENOMEM;
        *ret_cpus = cpus;
        *ret_count = filled > 0 ? filled : 1;
        return 0;
    }
    return -ENOMEM;
}

int topology_read(const char *root, struct topology *ret)
{
    struct topology_cpu *cpus;
    int cpu_count;
    int rc = read_affinity(&cpus, &cpu_count);
    if (rc < 0)
        return rc;
    read_nodes(root, cpus, cpu_count);
    struct topology topology;
    rc = topology_make(cpus, cpu_count, read_quota(root), &topology);
    free(cpus);
    if (rc < 0)
        return rc;
    rc = read_distances(root, &topology);
    if (rc < 0)
        topology_free(&topology);
    else
        *ret = topology;
    return rc;
}
