/* SPDX-License-Identifier: MIT */
/* Calls read_first_byte() with a descriptor that the call refuses, and one that the kernel refuses. */
#include "../../examples/example.h"

#include BLOCK

int main(void)
{
    char byte, said[512] = "";
    int fds[2];
    auraio_engine_t *engine = auraio_create();
    if (!engine || pipe(fds))
        example_fail("auraio_create");
    /* What is printed goes through the pipe, for the check. */
    const int screen = dup(STDOUT_FILENO);
    dup2(fds[1], STDOUT_FILENO);
    read_first_byte(engine, -1, &byte);
    read_first_byte(engine, open(".", O_RDONLY | O_DIRECTORY), &byte);
    fflush(stdout);
    dup2(screen, STDOUT_FILENO);
    auraio_destroy(engine);
    if (read(fds[0], said, sizeof(said) - 1) <= 0)
        return 1;
    return strstr(said, "the call: ") && strstr(said, "the operation: Is a directory") ? 0 : 1;
}
