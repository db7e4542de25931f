/* doctor_cgroup.c - the CPU quota of the control groups this process is in: its own and those above, of which
 * the smallest counts. Version 2 has cpu.max in one hierarchy, version 1 cpu.cfs_quota_us and
 * cpu.cfs_period_us in that of the cpu controller; a system may have both mounted. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 1024
#define TABLE_BYTES 65536

typedef struct hierarchy {
    bool is_v2;
    char mount[PATH_BYTES]; /* where it is mounted */
    char group[PATH_BYTES]; /* this process's, below that */
} hierarchy_t;

typedef struct quota {
    double cpus; /* 0: none */
    char file[2 * PATH_BYTES + 32];
    int64_t throttled; /* periods in which it bound */
} quota_t;

/* Whether a list as "cpu,cpuacct" has a name. */
static bool has_name(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* Field 5 of a line of mountinfo, with what part of the hierarchy is mounted there (field 4). */
static bool find_mount(const doctor_system_t *system, hierarchy_t *hierarchy, char *root, size_t size)
{
    char *table = malloc(TABLE_BYTES), *next = NULL;
    bool found = false;
    bool has_table = table && doctor_read(system, table, TABLE_BYTES, "/proc/self/mountinfo");
    for (char *line = has_table ? strtok_r(table, "\n", &next) : NULL; line && !found;
         line = strtok_r(NULL, "\n", &next)) {
        char mounted[PATH_BYTES], at[PATH_BYTES], type[64], options[256];
        const char *tail = strstr(line, " - ");
        if (!tail || sscanf(line, "%*s %*s %*s %1023s %1023s", mounted, at) != 2 ||
            sscanf(tail, " - %63s %*s %255s", type, options) != 2)
            continue;
        found = hierarchy->is_v2 ? strcmp(type, "cgroup2") == 0
                                 : strcmp(type, "cgroup") == 0 && has_name(options, "cpu");
        if (found) {
            snprintf(hierarchy->mount, sizeof(hierarchy->mount), "%s", at);
            snprintf(root, size, "%s", mounted);
        }
    }
    free(table);
    return found;
}

/* The group of this process: a line "0::/path" (version 2), or "N:cpu,cpuacct:/path". */
static bool find_group(const doctor_system_t *system, bool is_v2, char *group, size_t size)
{
    char table[8192], *next = NULL;
    if (!doctor_read(system, table, sizeof(table), "/proc/self/cgroup"))
        return false;
    for (char *line = strtok_r(table, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        names++;
        if (is_v2 ? names[0] == '\0' : has_name(names, "cpu")) {
            snprintf(group, size, "%s", path);
            return true;
        }
    }
    return false;
}

static bool find_hierarchy(const doctor_system_t *system, bool is_v2, hierarchy_t *hierarchy)
{
    char root[PATH_BYTES], group[PATH_BYTES];
    hierarchy->is_v2 = is_v2;
    if (!find_group(system, is_v2, group, sizeof(group)) ||
        !find_mount(system, hierarchy, root, sizeof(root)))
        return false;
    /* A container sees its own part mounted: what leads there is not below the mount. */
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool is_below = length > 0 && strncmp(group, root, length) == 0;
    snprintf(hierarchy->group, sizeof(hierarchy->group), "%s",
             is_below     ? group + length
             : length > 0 ? ""
                          : group);
    return true;
}

/* The quota of one group, in CPUs; 0: none. */
static double quota_of(const doctor_system_t *system, const hierarchy_t *hierarchy)
{
    char text[64];
    int64_t quota_us, period_us;
    if (hierarchy->is_v2) {
        long long quota, period;
        if (!doctor_read(system, text, sizeof(text), "%s%s/cpu.max", hierarchy->mount, hierarchy->group) ||
            sscanf(text, "%lld %lld", &quota, &period) != 2 || period <= 0)
            return 0;
        return (double)quota / (double)period;
    }
    if (!doctor_read_number(system, &quota_us, "%s%s/cpu.cfs_quota_us", hierarchy->mount, hierarchy->group) ||
        !doctor_read_number(system, &period_us, "%s%s/cpu.cfs_period_us", hierarchy->mount, hierarchy->group))
        return 0;
    return quota_us > 0 && period_us > 0 ? (double)quota_us / (double)period_us : 0;
}

static int64_t throttled_of(const doctor_system_t *system, const hierarchy_t *hierarchy)
{
    char text[1024];
    if (!doctor_read(system, text, sizeof(text), "%s%s/cpu.stat", hierarchy->mount, hierarchy->group))
        return 0;
    const char *at = strstr(text, "nr_throttled ");
    return at ? strtoll(at + strlen("nr_throttled "), NULL, 10) : 0;
}

/* The smallest from this group up to the root. */
static void smallest(const doctor_system_t *system, hierarchy_t *hierarchy, quota_t *quota)
{
    for (;;) {
        double cpus = quota_of(system, hierarchy);
        if (cpus > 0 && (quota->cpus == 0 || cpus < quota->cpus)) {
            quota->cpus = cpus;
            quota->throttled = throttled_of(system, hierarchy);
            snprintf(quota->file, sizeof(quota->file), "%s%s/%s", hierarchy->mount, hierarchy->group,
                     hierarchy->is_v2 ? "cpu.max" : "cpu.cfs_quota_us");
        }
        char *slash = strrchr(hierarchy->group, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

void doctor_check_cgroup(const doctor_system_t *system, doctor_report_t *report)
{
    hierarchy_t hierarchy;
    quota_t quota = {0};
    bool any = false;
    for (int is_v2 = 0; is_v2 <= 1; is_v2++) {
        if (!find_hierarchy(system, is_v2 != 0, &hierarchy))
            continue;
        any = true;
        smallest(system, &hierarchy, &quota);
    }
    if (quota.cpus == 0) {
        doctor_add(report, DOCTOR_OK, "cgroup", any ? "no CPU quota" : "no control groups");
        return;
    }
    bool is_v2 = strcmp(quota.file + strlen(quota.file) - strlen("cpu.max"), "cpu.max") == 0;
    bool hurts = quota.cpus < 1;
    doctor_add(report, hurts ? DOCTOR_ADVICE : DOCTOR_NOTE, "cgroup",
               "a CPU quota of %.3g CPUs (%s)%s; it was used up in %lld periods", quota.cpus, quota.file,
               hurts
                   ? ": it stops for the rest of a period when that is used up, which no I/O latency survives"
                   : "",
               (long long)quota.throttled);
    doctor_advise(report, "%secho %s > %s (systemd: CPUQuota=; docker run --cpus; Kubernetes: limits.cpu)",
                  hurts ? "" : "if that is not meant: ", is_v2 ? "max" : "-1", quota.file);
}
