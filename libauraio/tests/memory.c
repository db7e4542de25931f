/* SPDX-License-Identifier: MIT */
/*
 * The facade without memory: every allocation of an engine's life fails once, and every one from there on.
 * Calls say ENOMEM, or work; figures may be missing, I/O is not.
 */
#include "engine.h"
#include "meter.h"
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BATCH = 40, FOR_EVER = 1 << 20, BUFFER_BYTES = 4096 };

static int fd;
static atomic_int messages; /* errors that were logged */

static void set_up(void)
{
    fault_clear();
    fd = file_of_pattern(BATCH * 512);
}

static void tear_down(void)
{
    close(fd);
}

TestSuite(memory, .init = set_up, .fini = tear_down, .timeout = 110);

static void count_message(auraio_log_level_t level, const char *message, void *unused)
{
    (void)unused;
    atomic_fetch_add(&messages, level == AURAIO_LOG_ERROR && message[0]);
}

static auraio_engine_t *engine_new(void)
{
    const struct topology_cpu cpus[2] = {{0, 0}, {1, 0}};
    struct topology topology;
    auraio_options_t options;
    auraio_options_init(&options);
    options.log = count_message;
    if (topology_make(cpus, 2, 0, &topology) < 0) {
        errno = ENOMEM;
        return NULL;
    }
    auraio_engine_t *engine = engine_create(&options, &topology);
    topology_free(&topology);
    return engine;
}

/* A batch too long for the stack. Returns how many were accepted. */
static int use_batch(auraio_engine_t *engine, tally_t *tally, char bytes[BATCH][512])
{
    auraio_op_t ops[BATCH];
    auraio_request_t *requests[BATCH];
    for (int i = 0; i < BATCH; i++)
        ops[i] = read_op(fd, bytes[i], 512, i * 512);
    int accepted = auraio_submit_batch(engine, ops, BATCH, tally_record, tally, requests);
    check_that(accepted > 0 || errno == ENOMEM);
    return accepted > 0 ? accepted : 0;
}

static void use_engine(auraio_engine_t *engine)
{
    static char bytes[BATCH][512];
    tally_t tally = {0};
    int accepted = use_batch(engine, &tally, bytes);
    void *buffer = auraio_buffer_alloc(engine, BUFFER_BYTES);
    if (buffer) {
        bool read = auraio_read(engine, fd, auraio_buf(buffer), BUFFER_BYTES, 0, tally_record, &tally);
        check_that(read || errno == ENOMEM);
        accepted += read;
    } else {
        check_is(errno, ENOMEM);
    }
    check_that(drive_until(engine, &tally.calls, accepted));
    check_is(tally.failures, 0);
    if (buffer) {
        auraio_buffer_stats_t stats;
        auraio_buffer_free(engine, buffer, BUFFER_BYTES);
        check_is(auraio_get_buffer_stats(engine, &stats), 0);
        check_is(stats.total_buffers, 0);
    }
}

/* Returns whether an allocation failed. */
static bool live_without_memory(int skip, int times)
{
    fault_arm(FAULT_MEMORY, skip, times, ENOMEM);
    atomic_store(&messages, 0);
    errno = 0;
    auraio_engine_t *engine = engine_new();
    if (engine) {
        use_engine(engine);
        auraio_destroy(engine);
        check_is(messages, 0); /* nothing was misused */
    } else {
        check_is(errno, ENOMEM);
    }
    bool failed = fault_calls(FAULT_MEMORY) > skip;
    fault_clear();
    return failed;
}

static void live_with_each_failure(int times)
{
    check_that(!live_without_memory(FOR_EVER, 1)); /* what is made once per process is made */
    int before = open_fd_count(), skip = 0;
    for (; live_without_memory(skip, times); skip++)
        check_is(open_fd_count(), before);
    check_at_least(skip, 10);
}

Test(memory, one_allocation_that_fails_is_told_or_done_without)
{
    live_with_each_failure(1);
}

Test(memory, without_any_memory_from_some_point_on_nothing_is_lost)
{
    live_with_each_failure(FOR_EVER);
}

/* For what is about io_uring alone. */
static void only_uring(void)
{
    check_is(setenv("AURAIO_BACKEND", "uring", 1), 0);
    auraio_engine_t *engine = engine_new();
    if (!engine)
        skip_because("this is about io_uring, which is refused here");
    auraio_destroy(engine);
    messages = 0;
}

Test(memory, an_engine_that_cannot_be_had_says_why_in_words_and_to_the_log)
{
    only_uring();
    fault_arm(FAULT_QUEUE_INIT, 0, FOR_EVER, EPERM);
    check_refused(engine_new(), EPERM);
    check_is(messages, 1);
    check_that(strstr(auraio_last_error(), "io_uring") != NULL);
    check_that(strstr(auraio_last_error(), strerrordesc_np(EPERM)) != NULL);
}

Test(memory, without_memory_for_figures_there_are_none_but_the_reads_are_done)
{
    auraio_engine_t *engine = engine_new();
    tally_t tally = {0};
    char byte;
    auraio_histogram_t histogram;
    check_accepted(auraio_read(engine, fd, auraio_buf(&byte), 1, 0, tally_record, &tally));
    fault_arm(FAULT_MEMORY, 0, FOR_EVER, ENOMEM);
    check_that(drive_until(engine, &tally.calls, 1));
    fault_clear();
    check_is(tally.bytes, 1);
    for (int ring = 0; ring < auraio_get_ring_count(engine); ring++) {
        check_that(meter_of(engine, ring) == NULL);
        check_is(auraio_get_histogram(engine, ring, &histogram), 0);
        check_is(histogram.total_count, 0);
    }
    check_is(perform_read(engine, fd, &byte, 1, 0), 1);
    check_at_least(auraio_get_latency_percentile(engine, -1, 50), 1);
    auraio_destroy(engine);
}

Test(memory, what_the_kernel_refuses_to_register_is_explained)
{
    only_uring();
    auraio_engine_t *engine = engine_new();
    char bytes[512];
    const struct iovec buffer = {bytes, sizeof(bytes)};
    fault_arm(FAULT_UPDATE_BUFFERS, 0, 1, ENOMEM);
    check_fails(auraio_register_buffers(engine, &buffer, 1), ENOMEM);
    check_that(strstr(auraio_last_error(), "MEMLOCK") != NULL);
    fault_arm(FAULT_REGISTER_FILES, 0, 1, EMFILE);
    check_fails(auraio_register_files(engine, &fd, 1), EMFILE);
    check_is(auraio_register_files(engine, &fd, 1), 0);
    fault_arm(FAULT_MEMORY, 0, 1, ENOMEM);
    check_fails(auraio_update_file(engine, 0, -1), ENOMEM);
    check_is(auraio_update_file(engine, 0, -1), 0);
    auraio_destroy(engine);
}

Test(memory, a_poll_descriptor_that_cannot_be_had_is_an_error)
{
    auraio_engine_t *engine = engine_new();
    fault_arm(FAULT_EPOLL_CREATE, 0, 1, EMFILE);
    check_fails(auraio_get_poll_fd(engine), EMFILE);
    check_at_least(auraio_get_poll_fd(engine), 0);
    auraio_destroy(engine);
}

Test(memory, rings_made_smaller_and_sqpoll_refused_are_explained)
{
    only_uring();
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    auraio_options_t options;
    auraio_options_init(&options);
    char byte;
    fault_entries_max = 32;
    auraio_engine_t *engine = auraio_create_with_options(&options);
    check_is(perform_read(engine, fd, &byte, 1, 0), 1);
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.ring_entries, 32);
    check_that(strstr(info.reason, "32") != NULL);
    auraio_destroy(engine);
    fault_clear();
    fault_refused_flags = IORING_SETUP_SQPOLL;
    fault_refused_errno = EPERM;
    options.enable_sqpoll = true;
    engine = auraio_create_with_options(&options);
    check_is(perform_read(engine, fd, &byte, 1, 0), 1);
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_that(strstr(info.reason, "SQPOLL") != NULL);
    check_is(info.features & AURAIO_FEATURE_SQPOLL, 0);
    auraio_destroy(engine);
}

Test(memory, metrics_need_none)
{
    static char text[1 << 16];
    auraio_engine_t *engine = engine_new();
    use_engine(engine);
    fault_clear();
    check_at_least(auraio_format_metrics(engine, text, sizeof(text)), 1);
    check_is(fault_calls(FAULT_MEMORY), 0);
    auraio_destroy(engine);
}
