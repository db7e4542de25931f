/* SPDX-License-Identifier: MIT */
/* Creating and destroying engines, and what can be asked without one. */
#include <auraio.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

TestSuite(create, .timeout = 30);
TestSuite(destroy, .timeout = 30);
TestSuite(last_error, .timeout = 30);
TestSuite(backend, .timeout = 30);
TestSuite(version, .timeout = 30);

static void expect_engine_reads(auraio_engine_t *engine)
{
    char buf[512];
    const int fd = file_of_pattern(sizeof(buf));
    check_is(perform_read(engine, fd, buf, sizeof(buf), 0), sizeof(buf));
    check_that(pattern_holds(buf, sizeof(buf), 0));
    close(fd);
}

Test(create, an_engine_without_options_reads_a_file)
{
    auraio_engine_t *engine = auraio_create();
    check_that(engine != NULL);
    expect_engine_reads(engine);
    auraio_destroy(engine);
}

Test(create, null_options_are_the_defaults)
{
    auraio_engine_t *engine = auraio_create_with_options(NULL);
    check_that(engine != NULL);
    check_that(auraio_get_ring_count(engine) >= 1);
    expect_engine_reads(engine);
    auraio_destroy(engine);
}

Test(create, several_engines_live_side_by_side)
{
    auraio_engine_t *engines[3];
    for (int i = 0; i < 3; i++)
        engines[i] = engine_with(NULL);
    for (int i = 0; i < 3; i++)
        expect_engine_reads(engines[i]);
    auraio_destroy(engines[1]);
    expect_engine_reads(engines[0]);
    expect_engine_reads(engines[2]);
    auraio_destroy(engines[0]);
    auraio_destroy(engines[2]);
}

Test(create, descriptors_of_the_engine_close_on_exec)
{
    const int before = open_fd_count();
    auraio_engine_t *engine = engine_with(NULL);
    expect_engine_reads(engine);
    check_that(auraio_get_poll_fd(engine) >= 0);
    check_at_least(open_fd_count(), before + 1);
    const int fd = auraio_get_poll_fd(engine);
    check_that((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    auraio_destroy(engine);
    check_is(open_fd_count(), before);
}

Test(destroy, null_is_a_no_op)
{
    auraio_engine_t *engine = engine_with(NULL);
    auraio_destroy(NULL);
    expect_engine_reads(engine);
    auraio_destroy(engine);
}

Test(destroy, an_engine_never_used_gives_everything_back)
{
    const int before = open_fd_count();
    auraio_engine_t *engine = engine_with(NULL);
    auraio_destroy(engine);
    check_is(open_fd_count(), before);
}

Test(destroy, pending_file_operations_finish_and_tell)
{
    enum { COUNT = 200, BYTES = 4096 };
    static char buf[COUNT][BYTES];
    tally_t tally = {0};
    const int fd = file_of_pattern(COUNT * BYTES);
    auraio_engine_t *engine = engine_with(NULL);
    for (int i = 0; i < COUNT; i++)
        check_accepted(
            auraio_read(engine, fd, auraio_buf(buf[i]), BYTES, (off_t)i * BYTES, tally_record, &tally));
    auraio_destroy(engine);
    check_is(tally.calls, COUNT);
    check_is(tally.failures, 0);
    check_that(pattern_holds(buf, sizeof(buf), 0));
    close(fd);
}

static void *last_error_of_this_thread(void *unused)
{
    (void)unused;
    return strdup(auraio_last_error());
}

Test(last_error, is_empty_when_nothing_failed)
{
    check_is(strlen(auraio_last_error()), 0);
}

Test(last_error, says_in_words_what_was_wrong)
{
    check_fails(auraio_wait(NULL, 0), EINVAL);
    check_that(strlen(auraio_last_error()) > 10);
}

Test(last_error, belongs_to_the_thread_that_failed)
{
    pthread_t thread;
    char *other = NULL;
    check_fails(auraio_wait(NULL, 0), EINVAL);
    check_is(pthread_create(&thread, NULL, last_error_of_this_thread, NULL), 0);
    check_is(pthread_join(thread, (void **)&other), 0);
    check_is(strlen(other), 0);
    free(other);
}

Test(backend, info_tells_what_runs)
{
    auraio_engine_t *engine = engine_with(NULL);
    expect_engine_reads(engine);
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.struct_size, sizeof(info));
    check_that(info.backend == AURAIO_BACKEND_URING || info.reason[0] != '\0');
    check_at_least(info.ring_entries, 1);
    check_at_least(info.rings_created, 1);
    check_at_least(info.numa_nodes, 1);
    check_that(memchr(info.reason, '\0', sizeof(info.reason)) != NULL);
    auraio_destroy(engine);
}

Test(backend, info_stops_at_the_callers_size)
{
    auraio_engine_t *engine = engine_with(NULL);
    auraio_backend_info_t info;
    const size_t known = offsetof(auraio_backend_info_t, reason);
    memset(&info, 0x5a, sizeof(info));
    info.struct_size = known;
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.struct_size, known);
    check_that(info.backend == AURAIO_BACKEND_URING || info.backend == AURAIO_BACKEND_THREADS);
    for (size_t i = known; i < sizeof(info); i++)
        check_is(((const unsigned char *)&info)[i], 0x5a);
    auraio_destroy(engine);
}

Test(backend, info_refuses_null_and_a_size_too_small)
{
    auraio_engine_t *engine = engine_with(NULL);
    auraio_backend_info_t info = {.struct_size = 4};
    check_fails(auraio_get_backend_info(engine, &info), EINVAL);
    info.struct_size = sizeof(info);
    check_fails(auraio_get_backend_info(NULL, &info), EINVAL);
    check_fails(auraio_get_backend_info(engine, NULL), EINVAL);
    auraio_destroy(engine);
}

/* Whether this system allows io_uring, whatever the environment says. */
static bool uring_is_allowed(void)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.backend = AURAIO_BACKEND_URING;
    auraio_engine_t *engine = auraio_create_with_options(&options);
    auraio_destroy(engine);
    return engine != NULL;
}

/* An engine runs on this one, and says so. */
static void expect_backend(const auraio_options_t *options, auraio_backend_t backend)
{
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    auraio_engine_t *engine = engine_with(options);
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.backend, backend);
    check_that(backend == AURAIO_BACKEND_URING || info.reason[0] != '\0');
    expect_engine_reads(engine);
    auraio_destroy(engine);
}

Test(backend, the_environment_forces_one)
{
    check_is(setenv("AURAIO_BACKEND", "threads", 1), 0);
    expect_backend(NULL, AURAIO_BACKEND_THREADS);
    check_is(setenv("AURAIO_BACKEND", "", 1), 0);
    expect_backend(NULL, uring_is_allowed() ? AURAIO_BACKEND_URING : AURAIO_BACKEND_THREADS);
    check_is(setenv("AURAIO_BACKEND", "carrier pigeons", 1), 0);
    check_refused(auraio_create(), EINVAL);
    check_that(strstr(auraio_last_error(), "AURAIO_BACKEND") != NULL);
}

Test(backend, uring_that_is_forced_is_there_or_refused_with_the_kernels_errno)
{
    check_is(setenv("AURAIO_BACKEND", "uring", 1), 0);
    struct io_uring_params params = {0};
    const int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0) {
        const int refused = errno;
        check_refused(auraio_create(), refused);
        check_that(strstr(auraio_last_error(), "io_uring") != NULL);
    } else {
        close(ring);
        expect_backend(NULL, AURAIO_BACKEND_URING);
    }
}

Test(backend, the_option_wins_over_the_environment)
{
    auraio_options_t options;
    auraio_options_init(&options);
    if (uring_is_allowed()) {
        options.backend = AURAIO_BACKEND_URING;
        check_is(setenv("AURAIO_BACKEND", "threads", 1), 0);
        expect_backend(&options, AURAIO_BACKEND_URING);
    }
    options.backend = AURAIO_BACKEND_THREADS;
    check_is(setenv("AURAIO_BACKEND", "uring", 1), 0);
    expect_backend(&options, AURAIO_BACKEND_THREADS);
}

static void keep_message(auraio_log_level_t level, const char *message, void *user_data)
{
    (void)level;
    (void)snprintf(user_data, 512, "%s", message);
}

Test(backend, the_log_says_which_one_runs_and_why)
{
    char said[512] = "";
    auraio_options_t options;
    auraio_options_init(&options);
    options.log = keep_message;
    options.log_user_data = said;
    options.backend = AURAIO_BACKEND_THREADS;
    auraio_engine_t *engine = engine_with(&options);
    check_that(strstr(said, "runs on threads") != NULL);
    check_that(strstr(said, "FTRUNCATE") != NULL);
    check_that(strstr(said, "asked for") != NULL);
    auraio_destroy(engine);
}

Test(version, of_the_library_is_that_of_the_header)
{
    char expected[32];
    snprintf(expected, sizeof(expected), "%d.%d.%d", AURAIO_VERSION_MAJOR, AURAIO_VERSION_MINOR,
             AURAIO_VERSION_PATCH);
    check_is(strcmp(auraio_version(), expected), 0);
    check_is(strcmp(AURAIO_VERSION_STRING, expected), 0);
    check_is(auraio_version_int(), AURAIO_VERSION);
    check_is(AURAIO_VERSION,
             AURAIO_VERSION_MAJOR * 10000 + AURAIO_VERSION_MINOR * 100 + AURAIO_VERSION_PATCH);
}

Test(version, every_phase_has_its_name_and_nothing_else_has)
{
    static const char *const names[] = {"BASELINE", "PROBING", "STEADY", "BACKOFF", "SETTLING", "CONVERGED"};
    for (int phase = AURAIO_PHASE_BASELINE; phase <= AURAIO_PHASE_CONVERGED; phase++)
        check_is(strcmp(auraio_phase_name(phase), names[phase]), 0);
    check_is(strcmp(auraio_phase_name(-1), "UNKNOWN"), 0);
    check_is(strcmp(auraio_phase_name(AURAIO_PHASE_CONVERGED + 1), "UNKNOWN"), 0);
}
