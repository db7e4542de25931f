/* SPDX-License-Identifier: MIT */
/* The table of cases: a new one is one file and one line here. */
#include "cases.h"

const struct bench_case bench_cases[] = {
    {"cached", "cached 4 KiB reads, thread-local rings, all registered, per CPU-second", case_cached},
    {"zero", "the same with nothing configured, on shared rings", case_zero},
    {"threads", "the same from two threads", case_threads},
    {"peers", "the same with nothing configured against other interfaces", case_peers},
    {"mixed", "reads of 4 to 128 KiB, depth 32: cached per CPU-second, direct by the clock", case_mixed},
    {"submitters", "2, 4 and 16 threads submit, 8 reads each in flight, one more drives", case_submitters},
    {"direct", "4 KiB reads of the disk, O_DIRECT, thread-local rings, all registered, by the clock",
     case_direct},
    {"zero-direct", "the same with nothing configured", case_zero_direct},
    {"peers-direct", "the same with nothing configured against other interfaces", case_peers_direct},
    {"fallback", "where io_uring is refused: threads, nothing configured, depth 32, cached and direct",
     case_fallback},
    {"latency", "one read at a time: the round trip (p50; also p99 and p99.9)", case_latency},
    {"create", "made and destroyed; ready for 32 reads and closed again", case_create},
    {"memory", "held by one engine that has done 32 reads at once, beside their buffers", case_memory},
    {"idle", "a thread asleep in auraio_run() with nothing to do", case_idle},
    {"enters", "io_uring_enter calls per operation, cached reads, counted by strace", case_enters},
    {"instructions", "user instructions per operation, cached reads, counted by callgrind",
     case_instructions},
    {"pool", "a buffer allocated and freed, against the best of the other allocators", case_pool},
    {0},
};
