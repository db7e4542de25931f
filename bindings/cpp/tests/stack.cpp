/* SPDX-License-Identifier: MIT */
/*
 * What may run for ever must not grow the stack: stack.cpp AWAITS TASKS. A plain program that works on a
 * thread with a stack of 256 KiB, built without and with optimisation.
 *
 * AWAITS reads of a cached file are awaited one after the other; then so many that are refused, which never
 * suspend; then TASKS tasks are nested in one another, and TASKS that end at once awaited one after the
 * other: those need tail calls, which gcc makes of symmetric transfers from -O2 on. 0 leaves them out.
 */
#include "support.hpp"

#include <cstdio>
#include <cstdlib>
#include <pthread.h>

using namespace auraio;

namespace
{

char byte;

Task<long> await_reads(Engine &engine, int fd, long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += co_await engine.async_read(fd, &byte, 1, 0);
    co_return sum;
}

Task<long> await_refusals(Engine &engine, long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += !(co_await engine.async_read(-1, &byte, 1, 0).nothrow());
    co_return sum;
}

Task<long> nest(Engine &engine, int fd, long depth)
{
    if (depth == 0)
        co_return co_await engine.async_read(fd, &byte, 1, 0);
    co_return co_await nest(engine, fd, depth - 1) + 1;
}

Task<long> one()
{
    co_return 1;
}

Task<long> await_tasks(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += co_await one();
    co_return sum;
}

struct Counts {
    long awaits, tasks;
};

void expect(long found, long wanted, const char *what)
{
    if (found == wanted)
        return;
    std::fprintf(stderr, "%s: %ld, not %ld\n", what, found, wanted);
    std::exit(1);
}

void *work(void *context)
{
    const Counts counts = *static_cast<const Counts *>(context);
    test::Bench bench;
    expect(sync_wait(bench.engine, await_reads(bench.engine, bench.file, counts.awaits)), counts.awaits,
           "reads");
    expect(sync_wait(bench.engine, await_refusals(bench.engine, counts.awaits)), counts.awaits, "refusals");
    if (counts.tasks > 0) {
        const long nested = sync_wait(bench.engine, nest(bench.engine, bench.file, counts.tasks));
        expect(nested, counts.tasks + 1, "nested tasks");
        expect(sync_wait(bench.engine, await_tasks(counts.tasks * 10)), counts.tasks * 10,
               "tasks that end at once");
    }
    return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    Counts counts{std::atol(argv[1]), std::atol(argv[2])};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    if (pthread_create(&thread, &attributes, work, &counts) != 0)
        return 2;
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}
