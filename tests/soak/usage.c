/* SPDX-License-Identifier: MIT */
/* What the process holds of the system. */
#include "soak.h"

#include <malloc.h>

#include "fatal.h"
#include "process.h"

static int mapping_count(void)
{
    int count = 0, byte;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        fatal("/proc/self/maps");
    while ((byte = getc(maps)) != EOF)
        count += byte == '\n';
    fclose(maps);
    return count;
}

struct usage usage_now(void)
{
    (void)malloc_trim(0);
    struct usage usage = {.fds = open_fd_count(), .mappings = mapping_count()};
    usage.resident_kib = (long)(resident_bytes() / 1024);
    return usage;
}
