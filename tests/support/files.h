/* SPDX-License-Identifier: MIT */
/**
 * Files and pipes that tests work on.
 *
 * Temporary files live on the file system of the build directory (AURAIO_TEST_DIR), which is a disk where
 * /tmp may be memory, and have no name: nothing is left behind by a test that dies. A pattern file holds at
 * each offset a byte that depends on that offset alone, so that any piece of it can be checked without a
 * second copy. What cannot be set up ends the program with a message: no test has a use for half a fixture.
 */
#ifndef TEST_SUPPORT_FILES_H
#define TEST_SUPPORT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** The two ends of a pipe or of a socket pair. */
typedef struct pipe_pair {
    int read_fd;
    int write_fd;
} pipe_pair_t;

/** An empty unnamed file, open for reading and writing; @p open_flags are added (O_APPEND, O_DIRECT). */
int file_empty(int open_flags);

/** An unnamed file of @p size_bytes of the pattern. */
int file_of_pattern(size_t size_bytes);

/** Write the file back and drop it from the page cache, so that the next read has to go to the disk. */
void file_make_cold(int fd);

/** Size of an open file in bytes. */
off_t file_size(int fd);

/** A name in the test directory that no other test uses; @p path has room for @p capacity bytes. */
void file_unique_path(char *path, size_t capacity, const char *stem);

/** Fill with the bytes of the pattern that belong at @p offset. */
void pattern_fill(void *buf, size_t len, off_t offset);

/** Whether @p buf holds the bytes of the pattern that belong at @p offset. */
bool pattern_holds(const void *buf, size_t len, off_t offset);

/** A pipe; @p flags as in pipe2(2). */
pipe_pair_t pipe_open(int flags);

/** A connected pair of stream sockets. */
pipe_pair_t socket_open(void);

/** Close both ends. */
void pipe_close(pipe_pair_t pair);

/** Put @p len bytes into a descriptor with plain write(2). */
void fd_write_all(int fd, const void *buf, size_t len);

#endif
