/* SPDX-License-Identifier: MIT */
/* Operations awaited: every one, their errors, deadlines and flags, in tasks and in coroutines of other
 * types. */
#include "support.hpp"

#include <criterion/criterion.h>
#include <atomic>
#include <cstring>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/uio.h>

using namespace auraio;
using namespace std::chrono_literals;

namespace
{

char byte;

Task<> every_operation(Engine &engine, const char *path)
{
    char out[] = "abcdef", in[sizeof(out)] = "";
    const iovec out_iov[] = {{out, 3}, {out + 3, 4}}, in_iov[] = {{in, 5}, {in + 5, 2}};
    struct statx status;
    const int fd = co_await engine.async_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(co_await engine.async_write(fd, out, sizeof(out), 0), 7);
    co_await engine.async_fsync(fd);
    co_await engine.async_fdatasync(fd);
    cr_assert_eq(co_await engine.async_read(fd, in, sizeof(in), 0), 7);
    cr_assert_str_eq(in, out);
    std::memset(in, 0, sizeof(in));
    cr_assert_eq(co_await engine.async_writev(fd, out_iov, 0), 7);
    cr_assert_eq(co_await engine.async_readv(fd, in_iov, 0), 7);
    cr_assert_str_eq(in, out);
    co_await engine.async_fallocate(fd, 0, 0, 4096);
    co_await engine.async_statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &status);
    cr_assert_eq(status.stx_size, 4096U);
    co_await engine.async_ftruncate(fd, 7);
    co_await engine.async_statx(AT_FDCWD, path, 0, STATX_SIZE, &status);
    cr_assert_eq(status.stx_size, 7U);
    co_await engine.async_sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
    op.fd = fd;
    cr_assert_eq(co_await engine.async_submit(op), 0);
    co_await engine.async_close(fd);
    cr_assert_eq(::fcntl(fd, F_GETFD), -1);
}

Task<> await_twice(Engine &engine, int fd)
{
    IoAwaitable read = engine.async_read(fd, &byte, 1, 0);
    cr_assert_eq(co_await read, 1);
    cr_assert_eq(co_await read, 1, "an awaitable is a description: it may be awaited again");
}

Task<int> catch_and_go_on(Engine &engine, int fd)
{
    int caught = 0;
    try {
        co_await engine.async_read(-1, &byte, 1, 0);
    } catch (const Error &error) {
        caught = error.code();
    }
    co_await engine.async_read(fd, &byte, 1, 0);
    co_return caught;
}

/* A coroutine type that is not ours. */
struct Fire {
    struct promise_type {
        Fire get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
};

Fire fire(Engine &engine, int fd, ssize_t &result)
{
    result = co_await engine.async_read(fd, &byte, 1, 0);
    result += co_await catch_and_go_on(engine, fd);
    result += (co_await engine.async_read(fd, &byte, 1, 0).nothrow()).value_or(-1);
}

/* Awaitables that are not ours: by member, by free function, immovable, returning bool and handles. */
struct Wrapped {
    int value;
    struct Awaiter {
        int value;
        explicit Awaiter(int v) : value(v) {}
        Awaiter(const Awaiter &) = delete;
        Awaiter &operator=(const Awaiter &) = delete;
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
        int await_resume() const noexcept { return value; }
    };
    Awaiter operator co_await() const noexcept { return Awaiter(value); }
};

struct Plain {
    int value;
};

struct PlainAwaiter {
    int value;
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept { return value; }
};

PlainAwaiter operator co_await(Plain plain) noexcept
{
    return {plain.value};
}

struct Bounce {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) const noexcept { return handle; }
    int await_resume() const { throw std::runtime_error("from the awaitable"); }
};

Task<int> foreign()
{
    int sum = co_await Wrapped{1} + co_await Plain{2};
    const Wrapped kept{4};
    sum += co_await kept;
    try {
        sum += co_await Bounce();
    } catch (const std::runtime_error &) {
        sum += 8;
    }
    co_return sum;
}

Task<std::thread::id> where_it_goes_on(Engine &engine, int fd)
{
    co_await engine.async_read(fd, &byte, 1, 0);
    co_return std::this_thread::get_id();
}

Task<> read_all(Engine &engine, int fd, off_t begin, off_t end, Buffer into)
{
    for (off_t at = begin; at < end; at += 4096) {
        cr_assert_eq(co_await engine.async_read(fd, into, 4096, at), 4096);
        cr_assert(pattern_holds(into.data(), 4096, at));
    }
}

void names_itself(Engine &engine, const char *name, auto awaitable, int error = EINVAL)
{
    auto wait = [&] {
        if constexpr (std::is_void_v<decltype(sync_wait(engine, awaitable))>)
            return sync_wait(engine, awaitable), 0;
        else
            return sync_wait(engine, awaitable);
    };
    cr_assert_eq(test::error_of(wait), error, "%s", name);
    cr_assert(test::names(test::message_of(wait), name), "%s", name);
}

Task<int> all_as_values(Engine &engine, int fd)
{
    const Result<ssize_t> bad = co_await engine.async_read(-1, &byte, 1, 0).nothrow();
    const Result<ssize_t> good = co_await engine.async_read(fd, &byte, 1, 0).nothrow();
    const Result<void> synced = co_await engine.async_fsync(fd).nothrow();
    const Result<int> opened = co_await engine.async_openat(AT_FDCWD, "/nonexistent", O_RDONLY).nothrow();
    const Result<ssize_t> late = co_await engine.async_read(fd, &byte, 1, 0).within(1h).nothrow();
    co_return !bad && *good == 1 && synced && opened.error() == std::errc::no_such_file_or_directory &&
        *late == 1;
}

Task<> wait_twice(Engine &engine, int fd, int &first, int &second)
{
    first = (co_await engine.async_read(fd, &byte, 1, -1).nothrow()).error().value();
    second = (co_await engine.async_read(fd, &byte, 1, -1).nothrow()).error().value();
}

} // namespace

Test(await, every_operation_of_c)
{
    Engine engine;
    char path[256];
    file_unique_path(path, sizeof(path), "await");
    sync_wait(engine, every_operation(engine, path));
    unlink(path);
}

Test(await, errors_of_the_submission_come_at_co_await_with_code_and_name)
{
    Engine engine;
    const iovec iov = {&byte, 1};
    struct statx status;
    names_itself(engine, "async_read", engine.async_read(-1, &byte, 1, 0));
    names_itself(engine, "async_write", engine.async_write(-1, &byte, 1, 0));
    names_itself(engine, "async_fsync", engine.async_fsync(-1));
    names_itself(engine, "async_fdatasync", engine.async_fdatasync(-1));
    names_itself(engine, "async_readv", engine.async_readv(-1, {&iov, 1}, 0));
    names_itself(engine, "async_writev", engine.async_writev(-1, {&iov, 1}, 0));
    names_itself(engine, "async_openat", engine.async_openat(AT_FDCWD, nullptr, 0));
    names_itself(engine, "async_close", engine.async_close(-1));
    names_itself(engine, "async_statx", engine.async_statx(AT_FDCWD, nullptr, 0, 0, &status));
    names_itself(engine, "async_fallocate", engine.async_fallocate(-1, 0, 0, 1));
    names_itself(engine, "async_ftruncate", engine.async_ftruncate(-1, 0));
    names_itself(engine, "async_sync_file_range", engine.async_sync_file_range(-1, 0, 0, 0));
    names_itself(engine, "async_submit", engine.async_submit(auraio_op_t{}));
    Buffer none;
    names_itself(engine, "async_read", engine.async_read(0, none, 1, 0));
}

Test(await, errors_of_the_operation_come_the_same_way)
{
    test::Bench bench;
    test::Fd readonly(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    test::Fd directory(::open("/", O_RDONLY | O_CLOEXEC));
    names_itself(bench.engine, "async_write", bench.engine.async_write(readonly, &byte, 1, 0), EBADF);
    names_itself(bench.engine, "async_read", bench.engine.async_read(directory, &byte, 1, 0), EISDIR);
    names_itself(bench.engine, "async_openat", bench.engine.async_openat(AT_FDCWD, "/nonexistent", O_RDONLY),
                 ENOENT);
}

Test(await, may_be_caught_and_the_coroutine_goes_on)
{
    test::Bench bench;
    cr_assert_eq(sync_wait(bench.engine, catch_and_go_on(bench.engine, bench.file)), EINVAL);
    sync_wait(bench.engine, await_twice(bench.engine, bench.file));
}

Test(await, works_in_coroutines_of_other_types)
{
    test::Bench bench;
    ssize_t result = 0;
    fire(bench.engine, bench.file, result);
    bench.engine.drain(test::patience_ms);
    cr_assert_eq(result, 1 + EINVAL + 1);
}

Test(await, of_foreign_awaitables_works_in_tasks)
{
    Task<int> task = foreign();
    task.resume();
    cr_assert_eq(task.get(), 1 + 2 + 4 + 8);
}

Test(await, deadlines_end_what_takes_too_long)
{
    test::Bench bench;
    test::Pipe pipe;
    auto late = [&] {
        return sync_wait(bench.engine, bench.engine.async_read(pipe.reader(), &byte, 1, -1).within(1ms));
    };
    cr_assert_eq(test::error_of(late), ETIMEDOUT);
    auto at_once = [&] {
        return sync_wait(bench.engine, bench.engine.async_read(pipe.reader(), &byte, 1, -1).within(0s));
    };
    cr_assert_eq(test::error_of(at_once), ETIMEDOUT);
    cr_assert_eq(sync_wait(bench.engine, bench.engine.async_read(bench.file, &byte, 1, 0).within(1h)), 1);
    sync_wait(bench.engine, bench.engine.async_fsync(bench.file).within(1h));
}

Test(await, rw_flags_reach_the_kernel)
{
    test::Bench bench;
    test::Pipe pipe;
    auto now = [&] {
        return sync_wait(bench.engine,
                         bench.engine.async_read(pipe.reader(), &byte, 1, -1).rw_flags(RWF_NOWAIT));
    };
    cr_assert_eq(test::error_of(now), EAGAIN);
    cr_assert_eq(
        sync_wait(bench.engine, bench.engine.async_write(bench.file, &byte, 1, 0).rw_flags(RWF_DSYNC)), 1);
}

Test(await, results_as_values_do_not_throw)
{
    test::Bench bench;
    cr_assert(sync_wait(bench.engine, all_as_values(bench.engine, bench.file)));
}

Test(await, goes_on_on_the_thread_that_drives)
{
    test::Bench bench;
    for (int i = 0; i < 500; i++) {
        Task<std::thread::id> task = where_it_goes_on(bench.engine, bench.file);
        {
            test::Runner runner(bench.engine);
            task.resume();
            cr_assert(test::eventually([&] { return task.done(); }));
            cr_assert(task.get() == runner.id());
        }
    }
}

Test(await, ten_thousand_coroutines_at_once)
{
    constexpr off_t pages = test::file_bytes / 4096;
    test::Bench bench;
    std::vector<Task<>> tasks;
    for (int i = 0; i < 10000; i++) {
        const off_t page = i % (pages - 1);
        tasks.push_back(read_all(bench.engine, bench.file, page * 4096, (page + 2) * 4096,
                                 bench.engine.allocate_buffer(4096)));
    }
    for (Task<> &task : tasks)
        cr_assert(task.resume());
    bench.engine.drain(test::patience_ms);
    for (Task<> &task : tasks) {
        cr_assert(task.done());
        task.get();
    }
}

Test(await, that_finds_no_room_gets_eagain)
{
    Engine engine(Options().max_pending(1));
    test::Pipe pipe;
    (void)engine.read(pipe.reader(), &byte, 1, -1, [](Request &, ssize_t) {});
    names_itself(engine, "async_fsync", engine.async_fsync(pipe.reader()), EAGAIN);
}

Test(await, whose_engine_goes_is_told_eshutdown_and_ecanceled)
{
    test::Pipe pipe;
    int first = 0, second = 0;
    std::optional<Task<>> task;
    {
        Engine engine;
        task = wait_twice(engine, pipe.reader(), first, second);
        task->resume();
    }
    cr_assert(task->done());
    cr_assert_eq(first, ECANCELED);
    cr_assert_eq(second, ESHUTDOWN);
}
