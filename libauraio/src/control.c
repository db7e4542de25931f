/* SPDX-License-Identifier: MIT */
/*
 * The control of an engine: a table of storage targets, which are the devices behind the descriptors.
 *
 * Target 0 is for what has none of its own: descriptors that could not be looked at, and every device after
 * the first fifteen. A device is st_rdev for a block device and st_dev for a file or directory: a file system
 * on md, dm or the network is a device of its own. A partition and its disk count as two; so do two file
 * systems of one disk, whose controllers then each see the other as a change of the device.
 *
 * Targets are added and never removed; readers find them without a lock.
 */
#include "target.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct control {
    pthread_mutex_t lock; /* adding targets, changing options; before a target's lock */
    struct control_options options;
    struct ring_control rings;
    _Atomic int watched; /* targets */
    _Atomic int count;   /* of those below, which are set */
    struct target *targets[RING_TARGETS];
};

static struct target *target_at(const struct control *control, int target)
{
    return control->targets[target];
}

static int find(const struct control *control, uint64_t device)
{
    /* Acquire: pairs with the release in add(). */
    int count = atomic_load_explicit(&control->count, memory_order_acquire);
    for (int i = 1; i < count; i++)
        if (control->targets[i]->device == device)
            return i;
    return 0;
}

/* With the lock. 0: no room, or no memory. */
static int add(struct control *control, uint64_t device)
{
    int index = atomic_load_explicit(&control->count, memory_order_relaxed);
    if (index == RING_TARGETS ||
        target_create(device, &control->options, &control->watched, &control->targets[index]) < 0)
        return 0;
    atomic_store_explicit(&control->count, index + 1, memory_order_release);
    return index;
}

static int target_of(void *context, const struct stat *st)
{
    struct control *control = context;
    uint64_t device = S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev;
    int index = find(control, device);
    if (index > 0)
        return index;
    pthread_mutex_lock(&control->lock);
    index = find(control, device);
    if (index == 0)
        index = add(control, device);
    pthread_mutex_unlock(&control->lock);
    return index;
}

static int take(void *context, int ring, int target, int want)
{
    return target_take(target_at(context, target), ring, want);
}

static void give(void *context, int ring, int target, int credits)
{
    target_give(target_at(context, target), ring, credits);
}

static void park(void *context, int ring, int target, int credits)
{
    target_park(target_at(context, target), ring, credits);
}

static int report(void *context, int ring, const struct ring_batch *batch)
{
    return target_report(target_at(context, batch->target), ring, batch);
}

/* ---------------------------------------------------------------------- life */

int control_create(const struct control_options *options, struct control **ret_control)
{
    struct control *control = calloc(1, sizeof(*control));
    if (!control)
        return -ENOMEM;
    control->options = *options;
    control->rings = (struct ring_control){
        .context = control,
        .watched = &control->watched,
        .target_of = target_of,
        .take = take,
        .give = give,
        .park = park,
        .report = report,
    };
    pthread_mutex_init(&control->lock, NULL);
    int rc = target_create(0, options, &control->watched, &control->targets[0]);
    if (rc < 0) {
        control_destroy(control);
        return rc;
    }
    atomic_init(&control->count, 1);
    *ret_control = control;
    return 0;
}

void control_destroy(struct control *control)
{
    if (!control)
        return;
    for (int i = 0; i < RING_TARGETS; i++)
        target_destroy(control->targets[i]);
    pthread_mutex_destroy(&control->lock);
    free(control);
}

const struct ring_control *control_of_rings(const struct control *control)
{
    return &control->rings;
}

/* --------------------------------------------------------------------- seeing */

void control_set_p99_target(struct control *control, int64_t target_ns)
{
    pthread_mutex_lock(&control->lock);
    control->options.p99_target_ns = target_ns;
    for (int i = 0; i < atomic_load(&control->count); i++)
        target_set_options(control->targets[i], &control->options);
    pthread_mutex_unlock(&control->lock);
}

int control_target_count(const struct control *control)
{
    return atomic_load_explicit(&control->count, memory_order_acquire);
}

void control_target_stats(const struct control *control, int index, auraio_target_stats_t *ret_stats)
{
    struct target *target = target_at(control, index);
    pthread_mutex_lock(&target->lock);
    *ret_stats = (auraio_target_stats_t){
        .device = target->device,
        .in_flight_limit = target->share.limit,
        .optimal_in_flight = auraio_adapt_base_limit(&target->adapt),
        .credits_taken = target->share.held,
        .rings_waiting = target->share.waiting,
        .aimd_phase = (int)auraio_adapt_phase(&target->adapt),
        .watched = atomic_load_explicit(&target->watched, memory_order_relaxed),
        .target_p99_ms = (double)target->p99_target_ns / 1e6,
        .ops_judged = target->samples,
        .ops_late = target->late_samples,
    };
    pthread_mutex_unlock(&target->lock);
}

int control_decisions(const struct control *control, int index, auraio_decision_t *out, int max)
{
    struct target *target = target_at(control, index);
    auraio_adapt_decision_t decisions[AURAIO_ADAPT_JOURNAL];
    pthread_mutex_lock(&target->lock);
    int count = auraio_adapt_decisions(&target->adapt, decisions,
                                       max < AURAIO_ADAPT_JOURNAL ? max : AURAIO_ADAPT_JOURNAL);
    pthread_mutex_unlock(&target->lock);
    for (int i = 0; i < count; i++)
        out[i] = (auraio_decision_t){
            .time_ns = decisions[i].now_ns,
            .old_limit = decisions[i].old_limit,
            .new_limit = decisions[i].new_limit,
            .aimd_phase = decisions[i].phase,
            .cause = decisions[i].cause,
            .throughput_ops = decisions[i].throughput_ops,
            .p99_latency_ms = decisions[i].p99_ns / 1e6,
            .exceedance = decisions[i].exceedance,
            .gain = decisions[i].gain,
            .gain_error = decisions[i].gain_error,
            .samples = decisions[i].samples,
        };
    return count;
}

/* Of the targets a ring has used, the one it holds most of, or else has used most. */
void control_ring_share(const struct control *control, int ring, struct control_share *ret_share)
{
    int64_t most = -1;
    for (int i = 0; i < control_target_count(control); i++) {
        struct target *target = target_at(control, i);
        pthread_mutex_lock(&target->lock);
        const auraio_adapt_share_user_t *user = &target->shares[ring];
        int free = target->share.limit > target->share.held ? target->share.limit - target->share.held : 0;
        int64_t used = ((int64_t)user->held << 40) + user->granted;
        if (used > most || (i == 1 && used == most)) { /* 0 is the least likely to be what will be used */
            most = used;
            ret_share->limit = user->held + free > 1 ? user->held + free : 1;
            ret_share->phase = (int)auraio_adapt_phase(&target->adapt);
        }
        pthread_mutex_unlock(&target->lock);
    }
}

int control_optimum(const struct control *control)
{
    int optimum = 0, count = control_target_count(control);
    for (int i = 0; i < count; i++) {
        struct target *target = target_at(control, i);
        pthread_mutex_lock(&target->lock);
        if (i > 0 || target->user_count > 0 || count == 1)
            optimum += auraio_adapt_base_limit(&target->adapt);
        pthread_mutex_unlock(&target->lock);
    }
    return optimum;
}

bool control_check(const struct control *control)
{
    bool valid = true;
    for (int i = 0; i < control_target_count(control); i++)
        valid = target_check(target_at(control, i)) && valid;
    return valid;
}
