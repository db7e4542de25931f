/* SPDX-License-Identifier: MIT */
/*
 * The caller issues an order, every lane carries it out, the caller waits for the last of them. The lock
 * orders all accesses: between orders nobody but the caller touches a lane.
 */
#include "crew.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SCRUBBED = 0xff };

enum order { ORDER_OPEN, ORDER_RUN, ORDER_CLOSE, ORDER_QUIT };

struct seat {
    const struct peer *peer; /* NULL: empty */
    void *shared;
};

struct post {
    struct crew *crew;
    struct lane lane;
    pthread_t thread;
    void *states[CREW_SEATS];
    int result; /* of the last order */
};

struct crew {
    struct load load;
    struct seat seats[CREW_SEATS];
    enum order order;
    unsigned seat;
    uint64_t ops;
    unsigned threads; /* 0: the one lane is the caller */
    pthread_mutex_t lock;
    pthread_cond_t issue, finish;
    uint64_t issued; /* orders so far, under the lock */
    unsigned busy;   /* lanes still at work on the last one, under the lock */
    struct post posts[CREW_LANES];
};

/*
 * The measured call. callgrind switches its counters on and off at this function, so it must stay one, under
 * its name, whatever is optimised across files: the barrier keeps the call from becoming a jump.
 */
#if defined(__has_attribute) && __has_attribute(noipa)
__attribute__((noipa, used))
#else
__attribute__((noinline, used))
#endif
int bench_measured(const struct peer *peer, void *state, uint64_t ops);
int bench_measured(const struct peer *peer, void *state, uint64_t ops)
{
    int r = peer->run(state, ops);
    __asm__ volatile("" ::: "memory");
    return r;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void carry_out(struct post *post)
{
    struct crew *crew = post->crew;
    struct seat *seat = &crew->seats[crew->seat];
    void **state = &post->states[crew->seat];
    post->result = 0;
    switch (crew->order) {
    case ORDER_OPEN:
        post->result = seat->peer->open(&post->lane, seat->shared, state);
        break;
    case ORDER_RUN:
        post->result = bench_measured(seat->peer, *state, crew->ops);
        break;
    case ORDER_CLOSE:
        if (*state)
            seat->peer->close(*state);
        *state = NULL;
        break;
    case ORDER_QUIT:
        break;
    }
}

static void *post_main(void *opaque)
{
    struct post *post = opaque;
    struct crew *crew = post->crew;
    enum order order;
    uint64_t seen = 0;
    do {
        pthread_mutex_lock(&crew->lock);
        while (crew->issued == seen)
            pthread_cond_wait(&crew->issue, &crew->lock);
        seen = crew->issued;
        order = crew->order;
        pthread_mutex_unlock(&crew->lock);
        carry_out(post);
        pthread_mutex_lock(&crew->lock);
        if (--crew->busy == 0)
            pthread_cond_signal(&crew->finish);
        pthread_mutex_unlock(&crew->lock);
    } while (order != ORDER_QUIT);
    return NULL;
}

/* Have every lane carry it out. Returns the first error. */
static int command(struct crew *crew, enum order order, unsigned seat)
{
    crew->order = order;
    crew->seat = seat;
    if (crew->threads == 0) {
        carry_out(&crew->posts[0]);
        return crew->posts[0].result;
    }
    pthread_mutex_lock(&crew->lock);
    crew->issued++;
    crew->busy = crew->threads;
    pthread_cond_broadcast(&crew->issue);
    while (crew->busy > 0)
        pthread_cond_wait(&crew->finish, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
    for (unsigned i = 0; i < crew->threads; i++) {
        if (crew->posts[i].result < 0)
            return crew->posts[i].result;
    }
    return 0;
}

/* xorshift's state must not be zero; the multipliers keep lanes and seeds apart. */
static void sow(struct crew *crew, uint64_t seed)
{
    for (unsigned i = 0; i < crew->load.lanes; i++)
        crew->posts[i].lane.random = (0x9e3779b97f4a7c15u * (i + 1) + 0xbf58476d1ce4e5b9u * seed) | 1;
}

static int start_threads(struct crew *crew)
{
    for (unsigned i = 0; i < crew->load.lanes; i++) {
        int error = pthread_create(&crew->posts[i].thread, NULL, post_main, &crew->posts[i]);
        if (error != 0)
            return -error;
        crew->threads++;
    }
    return 0;
}

static int open_file(struct crew *crew, const char *path)
{
    unsigned longest = crew->load.slot_bytes / DATA_PAGE;
    struct stat st;
    crew->load.fd = open(path, O_RDONLY | O_CLOEXEC | (crew->load.direct ? O_DIRECT : 0));
    if (crew->load.fd < 0 && crew->load.direct && errno == EINVAL)
        return -EMEDIUMTYPE;
    if (crew->load.fd < 0 || fstat(crew->load.fd, &st) != 0)
        return -errno;
    if (st.st_size / DATA_PAGE < longest || st.st_size / DATA_PAGE > UINT32_MAX)
        return -EFBIG;
    crew->load.pages = (uint32_t)(st.st_size / DATA_PAGE);
    crew->load.places = crew->load.pages - longest + 1;
    return 0;
}

/* One mapping, on huge pages unless that is not wanted: as good as memory for I/O gets. */
static int make_buffers(struct crew *crew, bool small_pages)
{
    size_t huge = (size_t)2 << 20,
           needed = (size_t)crew->load.lanes * crew->load.depth * crew->load.slot_bytes;
    size_t size = (needed + huge - 1) & ~(huge - 1);
    crew->load.buffers = aligned_alloc(huge, size);
    if (!crew->load.buffers)
        return -ENOMEM;
    madvise(crew->load.buffers, size, small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    memset(crew->load.buffers, 0, size);
    return 0;
}

int crew_new(const struct task *task, struct crew **ret_crew)
{
    assert(task->depth > 0 && task->lanes > 0 && task->lanes <= CREW_LANES);
    int r = -ENOMEM;
    struct crew *crew = calloc(1, sizeof(*crew));
    if (!crew)
        return r;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->issue, NULL);
    pthread_cond_init(&crew->finish, NULL);
    crew->load = (struct load){
        .fd = -1,
        .direct = task->direct,
        .mixed = task->mixed,
        .depth = task->depth,
        .lanes = task->lanes,
        .slot_bytes = task->mixed ? MIXED_MOST : DATA_PAGE,
    };
    r = make_buffers(crew, task->small_pages);
    if (r < 0)
        goto fail;
    for (unsigned i = 0; i < task->lanes; i++) {
        struct post *post = &crew->posts[i];
        post->crew = crew;
        post->lane.load = &crew->load;
        post->lane.buffers = crew->load.buffers + (size_t)i * task->depth * crew->load.slot_bytes;
    }
    sow(crew, 0);
    r = open_file(crew, task->path);
    if (r == 0 && task->lanes > 1)
        r = start_threads(crew);
    if (r < 0)
        goto fail;
    *ret_crew = crew;
    return 0;
fail:
    crew_free(crew);
    return r;
}

void crew_close(struct crew *crew, unsigned number)
{
    struct seat *seat = &crew->seats[number];
    if (!seat->peer)
        return;
    (void)command(crew, ORDER_CLOSE, number);
    if (seat->shared)
        seat->peer->release(seat->shared);
    *seat = (struct seat){0};
}

void crew_free(struct crew *crew)
{
    if (!crew)
        return;
    for (unsigned i = 0; i < CREW_SEATS; i++)
        crew_close(crew, i);
    if (crew->threads > 0) {
        (void)command(crew, ORDER_QUIT, 0);
        for (unsigned i = 0; i < crew->threads; i++)
            pthread_join(crew->posts[i].thread, NULL);
    }
    pthread_cond_destroy(&crew->finish);
    pthread_cond_destroy(&crew->issue);
    pthread_mutex_destroy(&crew->lock);
    if (crew->load.fd >= 0)
        close(crew->load.fd);
    free(crew->load.buffers);
    free(crew);
}

int crew_open(struct crew *crew, unsigned number, const struct peer *peer)
{
    assert(number < CREW_SEATS);
    struct seat *seat = &crew->seats[number];
    assert(!seat->peer);
    if (peer->missing)
        return -ENOSYS;
    int r = peer->prepare ? peer->prepare(&crew->load, &seat->shared) : 0;
    if (r < 0)
        return r;
    seat->peer = peer;
    r = command(crew, ORDER_OPEN, number);
    if (r < 0)
        crew_close(crew, number);
    return r;
}

int crew_run(struct crew *crew, unsigned number, uint64_t ops, uint64_t seed, struct crew_time *ret_time)
{
    assert(number < CREW_SEATS && crew->seats[number].peer);
    crew->ops = ops;
    sow(crew, seed);
    uint64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall_ns = clock_ns(CLOCK_MONOTONIC);
    int r = command(crew, ORDER_RUN, number);
    *ret_time = (struct crew_time){
        .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns,
        .wall_ns = clock_ns(CLOCK_MONOTONIC) - wall_ns,
    };
    return r;
}

int crew_time_each(struct crew *crew, unsigned number, unsigned ops, uint64_t seed, double *ret_us)
{
    assert(number < CREW_SEATS && crew->seats[number].peer && crew->load.lanes == 1);
    const struct peer *peer = crew->seats[number].peer;
    sow(crew, seed);
    uint64_t before_ns = clock_ns(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < ops; i++) {
        int r = peer->run(crew->posts[0].states[number], 1);
        if (r < 0)
            return r;
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        ret_us[i] = (double)(now_ns - before_ns) / 1e3;
        before_ns = now_ns;
    }
    return 0;
}

unsigned char *crew_buffer(struct crew *crew, unsigned number, unsigned lane, unsigned slot)
{
    const struct peer *peer = crew->seats[number].peer;
    struct post *post = &crew->posts[lane];
    if (peer->buffer)
        return peer->buffer(post->states[number], slot);
    return lane_buffer(&post->lane, slot);
}

/* A slot holds a read's whole pages, behind them maybe those of a longer one before, then what scrubbing
 * left. */
static bool slot_is_valid(const struct crew *crew, const unsigned char *slot)
{
    unsigned pages = crew->load.slot_bytes / DATA_PAGE, read = 0;
    while (read < pages && data_page_is_valid(slot + (size_t)read * DATA_PAGE, crew->load.pages))
        read++;
    for (size_t i = (size_t)read * DATA_PAGE; i < crew->load.slot_bytes; i++) {
        if (slot[i] != SCRUBBED)
            return false;
    }
    return read > 0;
}

void crew_scrub(struct crew *crew, unsigned number)
{
    for (unsigned i = 0; i < crew->load.lanes; i++) {
        for (unsigned slot = 0; slot < crew->load.depth; slot++)
            memset(crew_buffer(crew, number, i, slot), SCRUBBED, crew->load.slot_bytes);
    }
}

bool crew_verify(struct crew *crew, unsigned number)
{
    for (unsigned i = 0; i < crew->load.lanes; i++) {
        for (unsigned slot = 0; slot < crew->load.depth; slot++) {
            if (!slot_is_valid(crew, crew_buffer(crew, number, i, slot)))
                return false;
        }
    }
    return true;
}
