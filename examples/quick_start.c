#include <auraio.h>
#include <stdio.h>
#include <fcntl.h>

static int done = 0;

void on_read(auraio_request_t *req, ssize_t result, void *ctx) {
    (void)req; (void)ctx;
    printf("Read %zd bytes\n", result);
    done = 1;
}

int main(void) {
    auraio_engine_t *engine = auraio_create();
    void *buf = auraio_buffer_alloc(engine, 4096);

    int fd = open("/etc/hostname", O_RDONLY);
    auraio_read(engine, fd, auraio_buf(buf), 4096, 0, on_read, NULL);

    while (!done) auraio_wait(engine, 100);

    printf("Content: %s", (char *)buf);

    auraio_buffer_free(engine, buf, 4096);
    close(fd);
    auraio_destroy(engine);
}
