/* SPDX-License-Identifier: MIT */
/* Transfers of more than the kernel moves in one call (2 GiB less a page). */
#include <auraio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { MARK_BYTES = 4096, PIECES = 48, PIECE_BYTES = 64 << 20 };

static const size_t gib = (size_t)1 << 30;

TestSuite(large, .timeout = 240);

static void require_memory(size_t bytes)
{
    if (available_bytes() < bytes)
        skip_because("needs %zu MiB of memory, %zu MiB are available", bytes >> 20, available_bytes() >> 20);
}

static char *map_memory(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check_that(memory != MAP_FAILED);
    return memory;
}

/* Where the file is not a hole: at its ends and around the places where a transfer has to be split. */
static const off_t marks[] = {0,
                              ((off_t)1 << 31) - 3 * MARK_BYTES,
                              ((off_t)1 << 31) - 2 * MARK_BYTES,
                              ((off_t)1 << 31) - MARK_BYTES,
                              ((off_t)1 << 31),
                              ((off_t)3 << 30) - MARK_BYTES};

static int sparse_file_of_3_gib(void)
{
    char mark[MARK_BYTES];
    const int fd = file_empty(0);
    check_is(ftruncate(fd, (off_t)(3 * gib)), 0);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        pattern_fill(mark, MARK_BYTES, marks[i]);
        check_is(pwrite(fd, mark, MARK_BYTES, marks[i]), MARK_BYTES);
    }
    return fd;
}

Test(large, a_read_of_3_gib_returns_3_gib)
{
    require_memory(7 * gib);
    auraio_engine_t *engine = engine_with(NULL);
    const int fd = sparse_file_of_3_gib();
    char *memory = map_memory(3 * gib);
    check_is(perform_read(engine, fd, memory, 3 * gib, 0), 3 * gib);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        check_that(pattern_holds(memory + marks[i], MARK_BYTES, marks[i]));
    auraio_destroy(engine);
    munmap(memory, 3 * gib);
    close(fd);
}

Test(large, a_link_holds_across_a_transfer_that_is_split)
{
    require_memory(7 * gib);
    outcome_t outcomes[3] = {0};
    auraio_engine_t *engine = engine_with(NULL);
    const int fd = sparse_file_of_3_gib();
    char *memory = map_memory(3 * gib), byte = 0;
    auraio_op_t ops[3] = {read_op(fd, memory, 3 * gib, 0), read_op(fd, &byte, 1, marks[5]),
                          read_op(fd, memory, MARK_BYTES, (off_t)(3 * gib) - 1)};
    ops[0].flags = ops[1].flags = AURAIO_OP_LINK;
    for (int i = 0; i < 3; i++) {
        ops[i].callback = outcome_record;
        ops[i].user_data = &outcomes[i];
    }
    check_is(auraio_submit_batch(engine, ops, 3, NULL, NULL, NULL), 3);
    check_is(outcome_await(engine, &outcomes[0]), 3 * gib);
    check_is(outcome_await(engine, &outcomes[1]), 1);
    check_is(outcome_await(engine, &outcomes[2]), 1);
    check_that(pattern_holds(&byte, 1, marks[5]));
    auraio_destroy(engine);
    munmap(memory, 3 * gib);
    close(fd);
}

Test(large, a_vectored_write_and_read_of_3_gib_are_whole)
{
    require_memory(5 * gib);
    struct iovec iov[PIECES];
    outcome_t written = {0}, read = {0};
    auraio_engine_t *engine = engine_with(NULL);
    const int fd = memfd_create("large", MFD_CLOEXEC);
    char *piece = map_memory(PIECE_BYTES);
    pattern_fill(piece, PIECE_BYTES, 0);
    for (int i = 0; i < PIECES; i++)
        iov[i] = (struct iovec){piece, PIECE_BYTES};
    check_accepted(auraio_writev(engine, fd, iov, PIECES, 0, outcome_record, &written));
    check_is(outcome_await(engine, &written), 3 * gib);
    check_is(file_size(fd), 3 * gib);
    for (int i = 0; i < PIECES; i++)
        check_is(iov[i].iov_len, PIECE_BYTES); /* the caller's array is only read */
    memset(piece, 0, PIECE_BYTES);
    check_accepted(auraio_readv(engine, fd, iov, PIECES, 0, outcome_record, &read));
    check_is(outcome_await(engine, &read), 3 * gib);
    check_that(pattern_holds(piece, PIECE_BYTES, 0));
    auraio_destroy(engine);
    munmap(piece, PIECE_BYTES);
    close(fd);
}
