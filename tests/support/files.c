/* SPDX-License-Identifier: MIT */
/*
 * Files and pipes that tests work on: see files.h.
 *
 * The pattern is a 64-bit mix (the finalizer of MurmurHash3) of the number of each eight-byte word, so that a
 * block read from the wrong place, or twice from the same one, never compares equal.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fatal.h"

enum { COPY_BYTES = 1 << 20 };

static const char *test_directory(void)
{
    const char *directory = getenv("AURAIO_TEST_DIR");
    return directory != NULL && directory[0] != '\0' ? directory : ".";
}

void file_unique_path(char *path, size_t capacity, const char *stem)
{
    static atomic_int serial;
    const int written = snprintf(path, capacity, "%s/%s-%d-%d", test_directory(), stem, (int)getpid(),
                                 atomic_fetch_add(&serial, 1));
    if (written < 0 || (size_t)written >= capacity)
        fatal("path of a temporary file");
}

int file_empty(int open_flags)
{
    char path[PATH_MAX];
    file_unique_path(path, sizeof(path), "auraio-test");
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | open_flags, 0600);
    if (fd < 0 || unlink(path) != 0)
        fatal(path);
    return fd;
}

int file_of_pattern(size_t size_bytes)
{
    const int fd = file_empty(0);
    unsigned char *piece = malloc(COPY_BYTES);
    if (piece == NULL)
        fatal("memory for a pattern");
    for (size_t at = 0; at < size_bytes; at += COPY_BYTES) {
        const size_t len = size_bytes - at < COPY_BYTES ? size_bytes - at : COPY_BYTES;
        pattern_fill(piece, len, (off_t)at);
        fd_write_all(fd, piece, len);
    }
    free(piece);
    if (lseek(fd, 0, SEEK_SET) != 0)
        fatal("lseek");
    return fd;
}

void file_make_cold(int fd)
{
    if (fsync(fd) != 0)
        fatal("fsync");
    const int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (error != 0) {
        errno = error;
        fatal("posix_fadvise");
    }
}

off_t file_size(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        fatal("fstat");
    return status.st_size;
}

static uint64_t pattern_word(uint64_t number)
{
    number += 0x9e3779b97f4a7c15u;
    number = (number ^ (number >> 33)) * 0xff51afd7ed558ccdu;
    number = (number ^ (number >> 33)) * 0xc4ceb9fe1a85ec53u;
    return number ^ (number >> 33);
}

void pattern_fill(void *buf, size_t len, off_t offset)
{
    unsigned char *bytes = buf;
    uint64_t at = (uint64_t)offset;
    while (len > 0) {
        const uint64_t word = pattern_word(at / sizeof(word));
        const size_t skip = (size_t)(at % sizeof(word));
        const size_t part = sizeof(word) - skip < len ? sizeof(word) - skip : len;
        memcpy(bytes, (const unsigned char *)&word + skip, part);
        bytes += part;
        at += part;
        len -= part;
    }
}

bool pattern_holds(const void *buf, size_t len, off_t offset)
{
    const unsigned char *bytes = buf;
    unsigned char expected[4096];
    while (len > 0) {
        const size_t part = len < sizeof(expected) ? len : sizeof(expected);
        pattern_fill(expected, part, offset);
        if (memcmp(bytes, expected, part) != 0)
            return false;
        bytes += part;
        offset += (off_t)part;
        len -= part;
    }
    return true;
}

pipe_pair_t pipe_open(int flags)
{
    int fds[2];
    if (pipe2(fds, flags | O_CLOEXEC) != 0)
        fatal("pipe2");
    return (pipe_pair_t){.read_fd = fds[0], .write_fd = fds[1]};
}

pipe_pair_t socket_open(void)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        fatal("socketpair");
    return (pipe_pair_t){.read_fd = fds[0], .write_fd = fds[1]};
}

void pipe_close(pipe_pair_t pair)
{
    close(pair.read_fd);
    close(pair.write_fd);
}

void fd_write_all(int fd, const void *buf, size_t len)
{
    const unsigned char *bytes = buf;
    while (len > 0) {
        const ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            fatal("write");
        bytes += written;
        len -= (size_t)written;
    }
}
