/* doctor_device.c - the block devices behind a path: found by device number; a partition is led to its disk,
 * and a volume (dm, md) to the devices below it. */
#include "doctor.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LEVELS 8 /* volumes on volumes */
#define REQUESTS_GOOD 64
#define TABLE_BYTES 65536

/* A directory of /sys without its root, symbolic links resolved. */
static bool resolve(const doctor_system_t *system, const char *path, char ret_path[PATH_MAX])
{
    char *name = NULL, resolved[PATH_MAX], root[PATH_MAX] = "";
    if (asprintf(&name, "%s%s", system->root, path) < 0)
        return false;
    bool found = realpath(name, resolved) != NULL;
    free(name);
    if (system->root[0] && !realpath(system->root, root))
        return false;
    if (found)
        snprintf(ret_path, PATH_MAX, "%s", resolved + strlen(root));
    return found;
}

/* The scheduler in brackets: "none [mq-deadline] bfq". */
static void scheduler_of(const doctor_system_t *system, const char *disk, char *text, size_t size)
{
    char all[256];
    snprintf(text, size, "?");
    if (!doctor_read(system, all, sizeof(all), "%s/queue/scheduler", disk))
        return;
    char *from = strchr(all, '['), *to = from ? strchr(from, ']') : NULL;
    if (to)
        *to = '\0';
    snprintf(text, size, "%s", to ? from + 1 : all);
}

static void check_queue(const doctor_system_t *system, const char *disk, doctor_report_t *report)
{
    const char *name = strrchr(disk, '/') + 1;
    char scheduler[256];
    int64_t requests = -1, rotational = 0, poll = 0, poll_queues = 0;
    scheduler_of(system, disk, scheduler, sizeof(scheduler));
    (void)doctor_read_number(system, &requests, "%s/queue/nr_requests", disk);
    (void)doctor_read_number(system, &rotational, "%s/queue/rotational", disk);
    (void)doctor_read_number(system, &poll, "%s/queue/io_poll", disk);
    bool has_polls = strncmp(name, "nvme", 4) == 0 &&
                     doctor_read_number(system, &poll_queues, "/sys/module/nvme/parameters/poll_queues");
    char polls[64] = "";
    if (has_polls)
        snprintf(polls, sizeof(polls), ", poll_queues %lld", (long long)poll_queues);
    /* bfq is for fairness between processes: it costs fast devices most of their rate. */
    bool slow_scheduler = !rotational && (strcmp(scheduler, "bfq") == 0 || strcmp(scheduler, "cfq") == 0);
    bool unsorted = rotational && strcmp(scheduler, "none") == 0;
    bool few = requests >= 0 && requests < REQUESTS_GOOD;
    doctor_add(report, slow_scheduler || unsorted || few ? DOCTOR_ADVICE : DOCTOR_OK, "device",
               "%s: %s, scheduler %s, nr_requests %lld, io_poll %lld%s%s%s%s", name,
               rotational ? "rotational" : "not rotational", scheduler, (long long)requests, (long long)poll,
               polls, slow_scheduler ? "; that scheduler costs a fast device most of its rate" : "",
               unsorted ? "; a disk with an arm wants its requests sorted" : "",
               few ? "; deeper queues than that do not reach it" : "");
    if (slow_scheduler || unsorted)
        doctor_advise(report, "echo %s | sudo tee /sys/block/%s/queue/scheduler",
                      unsorted ? "mq-deadline" : "none", name);
    else if (few)
        doctor_advise(report, "echo 256 | sudo tee /sys/block/%s/queue/nr_requests", name);
}

static void check_disk(const doctor_system_t *system, const char *device, int level, doctor_report_t *report)
{
    char disk[PATH_MAX], partition[16];
    snprintf(disk, sizeof(disk), "%s", device);
    if (doctor_read(system, partition, sizeof(partition), "%s/partition", disk))
        *strrchr(disk, '/') = '\0';
    char *slaves = NULL;
    int below = 0;
    if (asprintf(&slaves, "%s%s/slaves", system->root, disk) < 0)
        return;
    DIR *dir = opendir(slaves);
    free(slaves);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && level < LEVELS; entry = readdir(dir)) {
        char link[PATH_MAX + sizeof(entry->d_name) + 16], slave[PATH_MAX];
        snprintf(link, sizeof(link), "%s/slaves/%s", disk, entry->d_name);
        if (entry->d_name[0] == '.' || !resolve(system, link, slave))
            continue;
        below++;
        check_disk(system, slave, level + 1, report);
    }
    if (dir)
        closedir(dir);
    if (below == 0)
        check_queue(system, disk, report);
}

/* The file system that has this number, and the device it says it is on. */
static bool find_source(const doctor_system_t *system, char *type, char *source, size_t size)
{
    char *table = malloc(TABLE_BYTES), *next = NULL, number[32];
    bool found = false;
    snprintf(number, sizeof(number), "%u:%u", system->device_major, system->device_minor);
    bool has_table = table && doctor_read(system, table, TABLE_BYTES, "/proc/self/mountinfo");
    for (char *line = has_table ? strtok_r(table, "\n", &next) : NULL; line && !found;
         line = strtok_r(NULL, "\n", &next)) {
        char device[32];
        const char *tail = strstr(line, " - ");
        if (!tail || sscanf(line, "%*s %*s %31s", device) != 1 || strcmp(device, number) != 0)
            continue;
        char both[2][256] = {"", ""};
        found = sscanf(tail, " - %255s %255s", both[0], both[1]) == 2;
        snprintf(type, size, "%s", both[0]);
        snprintf(source, size, "%s", both[1]);
    }
    free(table);
    return found;
}

void doctor_check_device(const doctor_system_t *system, doctor_report_t *report)
{
    char link[64], device[PATH_MAX], type[256], source[256];
    struct stat st;
    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", system->device_major, system->device_minor);
    if (resolve(system, link, device)) {
        check_disk(system, device, 0, report);
        return;
    }
    /* Numbers of file systems that span devices are nobody's; what they are mounted from tells. */
    bool known = find_source(system, type, source, sizeof(type));
    if (known && source[0] == '/' && stat(source, &st) == 0 && S_ISBLK(st.st_mode)) {
        snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
        if (resolve(system, link, device)) {
            check_disk(system, device, 0, report);
            return;
        }
    }
    bool memory = known && (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0);
    doctor_add(report, DOCTOR_NOTE, "device", "'%s' is on %s: %s", system->path,
               known ? type : "an unknown file system",
               memory ? "memory, not a device" : "no block device of this machine is to be seen behind it");
}
