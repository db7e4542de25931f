/* SPDX-License-Identifier: MIT */
/**
 * @file
 * AuraIO for C++20: everything.
 *
 * An auraio::Engine owns the C engine and takes lambdas where C takes a function and a pointer; its async_
 * members are awaited by coroutines, of auraio::Task or of any other coroutine type. Errors are exceptions
 * (auraio::Error) unless asked for as values (nothrow()). Header-only: link with libauraio.
 *
 *     auraio::Engine engine;
 *     auto buf = engine.allocate_buffer(4096);
 *     auto size = auraio::sync_wait(engine, engine.async_read(fd, buf, 4096, 0));
 */
#ifndef AURAIO_HPP
#define AURAIO_HPP

#include <auraio.h>

#include <auraio/fwd.hpp>
#include <auraio/error.hpp>
#include <auraio/options.hpp>
#include <auraio/request.hpp>
#include <auraio/stats.hpp>
#include <auraio/buffer.hpp>
#include <auraio/engine.hpp>
#include <auraio/result.hpp>
#include <auraio/task.hpp>
#include <auraio/coro.hpp>
#include <auraio/sync.hpp>
#include <auraio/combine.hpp>
#include <auraio/spawn.hpp>

#endif
