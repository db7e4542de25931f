/* SPDX-License-Identifier: MIT */
/* The disk is throttled to 5,000 reads a second, and let go again. */
#include "live.h"

#include <stdio.h>

#include "throttle.h"

enum { READS_PER_SECOND = 5000, SKIPPED = 77 };

static void apply(void *context, bool changed)
{
    throttle_set(context, changed ? READS_PER_SECOND : 0);
}

int live_throttle(const struct live_disk *disk)
{
    const char *reason;
    throttle_t *throttle = throttle_create(disk->device, &reason);
    if (throttle == NULL) {
        printf("  not tried: %s\n", reason);
        return SKIPPED;
    }
    const struct live_change change = {
        .states = {"4K random", "throttled to 5,000"},
        .access = {{.block_bytes = 4096}, {.block_bytes = 4096}},
        .apply = apply,
        .context = throttle,
    };
    live_change_run(disk, &change, 0);
    throttle_destroy(throttle);
    return 0;
}
