/* SPDX-License-Identifier: MIT */
/*
 * What the border refuses is explained in words that name the field, its value and what to do; what a
 * callback or a child process may not do is refused there, too.
 */
#include "engine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

TestSuite(refuse, .timeout = 60);

/* The last refusal says @words. */
#define check_says(words)                                                                                    \
    cr_assert(strstr(auraio_last_error(), (words)), "\"%s\" does not say \"%s\"", auraio_last_error(),       \
              (words))

static auraio_op_t op_in_order(void)
{
    static char bytes[64];
    return read_op(STDIN_FILENO, bytes, sizeof(bytes), 0);
}

Test(refuse, an_operation_says_which_field_is_wrong)
{
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_ADAPTIVE);
    auraio_op_t op = op_in_order();
    op.len = (size_t)SSIZE_MAX + 1;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("len");
    op = op_in_order();
    op.struct_size = 8;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("struct_size is 8");
    op = op_in_order();
    op.reserved[3] = 1;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("reserved");
    op = op_in_order();
    op.buf.type = (auraio_buf_type_t)77;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("77");
    op = auraio_op(AURAIO_OP_FSYNC);
    op.rw_flags = 2;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("rw_flags is 2");
    op = op_in_order();
    op.flags = 1u << 7;
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("op.flags is 128");
    op = auraio_op((auraio_opcode_t)99);
    check_refused(auraio_submit(engine, &op, NULL, NULL), EINVAL);
    check_says("opcode is 99");
    check_refused(auraio_submit(engine, NULL, NULL, NULL), EINVAL);
    check_says("op is NULL");
    auraio_destroy(engine);
}

Test(refuse, a_batch_says_which_operation_is_wrong)
{
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_ADAPTIVE);
    auraio_op_t ops[3] = {op_in_order(), op_in_order(), op_in_order()};
    auraio_request_t *requests[3];
    ops[0].struct_size = ops[1].struct_size = ops[2].struct_size;
    ops[0].flags = AURAIO_OP_LINK;
    ops[1].struct_size -= 8;
    check_fails(auraio_submit_batch(engine, ops, 3, NULL, NULL, requests), EINVAL);
    check_says("ops[1].struct_size");
    ops[1] = op_in_order();
    ops[1].flags = AURAIO_OP_LINK;
    check_fails(auraio_submit_batch(engine, ops, 2, NULL, NULL, requests), EINVAL);
    check_says("ops[1], the last");
    check_fails(auraio_submit_batch(engine, NULL, 2, NULL, NULL, requests), EINVAL);
    check_fails(auraio_submit_batch(engine, ops, 0, NULL, NULL, requests), EINVAL);
    check_fails(auraio_submit_batch(engine, ops, 257, NULL, NULL, requests), EINVAL);
    check_says("257");
    auraio_destroy(engine);
}

Test(refuse, options_say_which_field_is_wrong)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.struct_size = 4;
    check_refused(auraio_create_with_options(&options), EINVAL);
    check_says("struct_size is 4");
    auraio_options_init(&options);
    options.struct_size = sizeof(size_t); /* a program that knows no field is given the defaults */
    options.queue_depth = -5;
    auraio_engine_t *engine = auraio_create_with_options(&options);
    check_that(engine != NULL);
    check_is(engine->options.queue_depth, 256);
    auraio_destroy(engine);
    auraio_options_init(&options);
    options.queue_depth = 40000;
    check_refused(auraio_create_with_options(&options), EINVAL);
    check_says("queue_depth is 40000");
    auraio_options_init(&options);
    options.max_p99_latency_ms = -1.5;
    check_refused(auraio_create_with_options(&options), EINVAL);
    check_says("-1.5");
}

Test(refuse, the_environment_may_choose_a_backend_that_there_is)
{
    setenv("AURAIO_BACKEND", "nonsense", 1);
    check_refused(auraio_create(), EINVAL);
    check_says("AURAIO_BACKEND");
    setenv("AURAIO_BACKEND", "", 1);
    auraio_engine_t *engine = auraio_create();
    check_that(engine != NULL);
    const bool there = backend_of(engine) == AURAIO_BACKEND_URING;
    auraio_destroy(engine);
    setenv("AURAIO_BACKEND", "threads", 1);
    engine = auraio_create();
    check_is(backend_of(engine), AURAIO_BACKEND_THREADS);
    auraio_destroy(engine);
    setenv("AURAIO_BACKEND", "uring", 1);
    engine = auraio_create();
    check_is(engine != NULL, there);
    if (!there)
        check_says("io_uring");
    auraio_destroy(engine);
}

/* -------------------------------------------------------------------- in a callback */

static int refused_calls;
static ssize_t last_result;

static void destroy_twice(auraio_request_t *req, ssize_t result, void *engine)
{
    (void)req;
    last_result = result;
    auraio_destroy(engine);
    auraio_destroy(engine); /* it is under way */
    const auraio_op_t op = op_in_order();
    if (auraio_submit(engine, &op, NULL, NULL) == NULL && errno == ESHUTDOWN)
        refused_calls++;
    if (auraio_cancel(engine, req) < 0 && errno == ESHUTDOWN)
        refused_calls++;
}

Test(refuse, after_a_destroy_in_a_callback_nothing_more_is_accepted)
{
    auraio_engine_t *engine = mode_engine(AURAIO_SELECT_ADAPTIVE);
    static char bytes[64];
    int fd = file_of_pattern(64);
    check_accepted(auraio_read(engine, fd, auraio_buf(bytes), 64, 0, destroy_twice, engine));
    check_is(auraio_wait(engine, -1), 1); /* and the engine is gone */
    check_is(last_result, 64);
    check_is(refused_calls, 2);
    close(fd);
}

/* ----------------------------------------------------------------------- in a child */

/* What a child may not do, each told by a bit. */
static int try_in_child(auraio_engine_t *engine, int fd)
{
    static char bytes[64];
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    auraio_ring_stats_t ring;
    int wrong = 0;
    errno = 0;
    wrong |= auraio_read(engine, fd, auraio_buf(bytes), 64, 0, NULL, NULL) || errno != EPERM;
    wrong |= (!strstr(auraio_last_error(), "fork")) << 1;
    wrong |= (auraio_poll(engine) != -1) << 2;
    wrong |= (auraio_wait(engine, 0) != -1) << 3;
    wrong |= (auraio_drain(engine, 0) != -1) << 4;
    wrong |= (auraio_get_poll_fd(engine) != -1) << 5;
    wrong |= (auraio_get_backend_info(engine, &info) != -1) << 6;
    wrong |= (auraio_get_ring_stats(engine, 0, &ring) != -1) << 7;
    auraio_destroy(engine);
    return wrong;
}

Test(refuse, a_child_is_told_that_the_engine_is_not_its_own)
{
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        auraio_engine_t *engine = mode_engine(every_mode[mode]);
        static char bytes[64];
        int status, fd = file_of_pattern(64);
        check_is(perform_read(engine, fd, bytes, 64, 0), 64);
        pid_t child = fork();
        if (child == 0) {
            int wrong = try_in_child(engine, fd);
            if (is_instrumented()) /* a search for leaks would find those of a process that was cut in two */
                _exit(wrong);
            exit(wrong); /* writes down what was covered */
        }
        check_is(waitpid(child, &status, 0), child);
        check_that(WIFEXITED(status));
        check_is(WEXITSTATUS(status), 0);
        check_is(perform_read(engine, fd, bytes, 64, 0), 64);
        auraio_destroy(engine);
        close(fd);
    }
}
