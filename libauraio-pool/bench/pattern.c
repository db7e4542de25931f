#include "pattern.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { HELD_MAX = 512, HANDED = 256, SLOTS = 64 };

/* What a run shares between its two threads. */
struct work {
    const struct allocator *allocator;
    int pattern;
    size_t size_bytes;
    size_t held;
    size_t rounds;
    atomic_bool failed;
    double helper_ns;
    /* Two batches: while one is filled the other is emptied. */
    void *batches[2][HANDED];
    _Atomic(void *) slots[SLOTS];
    pthread_barrier_t turn;
};

static struct work work;

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *take(size_t size_bytes)
{
    char *ptr = work.allocator->take(size_bytes);
    if (ptr)
        *(volatile char *)ptr = 1;
    else
        atomic_store(&work.failed, true);
    return ptr;
}

static void take_all(void **ptrs)
{
    for (size_t i = 0; i < work.held; i++)
        ptrs[i] = take(work.size_bytes);
}

static void give_all(void **ptrs)
{
    for (size_t i = 0; i < work.held; i++)
        work.allocator->give(ptrs[i], work.size_bytes);
}

static uint32_t draw(uint32_t *seed)
{
    /* Numerical Recipes' linear congruential generator: its high bits do. */
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static double run_batch(void)
{
    static void *ptrs[HELD_MAX];
    double start_ns = cpu_ns();
    for (size_t i = 0; i < work.rounds; i++) {
        take_all(ptrs);
        give_all(ptrs);
    }
    return cpu_ns() - start_ns;
}

/* Buffers of a quarter of the size up to the size, each replaced at a random moment. */
static double run_random(void)
{
    static void *ptrs[SLOTS];
    static size_t sizes_bytes[SLOTS];
    uint32_t seed = 1;
    for (size_t i = 0; i < work.held; i++) {
        sizes_bytes[i] = work.size_bytes;
        ptrs[i] = take(work.size_bytes);
    }
    double start_ns = cpu_ns();
    for (size_t i = 0; i < work.rounds * work.held; i++) {
        size_t slot = draw(&seed) % work.held;
        work.allocator->give(ptrs[slot], sizes_bytes[slot]);
        sizes_bytes[slot] = work.size_bytes / 4 + draw(&seed) % (work.size_bytes / 4 * 3) + 1;
        ptrs[slot] = take(sizes_bytes[slot]);
    }
    double elapsed_ns = cpu_ns() - start_ns;
    for (size_t i = 0; i < work.held; i++)
        work.allocator->give(ptrs[i], sizes_bytes[i]);
    return elapsed_ns;
}

/* One end of a hand-over: in turn i the producer fills batch i, the consumer empties batch i - 1. */
static double run_end(bool produces)
{
    double sum_ns = 0;
    for (size_t i = 0; i <= work.rounds; i++) {
        double start_ns = cpu_ns();
        if (produces && i < work.rounds)
            take_all(work.batches[i % 2]);
        if (!produces && i > 0)
            give_all(work.batches[(i - 1) % 2]);
        sum_ns += cpu_ns() - start_ns;
        pthread_barrier_wait(&work.turn);
    }
    return sum_ns;
}

/* Both threads put a new buffer into a random slot and free what was there, whoever allocated it. */
static double run_mixed(uint32_t seed)
{
    double start_ns = cpu_ns();
    for (size_t i = 0; i < work.rounds * work.held / 2; i++) {
        void *ptr = atomic_exchange(&work.slots[draw(&seed) % work.held], take(work.size_bytes));
        if (ptr)
            work.allocator->give(ptr, work.size_bytes);
    }
    return cpu_ns() - start_ns;
}

enum { LIFO, BATCH_64, BATCH_512, HAND_OVER, MIXED, RANDOM };

const char *const pattern_names[PATTERN_COUNT] = {
    [LIFO] = "lifo",           [BATCH_64] = "batch of 64", [BATCH_512] = "batch of 512",
    [HAND_OVER] = "hand over", [MIXED] = "two threads",    [RANDOM] = "random sizes",
};

static bool needs_helper(int pattern)
{
    return pattern == HAND_OVER || pattern == MIXED;
}

static void *help(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_barrier_wait(&work.turn);
        work.helper_ns = work.pattern == MIXED ? run_mixed(2) : run_end(false);
        pthread_barrier_wait(&work.turn);
    }
    return NULL;
}

/* Pins a thread to the n-th of the CPUs this process may use, if there are so many: two threads cost far less
 * where the system happens to put both on one CPU, and it does so for some contenders and not for others. */
static void pin(pthread_t thread, int n)
{
    cpu_set_t allowed, chosen;
    CPU_ZERO(&chosen);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &allowed) && n-- == 0)
            CPU_SET((size_t)cpu, &chosen);
    if (CPU_COUNT(&chosen) == 1)
        (void)pthread_setaffinity_np(thread, sizeof(chosen), &chosen);
}

int pattern_start(const struct allocator *allocator)
{
    pthread_t helper;
    work.allocator = allocator;
    if (pthread_barrier_init(&work.turn, NULL, 2) != 0 || pthread_create(&helper, NULL, help, NULL) != 0)
        return -1;
    pin(helper, 1);
    pin(pthread_self(), 0);
    return 0;
}

size_t pattern_held(int pattern, size_t size_bytes)
{
    static const size_t held[PATTERN_COUNT] = {
        [LIFO] = 1,           [BATCH_64] = 64, [BATCH_512] = HELD_MAX,
        [HAND_OVER] = HANDED, [MIXED] = SLOTS, [RANDOM] = SLOTS,
    };
    size_t batches = pattern == HAND_OVER ? 2 : 1;
    size_t most = PATTERN_HELD_BYTES / size_bytes / batches;
    return held[pattern] < most ? held[pattern] : most;
}

int pattern_fill(int pattern, size_t size_bytes)
{
    /* Two batches of a hand-over, and one buffer in the hand of each thread. */
    static void *ptrs[HELD_MAX + 2];
    size_t count = pattern_held(pattern, size_bytes) * (pattern == HAND_OVER ? 2 : 1) + 2;
    work.size_bytes = size_bytes;
    for (size_t i = 0; i < count; i++)
        ptrs[i] = take(size_bytes);
    for (size_t i = 0; i < count; i++)
        if (ptrs[i])
            work.allocator->give(ptrs[i], size_bytes);
    return atomic_load(&work.failed) ? -1 : 0;
}

static double run_with_helper(void)
{
    pthread_barrier_wait(&work.turn);
    double elapsed_ns = work.pattern == MIXED ? run_mixed(1) : run_end(true);
    pthread_barrier_wait(&work.turn);
    for (int i = 0; i < SLOTS; i++) {
        void *ptr = atomic_exchange(&work.slots[i], NULL);
        if (ptr)
            work.allocator->give(ptr, work.size_bytes);
    }
    return elapsed_ns + work.helper_ns;
}

double pattern_run(int pattern, size_t size_bytes, size_t pairs)
{
    work.pattern = pattern;
    work.size_bytes = size_bytes;
    work.held = pattern_held(pattern, size_bytes);
    work.rounds = (pairs + work.held - 1) / work.held;
    double elapsed_ns = needs_helper(pattern) ? run_with_helper()
                        : pattern == RANDOM   ? run_random()
                                              : run_batch();
    return atomic_load(&work.failed) ? -1 : elapsed_ns / (double)(work.rounds * work.held);
}
