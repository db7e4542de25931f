#include "contender.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocator.h"
#include "calls.h"
#include "pattern.h"

/* Long enough that reading the clock and what a timer interrupt costs do not matter. */
#define RUN_NS 3e6

enum wish { OPEN, MEASURE, COUNT_CALLS };

struct question {
    enum wish wish;
    int pattern;
    size_t size_bytes;
};

static double ask(const struct contender *contender, struct question question)
{
    double answer;
    if (send(contender->socket, &question, sizeof(question), MSG_NOSIGNAL) != sizeof(question) ||
        recv(contender->socket, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
        return -1;
    return answer;
}

static void become(int allocator, int socket)
{
    char name[16];
    char number[16];
    snprintf(name, sizeof(name), "%d", allocator);
    snprintf(number, sizeof(number), "%d", socket);
    /* jemalloc wants more thread-local memory than the C library sets aside for libraries loaded late. */
    setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=65536", 1);
    execl("/proc/self/exe", "pool-bench", "--serve", name, number, (char *)NULL);
    _exit(127);
}

int contender_start(struct contender *contender, int allocator)
{
    int ends[2];
    *contender = (struct contender){.name = allocators[allocator].name};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return -1;
    /* Or contenders started later would keep this one from noticing that it is to end. */
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    contender->pid = fork();
    if (contender->pid == 0) {
        close(ends[0]);
        become(allocator, ends[1]);
    }
    close(ends[1]);
    contender->socket = ends[0];
    if (contender->pid > 0 && ask(contender, (struct question){.wish = OPEN}) >= 0)
        return 0;
    contender_end(contender);
    return -1;
}

void contender_end(struct contender *contender)
{
    if (contender->pid == 0)
        return;
    close(contender->socket);
    if (contender->pid > 0)
        waitpid(contender->pid, NULL, 0);
    contender->pid = 0;
}

double contender_measure(struct contender *contender, int pattern, size_t size_bytes)
{
    return ask(contender, (struct question){MEASURE, pattern, size_bytes});
}

int64_t contender_count_calls(struct contender *contender, int pattern, size_t size_bytes)
{
    return (int64_t)ask(contender, (struct question){COUNT_CALLS, pattern, size_bytes});
}

/* How many pairs a run needs; found out in the first, once the allocator has what the pattern takes. */
static size_t pairs_for(int pattern, size_t size_bytes)
{
    static size_t last_size_bytes, pairs;
    static int last_pattern = -1;
    if (pattern == last_pattern && size_bytes == last_size_bytes)
        return pairs;
    last_pattern = pattern;
    last_size_bytes = size_bytes;
    pairs = 4 * pattern_held(pattern, size_bytes);
    if (pattern_fill(pattern, size_bytes) < 0 || pattern_run(pattern, size_bytes, pairs) < 0)
        return pairs;
    for (;;) {
        double pair_ns = pattern_run(pattern, size_bytes, pairs);
        if (pair_ns < 0 || pair_ns * (double)pairs >= RUN_NS)
            return pairs;
        pairs *= 2;
    }
}

static double count_calls(int pattern, size_t size_bytes)
{
    static bool has_begun;
    if (!has_begun && calls_begin() < 0)
        return -1;
    has_begun = true;
    if (pattern_fill(pattern, size_bytes) < 0)
        return -1;
    size_t pairs = 8 * pattern_held(pattern, size_bytes);
    for (int i = 0; i < 4; i++)
        if (pattern_run(pattern, size_bytes, pairs) < 0)
            return -1;
    uint64_t before = calls_so_far();
    if (pattern_run(pattern, size_bytes, pairs) < 0)
        return -1;
    return (double)(calls_so_far() - before);
}

static double answer_to(const struct question *question, const struct allocator *allocator)
{
    switch (question->wish) {
    case OPEN:
        return allocator->open() == 0 ? pattern_start(allocator) : -1;
    case MEASURE:
        return pattern_run(question->pattern, question->size_bytes,
                           pairs_for(question->pattern, question->size_bytes));
    case COUNT_CALLS:
        return count_calls(question->pattern, question->size_bytes);
    }
    return -1;
}

int contender_serve(int allocator, int socket)
{
    struct question question;
    while (recv(socket, &question, sizeof(question), MSG_WAITALL) == sizeof(question)) {
        double answer = answer_to(&question, &allocators[allocator]);
        if (send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
            return 1;
    }
    return 0;
}
