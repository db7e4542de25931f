/* SPDX-License-Identifier: MIT */
/* The statements that set a latency target, and whether it is the target then. */
#include "../../examples/example.h"

int main(void)
{
    unsigned char buf[4096];
    const int fd = example_file(8192);
#include BLOCK
    if (!engine || !auraio_read(engine, fd, auraio_buf(buf), sizeof(buf), 0, NULL, NULL))
        example_fail("auraio_read");
    auraio_drain(engine, -1);
    auraio_target_stats_t stats;
    const int last = auraio_get_target_count(engine) - 1;
    if (auraio_get_target_stats(engine, last, &stats))
        example_fail("auraio_get_target_stats");
    auraio_destroy(engine);
    close(fd);
    return stats.target_p99_ms == 0.5 ? 0 : 1;
}
