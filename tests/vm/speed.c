/* SPDX-License-Identifier: MIT */
/*
 * A fixed piece of work: system calls, page faults and arithmetic. Done here and in the virtual machine, it
 * says how many times slower that is: an emulator slows down each kind differently, and other programs of the
 * host take their share.
 */
#include "speed.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, STEPS = 300, PAGE = 4096, PAGES = 16, ADDITIONS = 1000 };

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_value(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int step(const int fds[2])
{
    volatile unsigned sum = 0;
    char byte = 0;
    volatile char *pages =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return -1;
    for (int i = 0; i < PAGES; i++)
        pages[i * PAGE] = 1;
    for (unsigned i = 0; i < ADDITIONS; i++)
        sum = sum + i;
    if (munmap((void *)(uintptr_t)pages, PAGES * PAGE) < 0)
        return -1;
    return write(fds[1], &byte, 1) == 1 && read(fds[0], &byte, 1) == 1 ? 0 : -1;
}

int64_t speed_ns(void)
{
    int64_t rounds_ns[ROUNDS];
    int fds[2], failed = 0;
    if (pipe(fds) < 0)
        return 0;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start_ns = cpu_ns();
        for (int i = 0; i < STEPS; i++)
            failed |= step(fds);
        rounds_ns[round] = cpu_ns() - start_ns;
    }
    close(fds[0]);
    close(fds[1]);
    qsort(rounds_ns, ROUNDS, sizeof(rounds_ns[0]), by_value);
    return failed ? 0 : rounds_ns[ROUNDS / 2];
}
