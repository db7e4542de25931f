/* doctor_limits.c - limits of this process. */
#include "doctor.h"

#include "units.h"

#define MEMLOCK_GOOD ((int64_t)8 << 20)
#define FILES_GOOD 1024
#define WORKERS_GOOD 64

void doctor_check_memlock(const doctor_system_t *system, doctor_report_t *report)
{
    char text[UNITS_TEXT];
    if (system->memlock < 0) {
        doctor_add(report, DOCTOR_OK, "memlock", "unlimited");
        return;
    }
    units_size(text, (double)system->memlock);
    if (doctor_has_capability(system, DOCTOR_IPC_LOCK)) {
        doctor_add(report, DOCTOR_OK, "memlock", "%s, which does not bind (CAP_IPC_LOCK)", text);
    } else if (system->memlock >= MEMLOCK_GOOD) {
        doctor_add(report, DOCTOR_OK, "memlock", "%s", text);
    } else {
        doctor_add(report, DOCTOR_ADVICE, "memlock",
                   "%s: registered buffers need memory that is locked, and do without beyond that", text);
        doctor_advise(report,
                      "ulimit -l unlimited; a line `* - memlock unlimited` in /etc/security/limits.conf; "
                      "systemd: LimitMEMLOCK=infinity; docker run --ulimit memlock=-1");
    }
}

void doctor_check_files(const doctor_system_t *system, doctor_report_t *report)
{
    /* One for each ring, one for epoll, one for waking; the rest is the application's. */
    if (system->nofile < 0 || system->nofile >= FILES_GOOD) {
        doctor_add(report, DOCTOR_OK, "files", system->nofile < 0 ? "unlimited" : "%lld descriptors",
                   (long long)system->nofile);
        return;
    }
    doctor_add(report, DOCTOR_ADVICE, "files", "%lld descriptors; an engine takes one for each CPU, and two",
               (long long)system->nofile);
    if (system->nofile_hard < 0 || system->nofile_hard >= FILES_GOOD)
        doctor_advise(report, "ulimit -n %lld",
                      (long long)(system->nofile_hard < 0 ? 65536 : system->nofile_hard));
    else
        doctor_advise(
            report,
            "the hard limit is %lld: a line `* - nofile 65536` in /etc/security/limits.conf; systemd: "
            "LimitNOFILE=65536",
            (long long)system->nofile_hard);
}

/* io-wq: the kernel's own threads for what would block. */
void doctor_check_workers(const doctor_system_t *system, doctor_report_t *report)
{
    if (system->nproc >= 0 && system->nproc < WORKERS_GOOD) {
        doctor_add(
            report, DOCTOR_ADVICE, "io-wq",
            "the user may have %lld processes and threads; the kernel's workers for what would block count "
            "among them",
            (long long)system->nproc);
        doctor_advise(report, "ulimit -u 4096 (systemd: LimitNPROC=4096)");
        return;
    }
    if (system->nproc < 0)
        doctor_add(report, DOCTOR_OK, "io-wq", "kernel workers for what would block: unlimited");
    else
        doctor_add(report, DOCTOR_OK, "io-wq", "kernel workers for what would block: %lld at most",
                   (long long)system->nproc);
}
