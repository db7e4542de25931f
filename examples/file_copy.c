/* SPDX-License-Identifier: MIT */
/*
 * Copy a file: sixteen buffers, each on its own round of read, write, read the next piece.
 *
 *     file_copy SOURCE DESTINATION
 *
 * There is no loop over the file: a callback starts what comes next, and main only waits. Without arguments
 * it copies a temporary file. Either way the copy is read back and compared.
 */
#include "example.h"

#include <sys/stat.h>

enum { SLOTS = 16, CHUNK = 128 * 1024 };

struct copy {
    auraio_engine_t *engine;
    int from, to;
    off_t size;
    off_t next;   /* where the next read starts */
    off_t copied; /* bytes written so far */
};

struct slot {
    struct copy *copy;
    void *buf;
    off_t offset;
};

static void start_read(struct slot *slot);

static void on_written(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct slot *slot = user_data;
    if (result < 0)
        example_fail_errno("write", (int)-result);
    slot->copy->copied += result;
    start_read(slot);
}

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct slot *slot = user_data;
    struct copy *copy = slot->copy;
    if (result < 0)
        example_fail_errno("read", (int)-result);
    if (result == 0)
        return; /* the file became shorter meanwhile */
    /* Whole transfers: a short result only ever means the end of the file. */
    if (!auraio_write(copy->engine, copy->to, auraio_buf(slot->buf), (size_t)result, slot->offset, on_written,
                      slot))
        example_fail("auraio_write");
}

static void start_read(struct slot *slot)
{
    struct copy *copy = slot->copy;
    if (copy->next >= copy->size)
        return;
    slot->offset = copy->next;
    copy->next += CHUNK;
    if (!auraio_read(copy->engine, copy->from, auraio_buf(slot->buf), CHUNK, slot->offset, on_read, slot))
        example_fail("auraio_read");
}

static void copy_file(struct copy *copy)
{
    struct slot slots[SLOTS];
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = (struct slot){.copy = copy, .buf = auraio_buffer_alloc(copy->engine, CHUNK)};
        if (!slots[i].buf)
            example_fail("auraio_buffer_alloc");
        start_read(&slots[i]);
    }
    if (auraio_drain(copy->engine, -1) < 0)
        example_fail("auraio_drain");
    for (int i = 0; i < SLOTS; i++)
        auraio_buffer_free(copy->engine, slots[i].buf, CHUNK);
}

static void compare(int a, int b, off_t size)
{
    static char left[CHUNK], right[CHUNK];
    for (off_t offset = 0; offset < size;) {
        ssize_t got = pread(a, left, CHUNK, offset);
        if (got <= 0 || pread(b, right, (size_t)got, offset) != got ||
            memcmp(left, right, (size_t)got) != 0) {
            fprintf(stderr, "the copy differs in the %d bytes from %lld on\n", CHUNK, (long long)offset);
            exit(EXIT_FAILURE);
        }
        offset += got;
    }
}

int main(int argc, char **argv)
{
    if (argc != 1 && argc != 3) {
        fprintf(stderr, "usage: %s [SOURCE DESTINATION]\n", argv[0]);
        return EXIT_FAILURE;
    }
    struct copy copy = {0};
    copy.from = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : example_file(20 * 1000 * 1000);
    if (copy.from < 0)
        example_fail_errno(argv[1], errno);
    copy.to = argc == 3 ? open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : example_file(0);
    if (copy.to < 0)
        example_fail_errno(argv[2], errno);
    struct stat st;
    if (fstat(copy.from, &st) != 0)
        example_fail_errno("fstat", errno);
    copy.size = st.st_size;

    copy.engine = auraio_create();
    if (!copy.engine)
        example_fail("auraio_create");
    copy_file(&copy);
    auraio_destroy(copy.engine);

    compare(copy.from, copy.to, copy.size);
    printf("copied %lld bytes, and compared them\n", (long long)copy.copied);
    close(copy.from);
    close(copy.to);
    return copy.copied == copy.size ? EXIT_SUCCESS : EXIT_FAILURE;
}
