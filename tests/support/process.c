/* SPDX-License-Identifier: MIT */
/* What the test process, its threads and its machine are doing: see process.h. */
#include "process.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fatal.h"

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        fatal("clock_gettime");
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t now_ms(void)
{
    return now_ns() / 1000000;
}

int64_t thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

size_t resident_bytes(void)
{
    size_t total_pages = 0, resident_pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL || fscanf(statm, "%zu %zu", &total_pages, &resident_pages) != 2)
        fatal("/proc/self/statm");
    fclose(statm);
    return resident_pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t available_bytes(void)
{
    char line[128];
    size_t available_kib = 0;
    FILE *meminfo = fopen("/proc/meminfo", "re");
    if (meminfo == NULL)
        fatal("/proc/meminfo");
    while (fgets(line, sizeof(line), meminfo) != NULL) {
        if (sscanf(line, "MemAvailable: %zu kB", &available_kib) == 1)
            break;
    }
    fclose(meminfo);
    return available_kib * 1024;
}

int open_fd_count(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        fatal("/proc/self/fd");
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* the directory's own */
}

pid_t thread_id(void)
{
    return (pid_t)syscall(SYS_gettid);
}

bool await_condition(bool (*holds)(void *context), void *context, int timeout_ms)
{
    const int64_t deadline_ms = now_ms() + (int64_t)timeout_ms * slowness();
    const struct timespec between_looks = {.tv_nsec = 200000};
    while (!holds(context)) {
        if (now_ms() > deadline_ms)
            return false;
        nanosleep(&between_looks, NULL);
    }
    return true;
}

static bool thread_sleeps(void *context)
{
    char path[64], status[512];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)*(const pid_t *)context);
    FILE *stat = fopen(path, "re");
    if (stat == NULL)
        return false;
    const size_t len = fread(status, 1, sizeof(status) - 1, stat);
    fclose(stat);
    status[len] = '\0';
    /* The state follows the name, which is in brackets and may hold anything. */
    const char *name_end = strrchr(status, ')');
    return name_end != NULL && strncmp(name_end, ") S", 3) == 0;
}

bool await_thread_asleep(pid_t tid, int timeout_ms)
{
    return await_condition(thread_sleeps, &tid, timeout_ms);
}

int cpu_count(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        fatal("sched_getaffinity");
    return CPU_COUNT(&allowed);
}

void bind_to_nth_cpu(int nth)
{
    cpu_set_t allowed, chosen;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        fatal("sched_getaffinity");
    CPU_ZERO(&chosen);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && nth-- == 0)
            CPU_SET(cpu, &chosen);
    }
    if (sched_setaffinity(0, sizeof(chosen), &chosen) != 0)
        fatal("sched_setaffinity");
}

bool is_instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    return false;
}

int slowness(void)
{
    const char *said = getenv("AURAIO_TEST_SLOWNESS");
    const int factor = said ? atoi(said) : 1;
    return factor > 1 ? factor : 1;
}
