/*
 * How much memory the pool holds under loads made to hurt it, and how much is left after a trim.
 *
 * Every byte that is handed out is touched. "kept" is what the pool holds for reuse beyond the live buffers,
 * at its highest, and must stay within the bound; "left" is resident memory after a trim over that before the
 * load, and must be at most 2 MiB. Ends with status 1 if one of these does not hold.
 *
 * usage: pool-memory
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <auraio-pool/pool.h>

#define MIB ((size_t)1 << 20)
#define BOUND_BYTES (64 * MIB)
#define LEFT_BYTES (2 * MIB)

enum { BURST_BYTES = 256 << 20, THREADS = 64, HELD_MAX = 1 << 16 };

static pool_t *pool;
static struct pool_stats peak;
static size_t peak_rss_bytes;

static size_t rss_bytes(void)
{
    size_t pages[2] = {0, 0};
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%zu %zu", &pages[0], &pages[1]) != 2)
        exit(1);
    fclose(file);
    return pages[1] * (size_t)sysconf(_SC_PAGESIZE);
}

static void look(void)
{
    struct pool_stats now;
    pool_get_stats(pool, &now);
    size_t now_rss_bytes = rss_bytes();
    peak.cached_bytes = now.cached_bytes > peak.cached_bytes ? now.cached_bytes : peak.cached_bytes;
    peak.live_bytes = now.live_bytes > peak.live_bytes ? now.live_bytes : peak.live_bytes;
    peak_rss_bytes = now_rss_bytes > peak_rss_bytes ? now_rss_bytes : peak_rss_bytes;
}

static void *take(size_t size_bytes)
{
    void *ptr = NULL;
    if (pool_alloc(pool, size_bytes, &ptr) != 0) {
        fprintf(stderr, "pool-memory: no memory for %zu bytes\n", size_bytes);
        exit(1);
    }
    memset(ptr, 1, size_bytes);
    return ptr;
}

/* Every size once, from a page to 32 MiB in steps of a tenth. */
static void every_size_once(void)
{
    for (size_t size = 4096; size <= 32 * MIB; size += size / 10) {
        void *ptr = take(size);
        (void)pool_free(pool, ptr, size);
        look();
    }
}

static void burst(size_t size_bytes)
{
    static void *held[HELD_MAX];
    size_t count = BURST_BYTES / size_bytes;
    for (size_t i = 0; i < count; i++)
        held[i] = take(size_bytes);
    look();
    for (size_t i = 0; i < count; i++)
        (void)pool_free(pool, held[i], size_bytes);
    look();
}

/* Bursts of one size after the other, each of which ends. */
static void bursts_that_end(void)
{
    for (size_t size = 4096; size <= 64 * MIB; size *= 4)
        burst(size);
}

/* Of a burst every eighth buffer lives on, and keeps its neighbours' arena. */
static void survivors(void)
{
    static void *held[HELD_MAX];
    size_t size = 65536;
    size_t count = BURST_BYTES / size;
    for (size_t i = 0; i < count; i++)
        held[i] = take(size);
    look();
    for (size_t i = 0; i < count; i++)
        if (i % 8)
            (void)pool_free(pool, held[i], size);
    look();
    for (size_t i = 0; i < count; i += 8)
        (void)pool_free(pool, held[i], size);
    look();
}

static void *live_once(void *arg)
{
    (void)arg;
    for (size_t size = 4096; size <= 4 * MIB; size *= 2) {
        void *ptrs[16];
        for (int i = 0; i < 16; i++)
            ptrs[i] = take(size);
        for (int i = 0; i < 16; i++)
            (void)pool_free(pool, ptrs[i], size);
    }
    look();
    return NULL;
}

static void threads_in_a_row(void)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, live_once, NULL) != 0)
            exit(1);
        pthread_join(thread, NULL);
    }
    look();
}

static bool run(const char *name, void (*load)(void))
{
    size_t before_bytes = rss_bytes();
    peak = (struct pool_stats){0};
    peak_rss_bytes = before_bytes;
    load();
    pool_trim(pool);
    size_t after_bytes = rss_bytes();
    size_t left_bytes = after_bytes > before_bytes ? after_bytes - before_bytes : 0;
    bool is_good = peak.cached_bytes <= BOUND_BYTES && left_bytes <= LEFT_BYTES && pool_check(pool);
    printf("%-20s %8.1f %8.1f %8.1f %8.1f   %s\n", name, (double)peak.live_bytes / (double)MIB,
           (double)peak.cached_bytes / (double)MIB, (double)(peak_rss_bytes - before_bytes) / (double)MIB,
           (double)left_bytes / (double)MIB, is_good ? "" : "TOO MUCH");
    return is_good;
}

int main(void)
{
    struct pool_options options = {.alignment = 4096, .max_cached_bytes = BOUND_BYTES};
    if (pool_create(&options, &pool) != 0)
        return 1;
    printf("MiB, bound of what is kept: %zu; left after a trim: at most %zu\n", BOUND_BYTES / MIB,
           LEFT_BYTES / MIB);
    printf("%-20s %8s %8s %8s %8s\n", "highest", "live", "kept", "resident", "left");
    bool is_good = run("every size once", every_size_once);
    is_good = run("bursts that end", bursts_that_end) && is_good;
    is_good = run("survivors of a burst", survivors) && is_good;
    is_good = run("64 threads in a row", threads_in_a_row) && is_good;
    pool_destroy(pool);
    return is_good ? 0 : 1;
}
