/* SPDX-License-Identifier: MIT */
/*
 * What may run for ever must not grow the stack: stack.cpp COUNT DEPTH. A plain program that works on a
 * thread with a stack of 256 KiB, built without and with optimisation.
 *
 * Awaited one after the other: COUNT reads of a cached file, COUNT reads that are refused, which never
 * suspend, COUNT tasks that end at once, and COUNT tasks that read. Then DEPTH tasks nested in one another,
 * which needs tail calls: gcc makes them of symmetric transfers from -O2 on. 0 leaves that out.
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

Task<long> read_one(Engine &engine, int fd)
{
    co_return co_await engine.async_read(fd, &byte, 1, 0);
}

Task<long> await_tasks(long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += co_await one();
    co_return sum;
}

Task<long> await_reading_tasks(Engine &engine, int fd, long count)
{
    long sum = 0;
    for (long i = 0; i < count; i++)
        sum += co_await read_one(engine, fd);
    co_return sum;
}

struct Counts {
    long count, depth;
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
    const long count = counts.count;
    expect(sync_wait(bench.engine, await_reads(bench.engine, bench.file, count)), count, "reads");
    expect(sync_wait(bench.engine, await_refusals(bench.engine, count)), count, "refusals");
    expect(sync_wait(bench.engine, await_tasks(count)), count, "tasks that end at once");
    expect(sync_wait(bench.engine, await_reading_tasks(bench.engine, bench.file, count)), count,
           "tasks that read");
    const long nested = sync_wait(bench.engine, nest(bench.engine, bench.file, counts.depth));
    expect(nested, counts.depth + 1, "nested tasks");
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
