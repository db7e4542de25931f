/* SPDX-License-Identifier: MIT */
/*
 * What the examples share and what is not AuraIO: giving up with a message, and temporary files whose every
 * byte is known, so that an example can check what it read.
 *
 * Byte number n of such a file is example_byte(n). The files are made in the current directory and are gone
 * when the program ends.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

/* Before any header of the system: O_DIRECT, pipe2() and others are there then without a compiler's flag. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <auraio.h>

/* A call of the library said no: auraio_last_error() knows what was wrong and what to do about it. */
static inline _Noreturn void example_fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, auraio_last_error());
    exit(EXIT_FAILURE);
}

/* Anything else went wrong: a system call, or an operation whose callback got a negative errno. */
static inline _Noreturn void example_fail_errno(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static inline unsigned char example_byte(off_t offset)
{
    return (unsigned char)(offset * 7 + (offset >> 12) * 13);
}

static inline void example_fill(unsigned char *buf, size_t len, off_t offset)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = example_byte(offset + (off_t)i);
}

/* The bytes read at offset must be those written there. */
static inline void example_check(const unsigned char *buf, size_t len, off_t offset)
{
    for (size_t i = 0; i < len; i++) {
        if (buf[i] == example_byte(offset + (off_t)i))
            continue;
        fprintf(stderr, "byte %lld is %d, not %d\n", (long long)offset + (long long)i, buf[i],
                example_byte(offset + (off_t)i));
        exit(EXIT_FAILURE);
    }
}

/* A temporary file of size known bytes, open for reading and writing. */
static inline int example_file(off_t size)
{
    char path[] = "auraio-example-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        example_fail_errno(path, errno);
    unlink(path);

    unsigned char block[4096];
    for (off_t offset = 0; offset < size; offset += (off_t)sizeof(block)) {
        size_t len = size - offset < (off_t)sizeof(block) ? (size_t)(size - offset) : sizeof(block);
        example_fill(block, len, offset);
        if (pwrite(fd, block, len, offset) != (ssize_t)len)
            example_fail_errno("pwrite", errno);
    }
    return fd;
}

#endif
