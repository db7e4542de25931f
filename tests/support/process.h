/* SPDX-License-Identifier: MIT */
/**
 * What the test process, its threads and its machine are doing: clocks, memory, descriptors, sleep states.
 *
 * Tests never sleep to let something happen. They wait for a condition that can be observed
 * (await_condition, await_thread_asleep) with a bound that only a broken library reaches.
 */
#ifndef TEST_SUPPORT_PROCESS_H
#define TEST_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Monotonic time. */
int64_t now_ns(void);

/** Monotonic time in milliseconds. */
int64_t now_ms(void);

/** CPU time the calling thread has used. */
int64_t thread_cpu_ns(void);

/** CPU time the process has used, all threads. */
int64_t process_cpu_ns(void);

/** Resident memory of the process. */
size_t resident_bytes(void);

/** Memory the machine could hand out without swapping. */
size_t available_bytes(void);

/** Open descriptors of the process. */
int open_fd_count(void);

/** Kernel identifier of the calling thread. */
pid_t thread_id(void);

/** Poll until @p holds(@p context) is true. @return false when it still isn't after @p timeout_ms, which
 * is multiplied by slowness(). */
bool await_condition(bool (*holds)(void *context), void *context, int timeout_ms);

/** Wait until thread @p tid of this process sleeps in the kernel. @return false when it never does. */
bool await_thread_asleep(pid_t tid, int timeout_ms);

/** How many CPUs this process may run on. */
int cpu_count(void);

/** Bind the calling thread to the @p nth of those CPUs. */
void bind_to_nth_cpu(int nth);

/** Whether this build is instrumented, so that its memory and its speed say nothing about the library. */
bool is_instrumented(void);

/** How many times longer than elsewhere everything may take here: 1, or what AURAIO_TEST_SLOWNESS says, as
 * measured in the virtual machine of `./dev vm`. */
int slowness(void);

#endif
