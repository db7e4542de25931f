/* SPDX-License-Identifier: MIT */
/* Threads and engines that come and go leave nothing behind. */
#include <auraio.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, THREADS = 20000, ENGINES = 1000, WARM_UP = 500, GROWTH_BYTES = 1 << 20 };

static int file;

/* Memory that the system makes a huge page of, on its own account and at any time, is none of ours. */
static void set_up_file(void)
{
    check_is(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
    file = file_of_pattern(BYTES);
}

static void tear_down_file(void)
{
    close(file);
}

struct visitor {
    auraio_engine_t *engine;
    int wrong;
};

static void *read_once(void *context)
{
    char buf[BYTES];
    struct visitor *visitor = context;
    visitor->wrong += perform_read(visitor->engine, file, buf, BYTES, 0) != BYTES;
    return NULL;
}

static void *use_pool_once(void *context)
{
    struct visitor *visitor = context;
    char *buf = auraio_buffer_alloc(visitor->engine, BYTES);
    visitor->wrong += buf == NULL || perform_read(visitor->engine, file, buf, BYTES, 0) != BYTES ||
                      !pattern_holds(buf, BYTES, 0);
    auraio_buffer_free(visitor->engine, buf, BYTES);
    return NULL;
}

static void visit(void *(*body)(void *), struct visitor *visitor, int threads)
{
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        check_is(pthread_create(&thread, NULL, body, visitor), 0);
        check_is(pthread_join(thread, NULL), 0);
    }
}

static void expect_no_growth(auraio_ring_select_t mode, void *(*body)(void *))
{
    cpu_set_t all;
    struct visitor visitor = {.engine = mode_engine(mode)};
    check_is(sched_getaffinity(0, sizeof(all), &all), 0);
    /* Rings are created on first use of their CPU: use each once, so that none is counted as growth. */
    for (int cpu = 0; cpu < CPU_COUNT(&all); cpu++) {
        bind_to_nth_cpu(cpu);
        visit(body, &visitor, WARM_UP);
        check_is(sched_setaffinity(0, sizeof(all), &all), 0);
    }
    const size_t before_bytes = resident_bytes();
    const int fds_before = open_fd_count();
    visit(body, &visitor, THREADS);
    const size_t after_bytes = resident_bytes();
    check_is(visitor.wrong, 0);
    check_is(open_fd_count(), fds_before);
    auraio_destroy(visitor.engine);
    if (is_instrumented())
        skip_because("the rest of this test measures memory, which the sanitizer changes");
    check_below((int64_t)after_bytes - (int64_t)before_bytes, GROWTH_BYTES);
}

TestEveryMode(short_lived_threads, that_read_once_leave_nothing_behind, .timeout = 120, .init = set_up_file,
              .fini = tear_down_file)
{
    expect_no_growth(*mode, read_once);
}

Test(short_lived_threads, that_use_a_pool_buffer_leave_nothing_behind, .timeout = 120, .init = set_up_file,
     .fini = tear_down_file)
{
    expect_no_growth(AURAIO_SELECT_ADAPTIVE, use_pool_once);
}

static void come_and_go(auraio_ring_select_t mode, int engines)
{
    for (int i = 0; i < engines; i++) {
        auraio_engine_t *engine = mode_engine(mode);
        char *buf = auraio_buffer_alloc(engine, BYTES);
        check_that(buf != NULL);
        check_is(perform_read(engine, file, buf, BYTES, 0), BYTES);
        auraio_buffer_free(engine, buf, BYTES);
        auraio_destroy(engine);
    }
}

TestEveryMode(engines, a_thousand_created_and_destroyed_leave_nothing_behind, .timeout = 120,
              .init = set_up_file, .fini = tear_down_file)
{
    come_and_go(*mode, WARM_UP / 10);
    const size_t before_bytes = resident_bytes();
    const int fds_before = open_fd_count();
    come_and_go(*mode, ENGINES);
    check_is(open_fd_count(), fds_before);
    if (is_instrumented())
        skip_because("the rest of this test measures memory, which the sanitizer changes");
    check_below((int64_t)resident_bytes() - (int64_t)before_bytes, GROWTH_BYTES);
}
