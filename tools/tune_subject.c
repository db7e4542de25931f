/* tune_subject.c - what is measured: a file, a block device, or a scratch file in a directory. What can't be
 * measured, or what a user would not want to be measured, is refused here, before anything runs. */
#include "command.h"
#include "tune.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "units.h"

#define SIZE_MIN_BYTES ((uint64_t)4 << 20)
#define SIZE_MIN_BLOCKS 16
#define DATA_MIN_SHARE 0.9

__attribute__((format(printf, 2, 3))) static int refuse(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("auraio tune: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

static int refuse_kind(const char *path, mode_t mode)
{
    const char *kind = S_ISCHR(mode)    ? "character device"
                       : S_ISFIFO(mode) ? "pipe"
                       : S_ISSOCK(mode) ? "socket"
                                        : "special file";
    return refuse(EXIT_USAGE, "'%s' is a %s: files, block devices and directories can be measured", path,
                  kind);
}

/* Why open() failed, and what to do. */
static int refuse_open(const char *path, const struct stat *st, bool writes, int error)
{
    if (error == EACCES || (error == EPERM && geteuid() != 0)) {
        const struct group *group = getgrgid(st->st_gid);
        char name[UNITS_TEXT];
        snprintf(name, sizeof(name), "%u", (unsigned)st->st_gid);
        return refuse(EXIT_FAILED,
                      "'%s': %s; it belongs to group '%s': try as a member of it, or as root (sudo)", path,
                      strerror(error), group ? group->gr_name : name);
    }
    if (error == EBUSY && writes)
        return refuse(EXIT_FAILED, "'%s' is in use (mounted, or part of a volume): it is not overwritten",
                      path);
    if (error == EISDIR || error == ENOENT)
        return refuse(EXIT_FAILED, "'%s': %s", path, strerror(error));
    return refuse(EXIT_FAILED, "can't open '%s': %s", path, strerror(error));
}

static int open_existing(const tune_options_t *options, const struct stat *st, int *ret_fd)
{
    bool writes = tune_access_writes(options->access);
    if (writes && !options->overwrite)
        return refuse(EXIT_USAGE,
                      "--rw %s would destroy what '%s' holds: give --overwrite if it may, or name a "
                      "directory for a scratch file",
                      tune_access_name(options->access), options->path);
    /* Exclusively: a mounted device refuses. */
    int flags = (writes ? O_RDWR : O_RDONLY) | (writes && S_ISBLK(st->st_mode) ? O_EXCL : 0);
    int fd = open(options->path, flags | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse_open(options->path, st, writes, errno);
    *ret_fd = fd;
    return EXIT_OK;
}

/* The share of the first `size` bytes that were ever written: holes are read without the device. */
static double share_of_data(int fd, uint64_t size)
{
    const int extents_max = 100000;
    off_t data = 0, hole = 0;
    uint64_t bytes = 0;
    for (int i = 0; i < extents_max && (uint64_t)hole < size; i++) {
        data = lseek(fd, hole, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO ? (double)bytes / (double)size : 1;
        hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0)
            return 1;
        bytes += (uint64_t)(hole - data);
    }
    return (uint64_t)hole < size ? 1 : (double)bytes / (double)size;
}

static int check_size(const tune_options_t *options, const tune_subject_t *subject)
{
    char size[UNITS_TEXT], least[UNITS_TEXT];
    uint64_t blocks = (uint64_t)options->block_bytes * SIZE_MIN_BLOCKS;
    uint64_t min = blocks > SIZE_MIN_BYTES ? blocks : SIZE_MIN_BYTES;
    if (subject->size_bytes == 0)
        return refuse(EXIT_FAILED, "'%s' is empty: there is nothing to read", options->path);
    if (subject->size_bytes < min)
        return refuse(EXIT_FAILED,
                      "'%s' is too small: it has %s, and %s is the least that says anything about a device; "
                      "name a directory, and a scratch file is made there",
                      options->path, units_size(size, (double)subject->size_bytes),
                      units_size(least, (double)min));
    if (subject->block_device || subject->scratch || options->access == TUNE_WRITE)
        return EXIT_OK;
    double share = share_of_data(subject->fd, subject->size_bytes);
    if (share == 0)
        return refuse(EXIT_FAILED,
                      "'%s' is one hole: nothing was ever written to it, and nothing is read from "
                      "the device",
                      options->path);
    if (share < DATA_MIN_SHARE)
        fprintf(stderr, "auraio tune: %.0f %% of '%s' are holes, which are read without the device\n",
                100 * (1 - share), options->path);
    return EXIT_OK;
}

/* Around the page cache, where that can be. */
static void go_direct(tune_subject_t *subject)
{
    struct statfs fs;
    int flags = fcntl(subject->fd, F_GETFL);
    if (fstatfs(subject->fd, &fs) == 0 && !subject->block_device)
        subject->memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
    if (!subject->memory && flags >= 0)
        subject->direct = fcntl(subject->fd, F_SETFL, flags | O_DIRECT) == 0;
}

/* Whether a block of this size can be read at all. */
static int check_block(const tune_options_t *options, const tune_subject_t *subject)
{
    int sector = 0;
    if (subject->block_device && ioctl(subject->fd, BLKSSZGET, &sector) == 0 &&
        options->block_bytes % (size_t)sector != 0)
        return refuse(EXIT_USAGE, "--bs %zu: the blocks of '%s' have %d bytes: give a multiple",
                      options->block_bytes, options->path, sector);
    void *block = NULL;
    if (posix_memalign(&block, 4096, options->block_bytes))
        return refuse(EXIT_FAILED, "out of memory for a block of %zu bytes", options->block_bytes);
    ssize_t got = pread(subject->fd, block, options->block_bytes, (off_t)options->block_bytes);
    int error = errno;
    free(block);
    if (got == (ssize_t)options->block_bytes)
        return EXIT_OK;
    if (got < 0 && error == EINVAL && subject->direct)
        return refuse(
            EXIT_USAGE,
            "--bs %zu: the file system of '%s' has larger blocks for O_DIRECT: give a multiple of 4k",
            options->block_bytes, options->path);
    return refuse(EXIT_FAILED, "can't read '%s': %s", options->path,
                  got < 0 ? strerror(error) : "it became shorter");
}

/* Size, device and ways of the open descriptor. */
static int look(const tune_options_t *options, tune_subject_t *subject)
{
    struct stat st;
    if (fstat(subject->fd, &st))
        return refuse(EXIT_FAILED, "can't look at '%s': %s", options->path, strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return refuse_kind(options->path, st.st_mode);
    subject->block_device = S_ISBLK(st.st_mode);
    subject->device = subject->block_device ? st.st_rdev : st.st_dev;
    subject->size_bytes = (uint64_t)st.st_size;
    if (subject->block_device && ioctl(subject->fd, BLKGETSIZE64, &subject->size_bytes))
        return refuse(EXIT_FAILED, "can't ask '%s' for its size: %s", options->path, strerror(errno));
    int status = check_size(options, subject);
    if (status != EXIT_OK)
        return status;
    go_direct(subject);
    return check_block(options, subject);
}

int tune_subject_open(const tune_options_t *options, tune_subject_t *ret_subject)
{
    struct stat st;
    if (stat(options->path, &st)) {
        int error = errno;
        return refuse(EXIT_FAILED, "'%s': %s%s", options->path, strerror(error),
                      error == ENOENT ? "; name a directory, and a scratch file is made there" : "");
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISDIR(st.st_mode))
        return refuse_kind(options->path, st.st_mode);
    tune_subject_t subject = {.fd = -1, .scratch = S_ISDIR(st.st_mode)};
    int status = subject.scratch ? tune_scratch_make(options, options->path, &subject.fd)
                                 : open_existing(options, &st, &subject.fd);
    /* A scratch file that a signal has cut short is not looked at. */
    if (status == EXIT_OK && !tune_stop_signal())
        status = look(options, &subject);
    if (status != EXIT_OK) {
        tune_subject_close(&subject);
        return status;
    }
    *ret_subject = subject;
    return EXIT_OK;
}

void tune_subject_close(tune_subject_t *subject)
{
    if (subject->fd >= 0)
        close(subject->fd);
    subject->fd = -1;
}
