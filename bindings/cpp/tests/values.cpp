/* SPDX-License-Identifier: MIT */
/* The small classes: Error, Options, Request, BufferRef, figures. */
#include "support.hpp"

#include <criterion/criterion.h>
#include <cstring>

using namespace auraio;

Test(error, carries_the_errno_and_the_context)
{
    const Error error(ENOENT, "open");
    cr_assert_eq(error.code(), ENOENT);
    cr_assert(std::string(error.what()) == "open: No such file or directory");
    const std::system_error &base = error;
    cr_assert(base.code() == std::errc::no_such_file_or_directory);
    cr_assert(base.code().category() == std::generic_category());
}

Test(error, needs_no_context)
{
    cr_assert(std::strstr(Error(EINVAL).what(), "Invalid argument") != nullptr);
}

Test(error, predicates_tell_their_errno_and_no_other)
{
    struct {
        int code;
        bool (Error::*holds)() const noexcept;
    } const predicates[] = {{EINVAL, &Error::is_invalid},     {EAGAIN, &Error::is_again},
                            {ESHUTDOWN, &Error::is_shutdown}, {ECANCELED, &Error::is_cancelled},
                            {EBUSY, &Error::is_busy},         {ENOENT, &Error::is_not_found}};
    for (const auto &asked : predicates)
        for (const auto &given : predicates)
            cr_assert_eq((Error(given.code).*asked.holds)(), given.code == asked.code);
}

Test(error, check_throws_errno_when_the_condition_fails)
{
    check(true, "fine");
    errno = EBUSY;
    cr_assert_eq(test::error_of([] {
                     check(false, "step");
                     return 0;
                 }),
                 EBUSY);
    errno = EAGAIN;
    cr_assert(test::names(test::message_of([] {
                              check(false, "step");
                              return 0;
                          }),
                          "step"));
}

Test(error, throw_errno_throws_it)
{
    errno = ENOENT;
    cr_assert_eq(test::error_of([]() -> int { throw_errno("here"); }), ENOENT);
    errno = ENOENT;
    cr_assert(test::names(test::message_of([]() -> int { throw_errno("here"); }), "here"));
}

Test(options, begin_with_the_defaults_of_c)
{
    auraio_options_t defaults;
    auraio_options_init(&defaults);
    cr_assert_eq(std::memcmp(&Options().c_options(), &defaults, sizeof(defaults)), 0);
}

Test(options, setters_chain_and_getters_give_back)
{
    Options options;
    Options &same = options.queue_depth(128)
                        .ring_count(3)
                        .initial_in_flight(32)
                        .min_in_flight(2)
                        .max_p99_latency_ms(1.5)
                        .buffer_alignment(512)
                        .disable_adaptive()
                        .enable_sqpoll()
                        .sqpoll_idle_ms(77)
                        .ring_select(RingSelect::RoundRobin)
                        .max_pending(1000)
                        .backend(AURAIO_BACKEND_URING)
                        .debug_buffers(true);
    const Options &set = options; /* a getter that has a setter with a default is that of a const object */
    cr_assert_eq(&same, &options);
    cr_assert_eq(options.queue_depth(), 128);
    cr_assert_eq(options.ring_count(), 3);
    cr_assert_eq(options.initial_in_flight(), 32);
    cr_assert_eq(options.min_in_flight(), 2);
    cr_assert(options.max_p99_latency_ms() == 1.5);
    cr_assert_eq(options.buffer_alignment(), 512U);
    cr_assert(set.disable_adaptive());
    cr_assert(set.enable_sqpoll());
    cr_assert_eq(options.sqpoll_idle_ms(), 77);
    cr_assert(options.ring_select() == RingSelect::RoundRobin);
    cr_assert_eq(options.max_pending(), 1000);
    cr_assert_eq(options.backend(), AURAIO_BACKEND_URING);
    cr_assert(options.debug_buffers());
    cr_assert(!std::as_const(options.disable_adaptive(false)).disable_adaptive());
    cr_assert(!std::as_const(options.enable_sqpoll(false)).enable_sqpoll());
    cr_assert_eq(options.c_options().queue_depth, 128);
    cr_assert_eq(options.c_options().ring_select, AURAIO_SELECT_ROUND_ROBIN);
}

Test(options, an_unknown_ring_select_reads_as_adaptive)
{
    Options options;
    cr_assert(options.ring_select(static_cast<RingSelect>(99)).ring_select() == RingSelect::Adaptive);
    cr_assert(options.ring_select(static_cast<RingSelect>(-1)).ring_select() == RingSelect::Adaptive);
    for (auto known :
         {RingSelect::Adaptive, RingSelect::CpuLocal, RingSelect::RoundRobin, RingSelect::ThreadLocal})
        cr_assert(options.ring_select(known).ring_select() == known);
}

Test(options, the_log_gets_what_the_library_says)
{
    std::string said;
    auto note = [](auraio_log_level_t, const char *message, void *to) {
        *static_cast<std::string *>(to) = message;
    };
    Engine engine(Options().log(note, &said));
    auto buf = engine.allocate_buffer(4096).release();
    auraio_buffer_free(buf.engine, buf.data, 1);
    cr_assert(!said.empty(), "a wrong size was not reported");
    auraio_buffer_free(buf.engine, buf.data, buf.size);
}

Test(request, of_nothing_is_empty)
{
    Request none(nullptr);
    cr_assert(!none);
    cr_assert(!none.pending());
    cr_assert_eq(none.fd(), -1);
    cr_assert_null(none.handle());
    cr_assert_null(std::as_const(none).handle());
}

Test(request, is_pending_until_its_callback_and_copies_are_the_same)
{
    Engine engine;
    test::Pipe pipe;
    char byte;
    bool pending_inside = true;
    int fd_inside = -1;
    Request req = engine.read(pipe.reader(), &byte, 1, -1, [&](Request &mine, ssize_t) {
        pending_inside = mine.pending();
        fd_inside = mine.fd();
    });
    const Request copy = req;
    cr_assert(req);
    cr_assert(copy.pending());
    cr_assert_eq(copy.fd(), pipe.reader());
    cr_assert_eq(copy.handle(), req.handle());
    pipe.put();
    cr_assert_eq(engine.wait(test::patience_ms), 1);
    cr_assert(!pending_inside);
    cr_assert_eq(fd_inside, pipe.reader());
    cr_assert(!copy.pending());
    cr_assert_eq(req.fd(), -1);
}

Test(buffer_ref, names_plain_memory)
{
    char memory[8];
    const char *readonly = memory;
    cr_assert_eq(BufferRef(memory).c_buf().u.ptr, memory);
    cr_assert_eq(BufferRef(static_cast<const void *>(readonly)).c_buf().u.ptr, memory);
    cr_assert_eq(buf(memory).c_buf().u.ptr, memory);
    cr_assert(!buf(memory).is_registered());
}

Test(buffer_ref, names_a_place_in_a_registered_buffer)
{
    for (const BufferRef &ref : {BufferRef::fixed(3, 64), buf_fixed(3, 64)}) {
        cr_assert(ref.is_registered());
        cr_assert_eq(ref.c_buf().u.fixed.index, 3);
        cr_assert_eq(ref.c_buf().u.fixed.offset, 64U);
    }
    cr_assert_eq(BufferRef::fixed(3).c_buf().u.fixed.offset, 0U);
    cr_assert_eq(buf_fixed(3).c_buf().u.fixed.offset, 0U);
    cr_assert(!BufferRef::fixed(-1).is_registered());
    cr_assert_null(BufferRef::fixed(-1).c_buf().u.ptr);
}

static void read_once(test::Bench &bench, std::size_t len)
{
    std::vector<char> into(len);
    cr_assert_eq(sync_wait(bench.engine, bench.engine.async_read(bench.file, into.data(), len, 0)),
                 static_cast<ssize_t>(len));
}

Test(stats, count_what_was_done)
{
    test::Bench bench;
    for (int i = 0; i < 16; i++)
        read_once(bench, 4096);
    const Stats stats = bench.engine.get_stats();
    cr_assert_eq(stats.ops_completed(), 16);
    cr_assert_eq(stats.bytes_transferred(), 16 * 4096);
    cr_assert_eq(stats.current_in_flight(), 0);
    cr_assert(stats.optimal_in_flight() > 0);
    cr_assert(stats.optimal_batch_size() > 0);
    cr_assert_eq(stats.adaptive_spills(), 0U);
    cr_assert(stats.throughput_bps() >= 0);
    cr_assert(stats.p99_latency_ms() >= 0);
    cr_assert_eq(stats.c_stats().ops_completed, 16);
    cr_assert_eq(bench.engine.get_stats().c_stats().ops_completed, 16);
}

Test(stats, of_the_rings_add_up)
{
    test::Bench bench;
    for (int i = 0; i < 16; i++)
        read_once(bench, 4096);
    std::int64_t operations = 0, bytes = 0;
    for (int ring = 0; ring < bench.engine.ring_count(); ring++) {
        const RingStats stats = bench.engine.get_ring_stats(ring);
        cr_assert_eq(stats.ring_index(), ring);
        cr_assert_eq(stats.pending_count(), 0);
        cr_assert_eq(stats.queue_depth(), 256);
        cr_assert(stats.in_flight_limit() > 0);
        cr_assert(stats.batch_threshold() > 0);
        cr_assert(stats.p99_latency_ms() >= 0);
        cr_assert(stats.throughput_bps() >= 0);
        cr_assert_str_eq(stats.aimd_phase_name(), auraio_phase_name(stats.aimd_phase()));
        cr_assert_eq(stats.c_stats().queue_depth, 256);
        cr_assert_eq(bench.engine.get_ring_stats(ring).c_stats().queue_depth, 256);
        operations += stats.ops_completed();
        bytes += stats.bytes_transferred();
    }
    cr_assert_eq(operations, 16);
    cr_assert_eq(bytes, 16 * 4096);
    cr_assert_eq(RingStats().ring_index(), -1);
}

Test(stats, of_a_ring_that_is_not_there_are_out_of_range)
{
    Engine engine;
    for (int ring : {-1, engine.ring_count()}) {
        cr_assert(test::throws<std::out_of_range>([&] { return engine.get_ring_stats(ring); }));
        cr_assert(test::throws<std::out_of_range>([&] { return engine.get_histogram(ring); }));
    }
}

Test(histogram, counts_every_read_and_bounds_its_buckets)
{
    test::Bench bench;
    for (int i = 0; i < 16; i++)
        read_once(bench, 4096);
    std::uint32_t counted = 0, total = 0;
    for (int ring = 0; ring < bench.engine.ring_count(); ring++) {
        const Histogram histogram = bench.engine.get_histogram(ring);
        for (int i = 0; i < Histogram::bucket_count; i++)
            counted += histogram.bucket(i);
        counted += histogram.overflow();
        total += histogram.total_count();
        cr_assert_eq(histogram.c_histogram().total_count, histogram.total_count());
        cr_assert_eq(bench.engine.get_histogram(ring).c_histogram().total_count, histogram.total_count());
        cr_assert_eq(histogram.max_tracked_us(), Histogram::bucket_count * Histogram::bucket_width_us);
        cr_assert_eq(histogram.bucket_lower_us(2), 2 * Histogram::bucket_width_us);
        cr_assert_eq(histogram.bucket_upper_us(2), 3 * Histogram::bucket_width_us);
        for (int bad : {-1, Histogram::bucket_count}) {
            cr_assert_eq(histogram.bucket(bad), 0U);
            cr_assert_eq(histogram.bucket_lower_us(bad), 0);
            cr_assert_eq(histogram.bucket_upper_us(bad), 0);
        }
    }
    cr_assert_eq(counted, 16U);
    cr_assert_eq(total, 16U);
}

static Task<Result<ssize_t>> read_byte(Engine &engine, int fd)
{
    char byte;
    co_return co_await engine.async_read(fd, &byte, 1, 0).nothrow();
}

static Task<Result<void>> sync_file(Engine &engine, int fd)
{
    co_return co_await engine.async_fsync(fd).nothrow();
}

Test(result, holds_a_value_or_an_error)
{
    test::Bench bench;
    const Result<ssize_t> one = sync_wait(bench.engine, read_byte(bench.engine, bench.file));
    cr_assert(one.has_value());
    cr_assert(static_cast<bool>(one));
    cr_assert_eq(*one, 1);
    cr_assert_eq(one.value(), 1);
    cr_assert_eq(one.value_or(7), 1);
    const Result<ssize_t> none = sync_wait(bench.engine, read_byte(bench.engine, -1));
    cr_assert(!none);
    cr_assert(none.error() == std::errc::invalid_argument);
    cr_assert_eq(none.value_or(7), 7);
    cr_assert(test::throws<std::exception>([&] { return none.value(); }));
}

Test(result, of_nothing_holds_success_or_an_error)
{
    test::Bench bench;
    const Result<void> done = sync_wait(bench.engine, sync_file(bench.engine, bench.file));
    cr_assert(done.has_value());
    done.value();
    const Result<void> failed = sync_wait(bench.engine, sync_file(bench.engine, -1));
    cr_assert(!failed.has_value());
    cr_assert(failed.error() == std::errc::invalid_argument);
    cr_assert(test::throws<std::exception>([&] {
        failed.value();
        return 0;
    }));
}
