/* SPDX-License-Identifier: MIT */
/*
 * A log whose records are safe when their callback says so: each write is linked to the fsync that follows
 * it.
 *
 * The link makes the fsync start only when the write has succeeded in full, and both go to the kernel
 * together: the program is told once, at the end, instead of waiting in the middle. When the write fails, the
 * fsync completes with -ECANCELED; the second half shows it.
 */
#include "example.h"

enum { RECORDS = 20, RECORD = 512 };

static void on_safe(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    int *safe = user_data;
    if (result < 0)
        example_fail_errno("record", (int)-result);
    *safe += 1;
}

static void on_result(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    *(ssize_t *)user_data = result;
}

/* ops[0] writes the record, ops[1] makes it durable. */
static void describe(auraio_op_t ops[2], int fd, unsigned char *record, off_t offset)
{
    ops[0] = auraio_op(AURAIO_OP_WRITE);
    ops[0].fd = fd;
    ops[0].buf = auraio_buf(record);
    ops[0].len = RECORD;
    ops[0].offset = offset;
    ops[0].flags = AURAIO_OP_LINK;
    ops[1] = auraio_op(AURAIO_OP_FSYNC);
    ops[1].fd = fd;
    ops[1].sys_flags = AURAIO_FSYNC_DATASYNC;
}

static void append_records(auraio_engine_t *engine, int fd)
{
    static unsigned char record[RECORD];
    int safe = 0;
    for (int i = 0; i < RECORDS; i++) {
        auraio_op_t ops[2];
        off_t offset = (off_t)i * RECORD;
        example_fill(record, RECORD, offset);
        describe(ops, fd, record, offset);
        ops[1].callback = on_safe; /* the write needs none: the fsync's speaks for both */
        ops[1].user_data = &safe;
        if (auraio_submit_batch(engine, ops, 2, NULL, NULL, NULL) != 2)
            example_fail("auraio_submit_batch");
        while (safe <= i) {
            if (auraio_wait(engine, -1) < 0)
                example_fail("auraio_wait");
        }
    }
}

static void check_log(int fd)
{
    unsigned char log[RECORDS * RECORD];
    if (pread(fd, log, sizeof(log), 0) != (ssize_t)sizeof(log))
        example_fail_errno("pread", errno);
    example_check(log, sizeof(log), 0);
}

/* A descriptor that can't be written to: the write fails, so its fsync must not claim success. */
static void show_failure(auraio_engine_t *engine)
{
    static unsigned char record[RECORD];
    ssize_t results[2] = {0, 0};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        example_fail_errno("/proc/self/exe", errno);
    auraio_op_t ops[2];
    describe(ops, fd, record, 0);
    for (int i = 0; i < 2; i++) {
        ops[i].callback = on_result;
        ops[i].user_data = &results[i];
    }
    if (auraio_submit_batch(engine, ops, 2, NULL, NULL, NULL) != 2)
        example_fail("auraio_submit_batch");
    if (auraio_drain(engine, -1) < 0)
        example_fail("auraio_drain");
    close(fd);
    if (results[0] != -EBADF || results[1] != -ECANCELED) {
        fprintf(stderr, "a failed write gave %zd and its fsync %zd\n", results[0], results[1]);
        exit(EXIT_FAILURE);
    }
}

int main(void)
{
    int fd = example_file(0);
    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    append_records(engine, fd);
    check_log(fd);
    show_failure(engine);
    auraio_destroy(engine);
    close(fd);
    printf("%d records written and made durable, one callback each\n", RECORDS);
    return EXIT_SUCCESS;
}
