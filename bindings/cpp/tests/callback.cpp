/* SPDX-License-Identifier: MIT */
/* Operations with callables: every one of them, where the callable lives, and what becomes of it. */
#include "support.hpp"

#include <criterion/criterion.h>
#include <csignal>
#include <cstring>
#include <linux/stat.h>
#include <memory>
#include <sys/stat.h>

using namespace auraio;

namespace
{

/* Counts how many of it live. */
struct Counted {
    static inline int live = 0;
    Counted() { live++; }
    Counted(const Counted &) { live++; }
    Counted(Counted &&) noexcept { live++; }
    Counted &operator=(const Counted &) = default;
    ~Counted() { live--; }
};

/* Records a result. */
struct Outcome {
    int calls = 0;
    ssize_t result = 0;
    auto recorder()
    {
        return [this](Request &, ssize_t got) {
            calls++;
            result = got;
        };
    }
};

/* Run an operation to its end. Its result. */
template <typename Submit> ssize_t perform(Engine &engine, Submit submit)
{
    Outcome outcome;
    const Request req = submit(outcome.recorder());
    cr_assert(req);
    engine.drain(test::patience_ms);
    cr_assert_eq(outcome.calls, 1);
    return outcome.result;
}

} // namespace

Test(operation, read_and_write)
{
    Engine engine;
    test::Fd file(file_empty(0));
    char out[] = "written", in[sizeof(out)] = "";
    const auto size = static_cast<ssize_t>(sizeof(out));
    cr_assert_eq(perform(engine, [&](auto f) { return engine.write(file, out, sizeof(out), 0, f); }), size);
    cr_assert_eq(perform(engine, [&](auto f) { return engine.read(file, in, sizeof(in), 0, f); }), size);
    cr_assert_str_eq(in, out);
}

Test(operation, write_from_const_memory)
{
    Engine engine;
    test::Fd file(file_empty(0));
    static const char text[] = "const";
    const void *place = text;
    cr_assert_eq(perform(engine, [&](auto f) { return engine.write(file, BufferRef(place), 5, 0, f); }), 5);
}

Test(operation, readv_and_writev)
{
    Engine engine;
    test::Fd file(file_empty(0));
    char a[] = "ab", b[] = "cde", c[6] = "";
    const iovec out[] = {{a, 2}, {b, 3}};
    const iovec in[] = {{c, 1}, {c + 1, 4}};
    cr_assert_eq(perform(engine, [&](auto f) { return engine.writev(file, out, 0, f); }), 5);
    cr_assert_eq(perform(engine, [&](auto f) { return engine.readv(file, in, 0, f); }), 5);
    cr_assert_str_eq(c, "abcde");
}

Test(operation, fsync_and_fdatasync)
{
    test::Bench bench;
    cr_assert_eq(perform(bench.engine, [&](auto f) { return bench.engine.fsync(bench.file, f); }), 0);
    cr_assert_eq(perform(bench.engine, [&](auto f) { return bench.engine.fdatasync(bench.file, f); }), 0);
}

Test(operation, openat_and_close)
{
    Engine engine;
    const ssize_t fd = perform(
        engine, [&](auto f) { return engine.openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0, f); });
    cr_assert(fd >= 0);
    cr_assert_eq(perform(engine, [&](auto f) { return engine.close(static_cast<int>(fd), f); }), 0);
    cr_assert_eq(::fcntl(static_cast<int>(fd), F_GETFD), -1);
}

Test(operation, statx_tells_what_fallocate_and_ftruncate_made)
{
    Engine engine;
    test::Fd file(file_empty(0));
    struct statx status;
    auto size = [&] {
        cr_assert_eq(
            perform(engine,
                    [&](auto f) { return engine.statx(file, "", AT_EMPTY_PATH, STATX_SIZE, &status, f); }),
            0);
        return static_cast<long>(status.stx_size);
    };
    cr_assert_eq(perform(engine, [&](auto f) { return engine.fallocate(file, 0, 0, 8192, f); }), 0);
    cr_assert_eq(size(), 8192);
    cr_assert_eq(perform(engine, [&](auto f) { return engine.ftruncate(file, 100, f); }), 0);
    cr_assert_eq(size(), 100);
}

Test(operation, sync_file_range)
{
    test::Bench bench;
    cr_assert_eq(perform(bench.engine,
                         [&](auto f) {
                             return bench.engine.sync_file_range(bench.file, 0, 4096, SYNC_FILE_RANGE_WRITE,
                                                                 f);
                         }),
                 0);
}

Test(operation, submit_takes_any_descriptor)
{
    test::Bench bench;
    char buf[16];
    auraio_op_t op = auraio_op(AURAIO_OP_READ);
    op.fd = bench.file;
    op.buf = auraio_buf(buf);
    op.len = sizeof(buf);
    op.offset = 32;
    cr_assert_eq(perform(bench.engine, [&](auto f) { return bench.engine.submit(op, f); }), 16);
    cr_assert(pattern_holds(buf, sizeof(buf), 32));
}

Test(operation, that_is_refused_throws_the_errno_and_the_name_of_the_c_function)
{
    Engine engine;
    char byte;
    const iovec iov = {&byte, 1};
    struct statx status;
    auto none = [](Request &, ssize_t) {};
    auto refused = [&](const char *name, auto call) {
        cr_assert_eq(test::error_of(call), EINVAL, "%s", name);
        cr_assert(test::names(test::message_of(call), name), "%s", name);
    };
    refused("auraio_read", [&] { return engine.read(-1, &byte, 1, 0, none); });
    refused("auraio_write", [&] { return engine.write(-1, &byte, 1, 0, none); });
    refused("auraio_readv", [&] { return engine.readv(-1, {&iov, 1}, 0, none); });
    refused("auraio_writev", [&] { return engine.writev(-1, {&iov, 1}, 0, none); });
    refused("auraio_fsync", [&] { return engine.fsync(-1, none); });
    refused("auraio_fsync_ex", [&] { return engine.fdatasync(-1, none); });
    refused("auraio_openat", [&] { return engine.openat(AT_FDCWD, nullptr, 0, 0, none); });
    refused("auraio_close", [&] { return engine.close(-1, none); });
    refused("auraio_statx", [&] { return engine.statx(AT_FDCWD, nullptr, 0, 0, &status, none); });
    refused("auraio_fallocate", [&] { return engine.fallocate(-1, 0, 0, 1, none); });
    refused("auraio_ftruncate", [&] { return engine.ftruncate(-1, 0, none); });
    refused("auraio_sync_file_range", [&] { return engine.sync_file_range(-1, 0, 0, 0, none); });
    refused("auraio_submit", [&] { return engine.submit(auraio_op(AURAIO_OP_READ), none); });
}

Test(operation, with_too_many_iovecs_is_refused_before_c_sees_them)
{
    Engine engine;
    iovec iov = {};
    const std::span<const iovec> endless(&iov, static_cast<std::size_t>(INT_MAX) + 1);
    auto none = [](Request &, ssize_t) {};
    cr_assert_eq(test::error_of([&] { return engine.readv(0, endless, 0, none); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return engine.writev(0, endless, 0, none); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return engine.async_readv(0, endless, 0); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return engine.async_writev(0, endless, 0); }), EINVAL);
    cr_assert(test::names(test::message_of([&] { return engine.readv(0, endless, 0, none); }),
                          "iov count exceeds INT_MAX"));
}

Test(operation, that_is_full_says_eagain)
{
    Engine engine(Options().max_pending(1));
    test::Pipe pipe;
    char bytes[2];
    Outcome outcome;
    Request req = engine.read(pipe.reader(), bytes, 1, -1, outcome.recorder());
    cr_assert_eq(
        test::error_of([&] { return engine.read(pipe.reader(), bytes + 1, 1, -1, outcome.recorder()); }),
        EAGAIN);
    cr_assert(engine.cancel(req));
    cr_assert(!engine.cancel(req), "asked twice");
    engine.drain(test::patience_ms);
    cr_assert_eq(outcome.result, -ECANCELED);
    cr_assert(!engine.cancel(req), "it is over");
    Request none(nullptr);
    cr_assert(!engine.cancel(none));
}

Test(callable, may_be_move_only)
{
    test::Bench bench;
    char byte;
    auto owned = std::make_unique<int>(0);
    int *const calls = owned.get();
    int seen = 0;
    (void)bench.engine.read(bench.file, &byte, 1, 0, [owned = std::move(owned), &seen](Request &, ssize_t) {
        ++*owned;
        seen = *owned;
    });
    cr_assert_eq(*calls, 0);
    bench.engine.drain();
    cr_assert_eq(seen, 1);
}

Test(callable, may_be_a_function_and_its_result_is_dropped)
{
    test::Bench bench;
    static int calls;
    struct Local {
        static int record(Request &, ssize_t) { return ++calls; }
    };
    char byte;
    (void)bench.engine.read(bench.file, &byte, 1, 0, Local::record);
    (void)bench.engine.read(bench.file, &byte, 1, 0, std::function<void(Request &, ssize_t)>(Local::record));
    bench.engine.drain();
    cr_assert_eq(calls, 2);
}

namespace
{
struct Overloaded {
    int *as_lvalue, *as_rvalue;
    void operator()(Request &, ssize_t) & { ++*as_lvalue; }
    void operator()(Request &, ssize_t) && { ++*as_rvalue; }
};
} // namespace

Test(callable, is_called_as_an_rvalue_because_it_is_called_once)
{
    test::Bench bench;
    char byte;
    int as_lvalue = 0, as_rvalue = 0;
    (void)bench.engine.read(bench.file, &byte, 1, 0, Overloaded{&as_lvalue, &as_rvalue});
    bench.engine.drain();
    cr_assert_eq(as_lvalue, 0);
    cr_assert_eq(as_rvalue, 1);
}

Test(callable, that_is_empty_is_refused)
{
    test::Bench bench;
    char byte;
    void (*null)(Request &, ssize_t) = nullptr;
    std::function<void(Request &, ssize_t)> empty;
    cr_assert_eq(test::error_of([&] { return bench.engine.read(bench.file, &byte, 1, 0, null); }), EINVAL);
    cr_assert_eq(test::error_of([&] { return bench.engine.read(bench.file, &byte, 1, 0, empty); }), EINVAL);
    cr_assert_eq(bench.engine.drain(), 0);
}

template <std::size_t Bytes> static void expect_intact_and_freed()
{
    test::Bench bench;
    char byte;
    std::array<unsigned char, Bytes> captured;
    for (std::size_t i = 0; i < Bytes; i++)
        captured[i] = static_cast<unsigned char>(i * 7 + 1);
    bool intact = false;
    {
        auto callable = [captured, &intact, counted = Counted()](Request &, ssize_t) {
            intact = true;
            for (std::size_t i = 0; i < Bytes; i++)
                intact = intact && captured[i] == static_cast<unsigned char>(i * 7 + 1);
        };
        (void)bench.engine.read(bench.file, &byte, 1, 0, callable);
        (void)bench.engine.read(bench.file, &byte, 1, 0, std::move(callable));
    }
    cr_assert_eq(Counted::live, 2);
    bench.engine.drain();
    cr_assert(intact);
    cr_assert_eq(Counted::live, 0);
}

Test(callable, of_any_size_arrives_intact_and_is_destroyed_once)
{
    expect_intact_and_freed<1>();
    expect_intact_and_freed<47>();
    expect_intact_and_freed<49>();
    expect_intact_and_freed<64>();
    expect_intact_and_freed<4096>();
}

namespace
{
struct alignas(64) Overaligned {
    char bytes[64] = {};
};
} // namespace

Test(callable, that_is_over_aligned_is_aligned)
{
    test::Bench bench;
    char byte;
    std::uintptr_t place = 1;
    Overaligned wide;
    (void)bench.engine.read(bench.file, &byte, 1, 0, [wide, &place](Request &, ssize_t) {
        place = reinterpret_cast<std::uintptr_t>(&wide);
    });
    bench.engine.drain();
    cr_assert_eq(place % 64, 0U);
}

Test(callable, of_a_refused_operation_is_destroyed)
{
    Engine engine;
    char byte;
    cr_assert_eq(test::error_of([&] {
                     return engine.read(-1, &byte, 1, 0, [counted = Counted()](Request &, ssize_t) {});
                 }),
                 EINVAL);
    cr_assert_eq(Counted::live, 0);
    cr_assert_eq(test::error_of([&] {
                     return engine.read(-1, &byte, 1, 0,
                                        [counted = Counted(), big = std::array<char, 200>()](
                                            Request &, ssize_t) { static_cast<void>(big[0]); });
                 }),
                 EINVAL);
    cr_assert_eq(Counted::live, 0);
}

namespace
{
/* Changes errno when it goes. */
struct Meddler {
    Meddler() = default;
    Meddler(const Meddler &) = default;
    Meddler &operator=(const Meddler &) = default;
    ~Meddler() { errno = ENOTTY; }
};

struct ThrowsOnCopy {
    ThrowsOnCopy() = default;
    ThrowsOnCopy(const ThrowsOnCopy &) { throw std::runtime_error("copy"); }
    ThrowsOnCopy &operator=(const ThrowsOnCopy &) = default;
    void operator()(Request &, ssize_t) const {}
};
} // namespace

Test(callable, that_sets_errno_when_it_goes_does_not_hide_the_reason)
{
    Engine engine;
    char byte;
    cr_assert_eq(test::error_of([&] {
                     return engine.read(-1, &byte, 1, 0, [meddler = Meddler()](Request &, ssize_t) {});
                 }),
                 EINVAL);
}

Test(callable, whose_copy_throws_submits_nothing)
{
    test::Bench bench;
    char byte;
    const ThrowsOnCopy callable;
    cr_assert(test::throws<std::runtime_error>(
        [&] { return bench.engine.read(bench.file, &byte, 1, 0, callable); }));
    cr_assert_eq(bench.engine.drain(), 0);
}

Test(callable, that_throws_ends_the_program, .signal = SIGABRT)
{
    test::Bench bench;
    char byte;
    (void)bench.engine.read(bench.file, &byte, 1, 0,
                            [](Request &, ssize_t) { throw std::runtime_error("no"); });
    try {
        bench.engine.drain();
    } catch (...) {
        _exit(0); /* it came through: not aborted */
    }
}

Test(callable, stays_in_place_while_it_is_in_flight_and_while_it_runs)
{
    test::Bench bench;
    test::Pipe pipe;
    char bytes[2];
    struct Self {
        const void **first, **last;
        Engine *engine;
        void operator()(Request &, ssize_t)
        {
            *first = this;
            engine->drain(test::patience_ms); /* other callbacks run, and give their slots back, meanwhile */
            *last = this;
        }
    };
    const void *first = nullptr, *last = &first;
    int others = 0;
    (void)bench.engine.read(bench.file, bytes, 1, 0, Self{&first, &last, &bench.engine});
    for (int i = 0; i < 100; i++)
        (void)bench.engine.read(bench.file, bytes + 1, 1, 0, [&others](Request &, ssize_t) { others++; });
    bench.engine.drain();
    cr_assert_eq(first, last);
    cr_assert_eq(others, 100);
}

Test(callable, may_be_destroyed_on_a_thread_that_submitted_nothing)
{
    Engine engine;
    test::Fd file(file_of_pattern(4096));
    static char byte;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 100; i++)
            (void)engine.read(file, &byte, 1, 0, [counted = Counted()](Request &, ssize_t) {});
        std::thread([&] { engine.drain(test::patience_ms); }).join();
        cr_assert_eq(Counted::live, 0);
    }
}
