/* SPDX-License-Identifier: MIT */
/* Throttled devices: see throttle.h. */
#include "throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fatal.h"

#define BLKIO "/sys/fs/cgroup/blkio"

struct throttle {
    dev_t device;
    char home[256];  /* the group the process came from */
    char group[320]; /* its own */
};

static bool write_text(const char *group, const char *file, const char *text)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", group, file);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

/* The group of this process. */
static bool find_home(char *home, size_t capacity)
{
    char line[256];
    bool found = false;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    if (groups == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), groups) != NULL) {
        const char *path = strstr(line, ":blkio:");
        found = path != NULL;
        if (found)
            snprintf(home, capacity, BLKIO "%.*s", (int)strcspn(path + 7, "\n"), path + 7);
    }
    fclose(groups);
    return found;
}

static bool limit_reads(const throttle_t *throttle, unsigned reads_per_second)
{
    char text[64];
    snprintf(text, sizeof(text), "%u:%u %u", major(throttle->device), minor(throttle->device),
             reads_per_second);
    return write_text(throttle->group, "blkio.throttle.read_iops_device", text);
}

throttle_t *throttle_create(dev_t device, const char **ret_reason)
{
    char pid[32];
    throttle_t *throttle = calloc(1, sizeof(*throttle));
    if (throttle == NULL)
        fatal("calloc");
    throttle->device = device;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    *ret_reason = NULL;
    if (!find_home(throttle->home, sizeof(throttle->home)))
        *ret_reason = "there is no blkio controller of cgroup v1 here";
    else {
        snprintf(throttle->group, sizeof(throttle->group), "%s/auraio-%s", throttle->home, pid);
        if (mkdir(throttle->group, 0755) != 0)
            *ret_reason = "no cgroup can be made in " BLKIO ": that takes root";
        else if (!limit_reads(throttle, 0))
            *ret_reason = "the kernel does not throttle this device";
        else if (!write_text(throttle->group, "cgroup.procs", pid))
            *ret_reason = "the process can't join a cgroup";
    }
    if (*ret_reason == NULL)
        return throttle;
    (void)rmdir(throttle->group);
    free(throttle);
    return NULL;
}

void throttle_set(throttle_t *throttle, unsigned reads_per_second)
{
    if (!limit_reads(throttle, reads_per_second))
        fatal("blkio.throttle.read_iops_device");
}

void throttle_destroy(throttle_t *throttle)
{
    char pid[32];
    if (throttle == NULL)
        return;
    throttle_set(throttle, 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (!write_text(throttle->home, "cgroup.procs", pid) || rmdir(throttle->group) != 0)
        fatal(throttle->group);
    free(throttle);
}
