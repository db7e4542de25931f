/* SPDX-License-Identifier: MIT */
/* The shape of the interface: noexcept, explicit, deleted, and types, held by the compiler. What must not
 * compile is in refused/; [[nodiscard]] is there, too. Compiles, or does not; runs nothing. */
#include <auraio.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

using namespace auraio;

template <typename T> T &lvalue() noexcept;
template <typename T> const T &readonly() noexcept;

/* A call is noexcept and gives this type. */
#define SAFE(type, call) static_assert(noexcept(call) && std::same_as<decltype(call), type>)

/* Error */
static_assert(std::derived_from<Error, std::system_error>);
static_assert(std::constructible_from<Error, int> && std::constructible_from<Error, int, std::string_view>);
static_assert(!std::convertible_to<int, Error>);
SAFE(int, readonly<Error>().code());
SAFE(bool, readonly<Error>().is_invalid());
SAFE(bool, readonly<Error>().is_again());
SAFE(bool, readonly<Error>().is_shutdown());
SAFE(bool, readonly<Error>().is_cancelled());
SAFE(bool, readonly<Error>().is_busy());
SAFE(bool, readonly<Error>().is_not_found());
static_assert(std::same_as<decltype(check(true)), void> && std::same_as<decltype(throw_errno("")), void>);

/* RingSelect */
static_assert(static_cast<int>(RingSelect::Adaptive) == AURAIO_SELECT_ADAPTIVE);
static_assert(static_cast<int>(RingSelect::CpuLocal) == AURAIO_SELECT_CPU_LOCAL);
static_assert(static_cast<int>(RingSelect::RoundRobin) == AURAIO_SELECT_ROUND_ROBIN);
static_assert(static_cast<int>(RingSelect::ThreadLocal) == AURAIO_SELECT_THREAD_LOCAL);
static_assert(!std::convertible_to<RingSelect, int>);

/* Options */
static_assert(std::is_nothrow_default_constructible_v<Options> && std::copyable<Options>);
SAFE(Options &, lvalue<Options>().queue_depth(1));
SAFE(Options &, lvalue<Options>().ring_count(1));
SAFE(Options &, lvalue<Options>().initial_in_flight(1));
SAFE(Options &, lvalue<Options>().min_in_flight(1));
SAFE(Options &, lvalue<Options>().max_p99_latency_ms(1.0));
SAFE(Options &, lvalue<Options>().buffer_alignment(1));
SAFE(Options &, lvalue<Options>().disable_adaptive());
SAFE(Options &, lvalue<Options>().enable_sqpoll());
SAFE(Options &, lvalue<Options>().sqpoll_idle_ms(1));
SAFE(Options &, lvalue<Options>().ring_select(RingSelect::Adaptive));
SAFE(int, readonly<Options>().queue_depth());
SAFE(int, readonly<Options>().ring_count());
SAFE(int, readonly<Options>().initial_in_flight());
SAFE(int, readonly<Options>().min_in_flight());
SAFE(double, readonly<Options>().max_p99_latency_ms());
SAFE(std::size_t, readonly<Options>().buffer_alignment());
SAFE(bool, readonly<Options>().disable_adaptive());
SAFE(bool, readonly<Options>().enable_sqpoll());
SAFE(int, readonly<Options>().sqpoll_idle_ms());
SAFE(RingSelect, readonly<Options>().ring_select());
SAFE(const auraio_options_t &, readonly<Options>().c_options());

/* Request */
static_assert(std::is_nothrow_constructible_v<Request, auraio_request_t *>);
static_assert(!std::convertible_to<auraio_request_t *, Request> && !std::default_initializable<Request>);
static_assert(std::copyable<Request> && !std::convertible_to<Request, bool>);
SAFE(bool, readonly<Request>().pending());
SAFE(int, readonly<Request>().fd());
SAFE(auraio_request_t *, lvalue<Request>().handle());
SAFE(const auraio_request_t *, readonly<Request>().handle());
SAFE(bool, static_cast<bool>(readonly<Request>()));

/* BufferRef */
static_assert(std::convertible_to<void *, BufferRef> && std::is_nothrow_constructible_v<BufferRef, void *>);
static_assert(!std::convertible_to<const void *, BufferRef> &&
              std::is_nothrow_constructible_v<BufferRef, const void *>);
static_assert(!std::default_initializable<BufferRef>);
SAFE(BufferRef, BufferRef::fixed(0));
SAFE(BufferRef, BufferRef::fixed(0, 1));
SAFE(bool, readonly<BufferRef>().is_registered());
SAFE(auraio_buf_t, readonly<BufferRef>().c_buf());
SAFE(BufferRef, buf(nullptr));
SAFE(BufferRef, buf_fixed(0));

/* Buffer */
static_assert(std::is_nothrow_default_constructible_v<Buffer>);
static_assert(std::is_nothrow_move_constructible_v<Buffer> && std::is_nothrow_move_assignable_v<Buffer>);
static_assert(!std::is_copy_constructible_v<Buffer> && !std::is_copy_assignable_v<Buffer>);
static_assert(std::convertible_to<Buffer &, BufferRef> && !std::convertible_to<const Buffer &, BufferRef>);
static_assert(!std::convertible_to<Buffer, bool>);
SAFE(Buffer, Buffer::wrap(nullptr, 0));
SAFE(void *, lvalue<Buffer>().data());
SAFE(const void *, readonly<Buffer>().data());
SAFE(std::size_t, readonly<Buffer>().size());
SAFE(bool, static_cast<bool>(readonly<Buffer>()));
SAFE(bool, readonly<Buffer>().owned());
SAFE(BufferRef, lvalue<Buffer>().ref());
SAFE(BufferRef, readonly<Buffer>().ref());
SAFE(BufferRef, lvalue<Buffer>().operator BufferRef());
SAFE(Buffer::ReleasedBuffer, lvalue<Buffer>().release());
static_assert(!noexcept(lvalue<Buffer>().span()) && !noexcept(lvalue<Buffer>().as<int>()));
static_assert(std::same_as<decltype(lvalue<Buffer>().span()), std::span<std::byte>>);
static_assert(std::same_as<decltype(readonly<Buffer>().span()), std::span<const std::byte>>);
static_assert(std::same_as<decltype(lvalue<Buffer>().as<int>()), std::span<int>>);
static_assert(std::same_as<decltype(readonly<Buffer>().as<int>()), std::span<const int>>);
static_assert(std::same_as<decltype(Buffer::ReleasedBuffer::data), void *>);
static_assert(std::same_as<decltype(Buffer::ReleasedBuffer::size), std::size_t>);
static_assert(std::same_as<decltype(Buffer::ReleasedBuffer::engine), auraio_engine_t *>);

/* Stats */
SAFE(std::int64_t, readonly<Stats>().ops_completed());
SAFE(std::int64_t, readonly<Stats>().bytes_transferred());
SAFE(double, readonly<Stats>().throughput_bps());
SAFE(double, readonly<Stats>().p99_latency_ms());
SAFE(int, readonly<Stats>().current_in_flight());
SAFE(int, readonly<Stats>().optimal_in_flight());
SAFE(int, readonly<Stats>().optimal_batch_size());
SAFE(std::uint64_t, readonly<Stats>().adaptive_spills());
SAFE(const auraio_stats_t &, readonly<Stats>().c_stats());
SAFE(auraio_stats_t, std::move(readonly<Stats>()).c_stats());

/* RingStats */
SAFE(std::int64_t, readonly<RingStats>().ops_completed());
SAFE(std::int64_t, readonly<RingStats>().bytes_transferred());
SAFE(int, readonly<RingStats>().pending_count());
SAFE(int, readonly<RingStats>().in_flight_limit());
SAFE(int, readonly<RingStats>().batch_threshold());
SAFE(double, readonly<RingStats>().p99_latency_ms());
SAFE(double, readonly<RingStats>().throughput_bps());
SAFE(int, readonly<RingStats>().aimd_phase());
SAFE(const char *, readonly<RingStats>().aimd_phase_name());
SAFE(int, readonly<RingStats>().queue_depth());
SAFE(int, readonly<RingStats>().ring_index());
SAFE(const auraio_ring_stats_t &, readonly<RingStats>().c_stats());
SAFE(auraio_ring_stats_t, std::move(readonly<RingStats>()).c_stats());

/* Histogram */
static_assert(Histogram::bucket_count == AURAIO_HISTOGRAM_BUCKETS);
static_assert(Histogram::bucket_width_us == AURAIO_HISTOGRAM_BUCKET_WIDTH_US);
SAFE(std::uint32_t, readonly<Histogram>().bucket(0));
SAFE(std::uint32_t, readonly<Histogram>().overflow());
SAFE(std::uint32_t, readonly<Histogram>().total_count());
SAFE(int, readonly<Histogram>().max_tracked_us());
SAFE(int, readonly<Histogram>().bucket_lower_us(0));
SAFE(int, readonly<Histogram>().bucket_upper_us(0));
SAFE(const auraio_histogram_t &, readonly<Histogram>().c_histogram());
SAFE(auraio_histogram_t, std::move(readonly<Histogram>()).c_histogram());

/* BufferStats */
SAFE(std::size_t, readonly<BufferStats>().total_allocated_bytes());
SAFE(std::size_t, readonly<BufferStats>().total_buffers());
SAFE(int, readonly<BufferStats>().shard_count());
SAFE(const auraio_buffer_stats_t &, readonly<BufferStats>().c_stats());
SAFE(auraio_buffer_stats_t, std::move(readonly<BufferStats>()).c_stats());

/* Callback */
struct Good {
    void operator()(Request &, ssize_t) const;
};
struct MoveOnly {
    std::unique_ptr<int> owned;
    void operator()(Request &, ssize_t);
};
struct WrongArguments {
    void operator()(int *) const;
};
static_assert(Callback<Good> && Callback<MoveOnly> && Callback<Good &> &&
              Callback<void (*)(Request &, ssize_t)>);
static_assert(!Callback<WrongArguments> && !Callback<int> && !Callback<std::nullptr_t>);

/* Engine */
static_assert(std::is_default_constructible_v<Engine> && !std::is_nothrow_default_constructible_v<Engine>);
static_assert(std::constructible_from<Engine, const Options &> && !std::convertible_to<Options, Engine>);
static_assert(std::is_nothrow_move_constructible_v<Engine> && std::is_nothrow_move_assignable_v<Engine>);
static_assert(!std::is_copy_constructible_v<Engine> && !std::is_copy_assignable_v<Engine>);
static_assert(!std::convertible_to<Engine, bool>);
using Iovecs = std::span<const iovec>;
static_assert(
    std::same_as<decltype(lvalue<Engine>().read(0, BufferRef(lvalue<void *>()), 1, 0, Good())), Request>);
static_assert(std::same_as<decltype(lvalue<Engine>().write(0, BufferRef(lvalue<void *>()), 1, 0, MoveOnly())),
                           Request>);
static_assert(std::same_as<decltype(lvalue<Engine>().readv(0, Iovecs(), 0, Good())), Request>);
static_assert(std::same_as<decltype(lvalue<Engine>().writev(0, Iovecs(), 0, Good())), Request>);
static_assert(std::same_as<decltype(lvalue<Engine>().fsync(0, Good())), Request>);
static_assert(std::same_as<decltype(lvalue<Engine>().fdatasync(0, Good())), Request>);
static_assert(
    std::same_as<decltype(lvalue<Engine>().async_read(0, BufferRef(lvalue<void *>()), 1, 0)), IoAwaitable>);
static_assert(
    std::same_as<decltype(lvalue<Engine>().async_write(0, BufferRef(lvalue<void *>()), 1, 0)), IoAwaitable>);
static_assert(std::same_as<decltype(lvalue<Engine>().async_fsync(0)), FsyncAwaitable>);
static_assert(std::same_as<decltype(lvalue<Engine>().async_fdatasync(0)), FsyncAwaitable>);
static_assert(std::same_as<decltype(readonly<Engine>().poll_fd()), int>);
static_assert(std::same_as<decltype(lvalue<Engine>().poll()), int>);
static_assert(std::same_as<decltype(lvalue<Engine>().wait()), int>);
static_assert(std::same_as<decltype(lvalue<Engine>().run()), void>);
static_assert(std::same_as<decltype(lvalue<Engine>().drain()), int>);
static_assert(std::same_as<decltype(lvalue<Engine>().allocate_buffer(1)), Buffer>);
static_assert(std::same_as<decltype(readonly<Engine>().get_stats()), Stats>);
static_assert(std::same_as<decltype(readonly<Engine>().get_ring_stats(0)), RingStats>);
static_assert(std::same_as<decltype(readonly<Engine>().get_histogram(0)), Histogram>);
static_assert(std::same_as<decltype(readonly<Engine>().get_buffer_stats()), BufferStats>);
SAFE(bool, lvalue<Engine>().cancel(lvalue<Request>()));
SAFE(void, lvalue<Engine>().stop());
SAFE(int, readonly<Engine>().ring_count());
SAFE(auraio_engine_t *, lvalue<Engine>().handle());
SAFE(const auraio_engine_t *, readonly<Engine>().handle());
SAFE(bool, static_cast<bool>(readonly<Engine>()));

/* Task */
template <typename T> constexpr bool task_has_its_shape()
{
    static_assert(std::is_nothrow_default_constructible_v<Task<T>>);
    static_assert(std::is_nothrow_move_constructible_v<Task<T>> &&
                  std::is_nothrow_move_assignable_v<Task<T>>);
    static_assert(!std::is_copy_constructible_v<Task<T>> && !std::is_copy_assignable_v<Task<T>>);
    using Handle = std::coroutine_handle<typename Task<T>::promise_type>;
    static_assert(std::constructible_from<Task<T>, Handle> && !std::convertible_to<Handle, Task<T>>);
    SAFE(bool, readonly<Task<T>>().done());
    static_assert(std::same_as<decltype(lvalue<Task<T>>().resume()), bool>);
    static_assert(std::same_as<decltype(lvalue<Task<T>>().get()), T>);
    static_assert(std::same_as<decltype(lvalue<Task<T>>().operator co_await().await_resume()), T>);
    using Promise = typename Task<T>::promise_type;
    SAFE(std::suspend_always, readonly<Promise>().initial_suspend());
    static_assert(noexcept(readonly<Promise>().final_suspend()));
    return true;
}
static_assert(task_has_its_shape<void>() && task_has_its_shape<int>());
static_assert(task_has_its_shape<std::unique_ptr<int>>() && task_has_its_shape<int &>());
static_assert(std::same_as<Task<>, Task<void>>);

/* Awaitables: never ready, and what they give */
SAFE(bool, readonly<IoAwaitable>().await_ready());
SAFE(bool, readonly<FsyncAwaitable>().await_ready());
static_assert(std::same_as<decltype(lvalue<IoAwaitable>().await_suspend(std::coroutine_handle<>())), bool>);
static_assert(
    std::same_as<decltype(lvalue<FsyncAwaitable>().await_suspend(std::coroutine_handle<>())), bool>);
static_assert(std::same_as<decltype(lvalue<IoAwaitable>().await_resume()), ssize_t>);
static_assert(std::same_as<decltype(lvalue<FsyncAwaitable>().await_resume()), void>);
static_assert(!std::default_initializable<IoAwaitable> && !std::default_initializable<FsyncAwaitable>);

int main() {}
