/* SPDX-License-Identifier: MIT */
/*
 * Read many files whole and print the sum of their bytes, as fast as the disk gives them.
 *
 *     bulk_reader FILE...
 *
 * Sixty-four buffers go round: a callback adds up what its buffer got and sends it for the next piece, of the
 * same file or the next one. How many of the sixty-four are in the kernel at a time is the library's
 * decision, not the program's: that is what makes it fast on a disk it knows nothing about. Without arguments
 * it reads temporary files and checks their sums.
 */
#include "example.h"

#include <sys/stat.h>

enum { PIECES = 64, CHUNK = 256 * 1024, OWN_FILES = 8, OWN_SIZE = 3 * 1000 * 1000 };

struct file {
    const char *name;
    int fd;
    off_t size;
    off_t done;
    uint64_t sum;
};

struct reader {
    auraio_engine_t *engine;
    struct file *files;
    int count;
    int file; /* what the next piece is of, and from where */
    off_t offset;
};

struct piece {
    struct reader *reader;
    struct file *file;
    unsigned char *buf;
};

static void start(struct piece *piece);

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    struct piece *piece = user_data;
    if (result < 0)
        example_fail_errno(piece->file->name, (int)-result);
    for (ssize_t i = 0; i < result; i++)
        piece->file->sum += piece->buf[i];
    piece->file->done += result;
    start(piece);
}

static void start(struct piece *piece)
{
    struct reader *reader = piece->reader;
    while (reader->file < reader->count && reader->offset >= reader->files[reader->file].size) {
        reader->file++;
        reader->offset = 0;
    }
    if (reader->file == reader->count)
        return;
    piece->file = &reader->files[reader->file];
    off_t offset = reader->offset;
    reader->offset += CHUNK;
    if (!auraio_read(reader->engine, piece->file->fd, auraio_buf(piece->buf), CHUNK, offset, on_read, piece))
        example_fail("auraio_read");
}

static void read_all(struct reader *reader)
{
    struct piece pieces[PIECES];
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = (struct piece){.reader = reader, .buf = auraio_buffer_alloc(reader->engine, CHUNK)};
        if (!pieces[i].buf)
            example_fail("auraio_buffer_alloc");
        start(&pieces[i]);
    }
    if (auraio_drain(reader->engine, -1) < 0)
        example_fail("auraio_drain");
    for (int i = 0; i < PIECES; i++)
        auraio_buffer_free(reader->engine, pieces[i].buf, CHUNK);
}

static void open_files(struct file *files, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        files[i].name = names ? names[i] : "temporary file";
        files[i].fd = names ? open(names[i], O_RDONLY | O_CLOEXEC) : example_file(OWN_SIZE + i);
        struct stat st;
        if (files[i].fd < 0 || fstat(files[i].fd, &st) != 0)
            example_fail_errno(files[i].name, errno);
        files[i].size = st.st_size;
    }
}

static uint64_t expected_sum(off_t size)
{
    uint64_t sum = 0;
    for (off_t i = 0; i < size; i++)
        sum += example_byte(i);
    return sum;
}

/* Print the sums; returns how many files were not read as they are. */
static int report(const struct file *files, int count, bool own)
{
    int wrong = 0;
    for (int i = 0; i < count; i++) {
        const struct file *file = &files[i];
        printf("%20llu %12lld %s\n", (unsigned long long)file->sum, (long long)file->done, file->name);
        wrong += file->done != file->size || (own && file->sum != expected_sum(file->size));
        close(file->fd);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    struct reader reader = {.count = argc > 1 ? argc - 1 : OWN_FILES};
    reader.files = calloc((size_t)reader.count, sizeof(*reader.files));
    if (!reader.files)
        example_fail_errno("calloc", errno);
    open_files(reader.files, reader.count, argc > 1 ? argv + 1 : NULL);

    reader.engine = auraio_create();
    if (!reader.engine)
        example_fail("auraio_create");
    read_all(&reader);
    auraio_destroy(reader.engine);

    int wrong = report(reader.files, reader.count, argc == 1);
    free(reader.files);
    if (wrong > 0)
        fprintf(stderr, "%d sizes or sums are wrong\n", wrong);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
