/* SPDX-License-Identifier: MIT */
/**
 * A device whose speed changes while it is used: the blkio controller of cgroup v1 lets a group of processes
 * have no more than so many reads a second of a disk.
 *
 * The calling process, all its threads included, joins a group of its own below the one it is in. It needs
 * root, a kernel with that controller, and a whole disk (not a partition): where something of that is missing
 * the reason is told, for a test to be skipped with.
 */
#ifndef TEST_SUPPORT_THROTTLE_H
#define TEST_SUPPORT_THROTTLE_H

#include <sys/types.h>

typedef struct throttle throttle_t;

/** Join a group of its own, in which @p device is as fast as ever. @return NULL, with *ret_reason (static),
 * where that is not possible. One at a time. */
throttle_t *throttle_create(dev_t device, const char **ret_reason);

/** At most @p reads_per_second from now on; 0: as many as the device serves. */
void throttle_set(throttle_t *throttle, unsigned reads_per_second);

/** Go back to where the process was, and remove the group. NULL ok. */
void throttle_destroy(throttle_t *throttle);

#endif
