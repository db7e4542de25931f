/* SPDX-License-Identifier: MIT */
/*
 * The model shared by the files of this folder.
 *
 * A *ring* owns slots, one backend, and *lanes*: one for streams, bounded by what the completion queue can
 * hold, and one for each storage target, bounded by the credits that the ring holds of it. A lane is a limit
 * and the FIFO above it. Everything in a ring is guarded by its lock, or, for the ring of one thread
 * (THREAD_LOCAL), belongs to that thread. Fields marked "any" are read by others without either.
 *
 * A *group* is the table of rings, created on first use, and what their users share: the bitmap of rings with
 * work, the driver, those who sleep. Who sleeps is told by group_wake_sleepers().
 *
 * A *frame* lives on the stack of a thread that runs a batch of callbacks, and is chained from its thread, so
 * that a call from inside a callback serves the rest of the batch first.
 *
 * Lock order: group->rings_lock, group->shared_lock, ring->lock, group->room_lock, group->tables_lock,
 * ring->mail_lock, group->sleep_lock.
 */
#ifndef AURAIO_RING_PRIVATE_H
#define AURAIO_RING_PRIVATE_H

#include "backend.h"
#include "clock.h"
#include "fork.h"
#include "lane.h"
#include "mutex.h"
#include "pins.h"
#include "runqueue.h"
#include "sleepers.h"

#include <pthread.h>
#include <time.h>

enum {
    BATCH_MAX = 64,       /* completions copied at a time */
    BATCH_SHARED_MAX = 8, /* the same while other threads wait for work */
    BATCH_THRESHOLD = 32, /* held-back submissions that go at once */
    COMPLETIONS_MIN = 4096,
    COMPLETIONS_MAX = 65536,
    TRIES_MAX = 8,
    CLASS_CACHE = 64,
    USES_BEFORE_LOOK = 256, /* of an entry of it */
    BITMAP_BITS = 64,
    RINGS_MAX = 1024,
    IDLE_SCANS = 16 /* sleepers that find a ring idle before it leaves the bitmap */
};

/* What a descriptor is to the ring. */
enum fd_kind {
    FD_STREAM,
    FD_STORAGE,
    FD_DIRECT /* storage, O_DIRECT, and there is memory to register for it */
};

struct class_entry {
    int fd; /* -1: empty */
    uint16_t uses;
    uint8_t kind; /* enum fd_kind */
    uint8_t lane;
    struct ring_lane *in; /* the lane itself */
};

/* Immutable once published, shared by reference. */
struct buffer_table {
    _Atomic int references;
    unsigned count;
    struct iovec iovs[];
};

struct file_table {
    _Atomic int references;
    unsigned count;
    int fd_limit;        /* slot_of_fd has an entry for every descriptor below */
    int *fds;            /* of count slots, -1: empty */
    unsigned *revisions; /* of each slot: the same descriptor number may come to name another file */
    int *slot_of_fd;     /* -1: not registered */
};

struct ring {
    struct ring_mutex lock;
    struct ring_group *group;
    int index;
    int node;
    _Atomic bool local;     /* belongs to the thread `owner`; the lock is not used */
    _Atomic uint64_t owner; /* thread id; 0: none */
    bool of_thread;         /* was made for one thread (THREAD_LOCAL), whose it may be no more */
    _Atomic int inside;     /* of_thread: calls that the owner is in; written by it alone */
    _Atomic bool taken;     /* of_thread: not the owner's any more, or being looked at; see takeover.c */
    bool owner_drives;      /* the owner has polled or waited */
    bool closing;           /* the owner is ending: nothing enters the kernel */
    const struct backend_ops *ops; /* of backend */
    struct backend *backend;
    int bell_fd; /* local: wakes the owner; -1: none */
    bool bell_armed;
    int notify_fd; /* local: the poll descriptor; -1: none */

    struct ring_slot *free;
    uint32_t *slabs;
    int slab_count;

    struct ring_lane lanes[LANES]; /* LANE_STREAM (META with it), then one for each target of storage */
    int lanes_used;                /* the lanes from here on have never had an operation */
    int queued_count;              /* in the FIFOs of all lanes */
    int credits;                   /* of all lanes */
    int credits_max;               /* what the completion queue has room for */
    const _Atomic int *watched;    /* not 0: the controller wants reports */
    int first_lane;                /* of storage, that was used; 0: none was */
    bool mixed;                    /* others were used too */
    bool parkable;                 /* a lane holds credits, or wants some */
    int64_t present_ns;            /* local, while watched: see ring_present() */
    int64_t reported_ns;           /* the batch that the controller was last told of */
    struct run_queue run_queue;    /* of who reaps, while watched */
    struct slot_list done;         /* finished, callback to come */
    int sure;                      /* storage operations in the kernel whose class is no guess: the few */
    int completions_since_look;    /* at the classes of what is in the kernel */
    struct ring_slot *unstamped[BATCH_MAX]; /* pushed since the last ring_stamp() */
    int unstamped_count;
    _Atomic bool owed;   /* something to hand over although nothing is published: see needs_hand_over() */
    _Atomic int batches; /* threads that run callbacks of a batch of this ring, and hand over at its end */
    bool active;         /* in the group's bitmap of rings with work */
    int idle_scans;
    _Atomic uint64_t sleepers; /* shared, any: threads that sleep in the backend, see sleepers.h */
    bool doorbell;             /* one is under way */
    int64_t calm_ns;           /* of a ring of one thread: latency without stalls, as its sleeper sees it */
    bool stop_owed;            /* a cancel that the kernel would not take yet */

    struct class_entry classes[CLASS_CACHE];

    struct ring_slot **deadlines; /* heap, earliest first */
    uint32_t deadline_count, deadline_room;
    int64_t timer_ns; /* when the kernel's timer fires; 0: none */

    struct buffer_table *buffers;
    struct file_table *files;
    uint64_t tables_version;                   /* of the group's, that buffers and files are */
    bool buffers_registered, files_registered; /* with the backend */
    _Atomic int fixed_users; /* operations that name a registered buffer; written by the ring alone */
    struct pins pins;

    struct ring_clock clock;
    int64_t now_ns;             /* of the batch being completed */
    _Atomic int64_t latency_ns; /* any: moving average, storage */
    struct ring_sample samples[BATCH_MAX];
    int sample_count;

    pthread_mutex_t mail_lock; /* local: cancels from other threads */
    ring_handle_t *mail;
    int mail_count, mail_room;
    _Atomic bool has_mail;

    _Atomic int
        holders; /* THREAD_LOCAL, once shared: threads that visit it, or sleep with it in their plan */
    _Atomic bool asleep;                              /* local: the owner sleeps in the backend */
    _Atomic int pending;                              /* any: accepted, callback not returned */
    _Atomic bool has_done;                            /* any: done is not empty */
    _Atomic int64_t ops_completed, bytes_transferred; /* any */
};

/* group->buffers_state: one of the first three, plus the number of the registration in steps of the last. */
enum buffers_state { BUFFERS_NONE = 0, BUFFERS_ACTIVE = 1, BUFFERS_LEAVING = 2, BUFFERS_REGISTRATION = 4 };

static inline int buffers_state(int state)
{
    return state & (BUFFERS_REGISTRATION - 1);
}

struct ring_group {
    uint64_t identity; /* of the process that created it */
    uint64_t id;       /* never reused */
    struct ring_config config;
    struct topology topology;
    int *ring_of_cpu;
    int ring_of_cpu_count;
    int *node_of_ring; /* of shared ones */
    int ring_count;    /* size of the table */
    _Atomic(struct ring *) *rings;
    _Atomic int rings_used; /* entries below may be set */
    _Atomic int *route;     /* ring to use in the place of one that could not be created */
    pthread_mutex_t rings_lock;
    const struct backend_ops *ops; /* of rings to come, where the system does not refuse it */
    pthread_mutex_t shared_lock;
    struct backend_shared *shared; /* of backend_threads; NULL: no ring has needed it */
    unsigned kernel_features;
    _Atomic int entries; /* smallest of the rings created */
    _Atomic int refused_errno;
    _Atomic int fallback_errno; /* why rings run on threads that were to run on io_uring; 0: none does */

    _Atomic int accept_below;  /* a ring with fewer pending accepts without a further look */
    _Atomic int quick_pending; /* a ring may accept this many without a look at the others */
    pthread_mutex_t room_lock; /* counting what is pending everywhere */
    _Atomic bool crowded;      /* one has accepted more than that */
    _Atomic uint64_t active[RINGS_MAX / BITMAP_BITS];
    _Atomic uint64_t active_words; /* words of active that may have a bit set */
    _Atomic uint64_t driver;       /* id of the thread that last drove completions */
    _Atomic int sleepers;          /* threads blocked, or about to, in ring_group_wait() */
    _Atomic uint64_t wake_count;   /* of sleepers, by whatever changed */
    _Atomic uint64_t asked_count;  /* of those, by ring_group_wake() */
    _Atomic bool poll_fd_used;
    _Atomic bool shut_down;
    _Atomic bool has_idle_orphans; /* THREAD_LOCAL: perhaps, out of the bitmap */
    _Atomic uint64_t settler;      /* id of the thread that settles the group; 0: none does */
    _Atomic uint32_t next_ring;    /* round robin */
    _Atomic uint64_t spills;
    _Atomic int64_t present_ns; /* shared rings, while watched: see ring_present() */

    pthread_mutex_t sleep_lock;
    int wake_fd; /* eventfd; -1 until somebody sleeps on more than one ring */
    _Atomic int epoll_fd;
    int fd_sleepers;       /* blocked on wake_fd */
    int fd_unacknowledged; /* of them, those who were there at the last wake and have not left */
    uint64_t fd_wakes;
    bool wake_fd_full;

    pthread_mutex_t tables_lock;
    struct buffer_table *buffers;
    struct file_table *files;
    _Atomic uint64_t tables_version; /* raised whenever one of them changes */
    _Atomic int buffers_state;       /* enum buffers_state */
    bool own_barriers;

    struct pin_arena pin_arenas[PIN_PLACES]; /* guarded by tables_lock, as is the next */
    uint64_t pin_serial;
    _Atomic size_t pinned_bytes, pinned_most; /* by all rings */
    _Atomic int pin_refused_errno;

    struct ring_group *next_alive; /* list of groups with THREAD_LOCAL rings */
};

/* ------------------------------------------------------------ local.c: threads */

struct frame {
    struct ring_group *group;
    struct ring_group *straight; /* the group, when its callbacks' operations go to this ring; else NULL */
    struct ring *ring;
    struct frame *outer;
    int count, next; /* entries, and the first whose callback has not begun */
    struct ring_slot *slots[BATCH_MAX];
};

struct ring_thread {
    uint64_t id; /* never reused; 0 until ring_thread() */
    struct frame *frames;
    bool elsewhere; /* callbacks have submitted to other rings than that of their batch */
    uint64_t cached_group;
    struct ring *cached_ring; /* the thread's own ring of cached_group */
};

/*
 * One load instead of a call in the shared library. Not in sanitized programs: gcc's check of the pointer
 * takes the flags of an addition that the linker turns into one that sets none.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RING_TLS_MODEL
#else
#define RING_TLS_MODEL __attribute__((tls_model("initial-exec")))
#endif

extern __thread struct ring_thread ring_this_thread RING_TLS_MODEL;
uint64_t ring_new_thread_id(void);

static inline struct ring_thread *ring_thread(void)
{
    struct ring_thread *thread = &ring_this_thread;
    if (__builtin_expect(!thread->id, 0))
        thread->id = ring_new_thread_id();
    return thread;
}

/* The calling thread's own ring; with @create it comes to be, else NULL. Returns 0 or -errno. */
int local_ring(struct ring_group *group, bool create, struct ring **ret_ring);

/* The calling thread's own ring, NULL when it has none. */
static inline struct ring *own_ring(struct ring_group *group, const struct ring_thread *thread)
{
    struct ring *ring = NULL;
    if (thread->cached_group == group->id)
        return thread->cached_ring;
    if (group->config.select == RING_SELECT_THREAD_LOCAL)
        (void)local_ring(group, false, &ring);
    return ring;
}

static inline bool in_callback_of(const struct ring_group *group, const struct ring_thread *thread)
{
    for (const struct frame *frame = thread->frames; frame; frame = frame->outer)
        if (frame->group == group)
            return true;
    return false;
}

/* ------------------------------------------------------------------- ring.c */

static inline void ring_lock(struct ring *ring)
{
    if (!atomic_load_explicit(&ring->local, memory_order_relaxed))
        ring_mutex_lock(&ring->lock);
}

static inline void ring_unlock(struct ring *ring)
{
    if (!atomic_load_explicit(&ring->local, memory_order_relaxed))
        ring_mutex_unlock(&ring->lock);
}

/* CLOCK_MONOTONIC, with the ring's lock. */
static inline int64_t ring_now_ns(struct ring *ring)
{
    return ring_clock_now_ns(&ring->clock);
}

/* The same without a ring. */
static inline int64_t group_now_ns(const struct ring_group *group)
{
    const struct ring_system *system = group->config.system;
    if (system)
        return system->now_ns(system->context);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* An object without a backend. */
int ring_new(struct ring_group *group, int index, int node, struct ring **ret_ring);
int ring_open_backend(struct ring *ring, bool local);
/* After that has failed: on threads, where the configuration leaves the choice. Else @error. */
int ring_open_fallback(struct ring *ring, bool local, int error);
/* What the backends @ops of a group share; comes to be on first use. 0 or -errno. */
int group_share(struct ring_group *group, const struct backend_ops *ops, struct backend_shared **ret_shared);
void ring_free(struct ring *ring, bool in_child);
/* @count free slots or none. */
int ring_take_slots(struct ring *ring, int count, struct ring_slot **ret_slots);

/* Make it a free one, the first of those behind @next. */
static inline void ring_clear_slot(struct ring_slot *slot, struct ring_slot *next)
{
    if (!slot->plain) {
        slot->done = 0;
        slot->retried_by = 0;
        slot->chain = slot->chain_before = NULL;
        slot->rest = NULL;
        slot->heap_place = 0;
        slot->op.rw_flags = slot->op.sys_flags = 0;
    }
    slot_next_generation(slot);
    slot->next = next;
}

static inline void ring_give_slot(struct ring *ring, struct ring_slot *slot)
{
    ring_clear_slot(slot, ring->free);
    ring->free = slot;
}

bool ring_check(struct ring *ring);

static inline int ring_pending(const struct ring *ring)
{
    return atomic_load_explicit(&ring->pending, memory_order_relaxed);
}

static inline void ring_add_pending(struct ring *ring, int count)
{
    /* Writers are serialised by the ring; others only look. */
    atomic_store_explicit(&ring->pending, ring_pending(ring) + count, memory_order_relaxed);
}

/* Of all targets. Any thread. */
static inline int ring_storage_in_kernel(const struct ring *ring)
{
    int in_kernel = 0;
    for (int lane = LANE_STORAGE; lane < LANES; lane++) /* all of them: lanes_used is for the ring alone */
        in_kernel += lane_in_kernel(&ring->lanes[lane]);
    return in_kernel;
}

/* Storage operations in the kernel whose class came from the cache. */
static inline int ring_unsure(const struct ring *ring)
{
    return ring_storage_in_kernel(ring) - ring->sure;
}

/* Into the FIFO of its lane, at its end or at its head. */
static inline void ring_enqueue(struct ring *ring, struct ring_slot *slot, bool first)
{
    struct ring_lane *lane = &ring->lanes[slot->lane];
    slot_set_state(slot, SLOT_QUEUED);
    if (first)
        slot_list_prepend(&lane->queued, slot);
    else
        slot_list_append(&lane->queued, slot);
    lane->queued_count++;
    ring->queued_count++;
}

/* Out of it; its state is the caller's to set. */
static inline void ring_dequeue(struct ring *ring, struct ring_slot *slot)
{
    struct ring_lane *lane = &ring->lanes[slot->lane];
    slot_list_remove(&lane->queued, slot);
    lane->queued_count--;
    ring->queued_count--;
}

static inline void ring_add_fixed_users(struct ring *ring, int count)
{
    int users = atomic_load_explicit(&ring->fixed_users, memory_order_relaxed);
    atomic_store_explicit(&ring->fixed_users, users + count, memory_order_relaxed);
}

/* --------------------------------------------------------------- dispatch.c */

/* All with the ring's lock. Admit a chain of @count slots linked by ->chain (or one slot). */
void ring_admit(struct ring *ring, struct ring_slot *first, int count);
/* Back to the kernel, for a retry or a continuation. */
void ring_again(struct ring *ring, struct ring_slot *slot);
void ring_dispatch_queued(struct ring *ring);
/* To be called where operations may have finished without a completion of the kernel: wakes whoever sleeps.
 */
void ring_settle(struct ring *ring);
/* Room for @count submissions, made by handing over if need be. */
bool ring_make_room(struct ring *ring, unsigned count);
void ring_stamp(struct ring *ring);
/* It is pushed: it will be given its dispatch time. There is room for it (BATCH_MAX). */
static inline void ring_note_push(struct ring *ring, struct ring_slot *slot)
{
    slot->dispatch_ns = 0;
    ring->unstamped[ring->unstamped_count++] = slot;
}
/* Ring a doorbell: a completion that wakes whoever sleeps on this ring. */
void ring_doorbell(struct ring *ring);
/* Again, for those who may have missed it. */
void ring_doorbell_again(struct ring *ring);

/* Undo what handing it to the backend counted. */
static inline void ring_left_kernel(struct ring *ring, const struct ring_slot *slot)
{
    lane_count_in_kernel(&ring->lanes[slot->lane], -1);
    if (slot->slot_class == SLOT_STORAGE && slot->flags & SLOT_CLASS_SURE)
        ring->sure--;
}

/* To the backend, which has room. */
void ring_push(struct ring *ring, struct ring_slot *slot, unsigned how);

/* ----------------------------------------------------------------- credit.c */

/* All with the ring's lock, but for ring_present(). */
static inline bool ring_is_watched(const struct ring *ring)
{
    return atomic_load_explicit(ring->watched, memory_order_relaxed) > 0;
}

/* Ask for the credits that @more operations of the lane would need. */
void ring_take_credits(struct ring *ring, struct ring_lane *lane, int more);
/* Lanes whose operations have all completed let go of their credits. */
void ring_park_credits(struct ring *ring);
/* Tell the controller of the samples, whose mean latency is @mean_ns. */
void ring_report_control(struct ring *ring, int64_t mean_ns);
void ring_note_presence(struct ring *ring);

/*
 * The thread that drives comes back from the kernel, or has found nothing to reap: what completes from here
 * on waits for the application.
 */
static inline void ring_present(struct ring *ring)
{
    if (__builtin_expect(ring_is_watched(ring), 0))
        ring_note_presence(ring);
}

/* --------------------------------------------------------------- complete.c */

/* With the ring's lock. */
void ring_on_completion(struct ring *ring, const struct backend_completion *completion);
/* An operation with no successor and nothing to release is finished: account for it. */
void ring_add_sample(struct ring *ring, const struct ring_slot *slot);
void ring_finish(struct ring *ring, struct ring_slot *slot, int64_t result);
/* Take every completion there is and decide what it means; nothing is delivered. */
void ring_take_completions(struct ring *ring);
void ring_report_batch(struct ring *ring);
static inline void ring_report_samples(struct ring *ring)
{
    if (ring->sample_count > 0)
        ring_report_batch(ring);
}
/* Room for one more; those there are go first when it is the last. */
static inline struct ring_sample *ring_next_sample(struct ring *ring)
{
    if (__builtin_expect(ring->sample_count == BATCH_MAX, 0))
        ring_report_batch(ring);
    return &ring->samples[ring->sample_count++];
}
/* What a stopped operation completes with: bytes so far, or why it was stopped. */
int64_t slot_stopped_result(const struct ring_slot *slot);

/* ----------------------------------------------------------------- classify.c */

int group_stat(const struct ring_group *group, int fd, struct stat *ret); /* fstat() */
enum slot_class class_of_fd(const struct ring_group *group, int fd, bool *ret_known);
void ring_classify(struct ring *ring, struct ring_slot *slot);
/* Look at everything in the kernel whose class is a guess. */
void ring_verify_classes(struct ring *ring);
/* The class of this operation's fd now; corrects cache and counts. */
enum slot_class ring_reclassify(struct ring *ring, struct ring_slot *slot);

/* ---------------------------------------------------------------- deadline.c */

int deadline_add(struct ring *ring, struct ring_slot *slot);
void deadline_remove(struct ring *ring, struct ring_slot *slot);
void deadline_arm(struct ring *ring);
void deadline_expire(struct ring *ring, int64_t now_ns);

/* ------------------------------------------------------------------ cancel.c */

/* With the ring's lock: stop an operation for the reason @flag. */
void ring_stop_slot(struct ring *ring, struct ring_slot *slot, uint16_t flag);
/* With the ring's lock: make up for cancels that the kernel would not take. */
void ring_stop_again(struct ring *ring);
/* With the ring's lock. */
int ring_cancel(struct ring *ring, ring_handle_t handle);

/* ------------------------------------------------------- select.c, accept.c */

static inline struct ring *group_ring(const struct ring_group *group, int index)
{
    return atomic_load_explicit(&group->rings[index], memory_order_acquire);
}

static inline bool is_thread_local(const struct ring_group *group)
{
    return group->config.select == RING_SELECT_THREAD_LOCAL;
}

/* The ring a submission of the calling thread goes to, entered for submitting: ring_leave(). */
int group_select(struct ring_group *group, struct ring **ret_ring);
void group_note_ring(struct ring_group *group, const struct ring *ring);
/* Where in the topology's list the first CPU is that a shared ring serves. */
int group_ring_cpu(const struct ring_group *group, int index);
static inline int group_ring_node(const struct ring_group *group, int index)
{
    return group->node_of_ring[index];
}
/* Divide max_pending for the quick check. */
void group_share_pending(struct ring_group *group, int rings);
void group_end_accepting(struct ring_group *group);
int64_t group_own_running(const struct ring_group *group);

/* ------------------------------------------------------------------- drive.c */

/* The calling thread drives completions from now on. */
struct ring_thread *group_enter_driving(struct ring_group *group);
/* Run the callbacks of one batch of a ring. Returns how many. */
int ring_reap(struct ring *ring);
static inline bool ring_is_ready(const struct ring *ring)
{
    return (ring->backend && backend_ready(ring->backend)) || atomic_load(&ring->has_done) ||
           atomic_load(&ring->has_mail);
}
int group_serve_frames(struct ring_group *group);
/* One pass over every ring the calling thread may reap. */
int group_reap(struct ring_group *group);
/* Hand over what is held back on rings the calling thread may enter. */
int group_hand_over(struct ring_group *group);
/* ... also on rings that callbacks of this thread have submitted to beside that of their batch. */
void group_hand_over_elsewhere(struct ring_group *group, struct ring_thread *thread);
struct ring *group_only_ring(struct ring_group *group, const struct ring_thread *thread);
/* Hand over; where the kernel refuses, again until nobody relies on it. */
void ring_hand_over(struct ring *ring);
/*
 * What a waiter does before it goes to sleep on its only ring: where operations complete sooner than a thread
 * falls asleep and wakes up (reads of the page cache, by the call that hands them over), hand over and look.
 */
void ring_hand_over_quick(struct ring *ring, struct ring_thread *thread);
/* Once. Whether there is nothing left. */
bool ring_try_hand_over(struct ring *ring);
/* With the ring's lock. True: the caller must group_wake_sleepers() after unlocking. */
bool ring_mark_active(struct ring *ring); /* true: it was not */
void ring_unmark_active(struct ring *ring);
/* Take a ring that has been found idle many times out of the bitmap. Whether it did. */
bool ring_leave_bitmap(struct ring *ring);

/* Call @visit for every shared ring with work, and for the calling thread's own. Returns the sum of what it
 * returns. */
int group_each_ring(struct ring_group *group, int (*visit)(struct ring *ring, void *context), void *context);
/* The same for the shared ones only. */
int group_each_shared(struct ring_group *group, int (*visit)(struct ring *ring, void *context),
                      void *context);

/* -------------------------------------------------------------------- wait.c */

void group_wake_sleepers(struct ring_group *group);
/* A moment in which a kernel that is short of memory may find some. */
void group_pause(const struct ring_group *group);
int group_watch_ring(struct ring_group *group, struct ring *ring);

#include "registered.h"
#include "takeover.h"

#endif
