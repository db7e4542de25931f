/* SPDX-License-Identifier: MIT */
/* Copying a file through AuraIO: the demo's main job. */
#ifndef BENCH_COPY_H
#define BENCH_COPY_H

#include <auraio.h>

#include "data.h"

/* Copy size bytes. Returns 0 or a negative errno, the first that any of its operations met. */
int copy_file(auraio_engine_t *engine, int from, int to, off_t size, data_progress_t progress,
              void *user_data);

#endif
