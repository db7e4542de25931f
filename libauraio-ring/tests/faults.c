/* SPDX-License-Identifier: MIT */
/* Calls that fail on demand: see faults.h, and wrapped.h in tests/support for how they come here. */
#include "faults.h"

#include <errno.h>
#include <stdatomic.h>

#include "wrapped.h"

struct plan {
    atomic_int calls;
    int skip, times, error;
};

static struct plan plans[FAULT_COUNT];

int fault_workers_cpu = -1;
unsigned fault_setup_flags, fault_setup_entries, fault_setup_cpu, fault_refused_flags, fault_entries_max,
    fault_hidden_features;
unsigned fault_enter_flags;
int fault_refused_errno;
bool fault_no_probe;
void (*fault_edit)(struct io_uring_sqe *sqe);

static struct io_uring *last_ring; /* set up last */
static unsigned edited_to;         /* its submissions below were passed to fault_edit */

void fault_arm(enum fault fault, int skip, int times, int error)
{
    plans[fault] = (struct plan){.skip = skip, .times = times, .error = error};
}

int fault_calls(enum fault fault)
{
    return atomic_load(&plans[fault].calls);
}

void fault_clear(void)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        fault_arm((enum fault)i, 0, 0, 0);
    fault_refused_flags = fault_entries_max = fault_hidden_features = fault_enter_flags = 0;
    fault_no_probe = false;
    fault_workers_cpu = -1;
    fault_edit = NULL;
}

/* 0, or the errno to fail with. */
static int strikes(enum fault fault)
{
    struct plan *plan = &plans[fault];
    int call = atomic_fetch_add(&plan->calls, 1);
    return call >= plan->skip && call - plan->skip < plan->times ? plan->error : 0;
}

/* ------------------------------------------------------------ what wrappers ask */

static const struct {
    bool known;
    enum fault fault;
} fault_of[CALL_KINDS] = {
    [CALL_MALLOC] = {true, FAULT_MEMORY},
    [CALL_CALLOC] = {true, FAULT_MEMORY},
    [CALL_REALLOC] = {true, FAULT_MEMORY},
    [CALL_ALIGNED_ALLOC] = {true, FAULT_MEMORY},
    [CALL_MMAP] = {true, FAULT_MEMORY},
    [CALL_MADVISE] = {true, FAULT_MADVISE},
    [CALL_FSTAT] = {true, FAULT_FSTAT},
    [CALL_LSEEK] = {true, FAULT_LSEEK},
    [CALL_EVENTFD] = {true, FAULT_EVENTFD},
    [CALL_EPOLL_CREATE] = {true, FAULT_EPOLL_CREATE},
    [CALL_EPOLL_CTL] = {true, FAULT_EPOLL_CTL},
    [CALL_KEY_CREATE] = {true, FAULT_KEY_CREATE},
    [CALL_THREAD] = {true, FAULT_THREAD},
    [CALL_SYSCALL] = {true, FAULT_SYSCALL},
    [CALL_REGISTER_BUFFERS] = {true, FAULT_REGISTER_BUFFERS},
    [CALL_MAKE_BUFFERS] = {true, FAULT_MAKE_BUFFERS},
    [CALL_UPDATE_BUFFERS] = {true, FAULT_UPDATE_BUFFERS},
    [CALL_REGISTER_FILES] = {true, FAULT_REGISTER_FILES},
    [CALL_UPDATE_FILES] = {true, FAULT_UPDATE_FILES},
    [CALL_REGISTER_EVENTFD] = {true, FAULT_REGISTER_EVENTFD},
    [CALL_REGISTER_RING] = {true, FAULT_REGISTER_RING_FD},
};

int wrapped_error(enum wrapped_call call)
{
    if (call == CALL_PROBE)
        return fault_no_probe ? ENOMEM : 0;
    return fault_of[call].known ? strikes(fault_of[call].fault) : 0;
}

/* These tests keep no account. */
void wrapped_blocks(int change)
{
    (void)change;
}

void wrapped_mapped(long change_bytes)
{
    (void)change_bytes;
}

/* ---------------------------------------------------------------- liburing */

static int refusal(unsigned entries, unsigned flags)
{
    int error = strikes(FAULT_QUEUE_INIT);
    if (error)
        return error;
    if (flags & fault_refused_flags)
        return fault_refused_errno;
    return fault_entries_max && entries > fault_entries_max ? ENOMEM : 0;
}

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    fault_setup_flags = params->flags;
    fault_setup_entries = entries;
    fault_setup_cpu = params->sq_thread_cpu;
    int error = refusal(entries, params->flags);
    int rc = error ? -error : __real_io_uring_queue_init_params(entries, ring, params);
    if (rc == 0) {
        ring->features &= ~fault_hidden_features;
        last_ring = ring;
        edited_to = 0;
    }
    return rc;
}

static void edit_submissions(void)
{
    if (!fault_edit)
        return;
    const unsigned tail = __atomic_load_n(last_ring->sq.ktail, __ATOMIC_ACQUIRE);
    const unsigned head = __atomic_load_n(last_ring->sq.khead, __ATOMIC_ACQUIRE);
    if ((int)(edited_to - head) < 0)
        edited_to = head;
    for (; edited_to != tail; edited_to++)
        fault_edit(&last_ring->sq.sqes[edited_to & *last_ring->sq.kring_mask]);
}

int __real_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg,
                           size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg,
                           size_t size);
int __wrap_io_uring_enter2(unsigned fd, unsigned submit, unsigned min, unsigned flags, void *arg, size_t size)
{
    fault_enter_flags |= flags;
    int error = strikes(FAULT_ENTER); /* like liburing's: the result says it, errno does not */
    if (error)
        return -error;
    edit_submissions();
    return __real_io_uring_enter2(fd, submit, min, flags, arg, size);
}

int __real_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask);
int __wrap_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask);
int __wrap_io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *mask)
{
    for (size_t cpu = 0; cpu < 8 * size; cpu++)
        if (CPU_ISSET_S(cpu, size, mask))
            fault_workers_cpu = (int)cpu;
    return __real_io_uring_register_iowq_aff(ring, size, mask);
}
