/* tune_scratch.c - the file that a DIRECTORY is measured on. It has random contents, written and synced,
 * because a file system answers reads of what was never written, and a device reads of zeros, without the
 * work. It is unlinked before anything is written to it: nothing can leave it behind. */
#include "command.h"
#include "tune.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "progress.h"
#include "units.h"

#define SIZE_MAX_BYTES ((uint64_t)256 << 20)
#define SIZE_MIN_BYTES ((uint64_t)16 << 20)
#define SHARE_OF_FREE 10 /* it takes no more than a tenth of what is free */
#define CHUNK_BYTES ((size_t)1 << 20)

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t tune_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void tune_scratch_fill(void *memory, size_t bytes, uint64_t seed)
{
    unsigned char *at = memory;
    for (size_t done = 0; done < bytes; done += sizeof(uint64_t)) {
        uint64_t word = tune_random(&seed);
        memcpy(at + done, &word, bytes - done < sizeof(word) ? bytes - done : sizeof(word));
    }
}

static int failed(const char *directory, const char *what, int error)
{
    fprintf(stderr, "auraio tune: can't %s a scratch file in '%s': %s\n", what, directory, strerror(error));
    return EXIT_FAILED;
}

/* How large it shall be. 0 after saying that there is no room. */
static uint64_t size_for(const char *directory, size_t block_bytes)
{
    struct statvfs fs;
    if (statvfs(directory, &fs)) {
        failed(directory, "make", errno);
        return 0;
    }
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize / SHARE_OF_FREE;
    uint64_t size = room < SIZE_MAX_BYTES ? room : SIZE_MAX_BYTES;
    size -= size % CHUNK_BYTES;
    uint64_t least = block_bytes > SIZE_MIN_BYTES / 16 ? (uint64_t)block_bytes * 16 : SIZE_MIN_BYTES;
    if (size >= least)
        return size;
    char free_text[UNITS_TEXT], least_text[UNITS_TEXT];
    fprintf(stderr,
            "auraio tune: '%s' has %s free: a scratch file takes a tenth of that at most, and %s at least\n",
            directory, units_size(free_text, (double)room * SHARE_OF_FREE),
            units_size(least_text, (double)least));
    return 0;
}

/* 0 or a negative errno; early after a signal. */
static int write_random(int fd, uint64_t size, bool progress)
{
    void *chunk = malloc(CHUNK_BYTES);
    int error = chunk ? 0 : -ENOMEM;
    int count = (int)(size / CHUNK_BYTES);
    for (int i = 0; i < count && error == 0 && !tune_stop_signal(); i++) {
        tune_scratch_fill(chunk, CHUNK_BYTES, (uint64_t)i + 1);
        ssize_t written = pwrite(fd, chunk, CHUNK_BYTES, (off_t)((uint64_t)i * CHUNK_BYTES));
        if (written != (ssize_t)CHUNK_BYTES)
            error = written < 0 ? -errno : -ENOSPC;
        else if (progress)
            progress_draw("scratch", i + 1, count);
    }
    free(chunk);
    return error;
}

int tune_scratch_make(const tune_options_t *options, const char *directory, int *ret_fd)
{
    uint64_t size = size_for(directory, options->block_bytes);
    if (size == 0)
        return EXIT_FAILED;
    char *path = NULL;
    if (asprintf(&path, "%s/.auraio-tune-XXXXXX", directory) < 0)
        return failed(directory, "make", ENOMEM);
    int fd = mkostemp(path, O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;
    if (fd >= 0)
        unlink(path);
    free(path);
    if (error)
        return failed(directory, "make", -error);
    error = write_random(fd, size, options->progress);
    if (!error && !tune_stop_signal() && fsync(fd))
        error = -errno;
    if (error) {
        if (options->progress)
            progress_clear();
        close(fd);
        return failed(directory, "write", -error);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    *ret_fd = fd;
    return EXIT_OK;
}
