/* SPDX-License-Identifier: MIT */
/* The ways a submission finds its ring, and engines that use them. */
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fatal.h"

auraio_ring_select_t every_mode[MODE_COUNT] = {AURAIO_SELECT_ADAPTIVE, AURAIO_SELECT_CPU_LOCAL,
                                               AURAIO_SELECT_ROUND_ROBIN, AURAIO_SELECT_THREAD_LOCAL};

static const char *const mode_names[MODE_COUNT] = {"ADAPTIVE", "CPU_LOCAL", "ROUND_ROBIN", "THREAD_LOCAL"};
static const char *const mode_notes[MODE_COUNT] = {" (mode ADAPTIVE)", " (mode CPU_LOCAL)",
                                                   " (mode ROUND_ROBIN)", " (mode THREAD_LOCAL)"};

static _Atomic(const char *) note = "";

const char *mode_note(void)
{
    return note;
}

const char *mode_name(auraio_ring_select_t mode)
{
    return mode_names[mode];
}

auraio_ring_select_t mode_of_name(const char *name)
{
    for (int i = 0; i < MODE_COUNT; i++) {
        if (strcmp(name, mode_names[i]) == 0)
            return every_mode[i];
    }
    fatal(name);
}

auraio_options_t mode_options(auraio_ring_select_t mode)
{
    auraio_options_t options;
    auraio_options_init(&options);
    note = mode_notes[mode];
    options.ring_select = mode;
    return options;
}

auraio_engine_t *mode_engine(auraio_ring_select_t mode)
{
    const auraio_options_t options = mode_options(mode);
    return engine_with(&options);
}

auraio_engine_t *engine_with(const auraio_options_t *options)
{
    auraio_engine_t *engine = auraio_create_with_options(options);
    if (engine == NULL) {
        fprintf(stderr, "no engine: %s\n", auraio_last_error());
        fatal("auraio_create_with_options");
    }
    return engine;
}

auraio_backend_t backend_of(const auraio_engine_t *engine)
{
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    if (auraio_get_backend_info(engine, &info) < 0)
        fatal("auraio_get_backend_info");
    return info.backend;
}

int find_target(const auraio_engine_t *engine, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        fatal("a descriptor whose target is asked for is not open");
    for (int i = 1; i < auraio_get_target_count(engine); i++) {
        auraio_target_stats_t stats;
        if (auraio_get_target_stats(engine, i, &stats) == 0 && stats.device == st.st_dev)
            return i;
    }
    return -1;
}
