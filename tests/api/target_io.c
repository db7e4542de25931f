/* SPDX-License-Identifier: MIT */
/* What operations have done on a storage target, reads and writes apart, over all rings. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, READS = 40, WRITES = 7 };

static char buf[BYTES];

static auraio_target_io_t io_of(int target, int kind)
{
    auraio_target_io_t io;
    memset(&io, 0x5a, sizeof(io));
    check_is(auraio_get_target_io(engine, target, kind, &io), 0);
    return io;
}

static void do_both(int fd)
{
    tally_t tally = {0};
    for (int i = 0; i < READS; i++)
        check_accepted(auraio_read(engine, fd, auraio_buf(buf), BYTES, 0, tally_record, &tally));
    for (int i = 0; i < WRITES; i++)
        check_accepted(auraio_write(engine, fd, auraio_buf(buf), BYTES / 2, 0, tally_record, &tally));
    check_accepted(auraio_fsync(engine, fd, tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, READS + WRITES + 1));
    check_is(tally.failures, 0);
}

static void with_rings_in_turn(void)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = 3;
    set_up();
    auraio_destroy(engine);
    engine = engine_with(&options);
}

TestSuite(target_io, .init = with_rings_in_turn, .fini = tear_down, .timeout = 60);

Test(target_io, reads_and_writes_are_told_apart_over_all_rings)
{
    do_both(file_fd);
    const int target = find_target(engine, file_fd);
    check_is(io_of(target, AURAIO_KIND_READ).ops_completed, READS);
    check_is(io_of(target, AURAIO_KIND_READ).bytes_transferred, READS * BYTES);
    check_is(io_of(target, AURAIO_KIND_WRITE).ops_completed, WRITES);
    check_is(io_of(target, AURAIO_KIND_WRITE).bytes_transferred, WRITES * BYTES / 2);
    check_is(io_of(target, AURAIO_KIND_OTHER).ops_completed, 1);
    check_is(io_of(target, AURAIO_KIND_OTHER).bytes_transferred, 0);
    const auraio_target_io_t all = io_of(target, AURAIO_KIND_ALL);
    check_is(all.ops_completed, READS + WRITES + 1);
    check_is(all.bytes_transferred, READS * BYTES + WRITES * BYTES / 2);
    check_that(all.throughput_bps > 0 && all.p99_latency_ms > 0);
    for (size_t i = 0; i < sizeof(all.reserved) / sizeof(all.reserved[0]); i++)
        check_is(all.reserved[i], 0);
}

Test(target_io, devices_are_told_apart)
{
    const int memory = memfd_create("target", MFD_CLOEXEC);
    fd_write_all(memory, buf, BYTES);
    do_both(file_fd);
    do_both(memory);
    do_both(memory);
    check_is(io_of(find_target(engine, file_fd), AURAIO_KIND_READ).ops_completed, READS);
    check_is(io_of(find_target(engine, memory), AURAIO_KIND_READ).ops_completed, 2 * READS);
    check_is(io_of(find_target(engine, memory), AURAIO_KIND_OTHER).ops_completed, 2);
    check_is(io_of(0, AURAIO_KIND_ALL).ops_completed, 0);
    close(memory);
}

Test(target_io, histograms_and_percentiles_are_of_the_kind_asked_for)
{
    auraio_histogram_t reads, writes;
    do_both(file_fd);
    const int target = find_target(engine, file_fd);
    check_is(auraio_get_target_histogram(engine, target, AURAIO_KIND_READ, &reads), 0);
    check_is(auraio_get_target_histogram(engine, target, AURAIO_KIND_WRITE, &writes), 0);
    check_is(reads.total_count, READS);
    check_is(writes.total_count, WRITES);
    check_is(writes.bucket_width_us, AURAIO_HISTOGRAM_BUCKET_WIDTH_US);
    check_is(writes.max_tracked_us, AURAIO_HISTOGRAM_BUCKETS * AURAIO_HISTOGRAM_BUCKET_WIDTH_US);
    const int64_t least = auraio_get_target_percentile(engine, target, AURAIO_KIND_ALL, 0);
    const int64_t most = auraio_get_target_percentile(engine, target, AURAIO_KIND_ALL, 100);
    check_is(least, auraio_get_latency_percentile(engine, -1, 0));
    check_is(most, auraio_get_latency_percentile(engine, -1, 100));
    const int64_t median = auraio_get_target_percentile(engine, target, AURAIO_KIND_WRITE, 50);
    check_that(median >= least && median <= most && median > 0);
}

/* Failed operations count, and have no latency; streams belong to no target. */
Test(target_io, failures_count_and_streams_do_not)
{
    outcome_t failed = {0}, piped = {0};
    pipe_pair_t pipe = pipe_open(O_CLOEXEC);
    check_accepted(auraio_read(engine, file_fd, auraio_buf((void *)8), BYTES, 0, outcome_record, &failed));
    check_accepted(auraio_write(engine, pipe.write_fd, auraio_buf(buf), 1, -1, outcome_record, &piped));
    check_that(drive_until(engine, &failed.calls, 1) && drive_until(engine, &piped.calls, 1));
    check_is(failed.result, -EFAULT);
    check_is(piped.result, 1);
    const int target = find_target(engine, file_fd);
    check_is(io_of(target, AURAIO_KIND_READ).ops_completed, 1);
    check_is(io_of(target, AURAIO_KIND_READ).bytes_transferred, 0);
    check_is(auraio_get_target_percentile(engine, target, AURAIO_KIND_READ, 100), 0);
    for (int i = 0; i < auraio_get_target_count(engine); i++)
        check_is(io_of(i, AURAIO_KIND_WRITE).ops_completed, 0);
    pipe_close(pipe);
}

Test(target_io, refuses_what_makes_no_sense_and_says_what)
{
    auraio_target_io_t io, zero;
    auraio_histogram_t histogram, no_counts;
    memset(&zero, 0, sizeof(zero));
    memset(&no_counts, 0, sizeof(no_counts));
    memset(&io, 0x5a, sizeof(io));
    check_fails(auraio_get_target_io(engine, 1, AURAIO_KIND_READ, &io), EINVAL);
    check_is(memcmp(&io, &zero, sizeof(io)), 0);
    check_that(strstr(auraio_last_error(), "target is 1") != NULL);
    memset(&histogram, 0x5a, sizeof(histogram));
    check_fails(auraio_get_target_histogram(engine, 0, 3, &histogram), EINVAL);
    check_is(memcmp(&histogram, &no_counts, sizeof(histogram)), 0);
    check_that(strstr(auraio_last_error(), "kind is 3") != NULL);
    check_fails(auraio_get_target_io(engine, 0, -2, &io), EINVAL);
    check_fails(auraio_get_target_io(NULL, 0, AURAIO_KIND_ALL, &io), EINVAL);
    check_fails(auraio_get_target_io(engine, 0, AURAIO_KIND_ALL, NULL), EINVAL);
    check_fails(auraio_get_target_histogram(engine, -1, AURAIO_KIND_ALL, &histogram), EINVAL);
    check_fails(auraio_get_target_histogram(NULL, 0, AURAIO_KIND_ALL, &histogram), EINVAL);
    check_fails(auraio_get_target_histogram(engine, 0, AURAIO_KIND_ALL, NULL), EINVAL);
    check_fails(auraio_get_target_percentile(NULL, 0, AURAIO_KIND_ALL, 50), EINVAL);
    check_fails(auraio_get_target_percentile(engine, 1, AURAIO_KIND_ALL, 50), EINVAL);
    check_fails(auraio_get_target_percentile(engine, 0, 3, 50), EINVAL);
    check_fails(auraio_get_target_percentile(engine, 0, AURAIO_KIND_ALL, 100.1), EINVAL);
    check_fails(auraio_get_target_percentile(engine, 0, AURAIO_KIND_ALL, (double)NAN), EINVAL);
    check_is(auraio_get_target_percentile(engine, 0, AURAIO_KIND_ALL, 50), 0);
}
