/* SPDX-License-Identifier: MIT */
/*
 * Soak: random operations from many threads on real files for as long as asked, every byte that is read
 * verified.
 *
 * usage: soak [--minutes N | --seconds N] [--backend uring|threads] [--seed N]
 *
 * Two engines live from the first round to the last: one of shared rings on a file that is cached, one whose
 * threads have rings of their own on a file that is not (O_DIRECT). At the seats of each work threads that
 * are born and die; beside them one thread cancels anything, one changes latency targets and registrations
 * and reads metrics, and one creates, uses and destroys engines.
 *
 * Time is cut into rounds. After each, everything is completed and every thread has ended; then the process
 * must not hold more than after the rounds in which it warmed up (a fifth of the time, at most five minutes):
 *
 *   descriptors  24 more: rings that threads have just left
 *   mappings     64 more, and two for each worker that the thread backend may have: those end when they are
 * idle memory       8 MiB more: what malloc() and the pool keep in pieces (a leak of a byte for each
 * operation would be more in half an hour). Not under sanitizers, which keep what is freed.
 *
 * A rest of each may come and go; what leaks at every engine, thread or operation passes these soon.
 */
#include "soak.h"

#include <auraio/metrics.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fatal.h"
#include "files.h"
#include "process.h"

enum {
    SEATS = 4,
    ENGINES = 2,
    SHARED_RINGS = 4, /* else one for each CPU, and many CPUs are first used late */
    QUEUE_DEPTH = 64,
    FDS_MORE = 24,
    MAPPINGS_MORE = 64 + 2 * ENGINES * QUEUE_DEPTH,
    RESIDENT_MORE_KIB = 8192,
    ROUND_MAX_MS = 5000,
    WARM_UP_MAX_MS = 300000
};

struct soak_counts soak_counts;
auraio_backend_t soak_backend;
atomic_bool soak_round_over;

static struct {
    auraio_engine_t *engines[ENGINES];
    int fds[ENGINES];
    char *memory; /* ENGINES * SEATS windows */
    struct seat *seats[ENGINES][SEATS];
    uint64_t seed, random; /* of the run; that the next thread gets */
    int64_t duration_ms;
} soak = {.duration_ms = 60000};

void soak_fail(const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    fprintf(stderr, "seed %llu: ", (unsigned long long)soak.seed);
    vfprintf(stderr, what, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _Exit(1);
}

/* ------------------------------------------------------------------- threads */

struct task {
    pthread_t thread;
    uint64_t seed;
    int engine, seat;
};

/* One life after the other: each works in a thread of its own. */
static void *live(void *context)
{
    const struct task *task = context;
    seat_work(soak.seats[task->engine][task->seat], task->seed);
    return NULL;
}

static void *occupy_seat(void *context)
{
    struct task *task = context;
    while (!atomic_load(&soak_round_over)) {
        pthread_t thread;
        task->seed = soak_random(&task->seed);
        require(pthread_create(&thread, NULL, live, task) == 0);
        require(pthread_join(thread, NULL) == 0);
    }
    return NULL;
}

static void *cancel_some(void *context)
{
    struct task *task = context;
    while (!atomic_load(&soak_round_over)) {
        int engine = (int)soak_below(&task->seed, ENGINES);
        seat_cancel_one(soak.seats[engine][soak_below(&task->seed, SEATS)], &task->seed);
        require(auraio_wait(soak.engines[engine], 1) >= 0); /* and drive, as a thread of its own */
    }
    return NULL;
}

static void register_memory(auraio_engine_t *engine)
{
    struct iovec iovs[ENGINES * SEATS];
    for (int i = 0; i < ENGINES * SEATS; i++)
        iovs[i] = (struct iovec){soak.memory + (size_t)i * SEAT_WINDOW * BLOCK_BYTES,
                                 (size_t)SEAT_WINDOW * BLOCK_BYTES};
    /* Where little may be locked plain memory is used instead: see submit() in seat.c. */
    require(auraio_register_buffers(engine, iovs, ENGINES * SEATS) == 0 || errno == ENOMEM);
    require(auraio_register_files(engine, soak.fds, ENGINES) == 0);
}

static bool see_metric(const auraio_metric_t *metric, void *unused)
{
    (void)unused;
    if (metric->kind != AURAIO_METRIC_HISTOGRAM)
        require(metric->value >= 0);
    return true;
}

static void *govern(void *context)
{
    static const double targets_ms[] = {0, 0.05, 0.5, 20};
    struct task *task = context;
    while (!atomic_load(&soak_round_over)) {
        auraio_engine_t *engine = soak.engines[soak_below(&task->seed, ENGINES)];
        require(auraio_set_target_p99(engine, targets_ms[soak_below(&task->seed, 4)]) == 0);
        atomic_fetch_add(&soak_counts.target_changes, 1);
        require(auraio_visit_metrics(engine, see_metric, NULL) > 0);
        if (soak_below(&task->seed, 8) == 0) {
            require(auraio_unregister_buffers(engine) == 0);
            require(auraio_unregister_files(engine) == 0);
            register_memory(engine);
            atomic_fetch_add(&soak_counts.registrations, 1);
        }
        if (soak_below(&task->seed, 8) == 0)
            auraio_buffer_trim(engine);
        auraio_wake(engine);
        require(auraio_wait(engine, 10) >= 0);
    }
    return NULL;
}

static void *live_briefly(void *context)
{
    struct task *task = context;
    while (!atomic_load(&soak_round_over))
        brief_life(&task->seed);
    return NULL;
}

/* -------------------------------------------------------------------- rounds */

/* Time is to pass while others work; nothing waits for it. */
static void let_pass(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&time, &time) < 0)
        require(errno == EINTR);
}

static void drain_all(void)
{
    for (int e = 0; e < ENGINES; e++) {
        for (int s = 0; s < SEATS; s++)
            seat_drain(soak.seats[e][s]);
        int left = auraio_drain(soak.engines[e], SOAK_PATIENCE_MS);
        require(left >= 0);
        auraio_buffer_trim(soak.engines[e]);
    }
}

static void play_round(int64_t ms)
{
    enum { OTHERS = 3 };
    static void *(*const others[OTHERS])(void *) = {cancel_some, govern, live_briefly};
    struct task tasks[ENGINES * SEATS + OTHERS];
    atomic_store(&soak_round_over, false);
    for (int i = 0; i < ENGINES * SEATS + OTHERS; i++) {
        soak.random += UINT64_C(0x9e3779b97f4a7c15);
        tasks[i] = (struct task){.seed = soak.random | 1, .engine = i / SEATS, .seat = i % SEATS};
        require(pthread_create(&tasks[i].thread, NULL,
                               i < ENGINES * SEATS ? occupy_seat : others[i - ENGINES * SEATS],
                               &tasks[i]) == 0);
    }
    let_pass(ms);
    atomic_store(&soak_round_over, true);
    for (int i = 0; i < ENGINES * SEATS + OTHERS; i++)
        require(pthread_join(tasks[i].thread, NULL) == 0);
    drain_all();
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static void check_growth(const struct usage *warm, const struct usage *now)
{
    if (now->fds > warm->fds + FDS_MORE)
        soak_fail("%d descriptors are open, %d were when it had warmed up", now->fds, warm->fds);
    if (is_instrumented())
        return;
    if (now->mappings > warm->mappings + MAPPINGS_MORE)
        soak_fail("%d mappings, %d were when it had warmed up", now->mappings, warm->mappings);
    if (now->resident_kib > warm->resident_kib + RESIDENT_MORE_KIB)
        soak_fail("%ld KiB are resident, %ld were when it had warmed up", now->resident_kib,
                  warm->resident_kib);
}

/* ------------------------------------------------------------------ life */

static void begin(void)
{
    size_t bytes = (size_t)ENGINES * SEATS * SEAT_WINDOW * BLOCK_BYTES;
    soak.memory = aligned_alloc(BLOCK_BYTES, bytes);
    require(soak.memory != NULL);
    memset(soak.memory, 0, bytes);
    for (int e = 0; e < ENGINES; e++) {
        auraio_options_t options;
        auraio_options_init(&options);
        options.backend = soak_backend;
        options.queue_depth = QUEUE_DEPTH;
        options.ring_count = e == 0 ? SHARED_RINGS : 0;
        options.ring_select = e == 0 ? AURAIO_SELECT_ADAPTIVE : AURAIO_SELECT_THREAD_LOCAL;
        soak.engines[e] = auraio_create_with_options(&options);
        if (!soak.engines[e]) {
            fprintf(stderr, "skipped: no engine with this backend: %s\n", auraio_last_error());
            exit(77);
        }
        soak.fds[e] = file_empty(e == 0 ? 0 : O_DIRECT);
        require(ftruncate(soak.fds[e], (off_t)ENGINES * SEATS * SEAT_BLOCKS * BLOCK_BYTES) == 0);
    }
    for (int e = 0; e < ENGINES; e++)
        register_memory(soak.engines[e]);
    for (int i = 0; i < ENGINES * SEATS; i++)
        soak.seats[i / SEATS][i % SEATS] =
            seat_new(soak.engines[i / SEATS], soak.fds[i / SEATS], i / SEATS == 1, i,
                     soak.memory + (size_t)i * SEAT_WINDOW * BLOCK_BYTES);
    brief_begin();
}

static void end(void)
{
    for (int e = 0; e < ENGINES; e++) {
        auraio_destroy(soak.engines[e]);
        for (int s = 0; s < SEATS; s++)
            seat_free(soak.seats[e][s]);
        close(soak.fds[e]);
    }
    free(soak.memory);
    brief_end();
}

static void summarise(const struct usage *first, const struct usage *warm, const struct usage *last,
                      int64_t took_ms)
{
    struct soak_counts *counts = &soak_counts;
    printf("%s: %lld s, %ld operations, %ld MiB written, %ld MiB verified\n",
           soak_backend == AURAIO_BACKEND_THREADS ? "threads" : "uring", (long long)took_ms / 1000,
           atomic_load(&counts->operations), atomic_load(&counts->bytes_written) >> 20,
           atomic_load(&counts->bytes_verified) >> 20);
    printf("%ld cancelled, %ld timed out, %ld errors expected; %ld threads and %ld engines lived\n",
           atomic_load(&counts->cancelled), atomic_load(&counts->timed_out),
           atomic_load(&counts->errors_expected), atomic_load(&counts->threads),
           atomic_load(&counts->engines));
    printf("%ld latency targets, %ld registrations\n", atomic_load(&counts->target_changes),
           atomic_load(&counts->registrations));
    printf("first, warm, last: %ld, %ld, %ld KiB resident; %d, %d, %d descriptors; %d, %d, %d mappings\n",
           first->resident_kib, warm->resident_kib, last->resident_kib, first->fds, warm->fds, last->fds,
           first->mappings, warm->mappings, last->mappings);
}

/* Ten rounds at least, the first two of them to warm up. */
static void play(void)
{
    const int64_t start_ms = now_ms();
    int64_t round_ms = soak.duration_ms / 10, warm_ms = soak.duration_ms / 5;
    struct usage first = {0}, warm = {0}, now = {0};
    if (round_ms > ROUND_MAX_MS)
        round_ms = ROUND_MAX_MS;
    if (warm_ms > WARM_UP_MAX_MS)
        warm_ms = WARM_UP_MAX_MS;
    while (now_ms() - start_ms < soak.duration_ms) {
        play_round(round_ms);
        now = usage_now();
        if (first.fds == 0)
            first = now;
        if (now_ms() - start_ms > warm_ms && warm.fds > 0) {
            check_growth(&warm, &now);
        } else {
            warm.fds = larger(warm.fds, now.fds);
            warm.mappings = larger(warm.mappings, now.mappings);
            warm.resident_kib = now.resident_kib > warm.resident_kib ? now.resident_kib : warm.resident_kib;
        }
    }
    summarise(&first, &warm, &now, now_ms() - start_ms);
}

static bool read_argument(const char *name, const char *value)
{
    char *rest;
    if (strcmp(name, "--backend") == 0) {
        soak_backend = strcmp(value, "threads") == 0 ? AURAIO_BACKEND_THREADS : AURAIO_BACKEND_URING;
        return strcmp(value, "threads") == 0 || strcmp(value, "uring") == 0;
    }
    errno = 0;
    unsigned long long number = strtoull(value, &rest, 10);
    if (errno || *rest || rest == value || *value == '-')
        return false;
    if (strcmp(name, "--seed") == 0) {
        soak.seed = number;
        return true;
    }
    bool minutes = strcmp(name, "--minutes") == 0;
    soak.duration_ms = (int64_t)number * (minutes ? 60000 : 1000);
    return (minutes || strcmp(name, "--seconds") == 0) && number >= 1 && number <= 1000000;
}

int main(int argc, char **argv)
{
    soak.seed = (uint64_t)now_ns();
    soak_backend = AURAIO_BACKEND_URING;
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !read_argument(argv[i], argv[i + 1])) {
            fprintf(stderr, "usage: %s [--minutes N | --seconds N] [--backend uring|threads] [--seed N]\n",
                    argv[0]);
            return 2;
        }
    (void)mallopt(M_ARENA_MAX, 2); /* else each thread's heap is memory that comes and goes */
    printf("seed %llu\n", (unsigned long long)soak.seed);
    fflush(stdout);
    soak.random = soak.seed;
    begin();
    play();
    end();
    return 0;
}
