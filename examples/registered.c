/* SPDX-License-Identifier: MIT */
/*
 * Registered buffers and files: what is registered once need not be looked up and pinned by the kernel for
 * every operation. Worth it for a program that reads the same files into the same memory all day.
 *
 *     registered [FILE]
 *
 * Buffers are named by auraio_buf_fixed(index, offset). Files keep being named by their plain descriptor: the
 * library finds the registered slot by itself.
 */
#include "example.h"

#include <sys/stat.h>

enum { BLOCK = 4096, BLOCKS = 64, OWN_SIZE = 2 * BLOCKS * BLOCK };

struct tally {
    int completed;
    off_t bytes;
};

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct tally *tally = user_data;
    if (result < 0)
        example_fail_errno("read", (int)-result);
    tally->completed++;
    tally->bytes += result;
}

/* Fill the one registered buffer, block by block, from the file's offset on. */
static struct tally read_blocks(auraio_engine_t *engine, int fd, off_t offset)
{
    struct tally tally = {0};
    for (int i = 0; i < BLOCKS; i++) {
        size_t place = (size_t)i * BLOCK;
        if (!auraio_read(engine, fd, auraio_buf_fixed(0, place), BLOCK, offset + (off_t)place, on_read,
                         &tally))
            example_fail("auraio_read");
    }
    if (auraio_drain(engine, -1) < 0)
        example_fail("auraio_drain");
    return tally;
}

int main(int argc, char **argv)
{
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : example_file(OWN_SIZE);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        example_fail_errno(argc > 1 ? argv[1] : "temporary file", errno);

    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    unsigned char *memory = auraio_buffer_alloc(engine, (size_t)BLOCK * BLOCKS);
    if (!memory)
        example_fail("auraio_buffer_alloc");

    struct iovec iov = {memory, (size_t)BLOCK * BLOCKS};
    if (auraio_register_buffers(engine, &iov, 1) != 0)
        example_fail("auraio_register_buffers");
    int slots[2] = {-1, -1}; /* two empty slots, filled as files are opened */
    if (auraio_register_files(engine, slots, 2) != 0)
        example_fail("auraio_register_files");
    if (auraio_update_file(engine, 0, fd) != 0)
        example_fail("auraio_update_file");

    off_t total = 0;
    struct tally tally;
    do {
        tally = read_blocks(engine, fd, total);
        if (argc == 1)
            example_check(memory, (size_t)tally.bytes, total);
        total += tally.bytes;
    } while (tally.bytes == (off_t)BLOCK * BLOCKS);

    if (auraio_update_file(engine, 0, -1) != 0) /* before the descriptor is closed */
        example_fail("auraio_update_file");
    auraio_unregister_files(engine);
    auraio_unregister_buffers(engine);
    auraio_buffer_free(engine, memory, (size_t)BLOCK * BLOCKS);
    auraio_destroy(engine);
    close(fd);
    printf("read %lld bytes through registered memory\n", (long long)total);
    return total == st.st_size ? EXIT_SUCCESS : EXIT_FAILURE;
}
