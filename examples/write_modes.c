/* SPDX-License-Identifier: MIT */
/*
 * Three ways to write the same 8 MiB, from the least safe to the safest:
 *
 *     buffered   into the page cache: fast, lost when the machine stops; one fsync at the end
 *     direct     O_DIRECT: past the page cache; wants aligned buffers, as auraio_buffer_alloc() gives them
 *     dsync      RWF_DSYNC on each write: when its callback runs, the bytes are on the disk
 *
 * Each mode's file is read back and checked.
 */
#include "example.h"

#include <time.h>

enum { BLOCK = 256 * 1024, BLOCKS = 32 };

struct mode {
    const char *name;
    int open_flags;
    int rw_flags;
    bool fsync_at_end;
};

static void on_written(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    int *written = user_data;
    if (result != BLOCK)
        example_fail_errno("write", result < 0 ? (int)-result : EIO);
    *written += 1;
}

static void on_synced(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    if (result < 0)
        example_fail_errno("fsync", (int)-result);
}

static void drain(auraio_engine_t *engine)
{
    if (auraio_drain(engine, -1) < 0)
        example_fail("auraio_drain");
}

static void write_blocks(auraio_engine_t *engine, int fd, const struct mode *mode, unsigned char *data)
{
    int written = 0;
    for (int i = 0; i < BLOCKS; i++) {
        auraio_op_t op = auraio_op(AURAIO_OP_WRITE);
        op.fd = fd;
        op.buf = auraio_buf(data + (size_t)i * BLOCK);
        op.len = BLOCK;
        op.offset = (off_t)i * BLOCK;
        op.rw_flags = mode->rw_flags;
        if (!auraio_submit(engine, &op, on_written, &written))
            example_fail("auraio_submit");
    }
    drain(engine);
    if (written != BLOCKS)
        example_fail_errno("fewer callbacks than writes", EIO);
    /* An fsync covers the writes that completed before it, so it comes after the drain. */
    if (mode->fsync_at_end && !auraio_fsync(engine, fd, on_synced, NULL))
        example_fail("auraio_fsync");
    drain(engine);
}

static void check_blocks(int fd, unsigned char *scratch)
{
    for (int i = 0; i < BLOCKS; i++) {
        memset(scratch, 0, BLOCK);
        if (pread(fd, scratch, BLOCK, (off_t)i * BLOCK) != BLOCK)
            example_fail_errno("pread", errno);
        example_check(scratch, BLOCK, (off_t)i * BLOCK);
    }
}

static double now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void run_mode(auraio_engine_t *engine, const struct mode *mode, unsigned char *data)
{
    char path[] = "auraio-example-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC | mode->open_flags);
    int error = errno;
    unlink(path);
    if (fd < 0 && error == EINVAL && mode->open_flags != 0) {
        printf("%-10s this file system has no O_DIRECT\n", mode->name);
        return;
    }
    if (fd < 0)
        example_fail_errno(path, error);

    example_fill(data, (size_t)BLOCK * BLOCKS, 0);
    double start_ms = now_ms();
    write_blocks(engine, fd, mode, data);
    printf("%-10s %8.2f ms\n", mode->name, now_ms() - start_ms);
    check_blocks(fd, data);
    close(fd);
}

int main(void)
{
    static const struct mode modes[] = {
        {"buffered", 0, 0, true},
        {"direct", O_DIRECT, 0, true},
        {"dsync", 0, RWF_DSYNC, false},
    };
    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    unsigned char *data = auraio_buffer_alloc(engine, (size_t)BLOCK * BLOCKS);
    if (!data)
        example_fail("auraio_buffer_alloc");

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        run_mode(engine, &modes[i], data);

    auraio_buffer_free(engine, data, (size_t)BLOCK * BLOCKS);
    auraio_destroy(engine);
    return EXIT_SUCCESS;
}
