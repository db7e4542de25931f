/* SPDX-License-Identifier: MIT */
/* Calls append(), and finds the record in the file. */
#include "../../examples/example.h"

#include BLOCK

int main(void)
{
    char record[] = "a record", found[sizeof(record)] = "";
    const int fd = example_file(4096);
    auraio_engine_t *engine = auraio_create();
    if (!engine || append(engine, fd, record, sizeof(record), 4096))
        example_fail("append");
    if (auraio_drain(engine, -1) != 2)
        example_fail("auraio_drain");
    auraio_destroy(engine);
    const ssize_t count = pread(fd, found, sizeof(found), 4096);
    close(fd);
    return count == (ssize_t)sizeof(record) && strcmp(found, record) == 0 ? 0 : 1;
}
