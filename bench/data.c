/* SPDX-License-Identifier: MIT */
/* A data file is written under another name and renamed when complete: one that exists is whole. */
#include "data.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { WORDS = DATA_PAGE / 8, CHUNK_PAGES = 256, SPOT_CHECKS = 64 };

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014): neighbouring numbers give unrelated words. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t word_of(uint64_t number, uint64_t word)
{
    return word == 0 ? number : mix(number * WORDS + word);
}

void data_fill_page(void *page, uint64_t number)
{
    unsigned char *bytes = page;
    for (uint64_t i = 0; i < WORDS; i++) {
        uint64_t word = word_of(number, i);
        memcpy(bytes + i * 8, &word, 8);
    }
}

bool data_page_is(const void *page, uint64_t number)
{
    const unsigned char *bytes = page;
    for (uint64_t i = 0; i < WORDS; i++) {
        uint64_t word = word_of(number, i);
        if (memcmp(bytes + i * 8, &word, 8) != 0)
            return false;
    }
    return true;
}

bool data_page_is_valid(const void *page, uint64_t pages)
{
    uint64_t number;
    memcpy(&number, page, 8);
    return number < pages && data_page_is(page, number);
}

/* Size right, and pages spread over the file are what they must be. */
static bool is_good(const char *path, uint64_t bytes)
{
    bool good = false;
    unsigned char page[DATA_PAGE];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != bytes)
        goto out;
    uint64_t pages = bytes / DATA_PAGE;
    for (uint64_t i = 0; i < SPOT_CHECKS; i++) {
        uint64_t number = i == SPOT_CHECKS - 1 ? pages - 1 : i * pages / SPOT_CHECKS;
        if (pread(fd, page, sizeof(page), (off_t)(number * DATA_PAGE)) != DATA_PAGE ||
            !data_page_is(page, number))
            goto out;
    }
    good = true;
out:
    close(fd);
    return good;
}

static int write_pages(int fd, uint64_t pages, data_progress_t progress, void *user_data)
{
    int r = 0;
    unsigned char *chunk = malloc((size_t)CHUNK_PAGES * DATA_PAGE);
    if (!chunk)
        return -ENOMEM;
    for (uint64_t number = 0; r == 0 && number < pages;) {
        uint64_t count = pages - number < CHUNK_PAGES ? pages - number : CHUNK_PAGES;
        for (uint64_t i = 0; i < count; i++)
            data_fill_page(chunk + i * DATA_PAGE, number + i);
        ssize_t written = pwrite(fd, chunk, count * DATA_PAGE, (off_t)(number * DATA_PAGE));
        if (written != (ssize_t)(count * DATA_PAGE))
            r = written < 0 ? -errno : -ENOSPC;
        number += count;
        if (progress)
            progress((double)number / (double)pages, user_data);
    }
    free(chunk);
    return r;
}

static int write_file(const char *path, uint64_t bytes, data_progress_t progress, void *user_data)
{
    char *partial = NULL;
    if (asprintf(&partial, "%s.partial", path) < 0)
        return -ENOMEM;
    int r;
    int fd = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        r = -errno;
        goto out;
    }
    r = write_pages(fd, bytes / DATA_PAGE, progress, user_data);
    if (r == 0 && fsync(fd) != 0)
        r = -errno;
    close(fd);
    if (r == 0 && rename(partial, path) != 0)
        r = -errno;
    if (r != 0)
        unlink(partial);
out:
    free(partial);
    return r;
}

int data_file_prepare(const char *dir, const char *name, uint64_t bytes, data_progress_t progress,
                      void *user_data, char **ret_path)
{
    struct statfs fs;
    if (statfs(dir, &fs) != 0)
        return -errno;
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        return -EOPNOTSUPP;
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return -ENOMEM;
    int r = is_good(path, bytes) ? 0 : write_file(path, bytes, progress, user_data);
    if (r != 0) {
        free(path);
        return r;
    }
    *ret_path = path;
    return 0;
}

int data_file_heat(const char *path)
{
    int r = 0;
    size_t size = (size_t)CHUNK_PAGES * DATA_PAGE;
    char *chunk = malloc(size);
    if (!chunk)
        return -ENOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        goto out;
    }
    ssize_t got;
    do {
        got = read(fd, chunk, size);
    } while (got > 0);
    if (got < 0)
        r = -errno;
    close(fd);
out:
    free(chunk);
    return r;
}

int data_file_cool(const char *path)
{
    int r = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fsync(fd) != 0)
        r = -errno;
    else
        r = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return r;
}
