/* SPDX-License-Identifier: MIT */
/*
 * What the system allows is enough: few descriptors, little lockable memory, one CPU, no privilege.
 *
 * Limits and users are changed in the test's own process, which Criterion forks for it.
 */
#include <auraio.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"
#include "process.h"

enum { READS = 1000, BYTES = 512, NOBODY = 65534, FEW_FDS = 32, LITTLE_MEMORY = 64 << 10 };

static void expect_reads(auraio_engine_t *engine, int fd)
{
    static char bufs[READS][BYTES];
    tally_t tally = {0};
    memset(bufs, 0, sizeof(bufs));
    for (int i = 0; i < READS; i++)
        check_accepted(
            auraio_read(engine, fd, auraio_buf(bufs[i]), BYTES, (off_t)i * BYTES, tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, READS));
    check_is(tally.failures, 0);
    check_that(pattern_holds(bufs, sizeof(bufs), 0));
}

static void limit(__rlimit_resource_t resource, rlim_t value)
{
    const struct rlimit rlimit = {value, value};
    check_is(setrlimit(resource, &rlimit), 0);
}

TestEveryMode(few_descriptors, thirty_two_are_enough_for_64_rings_asked_for, .timeout = 60)
{
    const int fd = file_of_pattern(READS * BYTES);
    limit(RLIMIT_NOFILE, FEW_FDS);
    auraio_options_t options = mode_options(*mode);
    options.ring_count = 64;
    auraio_engine_t *engine = engine_with(&options);
    expect_reads(engine, fd);
    auraio_destroy(engine);
    close(fd);
}

Test(few_descriptors, none_left_is_an_error_and_not_a_crash, .timeout = 60)
{
    char byte;
    const int fd = file_of_pattern(1);
    limit(RLIMIT_NOFILE, (rlim_t)fd + 1);
    while (dup(fd) >= 0)
        ;
    auraio_engine_t *engine = auraio_create();
    if (engine == NULL) {
        check_is(errno, EMFILE);
    } else {
        check_refused(auraio_read(engine, fd, auraio_buf(&byte), 1, 0, NULL, NULL), EMFILE);
        auraio_destroy(engine);
    }
    check_that(strlen(auraio_last_error()) > 0);
}

static void become_nobody(void)
{
    if (geteuid() != 0)
        skip_because("needs root to become another user");
    check_is(setgroups(0, NULL), 0);
    check_is(setgid(NOBODY), 0);
    check_is(setuid(NOBODY), 0);
}

TestEveryMode(little_memory, sixty_four_kib_lockable_are_enough_without_privilege, .timeout = 60)
{
    const int fd = file_of_pattern(READS * BYTES);
    limit(RLIMIT_MEMLOCK, LITTLE_MEMORY);
    become_nobody();
    auraio_options_t options = mode_options(*mode);
    options.queue_depth = 32768;
    auraio_engine_t *engine = engine_with(&options);
    expect_reads(engine, fd);
    auraio_destroy(engine);
    close(fd);
}

Test(little_memory, buffers_that_may_not_be_locked_are_refused_and_plain_ones_still_work, .timeout = 60)
{
    const int fd = file_of_pattern(READS * BYTES);
    const size_t size = (size_t)16 << 20;
    limit(RLIMIT_MEMLOCK, LITTLE_MEMORY);
    become_nobody();
    auraio_engine_t *engine = engine_with(NULL);
    const struct iovec iov = {calloc(1, size), size};
    expect_reads(engine, fd);
    if (backend_of(engine) == AURAIO_BACKEND_THREADS)
        check_is(auraio_register_buffers(engine, &iov, 1), 0); /* threads lock nothing */
    else
        check_fails(auraio_register_buffers(engine, &iov, 1), ENOMEM);
    expect_reads(engine, fd);
    auraio_destroy(engine);
    free(iov.iov_base);
    close(fd);
}

Test(little_memory, pool_buffers_work_when_they_may_not_be_locked, .timeout = 60)
{
    const int fd = file_of_pattern(READS * BYTES);
    limit(RLIMIT_MEMLOCK, LITTLE_MEMORY);
    become_nobody();
    auraio_engine_t *engine = engine_with(NULL);
    char *buf = auraio_buffer_alloc(engine, READS * BYTES);
    check_that(buf != NULL);
    check_is(perform_read(engine, fd, buf, READS * BYTES, 0), READS * BYTES);
    check_that(pattern_holds(buf, READS * BYTES, 0));
    auraio_buffer_free(engine, buf, READS * BYTES);
    auraio_destroy(engine);
    close(fd);
}

Test(one_cpu, gives_one_ring, .timeout = 60)
{
    const int fd = file_of_pattern(READS * BYTES);
    bind_to_nth_cpu(0);
    auraio_engine_t *engine = auraio_create();
    check_that(engine != NULL);
    check_is(auraio_get_ring_count(engine), 1);
    expect_reads(engine, fd);
    auraio_destroy(engine);
    close(fd);
}

Test(rings, are_created_on_first_use, .timeout = 60)
{
    const int before = open_fd_count();
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = 1024;
    auraio_engine_t *engine = engine_with(&options);
    check_is(auraio_get_ring_count(engine), 1024);
    check_below(open_fd_count() - before, 3);
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    check_below(info.rings_created, 2);
    auraio_destroy(engine);
    check_is(open_fd_count(), before);
}
