/* SPDX-License-Identifier: MIT */
/* The table of cases: a new one is one file and one line here. */
#include "cases.h"

const struct bench_case bench_cases[] = {
    {"cached", "thread-local rings and registered memory against the best raw loop", false, case_cached},
    {"zero", "auraio_create() and nothing else against a raw loop on a shared ring", false, case_zero},
    {"threads", "two threads, each with its own ring, against two raw rings", false, case_threads},
    {"direct", "reads of the disk, O_DIRECT, against a raw loop that waits for one", false, case_direct},
    {"peers", "against libaio, a thread pool, libuv and POSIX AIO, cached reads", false, case_peers},
    {"enters", "io_uring_enter calls per operation, counted by strace", false, case_enters},
    {"engine", "an engine that does nothing: creation and idleness", false, case_engine},
    {"peers-direct", "against the same peers, reads of the disk, O_DIRECT", true, case_peers_direct},
    {"instructions", "user instructions per operation, counted by callgrind", true, case_instructions},
    {NULL, NULL, false, NULL},
};
