/* SPDX-License-Identifier: MIT */
/*
 * What the bindings cost over C: the same reads of a cached file, by a C callback, a callable, and
 * coroutines.
 *
 *     auraio-bench-cpp                    user instructions and allocations an operation, by callgrind
 *     auraio-bench-cpp run FORM DEPTH     one form, OPS operations, for callgrind: collect in bench_measured
 *
 * All forms do the same: DEPTH operations in flight, each completion starts the next. Figures are differences
 * between the forms of one program, so what they share (the loop, the offsets, the library) cancels out.
 * Allocations are counted in the same runs, by operator new, after a first half that is not counted.
 */
#include <auraio.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace
{

constexpr long ops = 32000;
constexpr std::size_t page = 4096;
constexpr off_t pages = 1024;

std::atomic<long> allocations{0};

[[noreturn]] void fail(const char *what)
{
    std::perror(what);
    std::exit(1);
}

/* The work: a file that is cached, the reads still to be started, and those to come. */
struct Load {
    auraio::Engine engine;
    int fd = -1;
    long left = 0, done = 0;
    off_t at = 0;
    std::vector<char> memory;

    explicit Load(std::size_t depth) : memory(depth * page)
    {
        char path[] = "/var/tmp/auraio-bench-cpp-XXXXXX";
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0 || unlink(path) != 0)
            fail(path);
        const std::vector<char> content(page, 'x');
        for (off_t i = 0; i < pages; i++)
            if (pwrite(fd, content.data(), page, i * static_cast<off_t>(page)) != static_cast<ssize_t>(page))
                fail("pwrite");
    }
    Load(const Load &) = delete;
    Load &operator=(const Load &) = delete;
    ~Load() { close(fd); }

    /* Whether there is another read to start; then its place. */
    bool next(off_t &offset)
    {
        if (left == 0)
            return false;
        left--;
        at = (at + 7) % pages;
        offset = at * static_cast<off_t>(page);
        return true;
    }

    void finished(ssize_t result)
    {
        if (result != static_cast<ssize_t>(page))
            fail("short read");
        done++;
    }
};

/* A reader of C keeps what its callback needs where it stays; a callable captures it: 16 bytes. */
struct CReader {
    Load *load;
    char *into;

    static void on_read(auraio_request_t *, ssize_t result, void *user_data)
    {
        auto *reader = static_cast<CReader *>(user_data);
        reader->load->finished(result);
        reader->start();
    }

    void start()
    {
        off_t offset;
        if (load->next(offset) &&
            !auraio_read(load->engine.handle(), load->fd, auraio_buf(into), page, offset, on_read, this))
            fail("auraio_read");
    }
};

void start_callable(Load &load, char *into)
{
    off_t offset;
    if (load.next(offset)) {
        (void)load.engine.read(load.fd, into, page, offset, [&load, into](auraio::Request &, ssize_t result) {
            load.finished(result);
            start_callable(load, into);
        });
    }
}

auraio::Task<> read_on(Load &load, char *into)
{
    off_t offset;
    while (load.next(offset))
        load.finished(co_await load.engine.async_read(load.fd, into, page, offset));
}

/* The measured part: so many operations. */
template <typename Start, typename Wait>
[[gnu::always_inline]] inline void measure(Load &load, long count, Start start, Wait wait)
{
    load.left = count;
    load.done = 0;
    for (std::size_t i = 0; i * page < load.memory.size(); i++)
        start(i, &load.memory[i * page]);
    while (load.done < count)
        wait();
}

} // namespace

/* Callgrind counts what happens in here. */
extern "C" {
[[gnu::noinline]] void bench_measured(Load &load, long count, std::vector<CReader> &readers);
[[gnu::noinline]] void bench_measured_callable(Load &load, long count);
[[gnu::noinline]] void bench_measured_coroutine(Load &load, long count, std::vector<auraio::Task<>> &tasks);
}

void bench_measured(Load &load, long count, std::vector<CReader> &readers)
{
    measure(
        load, count, [&](std::size_t i, char *) { readers[i].start(); },
        [&] { auraio_wait(load.engine.handle(), -1); });
}

void bench_measured_callable(Load &load, long count)
{
    measure(
        load, count, [&](std::size_t, char *into) { start_callable(load, into); },
        [&] { load.engine.wait(); });
}

void bench_measured_coroutine(Load &load, long count, std::vector<auraio::Task<>> &tasks)
{
    measure(
        load, count, [&](std::size_t i, char *) { tasks[i].resume(); }, [&] { load.engine.wait(); });
}

namespace
{

/* One form, warmed up, then measured. Returns the allocations of the measured part. */
long run(const std::string &form, std::size_t depth)
{
    Load load(depth);
    std::vector<CReader> readers;
    std::vector<auraio::Task<>> tasks;
    for (std::size_t i = 0; i < depth; i++)
        readers.push_back({&load, &load.memory[i * page]});
    long before = 0;
    for (int warm = 0; warm < 2; warm++) {
        tasks.clear();
        for (std::size_t i = 0; i < depth && form == "coroutine"; i++)
            tasks.push_back(read_on(load, &load.memory[i * page]));
        before = allocations;
        if (form == "c")
            bench_measured(load, ops, readers);
        else if (form == "callable")
            bench_measured_callable(load, ops);
        else
            bench_measured_coroutine(load, ops, tasks);
    }
    return allocations - before;
}

struct Figures {
    double instructions = 0;
    long allocations = -1;
};

/* Run one form under callgrind. Both halves are counted: twice OPS. */
Figures count(const char *self, const char *form, unsigned depth)
{
    char output[] = "/var/tmp/auraio-bench-cpp-callgrind-XXXXXX";
    const int fd = mkostemp(output, O_CLOEXEC);
    if (fd < 0)
        fail(output);
    close(fd);
    const std::string command =
        "valgrind -q --tool=callgrind --toggle-collect='bench_measured*' --callgrind-out-file=" +
        std::string(output) + " '" + self + "' run " + form + " " + std::to_string(depth);
    Figures figures;
    FILE *said = popen(command.c_str(), "re");
    if (!said || fscanf(said, "%ld allocations", &figures.allocations) != 1)
        fail("valgrind");
    pclose(said);
    FILE *counted = fopen(output, "re");
    char line[256];
    while (counted && fgets(line, sizeof(line), counted)) {
        long total;
        if (sscanf(line, "totals: %ld", &total) == 1)
            figures.instructions = static_cast<double>(total) / (2 * ops);
    }
    if (counted)
        fclose(counted);
    unlink(output);
    if (figures.instructions <= 0)
        fail("callgrind counted nothing");
    return figures;
}

void compare(const char *self, unsigned depth)
{
    struct {
        const char *form, *what;
        double target;
    } const forms[] = {{"callable", "callable of 16 bytes", 40}, {"coroutine", "co_await in a task", 120}};
    const Figures c = count(self, "c", depth);
    std::printf("depth %-3u  %-22s %8.1f instructions an operation\n", depth, "C callback", c.instructions);
    for (const auto &one : forms) {
        const Figures figures = count(self, one.form, depth);
        const double more = figures.instructions - c.instructions;
        std::printf("           %-22s %+8.1f to C   (at most +%.0f: %s), %.4f allocations an operation\n",
                    one.what, more, one.target, more <= one.target ? "reached" : "missed",
                    static_cast<double>(figures.allocations) / ops);
    }
}

} // namespace

[[gnu::noinline]] void *operator new(std::size_t size)
{
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void *place = std::malloc(size))
        return place;
    throw std::bad_alloc();
}

[[gnu::noinline]] void operator delete(void *place) noexcept
{
    std::free(place);
}

void operator delete(void *place, std::size_t) noexcept
{
    operator delete(place);
}

int main(int argc, char **argv)
{
    if (argc == 4 && std::strcmp(argv[1], "run") == 0) {
        std::printf("%ld allocations\n", run(argv[2], static_cast<std::size_t>(std::atol(argv[3]))));
        return 0;
    }
    if (argc != 1) {
        std::fprintf(stderr, "usage: %s [run c|callable|coroutine DEPTH]\n", argv[0]);
        return 2;
    }
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0)
        fail("/proc/self/exe");
    self[length] = '\0';
    std::printf(
        "user instructions, counted by callgrind; cached reads of 4 KiB, auraio_create(), one thread\n");
    compare(self, 32);
    compare(self, 1);
}
