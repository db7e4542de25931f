/* SPDX-License-Identifier: MIT */
/*
 * The thread backend: system calls made by a pool of threads, where io_uring is refused or not wanted.
 *
 * A *pool* (struct backend_shared) belongs to a group: its workers, the queue of jobs for them, and one
 * thread that polls. A *backend* belongs to a ring: queues in io_uring's layout, and the jobs of what was
 * handed over. A job is in one place, which its state names. What may wait for ever never keeps a worker: it
 * is tried without blocking, and parked with the poller until its descriptor is ready.
 *
 * Two locks. A backend's guards taking its submissions, its table of jobs, and posting completions; the
 * pool's guards what is between threads: the queue, idle workers, parked jobs, timers, and the state of every
 * job. Order: pool->lock, then backend->lock. On the usual way of an operation they are never held together.
 *
 * Files: threads.c the backend's interface; threads-post.c completions and those who wait for them;
 * threads-quick.c what the submitting thread does itself; threads-run.c one job, by its system calls;
 * threads-pool.c the workers; threads-poll.c the thread that polls; threads-open.c opening FIFOs;
 * threads-close.c closing what is in use.
 */
#ifndef AURAIO_RING_THREADS_H
#define AURAIO_RING_THREADS_H

#include "backend.h"
#include "mutex.h"

#include <pthread.h>

enum work_kind {
    WORK_OPERATION,
    WORK_POLL, /* of an operation: wait until its descriptor is ready */
    WORK_CANCEL,
    WORK_DOORBELL,
    WORK_BELL,
    WORK_TIMER,
    WORK_TIMER_UPDATE
};

/* Whether the submitting thread may try a plain read of storage itself; see threads-quick.c. */
enum quick {
    QUICK_NO,
    QUICK_YES,
    QUICK_DOUBTED /* the last tries on this descriptor missed */
};

/* A submission: what a system call needs, copied from the slot. */
struct work {
    uint64_t key;
    uint8_t kind, opcode;
    bool linked;   /* the next one waits for this one */
    uint8_t quick; /* enum quick */
    int fd;
    union {
        void *addr;
        const struct iovec *iov;
        const char *path;
        uint64_t target; /* of a cancel */
    } u;
    uint64_t len;   /* bytes, or the number of iovecs */
    int64_t offset; /* of a timer: when */
    int rw_flags, sys_flags;
    unsigned mode; /* of openat; of statx: the mask */
    struct statx *statx;
};

enum job_state {
    JOB_FREE = 0,
    JOB_TAKEN,   /* by the thread that hands it over */
    JOB_CHAINED, /* behind another */
    JOB_QUEUED,  /* for a worker */
    JOB_RUNNING,
    JOB_OPENING, /* by a thread of its own */
    JOB_PARKED   /* with the poller */
};

struct job {
    struct work work;
    struct backend *backend;
    struct job *next, *prev; /* in the list that its state names */
    struct job *chain;       /* runs when this one has succeeded in full */
    struct job *same_hash;
    struct opening *opening;
    struct kept_fd *kept; /* the duplicate that work.fd is; NULL: it is the application's */
    int result;
    uint8_t state;
    bool cancelled;
    bool blocking; /* its descriptor can't be polled: the call may block */
};

struct job_list {
    struct job *first, *last;
};

/* What the submitting thread knows of a descriptor; see threads-quick.c. */
struct quick_file {
    int fd; /* -1: empty */
    uint16_t uses;
    uint8_t misses, skip;
    bool refused; /* O_DIRECT, or a file system that can't be asked */
};

enum { QUICK_FILES = 64 };

struct backend {
    struct backend_queue queue;
    struct backend_shared *pool;
    void *memory; /* of the arrays below */
    size_t memory_size;
    struct work *submissions;
    bool owned;

    struct ring_mutex lock __attribute__((aligned(64)));
    struct backend_completion *completions;
    struct job *jobs, *free_jobs, **hash;
    unsigned job_count, jobs_touched, jobs_used, hash_mask;
    int event_fd; /* readable, while it is watched, when completions wait */
    int watchers;
    bool signalled;      /* event_fd is readable */
    int notify_fd;       /* written for every completion; -1: none */
    unsigned bell_place; /* of the bell's completion that was posted last */
    int waiters;         /* asleep in threads_wait() */
    unsigned wanted;     /* completions that are to wake them */
    _Atomic uint32_t wakes;
    struct quick_file files[QUICK_FILES];

    /* With the pool's lock. */
    struct backend *next; /* of the pool's */
    int running;          /* jobs that a worker has */
    bool closing;
    int64_t timer_ns; /* 0: none */
    int bell_fd;

    unsigned submission_head __attribute__((aligned(64)));
    unsigned submission_tail, completion_head, completion_tail, state;
};

/*
 * An open that waits for the other end of a FIFO has a thread of its own, which can be left behind: the job
 * is cancelled at once, and the thread, which touches nothing of ours any more, ends when its call returns.
 * Whoever exchanges `busy` first has the job.
 */
struct opening {
    _Atomic bool busy;
    struct job *job;
    int at, flags;
    mode_t mode;
    char path[];
};

struct worker {
    struct backend_shared *pool;
    pthread_t thread;
    _Atomic uint32_t woken;
    struct worker *next; /* idle */
    _Atomic bool used;   /* has a thread that was not joined */
    bool idle;
};

/* Jobs parked on a descriptor. */
struct watch {
    struct job_list readers, writers;
    struct job_list closers; /* wait for running to become 0 */
    int running;             /* jobs that name the descriptor */
    struct kept_fd *kept;    /* its last duplicate, maybe closed; NULL: none */
    struct backend *bell;    /* it is the bell of this one */
};

struct backend_shared {
    struct ring_mutex lock;
    struct job_list queue;
    int queued;
    struct worker *idle; /* the last to fall asleep is the first to wake: its cache is warm, others may end */
    int coming;          /* workers that were woken or started and have not looked at the queue since */
    int worker_count, worker_max;
    struct worker *ended; /* the last one; has joined the one before it */
    bool stopping;
    _Atomic uint32_t finished; /* raised when something is over that a close may wait for */

    pthread_t poller;
    int epoll_fd, timer_fd;
    int64_t timer_ns;      /* when timer_fd is set to; 0: never */
    struct watch *watches; /* by descriptor */
    int watch_count;
    struct backend *backends;

    struct worker workers[]; /* of worker_max + 1 */
};

static inline void job_append(struct job_list *list, struct job *job)
{
    job->next = NULL;
    job->prev = list->last;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static inline void job_remove(struct job_list *list, struct job *job)
{
    if (job->prev)
        job->prev->next = job->next;
    else
        list->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        list->last = job->prev;
}

/* ----------------------------------------------------------- threads-post.c */

/* A free job for a submission, in the table of those that can be cancelled. With backend->lock; there is
 * room. */
struct job *job_new(struct backend *backend, const struct work *work);
/* The job of an operation; NULL: it has completed. With both locks. */
struct job *job_find(const struct backend *backend, uint64_t key);
/* Whether @count more may be handed over: all of them can complete with nobody reaping. With backend->lock.
 */
bool post_has_room(const struct backend *backend, unsigned count);
/* Complete what is no operation. */
void post_key(struct backend *backend, uint64_t key, unsigned flags);
/* Complete a job with its result, and what is chained behind it with -ECANCELED; frees them. */
void post_job(struct backend *backend, struct job *job, int result);
/* Complete a list of jobs, none of which has others behind it, with ->result. */
void post_jobs(struct backend *backend, struct job *first);
int threads_wait(struct backend *backend, const struct backend_wait *wait);
void threads_reap_more(struct backend *backend);
int threads_watch(struct backend *backend);
void threads_unwatch(struct backend *backend);

/* ---------------------------------------------------------- threads-quick.c */

/* Whether it should. With backend->lock. */
enum quick quick_wanted(struct backend *backend, const struct work *work);
/* Try the reads that are marked; leaves in the list what the pool has to do. */
void quick_try(struct backend *backend, struct job_list *list);

/* ------------------------------------------------------------ threads-run.c */

enum run_outcome {
    RUN_DONE,
    RUN_PARK, /* its descriptor is not ready */
    RUN_OPEN  /* it opens a FIFO, and may wait for ever */
};

/* Do what a job says; *ret_result with RUN_DONE. */
enum run_outcome job_run(const struct job *job, int *ret_result);
/* Whether it waits for its descriptor to become writable, not readable. */
bool job_writes(const struct job *job);
/* Whether what is linked to it may run after this result. */
bool job_succeeded(const struct job *job, int result);

/* ----------------------------------------------------------- threads-pool.c */

int pool_open(int worker_max, struct backend_shared **ret_pool);
void pool_close(struct backend_shared *pool, bool in_child);
/* With pool->lock. */
void pool_queue(struct backend_shared *pool, struct job *job);
/* Has the queue been added to: let go of the lock, and see that enough workers come. */
void pool_unlock_and_wake(struct backend_shared *pool);
/* With pool->lock: stop the operation of this key, if it is there. */
void pool_cancel(struct backend *backend, uint64_t key);
/* Take a backend out of the pool: when it returns, no thread knows it. */
void pool_forget(struct backend *backend);
/* A thread with no signals. 0 or -errno. */
int pool_start_thread(pthread_t *ret_thread, void *(*function)(void *), void *context);
/* With pool->lock: somebody has no business with the backend any more. */
void pool_let_go(struct backend *backend);

/* ----------------------------------------------------------- threads-open.c */

/* With pool->lock: have a thread of its own open a FIFO. 0 or -errno. */
int open_apart(struct job *job);
/* With pool->lock: leave it behind. False: it has just returned. */
bool open_leave(struct job *job);

/* ---------------------------------------------------------- threads-close.c */

/*
 * With pool->lock, around what a job does with its descriptor. False: not now (it is a close, and comes back
 * to the queue), or with *ret_error never.
 */
bool close_begin(struct backend_shared *pool, struct job *job, int *ret_error);
void close_end(struct backend_shared *pool, int fd);
/* With pool->lock: have a job use a duplicate of its descriptor, which poll_know() knows. 0 or -errno. */
int close_hold(struct backend_shared *pool, struct job *job);
/* A job has no use for its descriptor any more. */
void close_release(struct job *job);
void close_forget(struct watch *watch);

/* ----------------------------------------------------------- threads-poll.c */

int poll_open(struct backend_shared *pool);
void poll_close(struct backend_shared *pool); /* after the thread has ended */
void *poll_run(void *pool);
void poll_stop(struct backend_shared *pool);
/* All with pool->lock. Have a watch for a descriptor: 0 or -ENOMEM. */
int poll_know(struct backend_shared *pool, int fd);
/* Wait for the descriptor of a job; 0, -EPERM: it can't be polled, or another -errno. */
int poll_park(struct backend_shared *pool, struct job *job);
void poll_unpark(struct backend_shared *pool, struct job *job);
void poll_forget(struct backend *backend);
int poll_set_bell(struct backend *backend, int fd);
void poll_set_timer(struct backend *backend, int64_t at_ns, bool update);

#endif
