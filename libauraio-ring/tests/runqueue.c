/* SPDX-License-Identifier: MIT */
/* How long a thread waits for a CPU: counted when it must share one, and only for the thread that asks. */
#include "runqueue.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"
#include "process.h"

static const int64_t patience_ms = 20000;
static struct run_queue queue;

static void tear_down(void)
{
    run_queue_close(&queue);
}

TestSuite(runqueue, .fini = tear_down, .timeout = 60);

/* Whether the kernel counts it at all. */
static bool is_counted(void)
{
    (void)run_queue_waited_ns(&queue, 1);
    char text[8];
    return queue.fd >= 0 && pread(queue.fd, text, sizeof(text), 0) > 0;
}

static void *spin(void *stop)
{
    while (!atomic_load((atomic_bool *)stop))
        ;
    return NULL;
}

/* This thread and those it creates, on one CPU. */
static void share_one_cpu(void)
{
    cpu_set_t allowed, one;
    check_is(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &one);
    check_is(sched_setaffinity(0, sizeof(one), &one), 0);
}

Test(runqueue, a_thread_that_shares_its_cpu_has_waited)
{
    atomic_bool stop = false;
    pthread_t other;
    if (!is_counted())
        skip_because("this kernel keeps no account of threads (schedstat)");
    share_one_cpu();
    check_is(pthread_create(&other, NULL, spin, &stop), 0);
    const int64_t deadline_ms = now_ms() + patience_ms;
    int64_t waited_ns = 0;
    while (waited_ns < 10 * 1000 * 1000 && now_ms() < deadline_ms)
        waited_ns += run_queue_waited_ns(&queue, 1);
    atomic_store(&stop, true);
    check_is(pthread_join(other, NULL), 0);
    check_at_least(waited_ns, 10 * 1000 * 1000);
}

static void *ask_as_another(void *unused)
{
    (void)unused;
    check_is(run_queue_waited_ns(&queue, 2), 0);
    check_is(queue.thread, 2);
    return NULL;
}

Test(runqueue, what_another_thread_waited_is_not_told)
{
    pthread_t other;
    (void)run_queue_waited_ns(&queue, 1);
    check_is(queue.thread, 1);
    check_is(pthread_create(&other, NULL, ask_as_another, NULL), 0);
    check_is(pthread_join(other, NULL), 0);
    check_is(run_queue_waited_ns(&queue, 1), 0);
}

Test(runqueue, where_the_kernel_does_not_say_nothing_was_waited)
{
    queue = (struct run_queue){.fd = -1, .thread = 1};
    check_is(run_queue_waited_ns(&queue, 1), 0);
}
