/* doctor_cpu.c - where it may run. */
#include "doctor.h"

#include <limits.h>
#include <string.h>

void doctor_check_cpus(const doctor_system_t *system, doctor_report_t *report)
{
    char list[128] = "";
    (void)doctor_read_status(system, "Cpus_allowed_list", list, sizeof(list));
    if (system->cpus_allowed >= system->cpus_online) {
        doctor_add(report, DOCTOR_OK, "cpus", "%d: a ring for each, made when it is first used",
                   system->cpus_allowed);
        return;
    }
    doctor_add(report, DOCTOR_NOTE, "cpus", "%d of %d (%s), by affinity or a cpuset: as many rings",
               system->cpus_allowed, system->cpus_online, list);
    doctor_advise(report,
                  "if that is not meant: taskset -cp 0-%d PID; docker run --cpuset-cpus; systemd: "
                  "AllowedCPUs=, CPUAffinity=",
                  system->cpus_online - 1);
}

/* How many numbers are in a list as 0-3,8. */
static int count_of(const char *list)
{
    int64_t count = 0;
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        int first, last;
        int read = sscanf(at, "%d-%d", &first, &last);
        count += read == 2 && last >= first ? (int64_t)last - first + 1 : read >= 1;
    }
    return count < INT_MAX ? (int)count : INT_MAX;
}

void doctor_check_numa(const doctor_system_t *system, doctor_report_t *report)
{
    char list[128];
    int nodes =
        doctor_read(system, list, sizeof(list), "/sys/devices/system/node/online") ? count_of(list) : 1;
    if (nodes <= 1) {
        doctor_add(report, DOCTOR_OK, "numa", "one node");
    } else if (system->automatic.info.features & AURAIO_FEATURE_NUMA) {
        doctor_add(report, DOCTOR_OK, "numa", "%d nodes; rings and buffers lie on the node that uses them",
                   nodes);
    } else {
        doctor_add(report, DOCTOR_ADVICE, "numa", "%d nodes, and this libauraio was built without libnuma",
                   nodes);
        doctor_advise(report, "apt install libnuma-dev, then build with -Dnuma=enabled");
    }
}
