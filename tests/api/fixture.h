/* SPDX-License-Identifier: MIT */
/** What most tests of the interface start from: an engine with default options and a file of the pattern. */
#ifndef TEST_API_FIXTURE_H
#define TEST_API_FIXTURE_H

#include <auraio.h>

#include "files.h"

enum { FIXTURE_FILE_BYTES = 1 << 20 };

extern auraio_engine_t *engine;
extern int file_fd;

/** Criterion .init: create both. */
void set_up(void);

/** Criterion .fini: give both back. */
void tear_down(void);

/** The same with a pipe, where a read stays pending for as long as a test wants. */
extern pipe_pair_t channel;
void set_up_pipe(void);
void tear_down_pipe(void);

#endif
