/* doctor_uring.c - whether the kernel lets this process use io_uring, what refuses it if not, and what runs
 * then. */
#include "doctor.h"

#include <errno.h>
#include <string.h>

#define SECCOMP_FILTER 2

typedef struct version {
    int major, minor;
} version_t;

static const version_t least = {5, 18};    /* what AuraIO supports */
static const version_t good = {6, 1};      /* thread-local rings run completions when asked */
static const version_t min_wait = {6, 12}; /* wake-ups are coalesced in one call */

static bool is_older(version_t a, version_t b)
{
    return a.major < b.major || (a.major == b.major && a.minor < b.minor);
}

void doctor_check_kernel(const doctor_system_t *system, doctor_report_t *report)
{
    version_t version = {0};
    if (sscanf(system->release, "%d.%d", &version.major, &version.minor) != 2) {
        doctor_add(report, DOCTOR_NOTE, "kernel", "%s: not a version that can be read", system->release);
    } else if (is_older(version, least)) {
        doctor_add(report, DOCTOR_ADVICE, "kernel", "Linux %s is older than 5.18", system->release);
        doctor_advise(report,
                      "install a newer kernel; from 6.1 on thread-local rings cost least, from 6.12 waiting");
    } else if (is_older(version, good)) {
        doctor_add(report, DOCTOR_NOTE, "kernel", "Linux %s; from 6.1 on thread-local rings cost less",
                   system->release);
    } else if (is_older(version, min_wait)) {
        doctor_add(report, DOCTOR_OK, "kernel", "Linux %s; from 6.12 on waiting costs less", system->release);
    } else {
        doctor_add(report, DOCTOR_OK, "kernel", "Linux %s", system->release);
    }
}

/* The names of features, in the order of their bits. */
static void features_of(unsigned features, char *text, size_t size)
{
    static const char *const names[] = {"COOP_TASKRUN", "DEFER_TASKRUN", "minimum wait",
                                        "ftruncate",    "SQPOLL",        "NUMA placement"};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t length = strlen(text);
        if (features >> i & 1)
            snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "", names[i]);
    }
    if (text[0] == '\0')
        snprintf(text, size, "none of the newer features");
}

/* The sysctl that refuses io_uring to some or all. False: it doesn't, here. */
static bool blame_sysctl(const doctor_system_t *system, doctor_report_t *report, doctor_state_t state,
                         const char *error)
{
    int64_t disabled, group = -1;
    if (!doctor_read_number(system, &disabled, "/proc/sys/kernel/io_uring_disabled") || disabled == 0)
        return false;
    if (disabled == 1 && (system->is_group_member || doctor_has_capability(system, DOCTOR_SYS_ADMIN)))
        return false;
    (void)doctor_read_number(system, &group, "/proc/sys/kernel/io_uring_group");
    doctor_add(report, state, "io_uring", "refused (%s): kernel.io_uring_disabled is %d%s", error,
               (int)disabled, disabled == 1 ? ", for all but a group and administrators" : ", for everybody");
    if (disabled == 1 && group >= 0)
        doctor_advise(report,
                      "sudo usermod -aG \"$(getent group %d | cut -d: -f1)\" \"$USER\", and log in again; "
                      "or sudo sysctl kernel.io_uring_disabled=0",
                      (int)group);
    else
        doctor_advise(report, "sudo sysctl kernel.io_uring_disabled=0 (and into /etc/sysctl.d/ to keep it)");
    return true;
}

static bool blame_seccomp(const doctor_system_t *system, doctor_report_t *report, doctor_state_t state,
                          const char *error)
{
    char mode[16];
    bool is_filtered =
        doctor_read_status(system, "Seccomp", mode, sizeof(mode)) && mode[0] == '0' + SECCOMP_FILTER;
    /* What a filter says for a call it refuses; that there is no memory is its word only where memory does
     * not bind. */
    int error_number = system->uring.error;
    bool may_be = error_number == EPERM || error_number == EACCES || error_number == ENOSYS ||
                  (error_number == ENOMEM && doctor_has_capability(system, DOCTOR_IPC_LOCK));
    if (!is_filtered || !may_be)
        return false;
    doctor_add(report, state, "io_uring",
               "refused (%s): this process runs under a seccomp filter, as containers do, and nothing else "
               "refuses it",
               error);
    doctor_advise(report,
                  "allow io_uring_setup, io_uring_enter and io_uring_register in its profile: docker run "
                  "--security-opt seccomp=PROFILE.json (or =unconfined, to see whether that is it)");
    return true;
}

static void blame(const doctor_system_t *system, doctor_report_t *report)
{
    const char *error = strerror(system->uring.error);
    doctor_state_t state = system->automatic.error ? DOCTOR_PROBLEM : DOCTOR_ADVICE;
    if (blame_sysctl(system, report, state, error) || blame_seccomp(system, report, state, error))
        return;
    switch (system->uring.error) {
    case ENOSYS:
        doctor_add(report, state, "io_uring", "this kernel has none (%s)", error);
        doctor_advise(report, "a kernel with CONFIG_IO_URING=y");
        break;
    case ENOMEM:
        doctor_add(report, state, "io_uring", "refused (%s): no memory that may be locked", error);
        doctor_advise(report,
                      "ulimit -l unlimited (systemd: LimitMEMLOCK=infinity), or a larger memory limit of "
                      "the control group");
        break;
    case EMFILE:
    case ENFILE:
        doctor_add(report, state, "io_uring", "refused (%s): no file descriptor is left", error);
        doctor_advise(report, "ulimit -n 65536 (systemd: LimitNOFILE=65536)");
        break;
    default:
        doctor_add(report, state, "io_uring", "refused (%s): %s", error, system->uring.words);
        doctor_advise(report,
                      "a security module (SELinux, AppArmor) may do that: sudo dmesg | grep -i denied");
    }
}

void doctor_check_uring(const doctor_system_t *system, doctor_report_t *report)
{
    char features[160];
    if (system->uring.error) {
        blame(system, report);
        return;
    }
    features_of(system->uring.info.features | system->own.info.features, features, sizeof(features));
    doctor_add(report, DOCTOR_OK, "io_uring", "allowed; %s", features);
    int entries = system->uring.info.ring_entries;
    if (entries < 256) {
        doctor_add(report, DOCTOR_ADVICE, "io_uring",
                   "rings have %d entries instead of 256: memory limits refuse more", entries);
        doctor_advise(report, "ulimit -l unlimited (systemd: LimitMEMLOCK=infinity)");
    }
}

void doctor_check_backend(const doctor_system_t *system, doctor_report_t *report)
{
    static const char *const names[] = {"unknown", "io_uring", "threads"};
    const doctor_engine_t *engine = &system->automatic;
    if (engine->error) {
        doctor_add(report, DOCTOR_PROBLEM, "backend", "no engine can be made%s%s%s: %s",
                   system->environment ? ", AURAIO_BACKEND=" : "",
                   system->environment ? system->environment : "", system->environment ? " being set" : "",
                   engine->words[0] ? engine->words : strerror(engine->error));
        if (system->environment)
            doctor_advise(report, "unset AURAIO_BACKEND");
        return;
    }
    int backend =
        engine->info.backend >= AURAIO_BACKEND_URING && engine->info.backend <= AURAIO_BACKEND_THREADS
            ? (int)engine->info.backend
            : 0;
    if (system->environment && system->environment[0]) {
        doctor_add(report, DOCTOR_NOTE, "backend", "%s, for AURAIO_BACKEND=%s is set", names[backend],
                   system->environment);
        return;
    }
    doctor_add(report, DOCTOR_OK, "backend", "%s%s%s", names[backend], engine->info.reason[0] ? ": " : "",
               engine->info.reason);
}
