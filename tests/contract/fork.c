/* SPDX-License-Identifier: MIT */
/*
 * fork(): the child's calls on the inherited engine fail cleanly, and the parent never notices.
 *
 * Children do not assert. They leave with the line of the first check that failed, or with 0.
 */
#include <auraio.h>
#include <auraio/metrics.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, OPERATIONS = 10000, CHILD_SECONDS = 20 };

/* Leaves the child with this line, as far as an exit status can tell it. */
#define child_requires(condition)                                                                            \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "child: line %d: not so: %s (%s)\n", __LINE__, #condition,                       \
                    strerrorname_np(errno));                                                                 \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

#define child_refused_null(call)                                                                             \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        child_requires((call) == NULL && errno == EPERM);                                                    \
    } while (0)

#define child_refused(call)                                                                                  \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        child_requires((call) == -1 && errno == EPERM);                                                      \
    } while (0)

struct inherited {
    auraio_engine_t *engine;
    auraio_request_t *pending;
    int file;
    char *pooled;
};

static void expect_submissions_refused(const struct inherited *inherited)
{
    static char buf[BYTES];
    static struct statx status;
    auraio_engine_t *engine = inherited->engine;
    const struct iovec iov = {buf, BYTES};
    const int fd = inherited->file;
    const auraio_op_t op = read_op(fd, buf, BYTES, 0);
    child_refused_null(auraio_read(engine, fd, auraio_buf(buf), BYTES, 0, NULL, NULL));
    child_refused_null(auraio_write(engine, fd, auraio_buf(buf), BYTES, 0, NULL, NULL));
    child_refused_null(auraio_readv(engine, fd, &iov, 1, 0, NULL, NULL));
    child_refused_null(auraio_writev(engine, fd, &iov, 1, 0, NULL, NULL));
    child_refused_null(auraio_fsync(engine, fd, NULL, NULL));
    child_refused_null(auraio_openat(engine, AT_FDCWD, "/", O_RDONLY, 0, NULL, NULL));
    child_refused_null(auraio_close(engine, fd, NULL, NULL));
    child_refused_null(auraio_statx(engine, AT_FDCWD, "/", 0, STATX_SIZE, &status, NULL, NULL));
    child_refused_null(auraio_fallocate(engine, fd, 0, 0, 1, NULL, NULL));
    child_refused_null(auraio_ftruncate(engine, fd, 0, NULL, NULL));
    child_refused_null(auraio_sync_file_range(engine, fd, 0, 1, 0, NULL, NULL));
    child_refused_null(auraio_submit(engine, &op, NULL, NULL));
    child_refused(auraio_submit_batch(engine, &op, 1, NULL, NULL, NULL));
    child_refused(auraio_cancel(engine, inherited->pending));
}

static void expect_the_rest_refused(const struct inherited *inherited)
{
    static char buf[BYTES];
    auraio_engine_t *engine = inherited->engine;
    const struct iovec iov = {buf, BYTES};
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    auraio_stats_t stats = {.ops_completed = 77};
    auraio_target_stats_t target;
    auraio_decision_t decision;
    child_refused(auraio_poll(engine));
    child_refused(auraio_wait(engine, -1));
    child_refused(auraio_drain(engine, -1));
    child_refused(auraio_flush(engine));
    child_refused(auraio_get_poll_fd(engine));
    child_refused(auraio_register_buffers(engine, &iov, 1));
    child_refused(auraio_unregister_buffers(engine));
    child_refused(auraio_register_files(engine, &inherited->file, 1));
    child_refused(auraio_update_file(engine, 0, inherited->file));
    child_refused(auraio_unregister_files(engine));
    child_refused(auraio_get_backend_info(engine, &info));
    child_refused(auraio_set_target_p99(engine, 1));
    child_refused(auraio_get_target_stats(engine, 0, &target));
    child_refused(auraio_get_decisions(engine, 0, &decision, 1));
    child_refused(auraio_format_metrics(engine, NULL, 0));
    child_requires(auraio_get_target_count(engine) == 0);
    child_refused_null(auraio_buffer_alloc(engine, BYTES));
    auraio_get_stats(engine, &stats);
    child_requires(stats.ops_completed == 77);
    auraio_run(engine);
    auraio_stop(engine);
    child_requires(strlen(auraio_last_error()) > 0);
}

static void expect_own_engine_works(int file)
{
    static char buf[BYTES];
    auraio_engine_t *engine = auraio_create();
    child_requires(engine != NULL);
    child_requires(perform_read(engine, file, buf, BYTES, 0) == BYTES);
    child_requires(pattern_holds(buf, BYTES, 0));
    auraio_destroy(engine);
}

static _Noreturn void be_the_child(const struct inherited *inherited)
{
    alarm(CHILD_SECONDS); /* a child that hangs is killed by it, which the parent sees */
    expect_submissions_refused(inherited);
    expect_the_rest_refused(inherited);
    child_requires(pattern_holds(inherited->pooled, BYTES, 0));
    auraio_destroy(inherited->engine);
    expect_own_engine_works(inherited->file);
    _exit(0);
}

static void expect_child_succeeded(pid_t child)
{
    int status = -1;
    check_at_least(child, 1);
    check_is(waitpid(child, &status, 0), child);
    check_is(status, 0);
}

TestEveryMode(forking, childs_calls_fail_cleanly_and_the_parents_next_ten_thousand_work, .timeout = 60)
{
    static char buf[BYTES];
    char byte;
    outcome_t pending = {0};
    tally_t tally = {0};
    const pipe_pair_t pipe = pipe_open(0);
    struct inherited inherited = {.engine = mode_engine(*mode), .file = file_of_pattern(BYTES)};
    inherited.pooled = auraio_buffer_alloc(inherited.engine, BYTES);
    check_is(perform_read(inherited.engine, inherited.file, inherited.pooled, BYTES, 0), BYTES);
    inherited.pending =
        auraio_read(inherited.engine, pipe.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &pending);
    check_that(inherited.pending != NULL);
    const pid_t child = fork();
    if (child == 0)
        be_the_child(&inherited);
    expect_child_succeeded(child);
    for (int i = 0; i < OPERATIONS; i++)
        check_accepted(
            auraio_read(inherited.engine, inherited.file, auraio_buf(buf), BYTES, 0, tally_record, &tally));
    check_that(drive_until(inherited.engine, &tally.calls, OPERATIONS));
    check_is(tally.bytes, OPERATIONS * BYTES);
    check_is(pending.calls, 0);
    fd_write_all(pipe.write_fd, "x", 1);
    check_is(outcome_await(inherited.engine, &pending), 1);
    auraio_buffer_free(inherited.engine, inherited.pooled, BYTES);
    auraio_destroy(inherited.engine);
    pipe_close(pipe);
    close(inherited.file);
}

struct driver {
    auraio_engine_t *engine;
    atomic_int tid;
};

static void *drive_until_stopped(void *context)
{
    struct driver *driver = context;
    atomic_store(&driver->tid, thread_id());
    auraio_run(driver->engine);
    return NULL;
}

static bool has_started(void *context)
{
    return atomic_load(&((struct driver *)context)->tid) != 0;
}

TestSharedModes(forking, while_another_thread_drives_leaves_no_lock_behind, .timeout = 60)
{
    static char buf[BYTES];
    pthread_t thread;
    tally_t tally = {0};
    const int fd = file_of_pattern(BYTES);
    struct driver driver = {.engine = mode_engine(*mode)};
    check_is(pthread_create(&thread, NULL, drive_until_stopped, &driver), 0);
    check_that(await_condition(has_started, &driver, PATIENCE_MS));
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 50; i++)
            check_accepted(auraio_read(driver.engine, fd, auraio_buf(buf), BYTES, 0, tally_record, &tally));
        const pid_t child = fork();
        if (child == 0) {
            alarm(CHILD_SECONDS);
            child_refused(auraio_poll(driver.engine));
            auraio_destroy(driver.engine);
            expect_own_engine_works(fd);
            _exit(0);
        }
        expect_child_succeeded(child);
    }
    auraio_stop(driver.engine);
    check_is(pthread_join(thread, NULL), 0);
    check_is(tally.calls, 20 * 50);
    check_is(tally.failures, 0);
    auraio_destroy(driver.engine);
    close(fd);
}
