/*
 * Giving memory back to the system: when more is kept than the bound allows, and when asked to. No
 * lock may be held, except the registry's.
 */
#ifndef AURAIO_POOL_TRIM_H
#define AURAIO_POOL_TRIM_H

#include "internal.h"

/* What the central lists keep, in bytes. */
size_t pool_central_kept_bytes(const struct pool *pool);

/* Brings the central lists back under the bound if they are over it. */
void pool_enforce_bound(struct pool *pool);

/* Gives back all the central lists keep. */
void pool_trim_central(struct pool *pool);

#endif
