/* SPDX-License-Identifier: MIT */
/* The simulated world: its clock, its faults, what a crash leaves, and what it refuses. */
#include <auraio/sim.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"

enum { BYTES = 4096, SEEDS = 64, SECTOR = 512 };
static const int64_t hour_ns = INT64_C(3600) * 1000 * 1000 * 1000;

static auraio_sim_t *sim;
static auraio_engine_t *engine;
static int fd;
static unsigned char old_bytes[BYTES], new_bytes[BYTES], found[BYTES];

static void begin(uint64_t seed)
{
    sim = auraio_sim_create(seed);
    check_that(sim);
    engine = auraio_sim_engine(sim, NULL);
    check_that(engine);
    fd = auraio_sim_open(sim, "file", O_RDWR | O_CREAT | O_CLOEXEC);
    check_at_least(fd, 0);
}

static void end(void)
{
    auraio_destroy(engine);
    close(fd);
    check_is(auraio_sim_destroy(sim), 0);
}

static void set_up(void)
{
    memset(old_bytes, 'o', BYTES);
    memset(new_bytes, 'n', BYTES);
    begin(1);
}

TestSuite(sim, .init = set_up, .fini = end, .timeout = 60);

static ssize_t perform_sync(void)
{
    auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
    op.fd = fd;
    return perform(engine, &op);
}

Test(sim, what_is_written_is_read)
{
    check_is(perform_write(engine, fd, new_bytes, BYTES, 100), BYTES);
    check_is(perform_read(engine, fd, found, BYTES, 100), BYTES);
    check_is(memcmp(found, new_bytes, BYTES), 0);
    check_is(perform_read(engine, fd, found, BYTES, 100 + BYTES), 0);
}

Test(sim, an_hour_passes_in_no_time)
{
    const pipe_pair_t pair = pipe_open(O_CLOEXEC);
    outcome_t outcome = {0};
    auraio_op_t op = read_op(pair.read_fd, found, 1, -1);
    op.timeout_ns = (uint64_t)hour_ns;
    const int64_t start_ns = auraio_sim_now_ns(sim);
    check_that(auraio_submit(engine, &op, outcome_record, &outcome));
    check_is(auraio_wait(engine, -1), 1);
    check_is(outcome.result, -ETIMEDOUT);
    check_at_least(auraio_sim_now_ns(sim) - start_ns, hour_ns);
    pipe_close(pair);
}

Test(sim, time_can_be_let_pass)
{
    const int64_t start_ns = auraio_sim_now_ns(sim);
    check_is(auraio_sim_advance(sim, hour_ns), 0);
    check_is(auraio_sim_now_ns(sim) - start_ns, hour_ns);
}

Test(sim, the_slowest_device_ends_with_the_world_and_not_beyond)
{
    enum { COUNT = 4000 };
    check_is(auraio_sim_set_device(sim, hour_ns, 1), 0);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_LATE, 1), 0);
    tally_t tally = {0};
    for (int i = 0; i < COUNT; i++) { /* each up to 3500 hours, one after the other */
        auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
        op.fd = fd;
        check_that(auraio_submit(engine, &op, tally_record, &tally));
    }
    check_is(auraio_drain(engine, -1), COUNT);
    check_at_least(auraio_sim_now_ns(sim), 364 * 24 * hour_ns);
    check_below(auraio_sim_now_ns(sim), 366 * 24 * hour_ns);
}

Test(sim, the_backend_says_what_it_is)
{
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_is(info.backend, AURAIO_BACKEND_SIM);
}

Test(sim, faults_are_delivered)
{
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_WRITE_ERROR, 1), 0);
    check_is(perform_write(engine, fd, new_bytes, BYTES, 0), -EIO);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_WRITE_ERROR, 0), 0);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_NO_SPACE, 1), 0);
    check_is(perform_write(engine, fd, new_bytes, BYTES, 0), -ENOSPC);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_NO_SPACE, 0), 0);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_SYNC_ERROR, 1), 0);
    check_is(perform_sync(), -EIO);
    check_is(perform_write(engine, fd, new_bytes, BYTES, 0), BYTES);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_READ_ERROR, 1), 0);
    check_is(perform_read(engine, fd, found, BYTES, 0), -EIO);
}

Test(sim, what_the_library_makes_up_for_is_not_seen)
{
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_SHORT, 0.9), 0);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_INTERRUPTED, 0.5), 0);
    check_is(auraio_sim_set_fault(sim, AURAIO_SIM_REFUSED, 0.5), 0);
    check_is(perform_write(engine, fd, new_bytes, BYTES, 0), BYTES);
    check_is(perform_read(engine, fd, found, BYTES, 0), BYTES);
    check_is(memcmp(found, new_bytes, BYTES), 0);
}

Test(sim, a_device_does_so_many_at_a_time)
{
    enum { COUNT = 64, LATENCY_NS = 1000 * 1000 };
    int64_t took_ns[2];
    for (int parallel = 1; parallel <= 2; parallel++) {
        check_is(auraio_sim_set_device(sim, LATENCY_NS, parallel == 1 ? 1 : COUNT), 0);
        const int64_t start_ns = auraio_sim_now_ns(sim);
        tally_t tally = {0};
        for (int i = 0; i < COUNT; i++) {
            auraio_op_t op = auraio_op(AURAIO_OP_FSYNC);
            op.fd = fd;
            check_that(auraio_submit(engine, &op, tally_record, &tally));
        }
        check_that(drive_until(engine, &tally.calls, COUNT));
        took_ns[parallel - 1] = auraio_sim_now_ns(sim) - start_ns;
    }
    check_at_least(took_ns[0], COUNT * LATENCY_NS / 2);
    check_below(took_ns[1], 4 * LATENCY_NS);
}

/* ------------------------------------------------------------------- crashes */

static void crash(void)
{
    check_is(auraio_sim_crash(sim), 0);
    auraio_destroy(engine);
    engine = auraio_sim_engine(sim, NULL);
    check_that(engine);
}

static off_t size_now(void)
{
    struct stat st;
    check_is(fstat(fd, &st), 0);
    return st.st_size;
}

Test(sim, what_was_synced_survives_every_crash)
{
    end();
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        begin(seed);
        check_is(perform_write(engine, fd, new_bytes, BYTES, 0), BYTES);
        check_is(perform_sync(), 0);
        crash();
        check_is(perform_read(engine, fd, found, BYTES, 0), BYTES);
        check_is(memcmp(found, new_bytes, BYTES), 0);
        if (seed + 1 < SEEDS)
            end();
    }
}

/* Over what was synced before: each sector is the old one or the new one, and over all seeds both are seen.
 */
Test(sim, what_was_not_synced_is_there_or_not_sector_by_sector)
{
    int old_sectors = 0, new_sectors = 0, mixed_files = 0;
    end();
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        begin(seed);
        check_is(perform_write(engine, fd, old_bytes, BYTES, 0), BYTES);
        check_is(perform_sync(), 0);
        check_is(perform_write(engine, fd, new_bytes, BYTES, 0), BYTES);
        crash();
        check_is(perform_read(engine, fd, found, BYTES, 0), BYTES);
        int new_here = 0;
        for (int at = 0; at < BYTES; at += SECTOR) {
            bool is_old = memcmp(&found[at], old_bytes, SECTOR) == 0;
            check_that(is_old || memcmp(&found[at], new_bytes, SECTOR) == 0);
            new_here += !is_old;
        }
        new_sectors += new_here;
        old_sectors += BYTES / SECTOR - new_here;
        mixed_files += new_here > 0 && new_here < BYTES / SECTOR;
        if (seed + 1 < SEEDS)
            end();
    }
    check_at_least(old_sectors, SEEDS);
    check_at_least(new_sectors, SEEDS);
    check_at_least(mixed_files, SEEDS / 8);
}

Test(sim, a_write_with_dsync_needs_no_sync)
{
    auraio_op_t op = write_op(fd, new_bytes, BYTES, 0);
    op.rw_flags = RWF_DSYNC;
    check_is(perform(engine, &op), BYTES);
    crash();
    check_is(size_now(), BYTES);
    check_is(perform_read(engine, fd, found, BYTES, 0), BYTES);
    check_is(memcmp(found, new_bytes, BYTES), 0);
}

/* Nothing was ever durable, and there is no copy to put back. */
Test(sim, a_file_that_was_emptied_survives_every_crash_as_it_is)
{
    end();
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        begin(seed);
        auraio_op_t op = auraio_op(AURAIO_OP_FTRUNCATE);
        op.fd = fd;
        check_is(perform(engine, &op), 0);
        crash();
        check_is(size_now(), 0);
        if (seed + 1 < SEEDS)
            end();
    }
}

Test(sim, an_engine_from_before_the_crash_does_nothing_any_more)
{
    outcome_t outcome = {0};
    check_that(auraio_fsync(engine, fd, outcome_record, &outcome));
    (void)auraio_flush(engine);
    check_is(auraio_sim_crash(sim), 0);
    check_is(outcome_await(engine, &outcome), -EIO);
    check_is(perform_write(engine, fd, new_bytes, BYTES, 0), -EIO);
    check_is(size_now(), 0);
}

/* -------------------------------------------------------------------- opening */

Test(sim, files_are_found_by_name)
{
    check_is(perform_write(engine, fd, new_bytes, BYTES, 0), BYTES);
    auraio_op_t op = auraio_op(AURAIO_OP_OPENAT);
    op.fd = AT_FDCWD;
    op.path = "file";
    op.sys_flags = O_RDONLY | O_CLOEXEC;
    const ssize_t second = perform(engine, &op);
    check_at_least(second, 0);
    check_is(perform_read(engine, (int)second, found, BYTES, 0), BYTES);
    close((int)second);
    op.path = "another";
    check_is(perform(engine, &op), -ENOENT);
    check_fails(auraio_sim_open(sim, "file", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    check_fails(auraio_sim_open(sim, "another", O_RDWR), ENOENT);
}

Test(sim, wrong_arguments_are_refused_with_a_reason)
{
    check_fails(auraio_sim_set_fault(sim, (auraio_sim_fault_t)99, 0.5), EINVAL);
    check_fails(auraio_sim_set_fault(sim, AURAIO_SIM_LATE, 1.5), EINVAL);
    check_fails(auraio_sim_set_fault(sim, AURAIO_SIM_LATE, NAN), EINVAL);
    check_fails(auraio_sim_set_device(sim, 0, 1), EINVAL);
    check_fails(auraio_sim_set_device(sim, 1, 65), EINVAL);
    check_fails(auraio_sim_set_device(sim, hour_ns + 1, 1), EINVAL);
    check_fails(auraio_sim_advance(sim, INT64_MAX), EINVAL);
    check_fails(auraio_sim_advance(sim, -1), EINVAL);
    check_fails(auraio_sim_open(sim, NULL, O_RDWR), EINVAL);
    check_fails(auraio_sim_crash(NULL), EINVAL);
    errno = 0;
    check_that(!auraio_sim_engine(NULL, NULL) && errno == EINVAL);
    check_is(auraio_sim_now_ns(NULL), 0);
    check_is(auraio_sim_destroy(NULL), 0);
    check_is(perform_sync(), 0); /* the engine has a ring from here on */
    check_fails(auraio_sim_destroy(sim), EBUSY);
}

/* The same seed and the same calls: the same results at the same times. */
Test(sim, a_seed_replays)
{
    uint64_t times_ns[2] = {0};
    end();
    for (int run = 0; run < 2; run++) {
        begin(77);
        check_is(auraio_sim_set_fault(sim, AURAIO_SIM_LATE, 0.3), 0);
        for (int i = 0; i < 32; i++) {
            check_is(perform_write(engine, fd, new_bytes, BYTES, 0), BYTES);
            times_ns[run] = times_ns[run] * 31 + (uint64_t)auraio_sim_now_ns(sim);
        }
        if (run == 0)
            end();
    }
    check_that(times_ns[0] == times_ns[1]);
}
