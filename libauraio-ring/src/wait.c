/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until something completes, and waking who sleeps.
 *
 * With work on one ring a thread sleeps in that ring's backend: one call hands over and waits. With work on
 * several it sleeps in ppoll() on their descriptors (or on the epoll descriptor over all of them, when there
 * are many) and on the wake descriptor; so it does when nothing is pending and it is to wait for work.
 *
 * No wake-up is lost: a sleeper counts itself (sleepers, then entering or fd_sleepers), then looks at
 * wake_count, the bitmaps and the rings; whoever changes something marks it, raises wake_count, then looks at
 * those counters. All of these are sequentially consistent, so one of the two sees the other.
 */
#include "fds.h"
#include "local.h"
#include "ring-private.h"

#include <auraio-probe.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    POLL_RINGS_MAX = 8,
    COALESCE_MIN =
        16, /* operations in the kernel: of fewer the device would miss those that wait to be taken */
    RETRY_NS = 1000 * 1000,
    NO_WAKE_FD_NS = 10 * 1000 * 1000
};

/* ppoll(); a negative timeout never ends. */
static int poll_fds(const struct ring_group *group, struct pollfd *fds, unsigned count, int64_t timeout_ns)
{
    const struct ring_system *system = group->config.system;
    if (system)
        return system->poll(system->context, fds, count, timeout_ns);
    struct timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    return ppoll(fds, count, timeout_ns < 0 ? NULL : &limit, NULL);
}

void group_pause(const struct ring_group *group)
{
    (void)poll_fds(group, NULL, 0, RETRY_NS);
}

/* ------------------------------------------------------------------ wake up */

static int wake_ring(struct ring *ring, void *unused)
{
    (void)unused;
    ring_lock(ring);
    if (ring->backend) /* else nobody sleeps on it */
        ring_doorbell(ring);
    ring_unlock(ring);
    return 0;
}

static void wake_fd_sleepers(struct ring_group *group)
{
    uint64_t one = 1;
    pthread_mutex_lock(&group->sleep_lock);
    if (group->fd_sleepers > 0 && group->wake_fd >= 0) {
        group->fd_wakes++;
        group->fd_unacknowledged = group->fd_sleepers;
        if (!group->wake_fd_full)
            (void)!write(group->wake_fd, &one, sizeof(one));
        group->wake_fd_full = true;
    }
    pthread_mutex_unlock(&group->sleep_lock);
}

void group_wake_sleepers(struct ring_group *group)
{
    atomic_fetch_add(&group->wake_count, 1);
    if (atomic_load(&group->sleepers) > 0) {
        (void)group_each_shared(group, wake_ring, NULL);
        wake_fd_sleepers(group);
    }
    if (!is_thread_local(group))
        return;
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        if (ring && atomic_load(&ring->asleep))
            local_ring_bell(ring);
    }
}

void ring_group_wake(struct ring_group *group)
{
    atomic_fetch_add(&group->asked_count, 1);
    group_wake_sleepers(group);
}

/* ------------------------------------------------------ poll descriptors */

int group_watch_ring(struct ring_group *group, struct ring *ring)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = atomic_load(&group->epoll_fd);
    if (fd < 0 || !ring->backend)
        return 0;
    if (epoll_ctl(fd, EPOLL_CTL_ADD, ring->ops->watch(ring->backend), &event) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

static int make_epoll_fd(struct ring_group *group)
{
    int fd = fd_out_of_the_way(epoll_create1(EPOLL_CLOEXEC));
    if (fd < 0)
        return -errno;
    /* First the descriptor, then the look for rings; a ring that becomes shared does it the other way round.
     */
    atomic_store(&group->epoll_fd, fd);
    for (int i = 0; i < atomic_load(&group->rings_used); i++) {
        struct ring *ring = group_ring(group, i);
        int rc = ring && !atomic_load(&ring->local) ? group_watch_ring(group, ring) : 0;
        if (rc < 0) {
            atomic_store(&group->epoll_fd, -1);
            fd_close(fd);
            return rc;
        }
    }
    return fd;
}

/* The epoll descriptor over all shared rings, made on first use. */
static int epoll_fd(struct ring_group *group)
{
    pthread_mutex_lock(&group->rings_lock);
    int fd = atomic_load(&group->epoll_fd);
    if (fd < 0)
        fd = make_epoll_fd(group);
    pthread_mutex_unlock(&group->rings_lock);
    return fd;
}

static void arm_bell(struct ring *ring)
{
    if (ring->bell_armed || !ring_make_room(ring, 1))
        return;
    ring->ops->push_bell(ring->backend, ring->bell_fd);
    backend_publish(ring->backend);
    ring->bell_armed = true;
}

static int notify_fd(struct ring *ring)
{
    if (ring->notify_fd >= 0)
        return ring->notify_fd;
    int fd = fd_out_of_the_way(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (fd < 0)
        return -errno;
    int rc = ring->ops->notify(ring->backend, fd);
    if (rc < 0) {
        fd_close(fd);
        return rc;
    }
    ring->notify_fd = fd;
    arm_bell(ring);
    ring_stamp(ring);
    (void)ring->ops->submit(ring->backend);
    uint64_t one = 1;
    if (ring_is_ready(ring)) /* what completed before is still to be seen */
        (void)!write(fd, &one, sizeof(one));
    return fd;
}

static int local_poll_fd(struct ring_group *group)
{
    struct ring *ring;
    int rc = group_select(group, &ring);
    if (rc < 0)
        return rc;
    int fd = notify_fd(ring);
    ring_leave(ring, INSIDE_SUBMITTING);
    return fd;
}

int ring_group_poll_fd(struct ring_group *group)
{
    if (group->config.select == RING_SELECT_THREAD_LOCAL)
        return local_poll_fd(group);
    int fd = epoll_fd(group);
    if (fd < 0)
        return fd;
    atomic_store(&group->poll_fd_used, true);
    (void)group_hand_over(group);
    return fd;
}

/* -------------------------------------------------------------------- sleep */

struct sleep_plan {
    struct ring_group *group;
    struct ring *rings[POLL_RINGS_MAX];
    int count; /* rings with work; more than POLL_RINGS_MAX: not all are listed */
    int64_t pending;
    bool ready;
};

static int plan_ring(struct ring *ring, void *context)
{
    struct sleep_plan *plan = context;
    int pending = ring_pending(ring);
    plan->ready = plan->ready || (ring->backend && backend_holds(ring->backend)) ||
                  atomic_load(&ring->has_done) || atomic_load(&ring->has_mail);
    plan->pending += pending;
    if (pending == 0 && (ring->local || ring_leave_bitmap(ring)))
        return 0;
    if (!ring->backend) /* all it had is finished, and its last callbacks run: their end wakes us */
        return 0;
    if (plan->count < POLL_RINGS_MAX) {
        plan->rings[plan->count] = ring;
        if (is_thread_local(plan->group))
            ring_hold(ring);
    }
    plan->count++;
    return 0;
}

static int listed(const struct sleep_plan *plan)
{
    return plan->count < POLL_RINGS_MAX ? plan->count : POLL_RINGS_MAX;
}

static void release_planned(const struct sleep_plan *plan)
{
    for (int i = 0; i < listed(plan) && is_thread_local(plan->group); i++)
        ring_release(plan->rings[i]);
}

/*
 * The ring's latency in calm times: down with it at once, up by a 64th for each time it is asked for. A
 * stall, of the device or of this thread, is a long latency for a while, and is no reason to wait longer.
 */
static int64_t follow_calm(struct ring *ring)
{
    int64_t latency_ns = atomic_load_explicit(&ring->latency_ns, memory_order_relaxed);
    int64_t calm_ns = ring->calm_ns + ring->calm_ns / 64 + 1;
    ring->calm_ns = ring->calm_ns > 0 && calm_ns < latency_ns ? calm_ns : latency_ns;
    return ring->calm_ns;
}

/*
 * Wait for a quarter of what is in the kernel rather than for one: fewer wake-ups for the same work. For no
 * longer than a quarter of the latency, in which about that many complete when they come evenly. Only a ring
 * whose completions are deferred to its owner can be waited on for a number without being woken for each.
 */
static struct backend_wait coalesced(struct ring *ring, int64_t timeout_ns)
{
    int in_kernel = ring->local && ring_pending(ring) >= COALESCE_MIN ? ring_storage_in_kernel(ring) : 0;
    struct backend_wait wait = {.min_events = 1, .timeout_ns = timeout_ns};
    if (in_kernel >= COALESCE_MIN) {
        wait.min_events = (unsigned)in_kernel / 4;
        wait.min_wait_ns = follow_calm(ring) / 4;
    }
    return wait;
}

/* With the lock: everything that could be in the kernel goes there before we sleep. */
static void prepare_ring(struct ring *ring)
{
    ring->owed = false;
    if (ring->queued_count > ring->lanes[LANE_STREAM].queued_count && ring_unsure(ring) > 0)
        ring_verify_classes(ring);
    ring_dispatch_queued(ring);
    if (ring->stop_owed)
        ring_stop_again(ring);
    if (ring->local)
        arm_bell(ring);
    deadline_arm(ring);
    ring_stamp(ring);
}

static int64_t shorter(int64_t a_ns, int64_t b_ns)
{
    return a_ns < 0 || b_ns < a_ns ? b_ns : a_ns;
}

static void sleep_on_ring(struct ring *ring, int64_t timeout_ns, uint64_t wakes)
{
    struct ring_group *group = ring->group;
    ring_lock(ring);
    prepare_ring(ring);
    bool again = ring->stop_owed || ring->owed;
    struct backend_wait wait = coalesced(ring, again ? shorter(timeout_ns, RETRY_NS) : timeout_ns);
    bool local = ring->local, activated = false;
    uint64_t before = 0;
    if (local) {
        atomic_store(&ring->asleep, true);
    } else { /* who wakes sleepers finds them through the bitmap */
        before = sleepers_join(&ring->sleepers);
        activated = !ring->active && ring_mark_active(ring);
    }
    ring_unlock(ring);
    if (activated) /* who took it out of the bitmap meanwhile sleeps without it, and would miss what it gets
                    */
        group_wake_sleepers(group);
    int rc = 0;
    if (atomic_load(&group->wake_count) == wakes && !atomic_load(&ring->has_done) &&
        !atomic_load(&ring->has_mail))
        rc = ring->ops->wait(ring->backend, &wait);
    ring_present(ring);
    if (local)
        atomic_store_explicit(&ring->asleep, false, memory_order_relaxed);
    else
        sleepers_leave(&ring->sleepers, before);
    if (rc == -EAGAIN || rc == -EBUSY) /* the kernel is short of memory, or its completions of room */
        group_pause(group);
}

/* Register for the wake descriptor. False: there is none. */
static bool join_fd_sleepers(struct ring_group *group, uint64_t *ret_wakes)
{
    pthread_mutex_lock(&group->sleep_lock);
    if (group->wake_fd < 0)
        group->wake_fd = fd_out_of_the_way(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    bool usable = group->wake_fd >= 0;
    group->fd_sleepers += usable;
    *ret_wakes = group->fd_wakes;
    pthread_mutex_unlock(&group->sleep_lock);
    return usable;
}

/* The last of those who were there at a wake clears the descriptor: until then it stays readable for the
 * others. */
static void leave_fd_sleepers(struct ring_group *group, uint64_t wakes_before)
{
    uint64_t rung;
    pthread_mutex_lock(&group->sleep_lock);
    group->fd_sleepers--;
    if (group->wake_fd_full && wakes_before != group->fd_wakes && --group->fd_unacknowledged == 0) {
        (void)!read(group->wake_fd, &rung, sizeof(rung));
        group->wake_fd_full = false;
    }
    pthread_mutex_unlock(&group->sleep_lock);
}

/* Returns 1 when something is to be tried again soon. */
static int prepare_for_fds(struct ring *ring, void *unused)
{
    (void)unused;
    if (!ring->backend)
        return 0;
    ring_lock(ring);
    prepare_ring(ring);
    bool again = ring->stop_owed;
    ring_unlock(ring);
    return !ring_try_hand_over(ring) || again || ring->owed;
}

static void sleep_on_fds(struct sleep_plan *plan, int64_t timeout_ns, uint64_t wakes)
{
    struct ring_group *group = plan->group;
    struct pollfd
        fds[POLL_RINGS_MAX + 2]; /* rings, the epoll descriptor over all of them, the wake descriptor */
    unsigned count = 0;
    const int polled = listed(plan);
    bool again = plan->count > polled && group_each_ring(group, prepare_for_fds, NULL) > 0;
    for (int i = 0; i < polled; i++) {
        struct ring *ring = plan->rings[i];
        if (plan->count == polled)
            again = prepare_for_fds(ring, NULL) || again;
        int fd = ring->ops->watch(ring->backend);
        again = again || fd < 0;
        fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (again)
        timeout_ns = shorter(timeout_ns, RETRY_NS);
    if (plan->count > polled) {
        int fd = epoll_fd(group);
        fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN}; /* a negative one is passed over */
        if (fd < 0)
            timeout_ns = shorter(timeout_ns, NO_WAKE_FD_NS);
    }
    uint64_t fd_wakes;
    bool joined = join_fd_sleepers(group, &fd_wakes);
    if (!joined)
        timeout_ns = shorter(timeout_ns, NO_WAKE_FD_NS);
    fds[count++] = (struct pollfd){.fd = joined ? group->wake_fd : -1, .events = POLLIN};
    if (atomic_load(&group->wake_count) == wakes)
        (void)poll_fds(group, fds, count, timeout_ns);
    for (int i = 0; i < polled; i++) {
        plan->rings[i]->ops->unwatch(plan->rings[i]->backend);
        ring_present(plan->rings[i]);
    }
    if (joined)
        leave_fd_sleepers(group, fd_wakes);
}

/* Sleep as planned, for no longer than that. -ENODATA: nothing to wait for. */
static int sleep_as_planned(struct sleep_plan *plan, int64_t timeout_ns, bool idle, uint64_t wakes)
{
    if (plan->ready)
        return 0;
    if (!idle && plan->pending == group_own_running(plan->group))
        return -ENODATA;
    if (plan->count == 1)
        sleep_on_ring(plan->rings[0], timeout_ns, wakes);
    else
        sleep_on_fds(plan, timeout_ns, wakes);
    return 0;
}

/* Whether somebody asked since then that sleepers for work look around. Other wake-ups are the rings' own. */
static bool was_asked(struct ring_group *group, const uint64_t *idle_since)
{
    return idle_since && atomic_load(&group->asked_count) != *idle_since;
}

/* Sleep until something may have changed. @only: the one ring there is to reap, or NULL. */
static int plan_and_sleep(struct ring_group *group, struct ring *only, int64_t timeout_ns,
                          const uint64_t *idle_since)
{
    struct sleep_plan plan = {.group = group};
    uint64_t wakes = atomic_load(&group->wake_count);
    /* After the look at wake_count, which is raised after either. */
    if (was_asked(group, idle_since) || group_wants_ring(group))
        return 0;
    if (only && only->local && ring_pending(only) > 0) { /* its owner's bell wakes a local ring */
        (void)plan_ring(only, &plan);
        int slept = sleep_as_planned(&plan, timeout_ns, idle_since != NULL, wakes);
        release_planned(&plan);
        return slept;
    }
    atomic_fetch_add(&group->sleepers, 1);
    if (!idle_since && !is_thread_local(group))
        wakes = atomic_load(&group->wake_count);
    if (only && group_only_ring(group, ring_thread()) == only)
        (void)plan_ring(only, &plan);
    else
        (void)group_each_ring(group, plan_ring, &plan);
    local_clean_up_if_needed(group);
    int rc = sleep_as_planned(&plan, timeout_ns, idle_since != NULL, wakes);
    release_planned(&plan);
    atomic_fetch_sub(&group->sleepers, 1);
    return rc;
}

/* Apart, so that a wait that needn't sleep keeps nothing in registers for probes: four instructions of it. */
static __attribute__((noinline)) int group_sleep(struct ring_group *group, struct ring *only,
                                                 int64_t timeout_ns, const uint64_t *idle_since)
{
    PROBE2(wait_begin, group, timeout_ns);
    int rc = plan_and_sleep(group, only, timeout_ns, idle_since);
    PROBE2(wait_end, group, rc);
    return rc;
}

uint64_t ring_group_wakes(const struct ring_group *group)
{
    return atomic_load(&group->asked_count);
}

int ring_group_wait(struct ring_group *group, int64_t timeout_ns, const uint64_t *idle_since)
{
    if (timeout_ns == 0)
        return ring_group_poll(group);
    struct ring *own = group_enter(group);
    struct ring_thread *thread = group_enter_driving(group);
    int ran = thread->frames ? group_serve_frames(group) : 0;
    int64_t until_ns = timeout_ns > 0 ? group_now_ns(group) + timeout_ns : 0, left_ns = timeout_ns;
    for (int rc = 0; ran == 0;) {
        if (group_wants_ring(group))
            group_hand_in(group);
        struct ring *only = group_only_ring(group, thread);
        if (only && !ring_is_ready(only))
            ring_hand_over_quick(only, thread);
        ran = only ? ring_reap(only) : group_reap(group);
        if (ran > 0 || rc < 0 || was_asked(group, idle_since))
            break;
        if (timeout_ns > 0)
            left_ns = until_ns - group_now_ns(group);
        if (timeout_ns > 0 && left_ns <= 0) {
            rc = -ETIME;
            continue;
        }
        rc = group_sleep(group, only, left_ns, idle_since);
    }
    if (thread->elsewhere)
        group_hand_over_elsewhere(group, thread);
    group_leave(own);
    return ran;
}
