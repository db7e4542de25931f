/*
 * What a buffer costs: the pool against mimalloc, jemalloc and posix_memalign.
 *
 * A row is a pattern at a size. In every round all contenders run it once, one after the other, so that a
 * noisy machine hurts all alike; figures are medians over the rounds, and the ratio is the median of the
 * rounds' ratios to the best peer. Afterwards each row is run once more under a count of the system calls
 * that change memory.
 *
 * usage: pool-bench [ROUNDS [PATTERN]]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "contender.h"
#include "pattern.h"

enum { SIZE_COUNT = 4, ROUNDS_MAX = 101, ROUNDS_DEFAULT = 21 };

static const size_t sizes_bytes[SIZE_COUNT] = {4 << 10, 64 << 10, 1 << 20, 16 << 20};

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

/* The peer with the lowest median; the pool's own figures come first. */
static int best_peer(const double *medians_ns)
{
    int best = 0;
    for (int i = 1; i < ALLOCATOR_COUNT; i++)
        if (medians_ns[i] >= 0 && (best == 0 || medians_ns[i] < medians_ns[best]))
            best = i;
    return best;
}

static void print_heading(int rounds)
{
    printf("nanoseconds of CPU time per allocate + free pair, median of %d rounds; buffers held at a time\n",
           rounds);
    printf("%-13s %6s %5s", "", "size", "held");
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        printf(" %14s", allocators[i].name);
    printf("  %s\n", "ratio");
}

static void print_row(int pattern, size_t size_bytes, const double *medians_ns, double ratio)
{
    printf("%-13s %5zuK %5zu", pattern_names[pattern], size_bytes >> 10, pattern_held(pattern, size_bytes));
    for (int i = 0; i < ALLOCATOR_COUNT; i++) {
        if (medians_ns[i] < 0)
            printf(" %14s", "-");
        else
            printf(" %14.1f", medians_ns[i]);
    }
    printf("  %5.2f\n", ratio);
    fflush(stdout);
}

/* Measures and prints a row; answers the pool's share of the best peer's time. */
static double run_row(struct contender *contenders, int pattern, size_t size_bytes, int rounds)
{
    static double rounds_ns[ALLOCATOR_COUNT][ROUNDS_MAX];
    double medians_ns[ALLOCATOR_COUNT];
    double scratch[ROUNDS_MAX];
    /* Round -1 warms up. */
    for (int round = -1; round < rounds; round++)
        for (int i = 0; i < ALLOCATOR_COUNT; i++)
            if (contenders[i].pid)
                rounds_ns[i][round < 0 ? 0 : round] = contender_measure(&contenders[i], pattern, size_bytes);
    for (int i = 0; i < ALLOCATOR_COUNT; i++) {
        memcpy(scratch, rounds_ns[i], sizeof(scratch));
        medians_ns[i] = contenders[i].pid ? median(scratch, rounds) : -1;
    }
    int best = best_peer(medians_ns);
    for (int round = 0; round < rounds; round++)
        scratch[round] = rounds_ns[0][round] / rounds_ns[best][round];
    double ratio = median(scratch, rounds);
    print_row(pattern, size_bytes, medians_ns, ratio);
    return ratio;
}

static bool is_wanted(int pattern, const char *only)
{
    return !only || strcmp(only, pattern_names[pattern]) == 0;
}

static void run_rows(int rounds, const char *only)
{
    struct contender contenders[ALLOCATOR_COUNT];
    int rows = 0;
    int reached = 0;
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        if (contender_start(&contenders[i], i) < 0)
            printf("%s is missing on this machine\n", contenders[i].name);
    print_heading(rounds);
    for (int pattern = 0; pattern < PATTERN_COUNT; pattern++)
        for (int i = 0; i < SIZE_COUNT && is_wanted(pattern, only); i++, rows++)
            reached += run_row(contenders, pattern, sizes_bytes[i], rounds) <= 1.0;
    printf("%d of %d rows at most 1.00 of the best peer\n", reached, rows);
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        contender_end(&contenders[i]);
}

static int64_t count_row(int allocator, int pattern, size_t size_bytes)
{
    struct contender contender;
    if (contender_start(&contender, allocator) < 0)
        return -1;
    int64_t calls = contender_count_calls(&contender, pattern, size_bytes);
    contender_end(&contender);
    return calls;
}

/* Each row once more, warmed up, in a new process: what earlier rows left behind is not to be given back now.
 */
static void count_calls(int allocator, const char *only)
{
    long long sum = 0;
    bool is_counted = true;
    for (int pattern = 0; pattern < PATTERN_COUNT; pattern++) {
        for (int i = 0; i < SIZE_COUNT && is_counted && is_wanted(pattern, only); i++) {
            int64_t calls = count_row(allocator, pattern, sizes_bytes[i]);
            is_counted = calls >= 0;
            sum += calls;
        }
    }
    if (is_counted)
        printf("  %-14s %lld\n", allocators[allocator].name, sum);
    else
        printf("  %-14s not counted: missing, or seccomp is refused here\n", allocators[allocator].name);
    fflush(stdout);
}

static bool is_pattern(const char *name)
{
    for (int i = 0; i < PATTERN_COUNT; i++)
        if (strcmp(name, pattern_names[i]) == 0)
            return true;
    return false;
}

static int refuse(void)
{
    fprintf(stderr, "usage: pool-bench [ROUNDS, 1 to %d [PATTERN]]\npatterns:", ROUNDS_MAX);
    for (int i = 0; i < PATTERN_COUNT; i++)
        fprintf(stderr, " '%s'", pattern_names[i]);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--serve") == 0)
        return contender_serve(atoi(argv[2]), atoi(argv[3]));
    int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS_DEFAULT;
    const char *only = argc > 2 ? argv[2] : NULL;
    if (argc > 3 || rounds < 1 || rounds > ROUNDS_MAX || (only && !is_pattern(only)))
        return refuse();
    run_rows(rounds, only);
    printf("mmap, munmap, mremap, mprotect, madvise, mbind and brk in steady state, over all rows:\n");
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        count_calls(i, only);
    return 0;
}
