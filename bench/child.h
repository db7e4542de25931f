/* SPDX-License-Identifier: MIT */
/* Running this program again under a tool that counts what it does. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdint.h>

#include "bench.h"

/*
 * Run `tool... SELF run PEER --depth D --ops N --file PATH`, the tool having been told to write to the file
 * `output`. Returns 0, -ENOENT when the tool is not installed, -ECHILD when it or the run failed.
 */
int child_run(const struct bench *bench, const char *const *tool, const struct peer *peer, unsigned depth,
              uint64_t ops);

/* A name for the tool's output beside the data file, to be unlinked and freed. NULL: errno. */
char *child_output(const struct bench *bench);

#endif
