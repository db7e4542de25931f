/* doctor.h - the parts of `auraio doctor`.
 *
 *     doctor.c         the command: options in, exit status out
 *     doctor_gather.c  asks the running system what only a call can tell
 *     doctor_files.c   reads /proc and /sys
 *     doctor_report.c  findings, as text and JSON
 *     doctor_uring.c   kernel, io_uring and what refuses it, backend
 *     doctor_limits.c  memory, descriptors, workers
 *     doctor_cpu.c     CPUs, NUMA
 *     doctor_cgroup.c  CPU quota and set of control groups
 *     doctor_device.c  the block devices behind a path
 *
 * Checks see a system as a value: a root under which /proc and /sys lie, and what calls have answered. So a
 * test makes up any system it likes, and no check touches the one it runs on.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <auraio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DOCTOR_COMMAND "doctor"
#define DOCTOR_TEXT 512
#define DOCTOR_FINDINGS 40

typedef enum doctor_state {
    DOCTOR_OK,
    DOCTOR_NOTE,    /* not as it might be, and it may be meant so */
    DOCTOR_ADVICE,  /* a change would make it better */
    DOCTOR_PROBLEM, /* AuraIO can't run */
} doctor_state_t;

typedef struct doctor_finding {
    doctor_state_t state;
    const char *name;
    char text[DOCTOR_TEXT];
    char todo[DOCTOR_TEXT]; /* what to change, and how; "" when there is nothing to do */
} doctor_finding_t;

typedef struct doctor_report {
    doctor_finding_t findings[DOCTOR_FINDINGS];
    int count;
} doctor_report_t;

/* Add a finding; its todo is set with doctor_advise(), for the one added last. */
__attribute__((format(printf, 4, 5))) void doctor_add(doctor_report_t *report, doctor_state_t state,
                                                      const char *name, const char *format, ...);
__attribute__((format(printf, 2, 3))) void doctor_advise(doctor_report_t *report, const char *format, ...);
doctor_state_t doctor_worst(const doctor_report_t *report);
void doctor_print(const doctor_report_t *report, bool color);
/* To stdout. 0, or -1 after saying what failed. */
int doctor_print_json(const doctor_report_t *report);

/* What became of an engine. */
typedef struct doctor_engine {
    int error; /* errno; 0: it works */
    char words[256];
    auraio_backend_info_t info;
} doctor_engine_t;

typedef struct doctor_system {
    const char *root; /* before /proc and /sys: "" */
    const char *path; /* whose devices are looked at */
    char release[80]; /* of the kernel */
    int cpus_allowed, cpus_online;
    int64_t memlock, nofile, nofile_hard, nproc; /* soft limits; -1: none */
    unsigned device_major, device_minor;         /* of what the path is, or lies on */
    const char *environment;                     /* AURAIO_BACKEND; NULL: not set */
    bool is_group_member;                        /* of the sysctl's io_uring_group */
    doctor_engine_t uring, own,
        automatic; /* io_uring forced; with rings of a thread's own; whatever is best */
} doctor_system_t;

/* 0, or -1 after saying that there is no such path. */
int doctor_gather(const char *path, doctor_system_t *ret_system);

/* Each adds one finding or more. */
void doctor_check_kernel(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_uring(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_backend(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_memlock(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_files(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_workers(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_cpus(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_numa(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_cgroup(const doctor_system_t *system, doctor_report_t *report);
void doctor_check_device(const doctor_system_t *system, doctor_report_t *report);
/* All of them. */
void doctor_examine(const doctor_system_t *system, doctor_report_t *report);

/* The file of that name under the root, without the newline at its end, cut to `size`. False: it can't be
 * read. */
__attribute__((format(printf, 4, 5))) bool doctor_read(const doctor_system_t *system, char *text, size_t size,
                                                       const char *format, ...);
/* Its first number. */
__attribute__((format(printf, 3, 4))) bool doctor_read_number(const doctor_system_t *system,
                                                              int64_t *ret_number, const char *format, ...);
/* What follows "name:" in /proc/self/status. */
bool doctor_read_status(const doctor_system_t *system, const char *name, char *text, size_t size);
/* Whether the process has a capability, by its number (capabilities(7)). */
#define DOCTOR_IPC_LOCK 14
#define DOCTOR_SYS_ADMIN 21
bool doctor_has_capability(const doctor_system_t *system, int capability);

#endif
