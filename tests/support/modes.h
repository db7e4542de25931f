/* SPDX-License-Identifier: MIT */
/** The ways a submission finds its ring, and engines that use them. */
#ifndef TEST_SUPPORT_MODES_H
#define TEST_SUPPORT_MODES_H

#include <auraio.h>

enum { MODE_COUNT = 4, SHARED_MODE_COUNT = 3 };

/** Every mode; the first SHARED_MODE_COUNT are those where any thread completes any operation. */
extern auraio_ring_select_t every_mode[MODE_COUNT];

/** "ADAPTIVE", "CPU_LOCAL", "ROUND_ROBIN", "THREAD_LOCAL". */
const char *mode_name(auraio_ring_select_t mode);

/** The mode of that name; ends the program when there is none. */
auraio_ring_select_t mode_of_name(const char *name);

/** Default options with that mode, which mode_note() names from then on. */
auraio_options_t mode_options(auraio_ring_select_t mode);

/** An engine with default options and that mode; ends the program when there is none. */
auraio_engine_t *mode_engine(auraio_ring_select_t mode);

/** An engine with these options; ends the program when there is none. */
auraio_engine_t *engine_with(const auraio_options_t *options);

/** The target of a descriptor's device, -1: there is none. */
int find_target(const auraio_engine_t *engine, int fd);

/** What an engine runs on. */
auraio_backend_t backend_of(const auraio_engine_t *engine);

/** " (mode NAME)" after mode_options() was called, "" before: for messages. */
const char *mode_note(void);

#endif
