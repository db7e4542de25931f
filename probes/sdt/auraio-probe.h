/* SPDX-License-Identifier: MIT */
/*
 * Static probes (USDT) of provider "auraio". A probe is a nop, and a note that says where its arguments lie:
 * nothing is tested, and what is passed must be in a register or in memory already, so that a probe nobody
 * watches costs one instruction. What would have to be worked out first belongs into trace-sdt.c, behind a
 * semaphore. What each probe passes: docs/probes.md.
 */
#ifndef AURAIO_PROBE_H
#define AURAIO_PROBE_H

#include <sys/sdt.h>

#define PROBE2(name, a, b) STAP_PROBE2(auraio, name, a, b)
#define PROBE4(name, a, b, c, d) STAP_PROBE4(auraio, name, a, b, c, d)
#define PROBE6(name, a, b, c, d, e, f) STAP_PROBE6(auraio, name, a, b, c, d, e, f)

#endif
