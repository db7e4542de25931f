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

enum { SIZE_COUNT = 4, ROUNDS_MAX = 101, ROUNDS_DEFAULT = 15 };

static const size_t sizes_bytes[SIZE_COUNT] = {4 << 10, 64 << 10, 1 << 20, 16 << 20};

struct tally {
    int rows;
    int reached;
    int64_t calls; /* of the pool; negative: could not be counted */
};

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

static void print_row(int pattern, size_t size_bytes, const double *medians_ns, double ratio, int64_t calls)
{
    printf("%-13s %5zuK %5zu", pattern_names[pattern], size_bytes >> 10, pattern_held(pattern, size_bytes));
    for (int i = 0; i < ALLOCATOR_COUNT; i++) {
        if (medians_ns[i] < 0)
            printf(" %14s", "-");
        else
            printf(" %14.1f", medians_ns[i]);
    }
    printf("  %5.2f", ratio);
    if (calls < 0)
        printf("      -\n");
    else
        printf(" %6lld\n", (long long)calls);
    fflush(stdout);
}

static void run_row(struct contender *contenders, int pattern, size_t size_bytes, int rounds, double *medians_ns,
                    double *ret_ratio)
{
    static double rounds_ns[ALLOCATOR_COUNT][ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    for (int round = -1; round < rounds; round++)
        for (int i = 0; i < ALLOCATOR_COUNT; i++)
            if (contenders[i].pid)
                rounds_ns[i][round < 0 ? 0 : round] = contender_measure(&contenders[i], pattern, size_bytes);
    for (int i = 0; i < ALLOCATOR_COUNT; i++) {
        double copy_ns[ROUNDS_MAX];
        memcpy(copy_ns, rounds_ns[i], sizeof(copy_ns));
        medians_ns[i] = contenders[i].pid ? median(copy_ns, rounds) : -1;
    }
    int best = best_peer(medians_ns);
    for (int round = 0; round < rounds; round++)
        ratios[round] = rounds_ns[0][round] / rounds_ns[best][round];
    *ret_ratio = median(ratios, rounds);
}

static struct tally run_rows(struct contender *contenders, int rounds, const char *only)
{
    struct tally tally = {0};
    for (int pattern = 0; pattern < PATTERN_COUNT; pattern++) {
        if (only && strcmp(only, pattern_names[pattern]) != 0)
            continue;
        for (int i = 0; i < SIZE_COUNT; i++) {
            double medians_ns[ALLOCATOR_COUNT];
            double ratio;
            run_row(contenders, pattern, sizes_bytes[i], rounds, medians_ns, &ratio);
            print_row(pattern, sizes_bytes[i], medians_ns, ratio, -1);
            tally.rows++;
            tally.reached += ratio <= 1.0;
        }
    }
    return tally;
}

static void count_calls(struct contender *contenders)
{
    (void)contenders;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--serve") == 0)
        return contender_serve(atoi(argv[2]), atoi(argv[3]));
    int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS_DEFAULT;
    if (argc > 3 || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: pool-bench [ROUNDS, 1 to %d [PATTERN]]\n", ROUNDS_MAX);
        return 2;
    }
    struct contender contenders[ALLOCATOR_COUNT];
    printf("nanoseconds of CPU time per allocate + free pair, median of %d rounds\n", rounds);
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        if (contender_start(&contenders[i], i) < 0)
            printf("%s is missing on this machine\n", contenders[i].name);
    (void)run_rows(contenders, rounds, argc > 2 ? argv[2] : NULL);
    count_calls(contenders);
    for (int i = 0; i < ALLOCATOR_COUNT; i++)
        contender_end(&contenders[i]);
    return 0;
}
