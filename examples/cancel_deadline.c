/* SPDX-License-Identifier: MIT */
/*
 * Three ways for an operation to end: its own result, a deadline, a cancel.
 *
 *     a file read with a deadline of a minute    completes long before: its own result
 *     a pipe nobody writes to, 50 ms deadline    -ETIMEDOUT
 *     a pipe nobody writes to, cancelled         -ECANCELED
 *
 * In each case the operation's own callback is told, exactly once. A cancel is a wish: the result may still
 * be a real one, when the bytes arrived first.
 */
#include "example.h"

struct outcome {
    bool known;
    ssize_t result;
};

static void on_done(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct outcome *outcome = user_data;
    if (outcome->known)
        example_fail_errno("an operation ended twice", EIO);
    outcome->known = true;
    outcome->result = result;
}

static auraio_request_t *start_read(auraio_engine_t *engine, int fd, void *buf, off_t offset,
                                    uint64_t timeout_ns, struct outcome *outcome)
{
    auraio_op_t op = auraio_op(AURAIO_OP_READ);
    op.fd = fd;
    op.buf = auraio_buf(buf);
    op.len = 4096;
    op.offset = offset;
    op.timeout_ns = timeout_ns;
    auraio_request_t *req = auraio_submit(engine, &op, on_done, outcome);
    if (!req)
        example_fail("auraio_submit");
    return req;
}

static void expect(const char *what, const struct outcome *outcome, ssize_t result)
{
    if (!outcome->known || outcome->result != result) {
        fprintf(stderr, "%s: got %zd, not %zd\n", what, outcome->result, result);
        exit(EXIT_FAILURE);
    }
    printf("%-28s %s\n", what, result < 0 ? strerror((int)-result) : "all bytes read");
}

int main(void)
{
    static unsigned char file_buf[4096], late_buf[4096], cancelled_buf[4096];
    struct outcome file = {0}, late = {0}, cancelled = {0};
    int fd = example_file(4096);
    int silent[2];
    if (pipe2(silent, O_CLOEXEC) != 0)
        example_fail_errno("pipe2", errno);

    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    start_read(engine, fd, file_buf, 0, 60u * 1000000000u, &file);
    start_read(engine, silent[0], late_buf, -1, 50u * 1000000u, &late);
    auraio_request_t *req = start_read(engine, silent[0], cancelled_buf, -1, 0, &cancelled);
    if (auraio_cancel(engine, req) != 0)
        example_fail("auraio_cancel");
    if (auraio_drain(engine, -1) < 0)
        example_fail("auraio_drain");

    expect("a file within its deadline", &file, 4096);
    example_check(file_buf, sizeof(file_buf), 0);
    expect("a pipe past its deadline", &late, -ETIMEDOUT);
    expect("a pipe, cancelled", &cancelled, -ECANCELED);

    /* A handle whose callback has run is stale: harmless, and it names no other operation. */
    if (auraio_request_pending(req) || auraio_cancel(engine, req) != -1 || errno != EALREADY)
        example_fail_errno("a stale handle was taken for a live one", EIO);

    auraio_destroy(engine);
    close(silent[0]);
    close(silent[1]);
    close(fd);
    return EXIT_SUCCESS;
}
