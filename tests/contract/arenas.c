/* SPDX-License-Identifier: MIT */
/* Buffers of the pool that direct I/O uses are registered with the kernel by themselves, and nobody notices.
 */
#include <auraio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"

enum { BLOCK = 4096, BLOCKS = 256 };

static int direct_fd;

static void set_up(void)
{
    static char bytes[BLOCKS * BLOCK];
    char path[64];
    int fd = file_empty(0);
    pattern_fill(bytes, sizeof(bytes), 0);
    fd_write_all(fd, bytes, sizeof(bytes));
    check_is(fsync(fd), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    direct_fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (direct_fd < 0)
        skip_because("the file system of the tests has no direct I/O");
    close(fd);
}

TestSuite(arenas, .init = set_up, .timeout = 100);

static auraio_backend_info_t info_of(const auraio_engine_t *engine)
{
    auraio_backend_info_t info = {.struct_size = sizeof(info)};
    check_is(auraio_get_backend_info(engine, &info), 0);
    return info;
}

static void read_blocks(auraio_engine_t *engine, char *buf, int count)
{
    for (int i = 0; i < count; i++) {
        const off_t offset = (off_t)(i % BLOCKS) * BLOCK;
        check_is(perform_read(engine, direct_fd, buf, BLOCK, offset), BLOCK);
        check_that(pattern_holds(buf, BLOCK, offset));
    }
}

TestEveryMode(arenas, memory_is_registered_as_it_is_used_and_let_go_as_it_is_trimmed, .timeout = 100)
{
    auraio_engine_t *engine = mode_engine(*mode);
    const bool registers = info_of(engine).backend == AURAIO_BACKEND_URING; /* threads have nowhere to */
    for (int round = 0; round < 3; round++) { /* the next arena may lie where the last was */
        char *buf = auraio_buffer_alloc(engine, BLOCK);
        check_that(buf != NULL);
        read_blocks(engine, buf, 1000);
        check_is(info_of(engine).registered_bytes >= BLOCK, registers);
        check_is(info_of(engine).reason[0] == '\0', registers);
        auraio_buffer_free(engine, buf, BLOCK);
        auraio_buffer_trim(engine);
        check_is(info_of(engine).registered_bytes, 0);
    }
    auraio_destroy(engine);
}

Test(arenas, at_most_half_of_what_may_be_locked_is_registered)
{
    enum { LIMIT = 2 << 20, BUFFERS = 16 };
    const struct rlimit little = {LIMIT, LIMIT};
    char *bufs[BUFFERS];
    const uid_t user = geteuid();
    check_is(setrlimit(RLIMIT_MEMLOCK, &little), 0);
    if (user == 0)
        check_is(seteuid(65534), 0); /* whom the limit is for */
    auraio_engine_t *engine = auraio_create();
    cr_assert(engine != NULL, "%s", auraio_last_error());
    for (int i = 0; i < BUFFERS; i++) {
        bufs[i] = auraio_buffer_alloc(engine, 64 * BLOCK);
        check_that(bufs[i] != NULL);
        read_blocks(engine, bufs[i], 200);
        check_that(info_of(engine).registered_bytes <= LIMIT / 2);
    }
    for (int i = 0; i < BUFFERS; i++)
        auraio_buffer_free(engine, bufs[i], 64 * BLOCK);
    auraio_destroy(engine);
    check_is(seteuid(user), 0);
    check_is(prctl(PR_SET_DUMPABLE, 1), 0); /* LeakSanitizer looks at the process from outside */
}
