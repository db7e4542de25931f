/* SPDX-License-Identifier: MIT */
/*
 * The smallest migration the documentation shows, with its lines unchanged: a pread() that has become an
 * asynchronous read and a wait. Around them stands what a program has anyway.
 */
#include <auraio.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char content[4096];
static size_t content_len;

static void handle_error(int error)
{
    fprintf(stderr, "read: %s\n", strerror(error));
    exit(1);
}

static void process_data(void)
{
    fwrite(content, 1, content_len, stdout);
}

void on_complete(auraio_request_t *req, ssize_t n, void *ctx);

static void read_file(auraio_engine_t *engine, int fd, void *buf, size_t len, off_t offset, void *ctx)
{
    auraio_read(engine, fd, auraio_buf(buf), len, offset, on_complete, ctx);
    auraio_wait(engine, -1);  // Or integrate with your event loop
}

void on_complete(auraio_request_t *req, ssize_t n, void *ctx) {
    *(size_t *)ctx = n < 0 ? 0 : (size_t)n;
    (void)req;
    if (n < 0) handle_error(-n);
    process_data(/* ... */);
}

int main(void)
{
    const int fd = open("/etc/hostname", O_RDONLY);
    auraio_engine_t *engine = auraio_create();
    if (fd < 0 || engine == NULL)
        return 1;
    read_file(engine, fd, content, sizeof(content), 0, &content_len);
    auraio_destroy(engine);
    close(fd);
    return 0;
}
