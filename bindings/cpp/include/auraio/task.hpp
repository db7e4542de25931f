/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Task: a coroutine that starts when it is awaited or resumed, and hands its result to whoever awaits it.
 *
 * The Task object owns the frame. Two words of the promise decide everything that threads could disagree
 * about.
 *
 * The stage: created, active, or parked while it waits for an awaitable that is not ours. Only who moves it
 * from created or parked to active resumes the coroutine, so that resume() on one that waits for I/O, runs,
 * or is being resumed elsewhere does nothing.
 *
 * The continuation: empty, then who awaits it or at once the mark of the end. An awaiter that finds the mark
 * goes on; the coroutine's end resumes whoever is there. Each is one atomic exchange, so a task may finish on
 * one thread while a coroutine on another is about to await it.
 *
 * Both transfers, into a task and out of it, are symmetric: from gcc's -O2 and at any level of clang they are
 * tail calls, and neither nesting nor loops of tasks that finish at once grow the stack. The await_suspend
 * functions are out of line and touch nothing of a frame after the exchange that lets it go: compilers that
 * inline them keep temporaries in the frame, which may be gone by then.
 *
 * Threads: done(), and co_await by one coroutine, from any; the rest of a Task object belongs to one thread
 * at a time.
 */
#ifndef AURAIO_TASK_HPP
#define AURAIO_TASK_HPP

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>

#include <auraio/detail/frame.hpp>
#include <auraio/detail/token.hpp>
#include <auraio/fwd.hpp>

namespace auraio
{

namespace detail
{

/** The awaiter of any awaitable, as co_await finds it. */
template <typename A> decltype(auto) awaiter_of(A &&awaitable)
{
    if constexpr (requires { std::forward<A>(awaitable).operator co_await(); })
        return std::forward<A>(awaitable).operator co_await();
    else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); })
        return operator co_await(std::forward<A>(awaitable));
    else
        return std::forward<A>(awaitable);
}

/** What every task's promise has but its result. */
class TaskPromise : public FrameMemory
{
public:
    enum class Stage : std::uint8_t { created, active, parked };

    std::suspend_always initial_suspend() const noexcept { return {}; }

    /** Whoever awaits it goes on. */
    struct FinalAwaiter {
        bool await_ready() const noexcept { return false; }
        template <typename P>
        [[gnu::noinline]] std::coroutine_handle<>
        await_suspend(std::coroutine_handle<P> handle) const noexcept
        {
            void *next = handle.promise().finish();
            if (next != nullptr)
                return std::coroutine_handle<>::from_address(next);
            return std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };
    FinalAwaiter final_suspend() const noexcept { return {}; }

    /** Mark it as finished. Returns who awaits it, or null. Nothing of the frame may be touched after it. */
    [[nodiscard]] void *finish() noexcept
    {
        return continuation_.exchange(&finished_, std::memory_order_acq_rel);
    }

    [[nodiscard]] bool finished() const noexcept
    {
        return continuation_.load(std::memory_order_acquire) == &finished_;
    }

    /** Whether it is the caller who starts it. */
    [[nodiscard]] bool start() noexcept
    {
        Stage created = Stage::created;
        return stage_.compare_exchange_strong(created, Stage::active, std::memory_order_acq_rel);
    }

    /** Whether it is the caller who resumes it. */
    [[nodiscard]] bool unpark() noexcept
    {
        Stage parked = Stage::parked;
        return stage_.compare_exchange_strong(parked, Stage::active, std::memory_order_acq_rel);
    }

    void set_stage(Stage stage) noexcept { stage_.store(stage, std::memory_order_release); }
    [[nodiscard]] bool created() const noexcept
    {
        return stage_.load(std::memory_order_acquire) == Stage::created;
    }

    /** False: it has finished, and there is nothing to wait for. Throws std::logic_error for a second
     * awaiter. */
    [[nodiscard]] bool set_continuation(std::coroutine_handle<> handle)
    {
        void *found = nullptr;
        if (continuation_.compare_exchange_strong(found, handle.address(), std::memory_order_acq_rel))
            return true;
        if (found != &finished_)
            throw std::logic_error("Task awaited by two coroutines");
        return false;
    }

    /** By whom it may be cancelled; a parent's token is only pointed to, for parents outlive their children.
     */
    [[nodiscard]] const std::stop_token &stop_token() const noexcept
    {
        return inherited_ ? *inherited_ : own_;
    }
    void stop_on(std::stop_token token) noexcept { own_ = std::move(token); }

    /** Before it starts. */
    template <typename P> void inherit_token(std::coroutine_handle<P> parent) noexcept
    {
        if constexpr (HasStopToken<P>) {
            if (own_.stop_possible())
                return;
            if constexpr (std::is_lvalue_reference_v<decltype(parent.promise().stop_token())>)
                inherited_ = &parent.promise().stop_token();
            else
                own_ = parent.promise().stop_token();
        }
    }

    template <typename A> auto await_transform(A &&awaitable);

private:
    static inline char finished_ = 0; /* its address is the mark */

    std::atomic<void *> continuation_{nullptr};
    std::atomic<Stage> stage_{Stage::created};
    const std::stop_token *inherited_ = nullptr;
    std::stop_token own_;
};

/** An awaitable of ours, awaited by a task: where it is, for gcc 12 copies what await_transform returns. */
template <typename A> class Own
{
public:
    explicit Own(A &awaitable) noexcept : awaitable_(awaitable) {}

    [[nodiscard]] bool await_ready() const noexcept { return awaitable_.await_ready(); }
    template <typename P> auto await_suspend(std::coroutine_handle<P> handle)
    {
        return awaitable_.await_suspend(handle);
    }
    decltype(auto) await_resume() { return awaitable_.await_resume(); }

private:
    A &awaitable_;
};

/** An awaitable that is not ours, awaited by a task: whoever it is that resumes, resume() may, too. */
template <typename Awaiter> class Foreign
{
public:
    template <typename A>
    Foreign(TaskPromise &promise, A &&awaitable)
        : promise_(promise), awaiter_(awaiter_of(std::forward<A>(awaitable)))
    {
    }

    [[nodiscard]] bool await_ready() { return awaiter_.await_ready(); }

    template <typename P> [[gnu::noinline]] decltype(auto) await_suspend(std::coroutine_handle<P> handle)
    {
        promise_.set_stage(TaskPromise::Stage::parked);
        return awaiter_.await_suspend(handle);
    }

    decltype(auto) await_resume()
    {
        promise_.set_stage(TaskPromise::Stage::active);
        return awaiter_.await_resume();
    }

private:
    TaskPromise &promise_;
    Awaiter awaiter_; /* a reference where the awaitable is its own awaiter */
};

template <typename A> auto TaskPromise::await_transform(A &&awaitable)
{
    if constexpr (!std::is_base_of_v<OwnAwaitable, std::remove_cvref_t<A>>)
        return Foreign<decltype(awaiter_of(std::forward<A>(awaitable)))>(*this, std::forward<A>(awaitable));
    else if constexpr (requires { awaitable.operator co_await(); })
        return awaitable.operator co_await();
    else
        return Own<std::remove_reference_t<A>>(awaitable);
}

/** A promise that keeps a result of type T. */
template <typename T> class ResultPromise : public TaskPromise
{
    using Value =
        std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>;

public:
    template <typename U>
    requires std::is_convertible_v<U &&, T>
    void return_value(U &&value) { result_.template emplace<1>(std::forward<U>(value)); }
    void unhandled_exception() noexcept { result_.template emplace<2>(std::current_exception()); }

    [[nodiscard]] bool failed() const noexcept { return result_.index() == 2; }

    /** The result, once: a value is moved out. */
    [[nodiscard]] T take()
    {
        if (failed())
            std::rethrow_exception(std::get<2>(result_));
        if (result_.index() == 0)
            throw std::logic_error("Task result already consumed");
        T value = std::forward<T>(std::get<1>(result_));
        result_.template emplace<0>();
        return value;
    }

private:
    std::variant<std::monostate, Value, std::exception_ptr> result_;
};

template <> class ResultPromise<void> : public TaskPromise
{
public:
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

    [[nodiscard]] bool failed() const noexcept { return exception_ != nullptr; }

    void take() const
    {
        if (exception_)
            std::rethrow_exception(exception_);
    }

private:
    std::exception_ptr exception_;
};

/** Whether this code is compiled so that a symmetric transfer is a tail call, as far as can be told. */
#if defined(__clang__) || defined(__OPTIMIZE__)
inline constexpr bool transfers_by_tail_call = true;
#else
inline constexpr bool transfers_by_tail_call = false;
#endif

/**
 * Waits for a task to finish, starting it when nobody has. The result is left where it is.
 *
 * Where transfers are not tail calls the task is started by a plain call, and the parent goes on by returning
 * when it has finished meanwhile: so at least tasks that end at once, one after the other, use no stack.
 */
template <typename Promise, bool TailCalls> class TaskAwaiter : public OwnAwaitable
{
public:
    explicit TaskAwaiter(std::coroutine_handle<Promise> task) noexcept : task_(task) {}

    [[nodiscard]] bool await_ready() const noexcept { return task_.promise().finished(); }

    template <typename P> [[gnu::noinline]] auto await_suspend(std::coroutine_handle<P> parent)
    {
        const std::coroutine_handle<Promise> task = task_;
        Promise &promise = task.promise();
        const bool start = promise.start();
        if (start)
            promise.inherit_token(parent);
        /* Once the continuation is set, the task may resume the parent on another thread, and *this is gone.
         */
        if constexpr (TailCalls) {
            if (!promise.set_continuation(parent))
                return std::coroutine_handle<>(parent);
            return start ? std::coroutine_handle<>(task) : std::coroutine_handle<>(std::noop_coroutine());
        } else {
            if (start)
                task.resume();
            return promise.set_continuation(parent);
        }
    }

    void await_resume() const noexcept {}

protected:
    std::coroutine_handle<Promise> task_;
};

/** The same, for its result. */
template <typename Promise, bool TailCalls> class ResultAwaiter : public TaskAwaiter<Promise, TailCalls>
{
public:
    using TaskAwaiter<Promise, TailCalls>::TaskAwaiter;
    decltype(auto) await_resume() { return this->task_.promise().take(); }
};

struct TaskAccess;

} // namespace detail

template <typename T> class [[nodiscard]] Task : public detail::OwnAwaitable
{
public:
    struct promise_type : detail::ResultPromise<T> {
        Task get_return_object() noexcept
        {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
    };

    Task() = default;
    explicit Task(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
    Task(Task &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /** The task it had must be done, or std::terminate. */
    Task &operator=(Task &&other) noexcept
    {
        if (this != &other) {
            destroy();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    Task(const Task &) = delete;
    Task &operator=(const Task &) = delete;
    /** A task that is not done, never started ones included, is std::terminate: something was not awaited. */
    ~Task() { destroy(); }

    /**
     * Start it, or resume it where it waits for an awaitable that is not of this library. Where it waits for
     * I/O or for another task, or runs, this does nothing. Returns true while it is not done.
     */
    bool resume()
    {
        if (done())
            return false;
        promise_type &promise = handle_.promise();
        if (promise.start() || promise.unpark())
            handle_.resume();
        return !done();
    }

    /** Whether it has finished; true when empty. */
    [[nodiscard]] bool done() const noexcept { return !handle_ || handle_.promise().finished(); }

    /** The result of a task that is done, once; rethrows what it threw. Else std::logic_error. */
    T get()
    {
        if (!handle_ || !done())
            throw std::logic_error("Task not complete");
        return handle_.promise().take();
    }

    /** Cancel what it awaits when the token says so, in place of the token of whoever awaits it. Before it
     * starts. */
    Task &&stop_on(std::stop_token token) &&
    {
        if (handle_)
            handle_.promise().stop_on(std::move(token));
        return std::move(*this);
    }

    /** Wait for its result. One that was started is only waited for. std::logic_error when empty. */
    auto operator co_await()
    {
        if (!handle_)
            throw std::logic_error("co_await on empty Task");
        return detail::ResultAwaiter<promise_type, detail::transfers_by_tail_call>(handle_);
    }

private:
    friend struct detail::TaskAccess;

    void destroy() noexcept
    {
        if (!handle_)
            return;
        if (!done())
            std::terminate();
        handle_.destroy();
    }

    std::coroutine_handle<promise_type> handle_;
};

namespace detail
{

/** What the combinators may do with a task. */
struct TaskAccess {
    /** The task itself; std::logic_error when it is empty. */
    template <typename T> static Task<T> &existing(Task<T> &task)
    {
        if (!task.handle_)
            throw std::logic_error("co_await on empty Task");
        return task;
    }

    /** Wait until it is done; its result, and its exception, stay where they are. It is not empty. */
    template <typename T> [[nodiscard]] static auto until_done(Task<T> &task) noexcept
    {
        return TaskAwaiter<typename Task<T>::promise_type, transfers_by_tail_call>(task.handle_);
    }

    template <typename T> [[nodiscard]] static bool failed(const Task<T> &task) noexcept
    {
        return task.handle_.promise().failed();
    }

    /** Let go of one that was never started, where it can't be awaited any more. */
    template <typename T> static void discard(Task<T> &task) noexcept
    {
        if (task.handle_ && task.handle_.promise().created())
            std::exchange(task.handle_, nullptr).destroy();
    }
};

} // namespace detail

} // namespace auraio

#endif
