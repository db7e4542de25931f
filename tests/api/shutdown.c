/* SPDX-License-Identifier: MIT */
/* What a callback can still do while its engine is being destroyed: nothing new. */
#include <auraio.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"

enum { FORMS = 13 };

static char byte;
static auraio_request_t *other;

/* What every form of submission, and a cancel, gave inside the callback. */
static struct {
    int calls;
    ssize_t result;
    int errors[FORMS];
    bool refused[FORMS];
    int cancelled, cancel_error;
} seen;

TestSuite(shutdown, .timeout = 30);

static auraio_request_t *submit_form(auraio_engine_t *target, int form)
{
    static struct statx status;
    static const struct iovec iov = {&byte, 1};
    const auraio_op_t op = read_op(file_fd, &byte, 1, 0);
    auraio_request_t *req = NULL;
    switch (form) {
    case 0:
        return auraio_read(target, file_fd, auraio_buf(&byte), 1, 0, NULL, NULL);
    case 1:
        return auraio_write(target, file_fd, auraio_buf(&byte), 1, 0, NULL, NULL);
    case 2:
        return auraio_readv(target, file_fd, &iov, 1, 0, NULL, NULL);
    case 3:
        return auraio_writev(target, file_fd, &iov, 1, 0, NULL, NULL);
    case 4:
        return auraio_fsync(target, file_fd, NULL, NULL);
    case 5:
        return auraio_openat(target, AT_FDCWD, "/dev/null", O_RDONLY, 0, NULL, NULL);
    case 6:
        return auraio_close(target, file_fd, NULL, NULL);
    case 7:
        return auraio_statx(target, AT_FDCWD, "/", 0, STATX_SIZE, &status, NULL, NULL);
    case 8:
        return auraio_fallocate(target, file_fd, 0, 0, 1, NULL, NULL);
    case 9:
        return auraio_ftruncate(target, file_fd, 0, NULL, NULL);
    case 10:
        return auraio_sync_file_range(target, file_fd, 0, 1, SYNC_FILE_RANGE_WRITE, NULL, NULL);
    case 11:
        return auraio_submit(target, &op, NULL, NULL);
    default:
        return auraio_submit_batch(target, &op, 1, NULL, NULL, &req) == 1 ? req : NULL;
    }
}

static void try_everything(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    seen.result = result;
    for (int form = 0; form < FORMS; form++) {
        errno = 0;
        seen.refused[form] = submit_form(engine, form) == NULL;
        seen.errors[form] = errno;
    }
    errno = 0;
    seen.cancelled = auraio_cancel(engine, other);
    seen.cancel_error = errno;
    seen.calls++;
}

Test(shutdown, every_submission_from_a_callback_during_destroy_is_eshutdown)
{
    set_up();
    channel = pipe_open(0);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, try_everything, NULL));
    other = auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL);
    check_that(other != NULL);
    auraio_destroy(engine);
    check_is(seen.calls, 1);
    check_is(seen.result, -ECANCELED);
    for (int form = 0; form < FORMS; form++) {
        cr_assert(seen.refused[form], "form %d was accepted", form);
        cr_assert_eq(seen.errors[form], ESHUTDOWN, "form %d was refused with %s", form,
                     strerrorname_np(seen.errors[form]));
    }
    check_is(seen.cancelled, -1);
    check_that(seen.cancel_error == ESHUTDOWN || seen.cancel_error == EALREADY);
    check_is(file_size(file_fd), FIXTURE_FILE_BYTES);
    close(file_fd);
    pipe_close(channel);
}

Test(shutdown, the_same_forms_are_accepted_before)
{
    set_up();
    int fd = dup(file_fd), keep = file_fd;
    file_fd = fd;
    for (int form = 0; form < FORMS; form++) {
        check_accepted(submit_form(engine, form));
        check_is(auraio_drain(engine, PATIENCE_MS), 1);
    }
    file_fd = keep;
    tear_down();
}

/* -------------------------------------------------- shut down first, destroyed later */

static int error_after_shutdown;

static void shut_down_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    outcome_record(req, result, user_data);
    auraio_shutdown(engine);
    error_after_shutdown = auraio_fsync(engine, file_fd, NULL, NULL) ? 0 : errno;
}

static void destroy_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    outcome_record(req, result, user_data);
    auraio_destroy(engine);
}

Test(shutdown, finishes_everything_and_leaves_the_buffers)
{
    enum { BYTES = 65536 };
    outcome_t waiting = {0}, whole = {0};
    set_up();
    channel = pipe_open(0);
    char *buf = auraio_buffer_alloc(engine, BYTES);
    check_that(buf != NULL);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &waiting));
    check_accepted(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, 0, outcome_record, &whole));
    auraio_shutdown(engine);
    check_is(waiting.result, -ECANCELED);
    check_is(whole.result, BYTES);
    check_refused(auraio_fsync(engine, file_fd, NULL, NULL), ESHUTDOWN);
    check_that(pattern_holds(buf, BYTES, 0));
    auraio_shutdown(engine); /* nothing is left to do */
    auraio_buffer_free(engine, buf, BYTES);
    auraio_destroy(engine);
    check_is(waiting.calls, 1);
    check_is(whole.calls, 1);
    close(file_fd);
    pipe_close(channel);
}

Test(shutdown, in_a_callback_is_done_when_the_loop_unwinds)
{
    outcome_t first = {0}, waiting = {0};
    set_up();
    channel = pipe_open(0);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &waiting));
    check_accepted(auraio_read(engine, file_fd, auraio_buf(&byte), 1, 0, shut_down_in_callback, &first));
    check_is(auraio_wait(engine, -1), 1);
    check_is(first.calls, 1);
    check_is(error_after_shutdown, ESHUTDOWN);
    check_is(waiting.result, -ECANCELED);
    auraio_destroy(engine);
    close(file_fd);
    pipe_close(channel);
}

Test(shutdown, in_a_callback_ends_a_drain_that_would_wait_for_ever)
{
    outcome_t first = {0}, waiting = {0};
    set_up();
    channel = pipe_open(0);
    check_accepted(auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, outcome_record, &waiting));
    check_accepted(auraio_read(engine, file_fd, auraio_buf(&byte), 1, 0, shut_down_in_callback, &first));
    check_is(auraio_drain(engine, -1), 1);
    check_is(waiting.result, -ECANCELED);
    auraio_destroy(engine);
    close(file_fd);
    pipe_close(channel);
}

Test(shutdown, may_have_a_callback_that_destroys)
{
    outcome_t waiting = {0};
    set_up();
    channel = pipe_open(0);
    check_accepted(
        auraio_read(engine, channel.read_fd, auraio_buf(&byte), 1, -1, destroy_in_callback, &waiting));
    auraio_shutdown(engine); /* frees it as well: the sanitizer would tell of a leak, or of a second time */
    check_is(waiting.result, -ECANCELED);
    close(file_fd);
    pipe_close(channel);
}

Test(shutdown, of_null_is_nothing)
{
    auraio_shutdown(NULL);
}
