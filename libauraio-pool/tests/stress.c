/*
 * Everything at once, for as long as one likes: eight threads allocate and free buffers of random sizes, hand
 * them to one another, trim, and end, to be replaced by new ones. A plain program, so that ThreadSanitizer
 * can run it.
 *
 * Several times a second all threads stop at a barrier and one walks the invariants. Every buffer carries its
 * size and a mark that depends on its address at both ends, and those are checked by whoever frees it: a
 * block with two owners, or one that is lost and found, does not go unnoticed.
 *
 * usage: pool-stress [SECONDS [SEED]]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <auraio-pool/pool.h>

enum { THREADS = 8, SLOTS = 512, STEPS = 1000, SECONDS_DEFAULT = 2 };

struct stamp {
    uint64_t mark;
    size_t size_bytes;
};

struct worker {
    pthread_t thread;
    uint64_t seed;
};

static pool_t *pool;
static _Atomic(struct stamp *) slots[SLOTS];
static atomic_int errors;

static void fail(const char *what)
{
    fprintf(stderr, "stress: %s\n", what);
    atomic_fetch_add(&errors, 1);
}

/* Marsaglia, Xorshift RNGs, 2003. */
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t mark_of(const void *ptr, size_t size_bytes)
{
    return ((uint64_t)(uintptr_t)ptr * 0x9e3779b97f4a7c15u) ^ size_bytes;
}

static uint64_t *last_word(struct stamp *stamp, size_t size_bytes)
{
    return (uint64_t *)(void *)((char *)stamp + (size_bytes - sizeof(uint64_t)) / 8 * 8);
}

/* Small, page-sized, large and huge ones, each octave as likely as the next; to half of a class's step exact.
 */
static size_t draw_size(uint64_t *seed)
{
    uint64_t drawn = draw(seed);
    unsigned octave = 5 + (unsigned)(drawn % 18);
    size_t size_bytes = ((size_t)1 << octave) + (size_t)(drawn >> 32) % ((size_t)1 << octave);
    return drawn & (1u << 20) ? (size_t)1 << octave : size_bytes;
}

static struct stamp *take(uint64_t *seed)
{
    size_t size_bytes = draw_size(seed);
    void *ptr = NULL;
    if (pool_alloc(pool, size_bytes, &ptr) != 0) {
        fail("an allocation failed");
        return NULL;
    }
    struct stamp *stamp = ptr;
    *stamp = (struct stamp){mark_of(ptr, size_bytes), size_bytes};
    *last_word(stamp, size_bytes) = mark_of(ptr, size_bytes);
    return stamp;
}

static void give(struct stamp *stamp)
{
    if (!stamp)
        return;
    size_t size_bytes = stamp->size_bytes;
    if (size_bytes < 2 * sizeof(uint64_t) || stamp->mark != mark_of(stamp, size_bytes) ||
        *last_word(stamp, size_bytes) != stamp->mark) {
        fail("a buffer was written to by another");
        return;
    }
    stamp->mark = 0;
    if (pool_free(pool, stamp, size_bytes) != 0)
        fail("a correct free was refused");
    if (pool_free(pool, (char *)stamp + 1, size_bytes) == 0)
        fail("a pointer into a buffer was freed");
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    uint64_t seed = worker->seed;
    /* Threads end at different times: others go on with what they leave. */
    unsigned steps = STEPS / 2 + (unsigned)(draw(&seed) % STEPS);
    struct pool_stats stats;
    for (unsigned i = 0; i < steps; i++) {
        give(atomic_exchange(&slots[draw(&seed) % SLOTS], draw(&seed) % 4 ? take(&seed) : NULL));
        if (i % 512 == 500)
            pool_trim(pool);
        if (i % 256 == 7)
            pool_get_stats(pool, &stats);
    }
    return NULL;
}

/* Two threads' lives for each of eight: ends and beginnings fall between the work of others. */
static void *work_twice(void *arg)
{
    struct worker *worker = arg;
    struct worker first = {.seed = worker->seed ^ 0x5555};
    if (pthread_create(&first.thread, NULL, work, &first) != 0)
        exit(1);
    pthread_join(first.thread, NULL);
    return work(arg);
}

static void check_bound(size_t max_cached_bytes)
{
    struct pool_stats stats;
    pool_get_stats(pool, &stats);
    /* Blocks smaller than a page, which may exceed it, are few here. */
    if (stats.cached_bytes > max_cached_bytes + ((size_t)16 << 20))
        fail("more is kept than the bound allows");
}

static void run_round(uint64_t *seed)
{
    struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i].seed = draw(seed) | 1;
        if (pthread_create(&workers[i].thread, NULL, work_twice, &workers[i]) != 0)
            exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    if (!pool_check(pool))
        fail("an invariant does not hold");
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    double until_s = now_s() + (argc > 1 ? atof(argv[1]) : SECONDS_DEFAULT);
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 1;
    size_t max_cached_bytes = (size_t)64 << 20;
    unsigned rounds = 0;
    if (pool_create(&(struct pool_options){.alignment = 16, .max_cached_bytes = max_cached_bytes}, &pool) !=
        0)
        return 1;
    do {
        run_round(&seed);
        check_bound(max_cached_bytes);
        rounds++;
    } while (now_s() < until_s && atomic_load(&errors) == 0);
    for (int i = 0; i < SLOTS; i++)
        give(atomic_exchange(&slots[i], NULL));
    pool_trim(pool);
    struct pool_stats stats;
    pool_get_stats(pool, &stats);
    if (stats.live_buffers != 0 || stats.live_bytes != 0 || stats.cached_bytes != 0 || !pool_check(pool))
        fail("the pool is not empty and sound at the end");
    pool_destroy(pool);
    printf("stress: %u rounds of %d threads, %d errors\n", rounds, 2 * THREADS, atomic_load(&errors));
    return atomic_load(&errors) == 0 ? 0 : 1;
}
