/*
 * What a buffer costs: pool_alloc + pool_free against malloc + free and posix_memalign + free.
 *
 * Prints nanoseconds of CPU time per pair. The contenders take turns, round by round, so that a
 * noisy machine hurts all alike; the figure is the median over rounds. "lifo" frees each buffer at
 * once; "batch" allocates 64, then frees them in the same order. Buffers are not touched: this is
 * the price of the allocator alone. glibc maps large blocks anew each time, as it does by default.
 *
 * usage: pool-bench [rounds]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <auraio-pool/pool.h>

#define ROUNDS_MAX 101
#define ALIGNMENT_BYTES 4096
#define BATCH 64

struct contender {
    const char *name;
    void *(*take)(pool_t *pool, size_t size_bytes);
    void (*give)(pool_t *pool, void *ptr, size_t size_bytes);
    double rounds_ns[ROUNDS_MAX];
};

static void *take_pool(pool_t *pool, size_t size_bytes)
{
    void *ptr = NULL;
    return pool_alloc(pool, size_bytes, &ptr) == 0 ? ptr : NULL;
}

static void give_pool(pool_t *pool, void *ptr, size_t size_bytes)
{
    (void)pool_free(pool, ptr, size_bytes);
}

static void *take_malloc(pool_t *pool, size_t size_bytes)
{
    (void)pool;
    return malloc(size_bytes);
}

static void *take_memalign(pool_t *pool, size_t size_bytes)
{
    (void)pool;
    void *ptr = NULL;
    return posix_memalign(&ptr, ALIGNMENT_BYTES, size_bytes) == 0 ? ptr : NULL;
}

static void give_libc(pool_t *pool, void *ptr, size_t size_bytes)
{
    (void)pool;
    (void)size_bytes;
    free(ptr);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure_ns(const struct contender *contender, pool_t *pool, size_t size_bytes, int batch,
                         int pairs)
{
    void *held[BATCH];
    double start_ns = cpu_ns();
    for (int done = 0; done < pairs; done += batch) {
        for (int i = 0; i < batch; i++) {
            held[i] = contender->take(pool, size_bytes);
            if (!held[i])
                abort();
        }
        for (int i = 0; i < batch; i++)
            contender->give(pool, held[i], size_bytes);
    }
    return (cpu_ns() - start_ns) / pairs;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(values[0]), compare);
    return values[count / 2];
}

static void run(pool_t *pool, struct contender *contenders, int contender_count, size_t size_bytes, int batch,
                int rounds)
{
    /* Large blocks are system calls for glibc: fewer pairs keep the run short. */
    int pairs = size_bytes > ((size_t)64 << 10) ? 64 * 32 : 64 * 1024;
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < contender_count; i++)
            contenders[i].rounds_ns[round] = measure_ns(&contenders[i], pool, size_bytes, batch, pairs);
    printf("%-6s %8zu KiB", batch == 1 ? "lifo" : "batch", size_bytes >> 10);
    for (int i = 0; i < contender_count; i++)
        printf("  %s %8.1f", contenders[i].name, median(contenders[i].rounds_ns, rounds));
    printf("\n");
}

int main(int argc, char **argv)
{
    static const size_t sizes_bytes[] = {4096, 64 << 10, 1 << 20, 16 << 20};
    static struct contender contenders[] = {
        {.name = "pool", .take = take_pool, .give = give_pool},
        {.name = "malloc", .take = take_malloc, .give = give_libc},
        {.name = "posix_memalign", .take = take_memalign, .give = give_libc},
    };
    int rounds = argc > 1 ? atoi(argv[1]) : 31;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: pool-bench [rounds, 1 to %d]\n", ROUNDS_MAX);
        return 2;
    }
    pool_t *pool = NULL;
    if (pool_create(&(struct pool_options){.alignment = ALIGNMENT_BYTES}, &pool) < 0)
        return 1;
    printf("nanoseconds of CPU time per allocate + free pair, median of %d rounds\n", rounds);
    for (size_t i = 0; i < sizeof(sizes_bytes) / sizeof(sizes_bytes[0]); i++) {
        run(pool, contenders, 3, sizes_bytes[i], 1, rounds);
        run(pool, contenders, 3, sizes_bytes[i], BATCH, rounds);
    }
    pool_destroy(pool);
    return 0;
}
