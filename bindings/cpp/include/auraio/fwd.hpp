/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The names, for headers that only mention them.
 */
#ifndef AURAIO_FWD_HPP
#define AURAIO_FWD_HPP

namespace auraio
{

class Engine;
class Buffer;
class BufferRef;
class Request;
class Options;
class Stats;
class RingStats;
class Histogram;
class BufferStats;
class Error;
class IoAwaitable;
class FsyncAwaitable;
template <typename R> class OpAwaitable;
template <typename T = void> class [[nodiscard]] Task;

} // namespace auraio

#endif
