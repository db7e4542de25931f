/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The hand-over between a coroutine that awaits an operation and the completion of that operation.
 *
 * An awaitable lives in the frame of the coroutine that awaits it, and is itself the user_data of the
 * operation: awaiting allocates nothing. The operation may complete, on another thread, before its submission
 * has returned to await_suspend; the coroutine then runs on there, and awaitable and frame may be gone. So
 * await_suspend touches nothing of them once the operation is accepted, and there is nothing to decide
 * between the two: what was accepted is resumed by its callback, exactly once and always on the thread that
 * drives completions; what was refused is not suspended, and goes on at once with the error. (A flag by which
 * whoever comes second resumes would let the coroutine go on on the submitting thread now and then.)
 *
 * To cancel, somebody must know the operation's handle, which the submission returns too late to be put into
 * the awaitable. It goes into a CancelNode, a slot that both sides know; there a flag decides: whoever comes
 * second, completion or await_suspend, takes the stop callback back and frees the node.
 */
#ifndef AURAIO_DETAIL_COMPLETION_HPP
#define AURAIO_DETAIL_COMPLETION_HPP

#include <auraio.h>

#include <atomic>
#include <cerrno>
#include <coroutine>
#include <new>
#include <optional>
#include <stop_token>
#include <utility>

#include <auraio/detail/slots.hpp>
#include <auraio/detail/token.hpp>
#include <auraio/error.hpp>

namespace auraio::detail
{

/** Cancels an operation when a token says so, until the operation has completed. */
class CancelNode
{
public:
    /** In a slot. Null: no memory. */
    [[nodiscard]] static CancelNode *create() noexcept
    {
        try {
            return new (NodeSlots::take()) CancelNode;
        } catch (const std::bad_alloc &) {
            return nullptr;
        }
    }

    /** The operation was accepted. The node is gone, or the completion's, when this returns. */
    void arm(std::stop_token token, auraio_engine_t *engine, auraio_request_t *request) noexcept
    {
        registration_.emplace(std::move(token), Canceller{engine, request});
        leave();
    }

    /** The operation has completed, or was refused after all. Waits for a cancel that is being asked for. */
    void leave() noexcept
    {
        if (left_.exchange(true, std::memory_order_acq_rel))
            destroy();
    }

    void destroy() noexcept
    {
        this->~CancelNode();
        NodeSlots::give(this);
    }

private:
    /* A handle that is stale names nothing, so that it may come late. */
    struct Canceller {
        auraio_engine_t *engine;
        auraio_request_t *request;
        void operator()() const noexcept { (void)auraio_cancel(engine, request); }
    };

    CancelNode() noexcept = default;
    ~CancelNode() = default;

    std::atomic<bool> left_{false}; /* by one of the two */
    std::optional<std::stop_callback<Canceller>> registration_;

    using NodeSlots = Slots<128>;
};

/** Base of awaitables of one operation. */
class Completion : public OwnAwaitable
{
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }

protected:
    /**
     * Submit: submit(callback, user_data) is a call of C. False: it was refused, result() says why, and the
     * coroutine goes on. To be called out of line, from await_suspend: compilers that inline that into the
     * coroutine keep parts of it in the frame.
     */
    template <typename P, typename Submit>
    [[nodiscard]] bool begin(std::coroutine_handle<P> coroutine, auraio_engine_t *engine,
                             Submit submit) noexcept
    {
        if (may_be_stopped(coroutine)) [[unlikely]]
            return begin_stoppable(coroutine, stop_token_of(coroutine), engine, submit);
        coroutine_ = coroutine;
        if (submit(&completed, this)) [[likely]]
            return true;
        return refused(errno);
    }

    /** The same with a token; for one that can't stop, too. */
    template <typename Submit>
    [[nodiscard]] bool begin_stoppable(std::coroutine_handle<> coroutine, std::stop_token token,
                                       auraio_engine_t *engine, Submit submit) noexcept
    {
        if (token.stop_requested())
            return refused(ECANCELED);
        CancelNode *node = CancelNode::create();
        if (!node)
            return refused(ENOMEM);
        coroutine_ = coroutine;
        node_ = node;
        auraio_request_t *request = submit(&completed_stoppable, this);
        if (!request) {
            const int error = errno;
            node->destroy();
            return refused(error);
        }
        node->arm(std::move(token), engine, request);
        return true;
    }

    [[nodiscard]] ssize_t result() const noexcept { return result_; }

    /** The result, or throw Error(its errno, name). */
    ssize_t value(const char *name) const
    {
        if (result_ < 0) [[unlikely]]
            throw_error(errno_of(result_), name);
        return result_;
    }

private:
    bool refused(int error) noexcept
    {
        result_ = -error;
        return false;
    }

    static void completed(auraio_request_t *, ssize_t result, void *user_data) noexcept
    {
        auto *self = static_cast<Completion *>(user_data);
        self->result_ = result;
        self->coroutine_.resume();
    }

    static void completed_stoppable(auraio_request_t *req, ssize_t result, void *user_data) noexcept
    {
        static_cast<Completion *>(user_data)->node_->leave();
        completed(req, result, user_data);
    }

    std::coroutine_handle<> coroutine_;
    ssize_t result_ = 0;
    CancelNode *node_ = nullptr;
};

} // namespace auraio::detail

#endif
