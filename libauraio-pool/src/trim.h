/*
 * Giving memory back to the system: when more is kept than the bound allows, when it has not been needed for
 * a while, and when asked to. No lock may be held, except the registry's; to ask, any may.
 *
 * Time is divided into *epochs*. Stale is what lay in the central lists untouched during a whole one; it is
 * given back as the next begins: when the bound is exceeded, and in any case after POOL_EPOCH_MS. So a pool
 * whose load has gone shrinks to what is still used, and one in steady use makes no system call.
 */
#ifndef AURAIO_POOL_TRIM_H
#define AURAIO_POOL_TRIM_H

#include "internal.h"

/* Longer than the pauses of a program at work, shorter than anybody looks on while memory lies idle. */
#define POOL_EPOCH_MS 10000

/* The first epoch of a new pool begins. */
void pool_trim_start(struct pool *pool);

/* What the central lists keep, in bytes. */
size_t pool_central_kept_bytes(const struct pool *pool);

/* Whether they may keep so much more. */
bool pool_may_keep(const struct pool *pool, size_t more_bytes);

/* Brings the central lists back under the bound if they are over it. */
void pool_enforce_bound(struct pool *pool);

/* Gives back all the central lists keep. */
void pool_trim_central(struct pool *pool);

#endif
