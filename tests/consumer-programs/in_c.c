/* SPDX-License-Identifier: MIT */
/* A program of somebody else's: reads the file it is given through the library, and compares that with what
 * stdio reads. */
#include <auraio.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST (64 * 1024)

static void keep_result(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    *(ssize_t *)user_data = result;
}

static ssize_t read_with_auraio(const char *path, void *content)
{
    ssize_t result = -1;
    auraio_engine_t *engine = auraio_create();
    int fd = open(path, O_RDONLY);
    if (engine == NULL || fd < 0 ||
        auraio_read(engine, fd, auraio_buf(content), MOST, 0, keep_result, &result) == NULL ||
        auraio_drain(engine, -1) < 0)
        fprintf(stderr, "%s: %s\n", path, auraio_last_error());
    auraio_destroy(engine);
    if (fd >= 0)
        close(fd);
    return result;
}

int main(int argc, char **argv)
{
    static char content[MOST], expected[MOST];
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    size_t length = fread(expected, 1, sizeof(expected), file);
    fclose(file);
    ssize_t result = read_with_auraio(argv[1], content);
    if (result <= 0 || (size_t)result != length || memcmp(content, expected, length) != 0) {
        fprintf(stderr, "%s: %zd bytes were read, which are not its %zu\n", argv[1], result, length);
        return 1;
    }
    printf("libauraio %s: %zd bytes\n", auraio_version(), result);
    return 0;
}
