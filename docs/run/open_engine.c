/* SPDX-License-Identifier: MIT */
/* Calls open_engine(), and reads with the engine it gives. */
#include "../../examples/example.h"

#include BLOCK

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    *(ssize_t *)user_data = result;
}

int main(void)
{
    unsigned char buf[4096];
    ssize_t got = -1;
    const int fd = example_file(8192);
    auraio_engine_t *engine = open_engine();
    if (!engine || !auraio_read(engine, fd, auraio_buf(buf), sizeof(buf), 0, on_read, &got))
        example_fail("auraio_read");
    auraio_destroy(engine);
    close(fd);
    return got == 4096 ? 0 : 1;
}
