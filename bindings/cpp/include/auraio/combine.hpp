/* SPDX-License-Identifier: MIT */
/**
 * @file
 * when_all and when_any: tasks at the same time.
 *
 * Both start every task and end when every one of them is done, so that nothing of the caller's is in use any
 * more (structured concurrency). What decides the outcome also stops the others: the first failure of
 * when_all, the first task to be done, well or not, of when_any. Their operations are cancelled, and what
 * they then throw is dropped. Stop requests of the coroutine that waits are passed on to them.
 *
 * Each task is awaited by a Branch, a coroutine that counts down in a Gather when its task is done; the last
 * one resumes who waits. The count starts one higher: the waiter counts down when it has gone to sleep, so it
 * is resumed exactly once, or not suspended at all.
 */
#ifndef AURAIO_COMBINE_HPP
#define AURAIO_COMBINE_HPP

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <auraio/detail/frame.hpp>
#include <auraio/detail/token.hpp>
#include <auraio/task.hpp>

namespace auraio
{

namespace detail
{

/** What a task's result is where a type is needed: std::monostate for void. */
template <typename T> using Settled = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <typename T> [[nodiscard]] Settled<T> settled(Task<T> &task)
{
    if constexpr (std::is_void_v<T>) {
        task.get();
        return {};
    } else {
        return task.get();
    }
}

/** Where branches meet; awaited once, by who started them. */
class Gather : public OwnAwaitable
{
public:
    enum class Decides { failure, anything };

    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    Gather(std::size_t branches, Decides decides, std::stop_token parent)
        : decides_(decides), left_(branches + 1), parent_(std::move(parent), StopAll{&stop_})
    {
    }

    [[nodiscard]] std::stop_token token() const noexcept { return stop_.get_token(); }

    /** Who decided the outcome, once it was awaited. */
    [[nodiscard]] std::size_t decider() const noexcept { return decider_.load(std::memory_order_acquire); }

    /** A branch's task is done. */
    void done(std::size_t branch, bool failed) noexcept
    {
        std::size_t none = nobody;
        if (!failed && decides_ == Decides::failure)
            return;
        if (decider_.compare_exchange_strong(none, branch, std::memory_order_acq_rel))
            stop_.request_stop();
    }

    /** A branch has ended: who goes on. Nothing of the branch or of this may be touched after it. */
    [[nodiscard]] std::coroutine_handle<> leave() noexcept
    {
        /* Who counts down to nothing is alone here, and the waiter, asleep, has set its handle before. */
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            return waiter_;
        return std::noop_coroutine();
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> waiter) noexcept
    {
        waiter_ = waiter;
        return left_.fetch_sub(1, std::memory_order_acq_rel) > 1;
    }
    void await_resume() const noexcept {}

private:
    struct StopAll {
        std::stop_source *stop;
        void operator()() const noexcept { stop->request_stop(); }
    };

    const Decides decides_;
    std::atomic<std::size_t> left_; /* branches, and the waiter */
    std::atomic<std::size_t> decider_{nobody};
    std::coroutine_handle<> waiter_;
    std::stop_source stop_;
    std::stop_callback<StopAll> parent_;
};

/** Awaits one task. Owned by who starts it, started once. */
class Branch
{
public:
    struct promise_type : FrameMemory {
        template <typename T>
        promise_type(Task<T> &, Gather &gather, std::size_t) noexcept
            : gather_(gather), token_(gather.token())
        {
        }

        struct FinalAwaiter {
            bool await_ready() const noexcept { return false; }
            [[gnu::noinline]] std::coroutine_handle<>
            await_suspend(std::coroutine_handle<promise_type> handle) const noexcept
            {
                return handle.promise().gather_.leave();
            }
            void await_resume() const noexcept {}
        };

        Branch get_return_object() noexcept
        {
            return Branch(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        FinalAwaiter final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); } /* waiting throws nothing */
        [[nodiscard]] const std::stop_token &stop_token() const noexcept { return token_; }

    private:
        Gather &gather_;
        std::stop_token token_;
    };

    explicit Branch(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    Branch(Branch &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Branch &operator=(Branch &&) = delete;
    ~Branch()
    {
        if (handle_)
            handle_.destroy();
    }

    void start() { handle_.resume(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

template <typename T> Branch branch(Task<T> &task, Gather &gather, std::size_t index)
{
    co_await TaskAccess::until_done(task);
    gather.done(index, TaskAccess::failed(task));
}

/** Branches for all, or an exception and no task left that was never started. */
template <typename... T> std::vector<Branch> branches_of(Gather &gather, Task<T> &...tasks)
{
    try {
        std::vector<Branch> branches;
        branches.reserve(sizeof...(T));
        (branches.push_back(branch(TaskAccess::existing(tasks), gather, branches.size())), ...);
        return branches;
    } catch (...) {
        (TaskAccess::discard(tasks), ...);
        throw;
    }
}

template <typename T> std::vector<Branch> branches_of(Gather &gather, std::vector<Task<T>> &tasks)
{
    try {
        std::vector<Branch> branches;
        branches.reserve(tasks.size());
        for (Task<T> &task : tasks)
            branches.push_back(branch(TaskAccess::existing(task), gather, branches.size()));
        return branches;
    } catch (...) {
        for (Task<T> &task : tasks)
            TaskAccess::discard(task);
        throw;
    }
}

inline void start_all(std::vector<Branch> &branches)
{
    for (Branch &one : branches)
        one.start();
}

} // namespace detail

/** Run tasks at the same time, to their ends. Their results, std::monostate for void; or what the first to
 * fail threw. */
template <typename... T>
requires(sizeof...(T) > 0) Task<std::tuple<detail::Settled<T>...>> when_all(Task<T>... tasks)
{
    detail::Gather gather(sizeof...(T), detail::Gather::Decides::failure, co_await get_stop_token());
    std::vector<detail::Branch> branches = detail::branches_of(gather, tasks...);
    detail::start_all(branches);
    co_await gather;
    std::size_t index = 0;
    ((index++ == gather.decider() ? static_cast<void>(tasks.get()) : void()), ...);
    co_return std::tuple<detail::Settled<T>...>{detail::settled(tasks)...};
}

/** The same for any number of one kind. */
template <typename T> Task<std::vector<T>> when_all(std::vector<Task<T>> tasks)
{
    detail::Gather gather(tasks.size(), detail::Gather::Decides::failure, co_await get_stop_token());
    std::vector<detail::Branch> branches = detail::branches_of(gather, tasks);
    detail::start_all(branches);
    co_await gather;
    if (gather.decider() != detail::Gather::nobody)
        static_cast<void>(tasks[gather.decider()].get());
    std::vector<T> results;
    results.reserve(tasks.size());
    for (Task<T> &task : tasks)
        results.push_back(task.get());
    co_return results;
}

inline Task<void> when_all(std::vector<Task<void>> tasks)
{
    detail::Gather gather(tasks.size(), detail::Gather::Decides::failure, co_await get_stop_token());
    std::vector<detail::Branch> branches = detail::branches_of(gather, tasks);
    detail::start_all(branches);
    co_await gather;
    if (gather.decider() != detail::Gather::nobody)
        tasks[gather.decider()].get();
}

/** Which task was done first, and its result. */
template <typename T> struct First {
    std::size_t index;
    T value;
};

/** Run tasks at the same time until one is done; its result, or what it threw. The others are stopped, and
 * waited for. */
template <typename... T>
requires(sizeof...(T) > 0) Task<First<std::variant<detail::Settled<T>...>>> when_any(Task<T>... tasks)
{
    using Value = std::variant<detail::Settled<T>...>;
    detail::Gather gather(sizeof...(T), detail::Gather::Decides::anything, co_await get_stop_token());
    std::vector<detail::Branch> branches = detail::branches_of(gather, tasks...);
    detail::start_all(branches);
    co_await gather;
    const std::size_t first = gather.decider();
    std::optional<Value> value;
    [&]<std::size_t... I>(std::index_sequence<I...>)
    {
        ((I == first ? static_cast<void>(value.emplace(std::in_place_index<I>, detail::settled(tasks)))
                     : void()),
         ...);
    }
    (std::index_sequence_for<T...>{});
    co_return First<Value>{first, std::move(*value)};
}

/** The same for any number of one kind, at least one: std::invalid_argument. */
template <typename T> Task<First<detail::Settled<T>>> when_any(std::vector<Task<T>> tasks)
{
    if (tasks.empty())
        throw std::invalid_argument("when_any of no tasks");
    detail::Gather gather(tasks.size(), detail::Gather::Decides::anything, co_await get_stop_token());
    std::vector<detail::Branch> branches = detail::branches_of(gather, tasks);
    detail::start_all(branches);
    co_await gather;
    const std::size_t first = gather.decider();
    co_return First<detail::Settled<T>>{first, detail::settled(tasks[first])};
}

} // namespace auraio

#endif
