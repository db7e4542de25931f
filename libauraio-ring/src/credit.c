/* SPDX-License-Identifier: MIT */
/*
 * Credits of storage targets, as a ring holds them: see struct ring_control.
 *
 * A lane keeps the credits it took while it has operations, so that the way of an operation is one comparison
 * with the lane's limit. What the controller wants back (`credits` above `kept`) is given as operations
 * complete. A lane that has run empty parks its credits: it finds them again without a lock unless somebody
 * else wanted them meanwhile.
 */
#include "ring-private.h"

#include <assert.h>

static const int64_t starved_ns = 1000 * 1000; /* a time slice is longer */

static int target_of(const struct ring *ring, const struct ring_lane *lane)
{
    return (int)(lane - &ring->lanes[LANE_STORAGE]);
}

static void change_credits(struct ring *ring, struct ring_lane *lane, int by)
{
    lane->credits += by;
    ring->credits += by;
    assert(lane->credits >= 0 && ring->credits >= 0);
}

static void keep_credits(struct ring_lane *lane, int kept)
{
    lane->kept = kept > 0 ? kept : 0;
    lane->limit = kept > 1 ? kept : 1;
    assert(lane->kept <= lane->credits);
}

/* Give back what the operations in the kernel don't need, at most @excess; the rest as they complete. */
static void give_back(struct ring *ring, struct ring_lane *lane, int excess)
{
    const struct ring_control *control = ring->group->config.control;
    int spare = lane->credits - lane_in_kernel(lane);
    int given = spare < excess ? spare : excess;
    if (given > 0) {
        control->give(control->context, ring->index, target_of(ring, lane), given);
        change_credits(ring, lane, -given);
        excess -= given;
    }
    keep_credits(lane, lane->credits - excess);
}

void ring_take_credits(struct ring *ring, struct ring_lane *lane, int more)
{
    const struct ring_control *control = ring->group->config.control;
    if (!control)
        return;
    int waiting = lane->queued_count > more ? lane->queued_count : more;
    int want = lane_in_kernel(lane) + waiting - lane->kept, room = ring->credits_max - ring->credits;
    if (want > room)
        want = room;
    if (want <= 0)
        return;
    int taken = control->take(control->context, ring->index, target_of(ring, lane), want);
    assert(taken >= 0);
    change_credits(ring, lane, taken);
    keep_credits(lane, lane->kept + taken);
    lane->wanting = taken < want;
    lane->bound = lane->bound || lane->wanting;
    ring->parkable = true;
    if (ring->credits > ring->credits_max) /* more were parked than there is room for now */
        give_back(ring, lane, ring->credits - ring->credits_max);
}

void ring_park_credits(struct ring *ring)
{
    const struct ring_control *control = ring->group->config.control;
    ring->parkable = false;
    for (int i = LANE_STORAGE; i < ring->lanes_used; i++) {
        struct ring_lane *lane = &ring->lanes[i];
        if (lane->credits == 0 && !lane->wanting)
            continue;
        if (lane_in_kernel(lane) > 0 || lane->queued.head) {
            ring->parkable = true;
            continue;
        }
        control->park(control->context, ring->index, target_of(ring, lane), lane->credits);
        change_credits(ring, lane, -lane->credits);
        keep_credits(lane, 0);
        lane->wanting = lane->bound = false;
    }
}

void ring_note_presence(struct ring *ring)
{
    struct ring_group *group = ring->group;
    if (atomic_load_explicit(&ring->local, memory_order_relaxed))
        ring->present_ns = group_now_ns(group);
    else if (atomic_load_explicit(&group->driver, memory_order_relaxed) == ring_thread()->id)
        atomic_store_explicit(&group->present_ns, group_now_ns(group), memory_order_relaxed);
}

/*
 * Whether the completions had to wait for the application. What is in the queue when the driver comes back
 * from the kernel has just come; what it finds there later may have been there for as long as it was away.
 * That is the application's doing when it is more than half of what is measured as latency. Time inside the
 * kernel is not: there it waits for completions, or reads what is in the page cache, which is what such a
 * device is.
 */
static bool is_late(const struct ring *ring, int64_t mean_ns)
{
    int64_t present_ns = ring->present_ns;
    if (!atomic_load_explicit(&ring->local, memory_order_relaxed))
        present_ns = atomic_load_explicit(&ring->group->present_ns, memory_order_relaxed);
    return present_ns > 0 && ring->now_ns - present_ns > mean_ns / 2;
}

/*
 * Whether a batch is one because its thread got no CPU for more than half of the time since the one before:
 * then it was ready for longer, and the device had nothing to do. Only a long time is looked into: that costs
 * a system call. A simulated world has CPUs for all.
 */
static bool was_starved(struct ring *ring)
{
    int64_t since_ns = ring->now_ns - ring->reported_ns;
    ring->reported_ns = ring->now_ns;
    return since_ns >= starved_ns && !ring->group->config.system &&
           run_queue_waited_ns(&ring->run_queue, ring_thread()->id) > since_ns / 2;
}

void ring_report_control(struct ring *ring, int64_t mean_ns)
{
    const struct ring_control *control = ring->group->config.control;
    uint32_t targets = 0;
    for (int i = 0; i < ring->sample_count; i++)
        if (ring->samples[i].latency_ns >= 0)
            targets |= 1u << ring->samples[i].target;
    if (!targets)
        return;
    bool late = was_starved(ring) || is_late(ring, mean_ns);
    for (; targets; targets &= targets - 1) {
        int target = __builtin_ctz(targets);
        struct ring_lane *lane = &ring->lanes[LANE_STORAGE + target];
        struct ring_batch batch = {
            .samples = ring->samples,
            .count = ring->sample_count,
            .target = target,
            .held_back = lane->queued_count,
            .in_kernel = lane_in_kernel(lane),
            .bound = lane->bound || lane->queued_count > 0,
            .late = late,
            .now_ns = ring->now_ns,
        };
        int excess = control->report(control->context, ring->index, &batch);
        give_back(ring, lane, excess >= 0 ? excess : lane->credits - lane->kept);
        lane->bound = false;
        lane->wanting = lane->wanting && lane->queued_count > 0;
    }
}
