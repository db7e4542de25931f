/*
 * Many threads at once: allocate, hand over, free, trim, read figures, end, begin anew. A plain
 * program, so that it runs under ThreadSanitizer too, where the test framework does not.
 *
 * Buffers travel through a shared table of slots: whoever draws a slot swaps its own buffer in and
 * frees what was there. Each buffer is stamped with its size and checked when it is taken over, so
 * two owners of one block are noticed.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <auraio-pool/pool.h>

enum { THREADS = 4, GENERATIONS = 25, STEPS = 1500, SLOTS = 64 };

struct stamp {
    size_t size_bytes;
    uint64_t mark;
};

#define LIVE_MARK 0x6c69766562756666ull

static pool_t *pool;
static _Atomic(struct stamp *) slots[SLOTS];
static atomic_int errors;
static atomic_int refused;

static void fail(const char *what)
{
    fprintf(stderr, "race: %s\n", what);
    atomic_fetch_add(&errors, 1);
}

static void give(struct stamp *stamp)
{
    if (!stamp)
        return;
    if (stamp->mark != LIVE_MARK)
        fail("a buffer has a second owner");
    size_t size_bytes = stamp->size_bytes;
    stamp->mark = 0;
    if (pool_free(pool, stamp, size_bytes) != 0)
        fail("a correct free was refused");
}

static size_t draw_size(unsigned *seed)
{
    unsigned draw = (unsigned)rand_r(seed);
    if (draw % 64 == 0)
        return ((size_t)1 << 20) + draw % (4u << 20);
    if (draw % 8 == 0)
        return 4096 + draw % 300000;
    return sizeof(struct stamp) + draw % 8192;
}

static void step(unsigned *seed)
{
    void *ptr = NULL;
    size_t size_bytes = draw_size(seed);
    if (pool_alloc(pool, size_bytes, &ptr) != 0) {
        fail("an allocation failed");
        return;
    }
    struct stamp *stamp = ptr;
    *stamp = (struct stamp){size_bytes, LIVE_MARK};
    give(atomic_exchange(&slots[(unsigned)rand_r(seed) % SLOTS], stamp));
}

static void *run(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < STEPS; i++) {
        step(&seed);
        struct pool_stats stats;
        if (i % 500 == 17)
            pool_get_stats(pool, &stats);
        if (i % 700 == 23)
            pool_trim(pool);
    }
    return NULL;
}

enum { CONTESTS = 20000 };

static void *contested[CONTESTS];
static atomic_int arrived;

/* Two threads free the same buffers at the same time: each buffer may be freed by one of them only.
 * They stay within a few buffers of each other, because each waits for the other at every buffer.
 */
static void *free_contested(void *arg)
{
    (void)arg;
    for (int i = 0; i < CONTESTS; i++) {
        atomic_fetch_add(&arrived, 1);
        while (atomic_load(&arrived) < 2 * (i + 1))
            sched_yield();
        if (pool_free(pool, contested[i], 4096) != 0)
            atomic_fetch_add(&refused, 1);
    }
    return NULL;
}

static void contest(void)
{
    pthread_t threads[2];
    for (int i = 0; i < CONTESTS; i++)
        if (pool_alloc(pool, 4096, &contested[i]) != 0)
            fail("an allocation failed");
    for (int j = 0; j < 2; j++)
        if (pthread_create(&threads[j], NULL, free_contested, NULL) != 0)
            exit(1);
    for (int j = 0; j < 2; j++)
        pthread_join(threads[j], NULL);
    if (atomic_load(&refused) != CONTESTS)
        fail("of two frees of one buffer not exactly one was refused");
    if (!pool_check(pool))
        fail("an invariant does not hold after contested frees");
}

static void generation(int number)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)(number * THREADS + i + 1)) != 0)
            exit(1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (!pool_check(pool))
        fail("an invariant does not hold");
}

struct last_use {
    pool_t *pool;
    pthread_barrier_t used;
};

static void *use_once(void *arg)
{
    struct last_use *last_use = arg;
    void *ptr = NULL;
    if (pool_alloc(last_use->pool, 4096, &ptr) != 0 || pool_free(last_use->pool, ptr, 4096) != 0)
        fail("a short-lived pool did not work");
    pthread_barrier_wait(&last_use->used);
    return NULL;
}

/* Threads end, with their caches, while the pool that they used last is being destroyed. */
static void end_together(void)
{
    for (int i = 0; i < 200; i++) {
        struct last_use last_use;
        pthread_t threads[2];
        pthread_barrier_init(&last_use.used, NULL, 3);
        if (pool_create(&(struct pool_options){.alignment = 4096}, &last_use.pool) != 0)
            exit(1);
        for (int j = 0; j < 2; j++)
            if (pthread_create(&threads[j], NULL, use_once, &last_use) != 0)
                exit(1);
        pthread_barrier_wait(&last_use.used);
        pool_destroy(last_use.pool);
        for (int j = 0; j < 2; j++)
            pthread_join(threads[j], NULL);
        pthread_barrier_destroy(&last_use.used);
    }
}

int main(void)
{
    struct pool_options options = {.alignment = 64, .max_cached_bytes = (size_t)16 << 20};
    if (pool_create(&options, &pool) != 0)
        return 1;
    for (int i = 0; i < GENERATIONS; i++)
        generation(i);
    contest();
    end_together();
    for (int i = 0; i < SLOTS; i++)
        give(atomic_exchange(&slots[i], NULL));
    struct pool_stats stats;
    pool_get_stats(pool, &stats);
    if (stats.live_buffers != 0 || stats.live_bytes != 0 || !pool_check(pool))
        fail("the pool is not empty and sound at the end");
    pool_destroy(pool);
    return atomic_load(&errors) == 0 ? 0 : 1;
}
