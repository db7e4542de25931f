/* doctor_gather.c - what only a call can tell: limits, CPUs, and whether an engine works, which is tried. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define GROUPS_MAX 1024

static void soft_limit(int resource, int64_t *ret_soft, int64_t *ret_hard)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)getrlimit((__rlimit_resource_t)resource, &limit);
    *ret_soft = limit.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_cur;
    *ret_hard = limit.rlim_max == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_max;
}

static void on_read(auraio_request_t *request, ssize_t result, void *user_data)
{
    ssize_t *ret_result = user_data;
    (void)request;
    *ret_result = result;
}

/* One read: rings are made when they are first used. 0 or an errno. */
static int read_once(auraio_engine_t *engine)
{
    char byte;
    ssize_t result = 0;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = 0;
    if (!auraio_read(engine, fd, auraio_buf(&byte), 1, 0, on_read, &result) || auraio_drain(engine, -1) < 0)
        error = errno;
    else if (result < 0)
        error = (int)-result;
    close(fd);
    return error;
}

static void try_engine(auraio_backend_t backend, auraio_ring_select_t ring_select,
                       doctor_engine_t *ret_engine)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.backend = backend;
    options.ring_select = ring_select;
    *ret_engine = (doctor_engine_t){.info = {.struct_size = sizeof(ret_engine->info)}};
    auraio_engine_t *engine = auraio_create_with_options(&options);
    ret_engine->error = engine ? read_once(engine) : errno;
    if (ret_engine->error)
        snprintf(ret_engine->words, sizeof(ret_engine->words), "%s", auraio_last_error());
    else if (auraio_get_backend_info(engine, &ret_engine->info) < 0)
        ret_engine->error = errno;
    auraio_destroy(engine);
}

/* Of the group that a sysctl lets use io_uring. */
static bool is_member(const doctor_system_t *system)
{
    int64_t group;
    gid_t groups[GROUPS_MAX];
    if (!doctor_read_number(system, &group, "/proc/sys/kernel/io_uring_group") || group < 0)
        return false;
    int count = getgroups(GROUPS_MAX, groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == (gid_t)group)
            return true;
    }
    return getegid() == (gid_t)group;
}

int doctor_gather(const char *path, doctor_system_t *ret_system)
{
    struct stat st;
    if (stat(path, &st)) {
        fprintf(stderr, "auraio doctor: '%s': %s\n", path, strerror(errno));
        return -1;
    }
    doctor_system_t system = {.root = "", .path = path};
    dev_t device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    system.device_major = major(device);
    system.device_minor = minor(device);
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(system.release, sizeof(system.release), "%s", name.release);
    cpu_set_t set;
    system.cpus_online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    system.cpus_allowed = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : system.cpus_online;
    int64_t hard;
    soft_limit(RLIMIT_MEMLOCK, &system.memlock, &hard);
    soft_limit(RLIMIT_NPROC, &system.nproc, &hard);
    soft_limit(RLIMIT_NOFILE, &system.nofile, &system.nofile_hard);
    system.is_group_member = is_member(&system);
    system.environment = getenv("AURAIO_BACKEND");
    /* What a program gets first: the kernel gives locked memory of a ring back a while after it was closed,
     * so that each engine may keep the next from being made. */
    try_engine(AURAIO_BACKEND_AUTO, AURAIO_SELECT_ADAPTIVE, &system.automatic);
    system.uring = system.automatic;
    if (system.automatic.error || system.automatic.info.backend != AURAIO_BACKEND_URING)
        try_engine(AURAIO_BACKEND_URING, AURAIO_SELECT_ADAPTIVE, &system.uring);
    try_engine(AURAIO_BACKEND_URING, AURAIO_SELECT_THREAD_LOCAL, &system.own);
    *ret_system = system;
    return 0;
}
