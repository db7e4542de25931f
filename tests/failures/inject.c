/* SPDX-License-Identifier: MIT */
/* The plan and the account: see inject.h. */
#include "inject.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fatal.h"
#include "process.h"

/* By kind: its name and the errors that its page, or a seccomp filter in front of it, may give. */
static const struct {
    const char *name;
    int errors[INJECT_ERRORS_MAX];
} kinds[CALL_KINDS] = {
    [CALL_MALLOC] = {"malloc", {ENOMEM}},
    [CALL_CALLOC] = {"calloc", {ENOMEM}},
    [CALL_REALLOC] = {"realloc", {ENOMEM}},
    [CALL_ALIGNED_ALLOC] = {"aligned_alloc", {ENOMEM}},
    [CALL_MMAP] = {"mmap", {ENOMEM}},
    [CALL_MUNMAP] = {"munmap", {ENOMEM}},
    [CALL_MPROTECT] = {"mprotect", {ENOMEM}},
    [CALL_MADVISE] = {"madvise", {ENOMEM, EINVAL, EAGAIN}},
    [CALL_EVENTFD] = {"eventfd", {EMFILE, ENFILE, ENOMEM, ENODEV}},
    [CALL_EPOLL_CREATE] = {"epoll_create1", {EMFILE, ENFILE, ENOMEM}},
    [CALL_EPOLL_CTL] = {"epoll_ctl", {ENOMEM, ENOSPC}},
    [CALL_EPOLL_WAIT] = {"epoll_wait", {EINTR}},
    [CALL_TIMERFD] = {"timerfd_create", {EMFILE, ENFILE, ENOMEM}},
    [CALL_DUPFD] = {"fcntl", {EMFILE, EINVAL}},
    [CALL_OPEN] = {"open", {EMFILE, ENFILE, ENOENT, EACCES, ENOMEM}},
    [CALL_FOPEN] = {"fopen", {EMFILE, ENFILE, ENOENT, EACCES, ENOMEM}},
    [CALL_OPENDIR] = {"opendir", {EMFILE, ENOENT, EACCES, ENOMEM}},
    [CALL_FSTAT] = {"fstat", {EBADF, EOVERFLOW, ENOMEM}},
    [CALL_LSEEK] = {"lseek", {EPERM}},
    [CALL_READ] = {"read", {EAGAIN, EIO}},
    [CALL_PREAD] = {"pread", {EIO, ESRCH}},
    [CALL_WRITE] = {"write", {EAGAIN}},
    [CALL_POLL] = {"poll", {EINTR, ENOMEM}},
    [CALL_KEY_CREATE] = {"pthread_key_create", {EAGAIN, ENOMEM}},
    [CALL_SET_SPECIFIC] = {"pthread_setspecific", {ENOMEM}},
    [CALL_AT_FORK] = {"pthread_atfork", {ENOMEM}},
    [CALL_THREAD] = {"pthread_create", {EAGAIN, EPERM}},
    [CALL_AFFINITY] = {"sched_getaffinity", {EINVAL, EPERM, ENOSYS}},
    [CALL_GETCPU] = {"getcpu", {ENOSYS}},
    [CALL_GETRLIMIT] = {"getrlimit", {EPERM}},
    [CALL_SYSCALL] = {"membarrier or capget", {ENOSYS, EPERM, EINVAL}},
    [CALL_QUEUE_INIT] = {"io_uring_setup", {ENOMEM, EMFILE, ENFILE, EPERM, ENOSYS, EINVAL}},
    [CALL_ENTER] = {"io_uring_enter", {EINTR, EAGAIN, EBUSY, ENOMEM}},
    [CALL_PROBE] = {"probe of operations", {ENOMEM}},
    [CALL_REGISTER_BUFFERS] = {"register buffers", {ENOMEM, EFAULT, EOPNOTSUPP}},
    [CALL_MAKE_BUFFERS] = {"make a table of buffers", {ENOMEM, EINVAL}},
    [CALL_UPDATE_BUFFERS] = {"update buffers", {ENOMEM, EFAULT, EOPNOTSUPP}},
    [CALL_REGISTER_FILES] = {"register files", {ENOMEM, EMFILE, EBADF}},
    [CALL_UPDATE_FILES] = {"update files", {ENOMEM, EBADF}},
    [CALL_REGISTER_EVENTFD] = {"register eventfd", {ENOMEM, EBUSY}},
    [CALL_REGISTER_RING] = {"register ring fd", {EINVAL, ENOMEM, EBUSY}},
    [CALL_REGISTER_WORKERS] = {"bound workers", {EINVAL, ENOMEM}},
};

struct state {
    struct inject_plan plan;
    atomic_bool armed;
    atomic_int calls;
    atomic_int error;
    atomic_int victim;
    atomic_uchar kind_of[INJECT_CALLS_MAX];
};

static struct state *state;
static atomic_long blocks, mapped_bytes;
static _Thread_local int paused;

void inject_start(void)
{
    state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state == MAP_FAILED)
        fatal("mmap");
    atomic_store(&mapped_bytes, 0);
}

void inject_arm(struct inject_plan plan)
{
    state->plan = plan;
    atomic_store(&state->calls, 0);
    atomic_store(&state->error, 0);
    atomic_store(&state->victim, CALL_KINDS);
    atomic_store(&state->armed, true);
}

void inject_disarm(void)
{
    atomic_store(&state->armed, false);
}

void inject_pause(void)
{
    paused++;
}

void inject_resume(void)
{
    paused--;
}

int inject_calls(void)
{
    return atomic_load(&state->calls);
}

enum wrapped_call inject_kind(int number)
{
    return (enum wrapped_call)atomic_load(&state->kind_of[number - 1]);
}

int inject_variants(enum wrapped_call call)
{
    int count = 0;
    while (count < INJECT_ERRORS_MAX && kinds[call].errors[count])
        count++;
    return count;
}

bool inject_lasts(enum wrapped_call call)
{
    switch (call) {
    case CALL_EPOLL_WAIT:
    case CALL_FSTAT: /* then nothing tells a pipe from a file, and endless reads count against the limit */
    case CALL_READ:
    case CALL_WRITE:
    case CALL_POLL:
    case CALL_ENTER:
        return false;
    default:
        return true;
    }
}

const char *inject_name(enum wrapped_call call)
{
    return call < CALL_KINDS ? kinds[call].name : "no call";
}

int inject_error(void)
{
    return atomic_load(&state->armed) ? atomic_load(&state->error) : 0;
}

enum wrapped_call inject_victim(void)
{
    return (enum wrapped_call)atomic_load(&state->victim);
}

int wrapped_error(enum wrapped_call call)
{
    if (paused || !state || !atomic_load(&state->armed))
        return 0;
    const int number = atomic_fetch_add(&state->calls, 1) + 1;
    if (number <= INJECT_CALLS_MAX)
        atomic_store(&state->kind_of[number - 1], (unsigned char)call);
    const struct inject_plan *plan = &state->plan;
    const bool first = number == plan->number;
    const bool later = plan->onwards && number > plan->number && (int)call == atomic_load(&state->victim) &&
                       inject_lasts(call);
    if (!first && !later)
        return 0;
    const int error = kinds[call].errors[plan->variant % inject_variants(call)];
    atomic_store(&state->victim, (int)call);
    atomic_store(&state->error, error);
    return error;
}

void wrapped_blocks(int change)
{
    if (!paused)
        atomic_fetch_add(&blocks, change);
}

void wrapped_mapped(long change_bytes)
{
    if (!paused)
        atomic_fetch_add(&mapped_bytes, change_bytes);
}

static int ring_mappings(void)
{
    char line[512];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        fatal("/proc/self/maps");
    while (fgets(line, sizeof(line), maps))
        count += strstr(line, "[io_uring]") != NULL;
    fclose(maps);
    return count;
}

struct inject_account inject_look(void)
{
    inject_pause();
    struct inject_account account = {
        .blocks = atomic_load(&blocks),
        .mapped_bytes = atomic_load(&mapped_bytes),
        .fds = open_fd_count(),
        .rings = ring_mappings(),
    };
    inject_resume();
    return account;
}
