/* SPDX-License-Identifier: MIT */
/**
 * What the tests of the bindings share: files of known contents, what a call throws, and bounds.
 *
 * Assertions are Criterion's; race and stack programs are plain and use the rest.
 */
#ifndef AURAIO_CPP_TEST_SUPPORT_HPP
#define AURAIO_CPP_TEST_SUPPORT_HPP

#include <auraio.hpp>

#include <array>
#include <fcntl.h>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" {
#include "files.h"
#include "process.h"
}

namespace test
{

constexpr int patience_ms = 60000; /* far more than anything takes */
constexpr std::size_t file_bytes = 1 << 20;

/** A descriptor that is closed in the end. */
class Fd
{
public:
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(const Fd &) = delete;
    Fd &operator=(const Fd &) = delete;
    ~Fd()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }
    operator int() const noexcept { return fd_; }

private:
    int fd_;
};

/** A pipe that is closed in the end. */
struct Pipe {
    Pipe() : ends(pipe_open(0)) {}
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    ~Pipe() { pipe_close(ends); }

    int reader() const { return ends.read_fd; }
    void put(char byte = 'x') const { fd_write_all(ends.write_fd, &byte, 1); }

    pipe_pair_t ends;
};

/** An engine and a file of the pattern. */
struct Bench {
    auraio::Engine engine;
    Fd file{file_of_pattern(file_bytes)};
};

/** The errno of the auraio::Error that a call throws; 0: it throws none. */
template <typename F> int error_of(F call)
{
    try {
        static_cast<void>(call());
    } catch (const auraio::Error &error) {
        return error.code();
    }
    return 0;
}

/** Whether a call throws an E. */
template <typename E, typename F> bool throws(F call)
{
    try {
        static_cast<void>(call());
    } catch (const E &) {
        return true;
    }
    return false;
}

/** What an exception says; "" when nothing is thrown. */
template <typename F> std::string message_of(F call)
{
    try {
        static_cast<void>(call());
    } catch (const std::exception &error) {
        return error.what();
    }
    return "";
}

/** Whether a message begins with the name of a call. */
inline bool names(const std::string &message, const std::string &call)
{
    return message.compare(0, call.size() + 2, call + ": ") == 0;
}

/** Wait until something is so. */
template <typename F> bool eventually(F condition)
{
    return await_condition([](void *context) { return static_cast<bool>((*static_cast<F *>(context))()); },
                           &condition, patience_ms);
}

/** An engine with options. */
inline auraio::Engine engine_with(auraio::RingSelect select)
{
    return auraio::Engine(auraio::Options().ring_select(select));
}

/** A thread that drives an engine until it goes out of scope. */
class Runner
{
public:
    explicit Runner(auraio::Engine &engine) : engine_(engine), thread_([&engine] { engine.run(); }) {}
    ~Runner()
    {
        engine_.stop();
        thread_.join();
    }
    std::thread::id id() const { return thread_.get_id(); }

private:
    auraio::Engine &engine_;
    std::thread thread_;
};

} // namespace test

#endif
