/* SPDX-License-Identifier: MIT */
/* The rest of the README's callback: what it calls, and an operation that calls it. */
#include "../../examples/example.h"

static int processed;

static void handle_error(ssize_t error)
{
    example_fail_errno("read", (int)error);
}

static void process_data(void)
{
    processed++;
}

#pragma GCC diagnostic ignored "-Wunused-parameter"
#include BLOCK

int main(void)
{
    unsigned char buf[4096];
    const int fd = example_file(16384);
    auraio_engine_t *engine = auraio_create();
    if (!engine || !auraio_read(engine, fd, auraio_buf(buf), sizeof(buf), 0, on_complete, NULL))
        example_fail("auraio_read");
    auraio_destroy(engine);
    close(fd);
    return processed == 1 ? 0 : 1;
}
