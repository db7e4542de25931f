/* SPDX-License-Identifier: MIT */
/*
 * Simulated files: a memfd that holds what is read, and a copy of what is durable. Names are durable from the
 * start. A crash decides for each sector that may differ whether its new content had reached the disk.
 */
#include "world-private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct world_file *file_of_fd(struct world *world, int fd)
{
    struct stat st;
    if (!world->files || fstat(fd, &st) < 0)
        return NULL;
    struct world_file *file = world->files;
    while (file && (file->inode != st.st_ino || file->device != st.st_dev))
        file = file->next;
    return file;
}

static struct world_file *file_of_name(struct world *world, const char *name)
{
    struct world_file *file = world->files;
    while (file && strcmp(file->name, name) != 0)
        file = file->next;
    return file;
}

static uint64_t size_of(const struct world_file *file)
{
    struct stat st;
    return fstat(file->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void file_free(struct world_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->durable);
    free(file->name);
    free(file);
}

void files_free(struct world *world)
{
    while (world->files) {
        struct world_file *file = world->files;
        world->files = file->next;
        file_free(file);
    }
}

/* -------------------------------------------------------------------- open */

static struct world_file *file_make(struct world *world, const char *name)
{
    struct stat st;
    struct world_file *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    size_t length = strlen(name) + 1;
    file->fd = -1;
    file->name = malloc(length);
    if (file->name) {
        memcpy(file->name, name, length);
        file->fd = memfd_create("auraio-sim", MFD_CLOEXEC);
    }
    if (file->fd < 0 || fstat(file->fd, &st) < 0) {
        int error = file->name ? errno : ENOMEM;
        file_free(file);
        errno = error;
        return NULL;
    }
    file->device = st.st_dev;
    file->inode = st.st_ino;
    file->next = world->files;
    world->files = file;
    return file;
}

int world_open(struct world *world, const char *name, int flags)
{
    struct world_file *file = file_of_name(world, name);
    if (file && flags & O_CREAT && flags & O_EXCL) {
        errno = EEXIST;
        return -1;
    }
    if (!file && !(flags & O_CREAT)) {
        errno = ENOENT;
        return -1;
    }
    if (!file && !(file = file_make(world, name)))
        return -1;
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
    int fd = open(path, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW | O_DIRECT));
    if (fd >= 0 && flags & O_TRUNC)
        file_changed(world, file, 0, UINT64_MAX);
    return fd;
}

int file_statx(struct world *world, const struct entry *entry)
{
    bool itself = entry->u.path[0] == '\0' && entry->sys_flags & AT_EMPTY_PATH;
    const struct world_file *file = itself ? NULL : file_of_name(world, entry->u.path);
    if (!itself && !file) {
        errno = ENOENT;
        return -1;
    }
    return statx(itself ? entry->fd : file->fd, "", AT_EMPTY_PATH, entry->mask, entry->statx);
}

/* ---------------------------------------------------------------- durability */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int grow_durable(struct world_file *file, uint64_t bytes)
{
    if (bytes <= file->durable_room)
        return 0;
    unsigned char *durable = realloc(file->durable, bytes);
    if (!durable)
        return -ENOMEM;
    memset(durable + file->durable_room, 0, bytes - file->durable_room);
    file->durable = durable;
    file->durable_room = bytes;
    return 0;
}

/* Bytes [from, to) of what is read become durable; past the end of the file they are zero. */
static void harden(struct world_file *file, uint64_t from, uint64_t to)
{
    assert(to <= file->durable_room);
    if (from >= to)
        return;
    ssize_t got = pread(file->fd, file->durable + from, to - from, (off_t)from);
    uint64_t there = got > 0 ? (uint64_t)got : 0;
    memset(file->durable + from + there, 0, to - from - there);
}

int file_sync(struct world_file *file)
{
    uint64_t size = size_of(file);
    if (file->dirty_from == file->dirty_to && size == file->durable_bytes)
        return 0;
    if (grow_durable(file, size) < 0)
        return -ENOMEM;
    harden(file, file->dirty_from, smaller(file->dirty_to, size));
    if (size < file->durable_bytes)
        memset(file->durable + size, 0, file->durable_bytes - size);
    file->durable_bytes = size;
    file->dirty_from = file->dirty_to = 0;
    return 0;
}

/* The system writes back when it likes: one sector becomes durable, with the size it needs. */
static void write_back(struct world *world, struct world_file *file)
{
    uint64_t size = size_of(file), first = file->dirty_from / SECTOR_BYTES;
    uint64_t last = (smaller(file->dirty_to, size) + SECTOR_BYTES - 1) / SECTOR_BYTES;
    if (last <= first)
        return;
    uint64_t from = (first + world_random(world, last - first)) * SECTOR_BYTES;
    uint64_t to = smaller(from + SECTOR_BYTES, size);
    if (grow_durable(file, to > file->durable_bytes ? to : file->durable_bytes) < 0)
        return;
    harden(file, from, to);
    if (to > file->durable_bytes)
        file->durable_bytes = to;
}

void file_changed(struct world *world, struct world_file *file, uint64_t from, uint64_t to)
{
    bool clean = file->dirty_from == file->dirty_to;
    if (clean || from < file->dirty_from)
        file->dirty_from = from;
    if (clean || to > file->dirty_to)
        file->dirty_to = to;
    if (world_random(world, 8) == 0)
        write_back(world, file);
}

void file_lose_dirt(struct world *world, struct world_file *file)
{
    write_back(world, file);
    file->dirty_from = file->dirty_to = 0;
}

/* --------------------------------------------------------------------- crash */

/* How far the file goes afterwards: as before, as now, or a part of what was added. */
static uint64_t surviving_size(struct world *world, uint64_t before, uint64_t now)
{
    switch (world_random(world, 4)) {
    case 0:
        return before;
    case 1:
        return now;
    default:
        return before < now ? before + world_random(world, now - before + 1) : before;
    }
}

static void put_back(const struct world_file *file, uint64_t from, uint64_t to)
{
    while (from < to) {
        ssize_t put = pwrite(file->fd, file->durable + from, to - from, (off_t)from);
        if (put <= 0)
            return; /* no memory: the world is as full as a disk can be */
        from += (uint64_t)put;
    }
}

/* Everything survives, nothing does, or each sector for itself. */
void file_crash(struct world *world, struct world_file *file)
{
    enum { NOTHING, EVERYTHING, MIXED, CASES };
    uint64_t now = size_of(file), before = file->durable_bytes, fate = world_random(world, CASES);
    uint64_t size = fate == NOTHING ? before : fate == EVERYTHING ? now : surviving_size(world, before, now);
    if (now == before && file->dirty_from == file->dirty_to)
        return;
    if (fate == EVERYTHING || grow_durable(file, now > before ? now : before) < 0) {
        file->dirty_from = 0;
        file->dirty_to = UINT64_MAX;
        (void)file_sync(file);
        return;
    }
    for (uint64_t from = 0; from < size; from += SECTOR_BYTES) {
        uint64_t to = smaller(from + SECTOR_BYTES, size);
        if (fate == MIXED && world_random(world, 2))
            harden(file, from, to);
    }
    (void)!ftruncate(file->fd, (off_t)size);
    put_back(file, 0, size);
    if (size < file->durable_room) /* a file that never held anything has no copy */
        memset(file->durable + size, 0, file->durable_room - size);
    file->durable_bytes = size;
    file->dirty_from = file->dirty_to = 0;
}
