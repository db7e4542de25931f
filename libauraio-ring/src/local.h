/* SPDX-License-Identifier: MIT */
/* What fork.c needs of local.c. */
#ifndef AURAIO_RING_LOCAL_H
#define AURAIO_RING_LOCAL_H

void local_registry_lock(void);
void local_registry_unlock(void);

#endif
