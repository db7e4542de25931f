/* SPDX-License-Identifier: MIT */
/* Calls print_targets() after a read: there is a target, and the call prints something. */
#include "../../examples/example.h"

#include BLOCK

int main(void)
{
    static unsigned char buf[65536];
    const int fd = example_file(1 << 20);
    auraio_engine_t *engine = auraio_create();
    if (!engine)
        example_fail("auraio_create");
    for (int i = 0; i < 16; i++) {
        if (!auraio_read(engine, fd, auraio_buf(buf), sizeof(buf), 0, NULL, NULL))
            example_fail("auraio_read");
    }
    auraio_drain(engine, -1);
    print_targets(engine);
    const int targets = auraio_get_target_count(engine);
    auraio_destroy(engine);
    close(fd);
    return targets >= 1 ? 0 : 1;
}
