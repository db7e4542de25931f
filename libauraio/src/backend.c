/* SPDX-License-Identifier: MIT */
/* Which backend an engine runs on: what was asked for, what became of it, and why. */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int backend_choose(auraio_options_t *options)
{
    const char *asked = getenv("AURAIO_BACKEND");
    if (options->backend != AURAIO_BACKEND_AUTO || !asked || !*asked)
        return 0;
    if (!strcmp(asked, "uring"))
        options->backend = AURAIO_BACKEND_URING;
    else if (!strcmp(asked, "threads"))
        options->backend = AURAIO_BACKEND_THREADS;
    else
        (void)error_int(EINVAL, "the environment variable AURAIO_BACKEND is neither uring nor threads", 0, 0);
    return options->backend == AURAIO_BACKEND_AUTO ? EINVAL : 0;
}

const char *backend_refusal(const auraio_options_t *options)
{
    if (options->backend == AURAIO_BACKEND_URING)
        return "io_uring is refused here: see kernel.io_uring_disabled, the seccomp profile of the "
               "container, RLIMIT_NOFILE and RLIMIT_MEMLOCK";
    return "no rings: descriptors (RLIMIT_NOFILE), threads (RLIMIT_NPROC, pids.max) or memory are used up";
}

/* What may be changed for io_uring to be allowed. */
static const char *remedy(int error)
{
    switch (error) {
    case EPERM:
    case EACCES:
        return "see kernel.io_uring_disabled and the container's seccomp profile";
    case ENOSYS:
    case EOPNOTSUPP:
        return "the kernel has no io_uring, or a seccomp profile hides it";
    case ENOMEM:
        return "see RLIMIT_MEMLOCK and the memory cgroup";
    case EMFILE:
    case ENFILE:
        return "see RLIMIT_NOFILE and fs.file-max";
    default:
        return "the kernel's log may say more";
    }
}

static void explain(const auraio_engine_t *engine, const struct ring_group_info *group, char *reason,
                    size_t size)
{
    const auraio_options_t *options = &engine->options;
    if (group->fallback_errno)
        snprintf(reason, size, "io_uring refused%s: %s; %s",
                 group->backend == RING_BACKEND_THREADS ? "" : " for some rings",
                 strerrordesc_np(group->fallback_errno), remedy(group->fallback_errno));
    else if (group->refused_errno)
        snprintf(reason, size, "fewer rings than CPUs: the kernel refused one more (%s)",
                 strerrordesc_np(group->refused_errno));
    else if (group->backend == RING_BACKEND_THREADS)
        snprintf(reason, size, "threads were asked for, by options.backend or AURAIO_BACKEND");
    else if (options->enable_sqpoll && !(group->kernel_features & RING_FEATURE_SQPOLL))
        snprintf(reason, size, "SQPOLL was refused: it needs privileges on this kernel");
    else if (group->entries && group->entries < options->queue_depth)
        snprintf(reason, size, "rings of %d entries: memory limits refused more", group->entries);
    else if (group->pin_refused_errno)
        snprintf(reason, size, "no more pool memory is registered with the kernel: %s (see RLIMIT_MEMLOCK)",
                 strerrordesc_np(group->pin_refused_errno));
}

void backend_log(const auraio_engine_t *engine)
{
    static const char *const names[] = {"COOP_TASKRUN", "DEFER_TASKRUN", "MIN_WAIT",
                                        "FTRUNCATE",    "SQPOLL",        "NUMA"};
    struct ring_group_info group;
    char reason[sizeof(((auraio_backend_info_t *)NULL)->reason)] = "", message[512];
    ring_group_info(engine->group, &group);
    explain(engine, &group, reason, sizeof(reason));
    static const char *const backends[] = {[RING_BACKEND_URING] = "io_uring",
                                           [RING_BACKEND_THREADS] = "threads",
                                           [RING_BACKEND_SIM] = "a simulated world"};
    size_t used =
        (size_t)snprintf(message, sizeof(message), "runs on %s, features:", backends[group.backend]);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (group.kernel_features & 1u << i)
            used += (size_t)snprintf(message + used, sizeof(message) - used, " %s", names[i]);
    if (!group.kernel_features)
        used += (size_t)snprintf(message + used, sizeof(message) - used, " none");
    if (reason[0])
        snprintf(message + used, sizeof(message) - used, "; %s", reason);
    engine_log(engine, group.fallback_errno ? AURAIO_LOG_WARNING : AURAIO_LOG_INFO, message);
}

int auraio_get_backend_info(const auraio_engine_t *engine, auraio_backend_info_t *info)
{
    const char *refused;
    int error = engine_refuses(engine, &refused);
    if (error)
        return error_int(error, refused, 0, 0);
    if (!info)
        return error_int(EINVAL, "info is NULL", 0, 0);
    size_t size = info->struct_size;
    if (size < offsetof(auraio_backend_info_t, reason))
        return error_int(EINVAL, "info.struct_size is %lld: set it to sizeof(auraio_backend_info_t)",
                         (long long)size, 0);
    struct ring_group_info group;
    ring_group_info(engine->group, &group);
    auraio_backend_info_t full = {
        .struct_size = size,
        .backend = (auraio_backend_t)group.backend,
        .features = group.kernel_features,
        .ring_entries = group.entries,
        .rings_created = group.rings_created,
        .numa_nodes = group.node_count,
        .registered_bytes = group.pinned_bytes,
    };
    explain(engine, &group, full.reason, sizeof(full.reason));
    memcpy(info, &full, size < sizeof(full) ? size : sizeof(full));
    return 0;
}
