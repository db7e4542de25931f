/* SPDX-License-Identifier: MIT */
/*
 * The rest of an event loop: serve() waits for a socket and for operations. A read's callback writes to the
 * socket; so the loop has served both when the socket speaks.
 */
#include "../../examples/example.h"

#include <sys/socket.h>

#include BLOCK

static int sockets[2];

static void on_read(auraio_request_t *req, ssize_t result, void *user_data)
{
    (void)req;
    (void)user_data;
    if (result != 4096 || write(sockets[1], "r", 1) != 1)
        example_fail_errno("read", (int)-result);
}

static void on_socket(int fd)
{
    char byte = 0;
    exit(read(fd, &byte, 1) == 1 && byte == 'r' ? 0 : 1);
}

int main(void)
{
    static unsigned char buf[4096];
    auraio_engine_t *engine = auraio_create();
    if (!engine || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
        example_fail("auraio_create");
    if (!auraio_read(engine, example_file(8192), auraio_buf(buf), sizeof(buf), 0, on_read, NULL))
        example_fail("auraio_read");
    serve(engine, sockets[0], on_socket);
    return 1;
}
