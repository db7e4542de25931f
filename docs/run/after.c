/* SPDX-License-Identifier: MIT */
/* The rest of the README's second half of a migration: the statements that replace pread. */
#include "../../examples/example.h"

static void on_complete(auraio_request_t *req, ssize_t n, void *ctx)
{
    (void)req;
    *(ssize_t *)ctx = n;
}

int main(void)
{
    unsigned char buf[4096];
    ssize_t got = -1;
    void *ctx = &got;
    const size_t len = sizeof(buf);
    const off_t offset = 4096;
    const int fd = example_file(16384);
    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
#include BLOCK
    auraio_destroy(engine);
    close(fd);
    example_check(buf, len, offset);
    return got == (ssize_t)len ? 0 : 1;
}
