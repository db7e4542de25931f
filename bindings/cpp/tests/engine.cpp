/* SPDX-License-Identifier: MIT */
/* An engine's life: creation, moves, death, and what is left of one that was moved from. */
#include "support.hpp"

#include <criterion/criterion.h>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <poll.h>
#include <sys/wait.h>

using namespace auraio;

Test(engine, opens_with_defaults_and_with_options)
{
    Engine plain, chosen(Options().ring_count(1).queue_depth(8));
    cr_assert(plain && chosen);
    cr_assert_not_null(plain.handle());
    cr_assert_eq(std::as_const(plain).handle(), plain.handle());
    cr_assert_eq(chosen.ring_count(), 1);
    cr_assert_eq(chosen.get_ring_stats(0).queue_depth(), 8);
}

Test(engine, that_cannot_be_created_says_why_and_by_which_call)
{
    auto refused = [] { return Engine(Options().queue_depth(-1)); };
    cr_assert_eq(test::error_of(refused), EINVAL);
    cr_assert(test::names(test::message_of(refused), "auraio_create_with_options"));
    cr_assert_eq(setenv("AURAIO_BACKEND", "nonsense", 1), 0);
    cr_assert_eq(test::error_of([] { return Engine(); }), EINVAL);
    cr_assert(test::names(test::message_of([] { return Engine(); }), "auraio_create"));
}

Test(engine, that_goes_leaves_no_descriptor)
{
    const int before = open_fd_count();
    {
        test::Bench bench;
        char byte;
        (void)bench.engine.read(bench.file, &byte, 1, 0, [](Request &, ssize_t) {});
        cr_assert(open_fd_count() > before);
    }
    cr_assert_eq(open_fd_count(), before);
}

Test(engine, moves_with_a_thousand_operations_in_flight)
{
    constexpr int count = 1000;
    test::Fd file(file_of_pattern(test::file_bytes));
    test::Pipe pipe;
    std::vector<char> bytes(count), waiting(count);
    int reads = 0, moved_reads = 0;
    Engine first;
    for (std::size_t i = 0; i < count; i++) {
        const auto offset = static_cast<off_t>(i);
        (void)first.read(file, &bytes[i], 1, offset, [&reads](Request &, ssize_t n) { reads += n == 1; });
        (void)first.read(pipe.reader(), &waiting[i], 1, -1,
                         [&moved_reads](Request &, ssize_t n) { moved_reads += n == 1; });
    }
    Engine second = std::move(first);
    cr_assert(!first);
    for (int i = 0; i < count; i++)
        pipe.put();
    Engine third;
    third = std::move(second);
    third.drain(test::patience_ms);
    cr_assert_eq(reads, count);
    cr_assert_eq(moved_reads, count);
    for (std::size_t i = 0; i < count; i++)
        cr_assert(pattern_holds(&bytes[i], 1, static_cast<off_t>(i)));
}

Test(engine, assigned_over_finishes_the_old_one_first)
{
    test::Pipe pipe;
    char byte;
    ssize_t result = 0;
    const int before = open_fd_count();
    {
        Engine engine;
        (void)engine.read(pipe.reader(), &byte, 1, -1, [&result](Request &, ssize_t n) { result = n; });
        engine = Engine();
        cr_assert_eq(result, -ECANCELED);
        Engine &alias = engine;
        engine = std::move(alias);
        cr_assert(engine);
    }
    cr_assert_eq(open_fd_count(), before);
}

Test(engine, runs_what_is_left_when_it_goes)
{
    test::Pipe pipe;
    test::Fd file(file_of_pattern(4096));
    std::vector<char> into(4096);
    char byte;
    ssize_t read = 0, waited = 0, late_error = 0;
    {
        Engine engine;
        (void)engine.read(file, into.data(), into.size(), 0, [&](Request &, ssize_t n) { read = n; });
        (void)engine.read(pipe.reader(), &byte, 1, -1, [&](Request &, ssize_t n) {
            waited = n;
            late_error = test::error_of([&] { return engine.fsync(file, [](Request &, ssize_t) {}); });
        });
    }
    cr_assert_eq(read, 4096);
    cr_assert_eq(waited, -ECANCELED);
    cr_assert_eq(late_error, ESHUTDOWN);
}

static void destroy_in_callback(auto drive)
{
    test::Bench bench;
    test::Pipe pipe;
    auto engine = std::make_unique<Engine>();
    char bytes[2];
    ssize_t waited = 0;
    (void)engine->read(pipe.reader(), bytes, 1, -1, [&](Request &, ssize_t n) { waited = n; });
    (void)engine->read(bench.file, bytes + 1, 1, 0, [&](Request &, ssize_t) { engine.reset(); });
    drive(*engine);
    cr_assert_null(engine.get());
    cr_assert_eq(waited, -ECANCELED);
}

Test(engine, may_be_destroyed_in_its_own_callback)
{
    destroy_in_callback([](Engine &engine) { engine.wait(); });
    destroy_in_callback([](Engine &engine) { engine.drain(); });
    destroy_in_callback([](Engine &engine) { engine.run(); });
    destroy_in_callback([](Engine &engine) {
        while (engine && engine.poll() == 0) {
        }
    });
}

Test(engine, that_was_moved_from_throws_einval_from_every_call)
{
    Engine engine;
    Engine taken = std::move(engine);
    char byte;
    const iovec iov = {&byte, 1};
    const int fd = 0;
    auto none = [](Request &, ssize_t) {};
    int call = 0;
    auto refused = [&](auto what) {
        call++;
        cr_assert_eq(test::error_of(what), EINVAL, "call %d", call);
    };
    refused([&] { return engine.read(0, &byte, 1, 0, none); });
    refused([&] { return engine.write(0, &byte, 1, 0, none); });
    refused([&] { return engine.readv(0, {&iov, 1}, 0, none); });
    refused([&] { return engine.writev(0, {&iov, 1}, 0, none); });
    refused([&] { return engine.fsync(0, none); });
    refused([&] { return engine.fdatasync(0, none); });
    refused([&] { return engine.submit(auraio_op(AURAIO_OP_FSYNC), none); });
    refused([&] { return engine.poll_fd(); });
    refused([&] { return engine.poll(); });
    refused([&] { return engine.wait(0); });
    refused([&] {
        engine.run();
        return 0;
    });
    refused([&] { return engine.drain(0); });
    refused([&] { return engine.flush(); });
    refused([&] { return engine.allocate_buffer(1); });
    refused([&] {
        engine.register_buffers({&iov, 1});
        return 0;
    });
    refused([&] {
        engine.unregister_buffers();
        return 0;
    });
    refused([&] {
        engine.register_files({&fd, 1});
        return 0;
    });
    refused([&] {
        engine.update_file(0, 0);
        return 0;
    });
    refused([&] {
        engine.unregister_files();
        return 0;
    });
    refused([&] { return engine.get_stats(); });
    refused([&] { return engine.get_ring_stats(0); });
    refused([&] { return engine.get_histogram(0); });
    refused([&] { return engine.get_buffer_stats(); });
    refused([&] { return sync_wait(engine, engine.async_read(0, &byte, 1, 0)); });
    refused([&] { return sync_wait(taken, engine.async_read(0, &byte, 1, 0)); });
    refused([&] {
        sync_wait(taken, engine.async_fsync(0));
        return 0;
    });
    engine.stop();
    Request req(nullptr);
    cr_assert(!engine.cancel(req));
    cr_assert_eq(engine.ring_count(), 0);
    cr_assert_null(engine.handle());
    cr_assert(!engine);
    engine = Engine();
    cr_assert_eq(engine.wait(0), 0, "an engine moved from can be given another");
}

Test(engine, reads_through_registered_buffers_and_files)
{
    test::Bench bench;
    std::vector<char> memory(8192);
    const iovec iov = {memory.data(), memory.size()};
    const int fds[] = {bench.file, -1};
    bench.engine.register_buffers({&iov, 1});
    bench.engine.register_files(fds);
    cr_assert_eq(test::error_of([&] {
                     bench.engine.register_buffers({&iov, 1});
                     return 0;
                 }),
                 EBUSY);
    bench.engine.update_file(1, bench.file);
    cr_assert_eq(sync_wait(bench.engine, bench.engine.async_read(bench.file, buf_fixed(0, 4096), 4096, 512)),
                 4096);
    cr_assert(pattern_holds(memory.data() + 4096, 4096, 512));
    bench.engine.unregister_files();
    cr_assert_eq(test::error_of([&] {
                     bench.engine.update_file(1, bench.file);
                     return 0;
                 }),
                 ENOENT);
    bench.engine.unregister_buffers();
    auto gone = [&] {
        return sync_wait(bench.engine, bench.engine.async_read(bench.file, buf_fixed(0), 1, 0));
    };
    cr_assert_eq(test::error_of(gone), ENOENT);
}

Test(engine, refuses_spans_that_c_cannot_count)
{
    Engine engine;
    const iovec iov = {};
    const int fd = 0;
    const std::size_t endless = static_cast<std::size_t>(INT_MAX) + 1;
    cr_assert_eq(test::error_of([&] {
                     engine.register_buffers({&iov, endless});
                     return 0;
                 }),
                 EINVAL);
    cr_assert_eq(test::error_of([&] {
                     engine.register_files({&fd, endless});
                     return 0;
                 }),
                 EINVAL);
}

Test(engine, gives_a_descriptor_that_tells_of_completions)
{
    test::Bench bench;
    char byte;
    int done = 0;
    pollfd watched = {bench.engine.poll_fd(), POLLIN, 0};
    cr_assert_eq(::poll(&watched, 1, 0), 0);
    (void)bench.engine.read(bench.file, &byte, 1, 0, [&](Request &, ssize_t) { done++; });
    cr_assert_eq(::poll(&watched, 1, test::patience_ms), 1);
    cr_assert_eq(bench.engine.poll(), 1);
    cr_assert_eq(done, 1);
}

Test(engine, hands_over_what_it_holds_back_when_told)
{
    test::Bench bench;
    char byte;
    cr_assert_eq(bench.engine.wait(0), 0); /* makes this the thread that drives */
    (void)bench.engine.read(bench.file, &byte, 1, 0, [](Request &, ssize_t) {});
    cr_assert_eq(bench.engine.flush(), 1);
    cr_assert_eq(bench.engine.flush(), 0);
    cr_assert_eq(bench.engine.drain(), 1);
}

Test(engine, inherited_by_fork_refuses_and_can_be_left)
{
    test::Bench bench;
    char byte;
    int calls = 0;
    test::Pipe pipe;
    std::optional<Buffer> buffer(bench.engine.allocate_buffer(64));
    (void)bench.engine.read(pipe.reader(), &byte, 1, -1, [&](Request &, ssize_t) { calls++; });
    const pid_t child = fork();
    if (child == 0) {
        bool ok = test::error_of([&] { return bench.engine.wait(0); }) == EPERM;
        ok = ok && test::error_of([&] {
                       bench.engine.run();
                       return 0;
                   }) == EPERM;
        {
            Engine inherited = std::move(bench.engine);
        }
        buffer.reset();
        Engine own;
        ok = ok && sync_wait(own, own.async_read(bench.file, &byte, 1, 0)) == 1 && calls == 0;
        _exit(ok ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    pipe.put();
    cr_assert_eq(bench.engine.drain(test::patience_ms), 1);
    cr_assert_eq(calls, 1);
}
