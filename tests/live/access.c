/* SPDX-License-Identifier: MIT */
/* The application goes from 4 KiB at random to 128 KiB in order, and back. */
#include "live.h"

int live_access(const struct live_disk *disk)
{
    const struct live_change change = {
        .states = {"4K random", "128K in order"},
        .access = {{.block_bytes = 4096}, {.block_bytes = 128 * 1024, .in_order = true}},
    };
    live_change_run(disk, &change, 0);
    return 0;
}
