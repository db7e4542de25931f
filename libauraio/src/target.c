/* SPDX-License-Identifier: MIT */
/*
 * Credits and evidence of one storage target: see target.h.
 *
 * Credits: a ring asks for what it needs and gets what is free, less when others wait (max-min fair). What it
 * holds it keeps while it has operations; then it parks it, which is one store, and finds it again by one
 * exchange. A ring that asks in vain collects what others have parked first.
 *
 * Evidence: while the limit holds nothing back, and there is no latency target, nobody reports and nothing is
 * spent. The first ring that asks in vain has the target watched; when nothing was held back for rest_ns it
 * rests again. Whoever reaps feeds the controller; where the lock is taken it keeps its samples for the next
 * time, and waits for the lock only when it has no room for more: none is lost.
 */
#include "target.h"
#include "trace.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const int64_t rest_ns =
    100 * 1000 * 1000; /* longer than the pauses of a bursty load; short for a user */

static void watch(struct target *target)
{
    if (atomic_load_explicit(&target->watched, memory_order_relaxed))
        return;
    target->resumed = true;
    target->bound_ns = 0;
    atomic_store_explicit(&target->watched, true, memory_order_relaxed);
    atomic_fetch_add_explicit(target->watched_count, 1, memory_order_relaxed);
}

static void rest(struct target *target)
{
    atomic_store_explicit(&target->watched, false, memory_order_relaxed);
    atomic_fetch_sub_explicit(target->watched_count, 1, memory_order_relaxed);
}

/* ---------------------------------------------------------------------- life */

static void begin(struct target *target, const struct control_options *options, int initial_limit)
{
    auraio_adapt_options_t adapt;
    auraio_adapt_options_init(&adapt);
    adapt.p99_target_ns = options->p99_target_ns;
    adapt.min_limit = options->min_limit;
    adapt.max_limit = options->max_limit;
    adapt.initial_limit = initial_limit;
    int rc = auraio_adapt_init(&target->adapt, &adapt);
    assert(rc == 0); /* the public border refuses what the controller would */
    (void)rc;
    target->p99_target_ns = options->p99_target_ns;
    if (options->p99_target_ns > 0)
        watch(target);
}

int target_create(uint64_t device, const struct control_options *options, _Atomic int *watched_count,
                  struct target **ret_target)
{
    struct target *target = calloc(1, sizeof(*target));
    if (!target)
        return -ENOMEM;
    target->device = device;
    target->watched_count = watched_count;
    pthread_mutex_init(&target->lock, NULL);
    begin(target, options, options->initial_limit);
    auraio_adapt_share_init(&target->share, auraio_adapt_limit(&target->adapt));
    *ret_target = target;
    return 0;
}

void target_destroy(struct target *target)
{
    if (!target)
        return;
    for (int i = 0; i < target->user_count; i++)
        free(atomic_load_explicit(&target->users[i], memory_order_relaxed));
    pthread_mutex_destroy(&target->lock);
    free(target);
}

/* ------------------------------------------------------------------- credits */

static struct target_user *user_of(struct target *target, int ring)
{
    assert(ring >= 0 && ring < TARGET_RINGS_MAX);
    return atomic_load_explicit(&target->users[ring], memory_order_acquire);
}

/* With the lock. NULL: no memory. */
static struct target_user *user_make(struct target *target, int ring)
{
    struct target_user *user = aligned_alloc(64, sizeof(*user));
    if (!user)
        return NULL;
    *user = (struct target_user){.in_flight = 0};
    atomic_store_explicit(&target->users[ring], user, memory_order_release);
    if (target->user_count <= ring)
        target->user_count = ring + 1;
    return user;
}

/* A ring that has needed no credit so far reports. NULL: no memory. */
static struct target_user *user_join(struct target *target, int ring)
{
    pthread_mutex_lock(&target->lock);
    struct target_user *user = user_make(target, ring);
    pthread_mutex_unlock(&target->lock);
    return user;
}

static void give_locked(struct target *target, int ring, int credits)
{
    int rc = auraio_adapt_share_give(&target->share, target->shares, target->user_count, ring, credits);
    assert(rc == 0);
    (void)rc;
}

static int take_locked(struct target *target, int ring, int want)
{
    int taken = auraio_adapt_share_take(&target->share, target->shares, target->user_count, ring, want);
    assert(taken >= 0);
    return taken;
}

/* With the lock: what rings have parked is free for all. */
static void collect_parked(struct target *target)
{
    for (int ring = 0; ring < target->user_count; ring++) {
        struct target_user *user = user_of(target, ring);
        if (!user || atomic_load_explicit(&user->parked, memory_order_relaxed) == 0)
            continue;
        /* Acquire: pairs with the release of target_park(). The ring may have been quicker. */
        int parked = atomic_exchange_explicit(&user->parked, 0, memory_order_acquire);
        if (parked > 0)
            give_locked(target, ring, parked);
    }
}

int target_take(struct target *target, int ring, int want)
{
    struct target_user *user = user_of(target, ring);
    int taken = 0;
    if (user && atomic_load_explicit(&user->parked, memory_order_relaxed) > 0)
        taken = atomic_exchange_explicit(&user->parked, 0, memory_order_acquire);
    if (taken >= want)
        return taken;
    pthread_mutex_lock(&target->lock);
    if (user || user_make(target, ring)) {
        if (target->share.limit - target->share.held < want - taken)
            collect_parked(target);
        taken += take_locked(target, ring, want - taken);
        if (taken < want)
            watch(target);
    }
    pthread_mutex_unlock(&target->lock);
    return taken;
}

void target_give(struct target *target, int ring, int credits)
{
    pthread_mutex_lock(&target->lock);
    give_locked(target, ring, credits);
    pthread_mutex_unlock(&target->lock);
}

void target_park(struct target *target, int ring, int credits)
{
    struct target_user *user = user_of(target, ring);
    if (!user)
        return;
    if (target->shares[ring].wanted == 0) {
        atomic_store_explicit(&user->parked, credits, memory_order_release);
        return;
    }
    pthread_mutex_lock(&target->lock);
    (void)take_locked(target, ring, 0); /* it wants nothing any more */
    give_locked(target, ring, credits);
    pthread_mutex_unlock(&target->lock);
}

/* ------------------------------------------------------------------ evidence */

static uint32_t size_of(uint64_t bytes)
{
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* With the lock: the samples that were kept become evidence. */
static void feed(struct target *target, struct target_user *user, const struct ring_batch *batch)
{
    bool late = user->kept_late || target->resumed;
    auraio_adapt_batch_t evidence = {
        .now_ns = batch->now_ns,
        .in_flight = target->in_flight,
        .count = user->kept_count,
        .flags = late ? AURAIO_ADAPT_LATE : 0,
        .samples = user->kept,
    };
    target->samples += user->kept_count;
    target->late_samples += late ? user->kept_count : 0;
    int limit_before = target->share.limit;
    auraio_adapt_complete(&target->adapt, &evidence);
    user->kept_count = 0;
    user->kept_late = target->resumed = false;
    auraio_adapt_share_set_limit(&target->share, auraio_adapt_limit(&target->adapt));
    if (target->share.limit != limit_before)
        trace_limit_change(target, limit_before);
    if (target->share.held > target->share.limit)
        collect_parked(target);
}

/* One operation; those that don't fit any more are fed in between. */
static void keep_one(struct target *target, struct target_user *user, const struct ring_batch *batch,
                     const struct ring_sample *sample)
{
    if (user->kept_count == TARGET_KEPT_MAX) {
        pthread_mutex_lock(&target->lock);
        feed(target, user, batch);
        pthread_mutex_unlock(&target->lock);
    }
    user->kept[user->kept_count++] = (auraio_adapt_sample_t){
        .latency_ns = sample->latency_ns,
        .size_bytes = size_of(sample->bytes),
        .kind = (uint8_t)sample->kind,
        .flags = batch->bound ? AURAIO_ADAPT_BOUND : 0,
    };
}

/* The operations of this target. */
static void keep_samples(struct target *target, struct target_user *user, const struct ring_batch *batch)
{
    user->kept_late = user->kept_late || batch->late;
    for (int i = 0; i < batch->count; i++) {
        const struct ring_sample *sample = &batch->samples[i];
        if (sample->target != batch->target || sample->latency_ns < 0)
            continue;
        for (int k = 0; k < sample->count; k++)
            keep_one(target, user, batch, sample);
    }
}

/* With the lock. A search is not left in the middle: its limit is only one that it tries. */
static void note_bound(struct target *target, const struct ring_batch *batch)
{
    if (batch->bound || target->bound_ns == 0)
        target->bound_ns = batch->now_ns;
    else if (target->p99_target_ns == 0 && batch->now_ns - target->bound_ns > rest_ns &&
             auraio_adapt_phase(&target->adapt) != AURAIO_ADAPT_PROBING)
        rest(target);
}

int target_report(struct target *target, int ring, const struct ring_batch *batch)
{
    if (!atomic_load_explicit(&target->watched, memory_order_relaxed))
        return 0;
    struct target_user *user = user_of(target, ring);
    if (!user && !(user = user_join(target, ring)))
        return 0;
    keep_samples(target, user, batch);
    if (pthread_mutex_trylock(&target->lock) != 0)
        return -1;
    int excess = 0;
    if (atomic_load_explicit(&target->watched, memory_order_relaxed)) {
        target->in_flight += batch->in_kernel - user->in_flight;
        user->in_flight = batch->in_kernel;
        feed(target, user, batch);
        note_bound(target, batch);
        if (batch->held_back == 0 && target->shares[ring].wanted > 0)
            (void)take_locked(target, ring, 0);
        excess = auraio_adapt_share_excess(&target->share, target->shares, target->user_count, ring);
    }
    pthread_mutex_unlock(&target->lock);
    return excess;
}

void target_set_options(struct target *target, const struct control_options *options)
{
    pthread_mutex_lock(&target->lock);
    begin(target, options, auraio_adapt_limit(&target->adapt));
    auraio_adapt_share_set_limit(&target->share, auraio_adapt_limit(&target->adapt));
    target->resumed = true;
    pthread_mutex_unlock(&target->lock);
}

bool target_check(struct target *target)
{
    pthread_mutex_lock(&target->lock);
    int held = 0, waiting = 0;
    bool valid =
        auraio_adapt_is_valid(&target->adapt) && target->share.limit == auraio_adapt_limit(&target->adapt);
    for (int ring = 0; ring < target->user_count; ring++) {
        struct target_user *user = user_of(target, ring);
        held += target->shares[ring].held;
        waiting += target->shares[ring].wanted > 0;
        valid = valid && (!user || (atomic_load(&user->parked) <= target->shares[ring].held &&
                                    user->kept_count <= TARGET_KEPT_MAX));
    }
    valid = valid && held == target->share.held && waiting == target->share.waiting;
    pthread_mutex_unlock(&target->lock);
    return valid;
}
