/* SPDX-License-Identifier: MIT */
/* Buffers registered with the kernel: their use, their bounds, and leaving them. */
#include <auraio.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 8192 };

static char memory[2][BYTES];
static outcome_t outcome;

TestSuite(registered_buffers, .init = set_up, .fini = tear_down, .timeout = 60);

static void register_memory(void)
{
    const struct iovec iovs[] = {{memory[0], BYTES}, {memory[1], BYTES}};
    check_is(auraio_register_buffers(engine, iovs, 2), 0);
}

static ssize_t read_fixed(int index, size_t offset, size_t len, off_t file_offset)
{
    outcome_t read = {0};
    check_accepted(auraio_read(engine, file_fd, auraio_buf_fixed(index, offset), len, file_offset,
                               outcome_record, &read));
    return outcome_await(engine, &read);
}

static auraio_request_t *submit_read_fixed(int index, size_t offset, size_t len)
{
    return auraio_read(engine, file_fd, auraio_buf_fixed(index, offset), len, 0, NULL, NULL);
}

Test(registered_buffers, a_read_lands_at_the_place_named)
{
    register_memory();
    check_is(read_fixed(1, 1000, 5000, 300), 5000);
    check_that(pattern_holds(memory[1] + 1000, 5000, 300));
    check_is(read_fixed(0, 0, BYTES, 0), BYTES);
    check_that(pattern_holds(memory[0], BYTES, 0));
}

Test(registered_buffers, a_write_takes_from_the_place_named)
{
    char copy[3000];
    const int fd = file_empty(0);
    register_memory();
    pattern_fill(memory[0], BYTES, 0);
    check_accepted(
        auraio_write(engine, fd, auraio_buf_fixed(0, 200), sizeof(copy), 0, outcome_record, &outcome));
    check_is(outcome_await(engine, &outcome), sizeof(copy));
    check_is(pread(fd, copy, sizeof(copy), 0), sizeof(copy));
    check_that(pattern_holds(copy, sizeof(copy), 200));
    close(fd);
}

Test(registered_buffers, the_array_is_copied)
{
    struct iovec iovs[] = {{memory[0], BYTES}};
    check_is(auraio_register_buffers(engine, iovs, 1), 0);
    memset(iovs, 0xff, sizeof(iovs));
    check_is(read_fixed(0, 0, BYTES, 0), BYTES);
    check_that(pattern_holds(memory[0], BYTES, 0));
}

Test(registered_buffers, plain_memory_still_works)
{
    char plain[100];
    register_memory();
    check_is(perform_read(engine, file_fd, plain, sizeof(plain), 50), sizeof(plain));
    check_that(pattern_holds(plain, sizeof(plain), 50));
}

Test(registered_buffers, naming_one_when_none_is_registered_is_enoent)
{
    check_refused(submit_read_fixed(0, 0, 1), ENOENT);
    register_memory();
    check_is(auraio_unregister_buffers(engine), 0);
    check_refused(submit_read_fixed(0, 0, 1), ENOENT);
}

Test(registered_buffers, an_index_that_does_not_exist_is_einval)
{
    register_memory();
    check_refused(submit_read_fixed(2, 0, 1), EINVAL);
    check_refused(submit_read_fixed(INT32_MAX, 0, 1), EINVAL);
    auraio_buf_t negative = auraio_buf_fixed(0, 0);
    negative.u.fixed.index = -1;
    check_refused(auraio_read(engine, file_fd, negative, 1, 0, NULL, NULL), EINVAL);
}

Test(registered_buffers, a_range_outside_the_buffer_is_eoverflow)
{
    register_memory();
    check_refused(submit_read_fixed(0, 0, BYTES + 1), EOVERFLOW);
    check_refused(submit_read_fixed(0, 1, BYTES), EOVERFLOW);
    check_refused(submit_read_fixed(0, BYTES, 1), EOVERFLOW);
    check_refused(submit_read_fixed(0, SIZE_MAX, 2), EOVERFLOW);
    check_refused(submit_read_fixed(0, 2, SIZE_MAX / 2), EOVERFLOW);
    check_refused(auraio_write(engine, file_fd, auraio_buf_fixed(0, 1), BYTES, 0, NULL, NULL), EOVERFLOW);
    check_is(read_fixed(0, BYTES - 1, 1, 0), 1);
}

Test(registered_buffers, registering_refuses_what_it_cannot_mean)
{
    static struct iovec many[16385];
    const struct iovec good = {memory[0], BYTES}, empty = {memory[0], 0}, null = {NULL, BYTES};
    for (size_t i = 0; i < 16385; i++)
        many[i] = good;
    check_fails(auraio_register_buffers(NULL, &good, 1), EINVAL);
    check_fails(auraio_register_buffers(engine, NULL, 1), EINVAL);
    check_fails(auraio_register_buffers(engine, &good, 0), EINVAL);
    check_fails(auraio_register_buffers(engine, &good, -1), EINVAL);
    check_fails(auraio_register_buffers(engine, many, 16385), EINVAL);
    check_fails(auraio_register_buffers(engine, &empty, 1), EINVAL);
    check_fails(auraio_register_buffers(engine, &null, 1), EINVAL);
}

Test(registered_buffers, registering_twice_is_ebusy)
{
    const struct iovec iov = {memory[0], BYTES};
    register_memory();
    check_fails(auraio_register_buffers(engine, &iov, 1), EBUSY);
    check_is(auraio_unregister_buffers(engine), 0);
    check_is(auraio_register_buffers(engine, &iov, 1), 0);
}

Test(registered_buffers, memory_that_cannot_be_touched_is_efault_and_leaves_nothing_registered)
{
    /* Mapped without access, where unmapped memory could be mapped again by anything in between. */
    void *barred = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check_that(barred != MAP_FAILED);
    const struct iovec iovs[] = {{memory[0], BYTES}, {barred, BYTES}};
    check_fails(auraio_register_buffers(engine, iovs, 2), EFAULT);
    check_refused(submit_read_fixed(0, 0, 1), ENOENT);
    register_memory();
    munmap(barred, BYTES);
}

Test(registered_buffers, unregistering_nothing_is_fine_and_null_is_refused)
{
    check_is(auraio_unregister_buffers(engine), 0);
    check_fails(auraio_unregister_buffers(NULL), EINVAL);
}

/* Writes a byte into a pipe once the main thread sleeps. */
struct late_writer {
    pid_t sleeper;
    int fd;
    atomic_bool about_to_block;
    bool slept;
};

static void *write_once_asleep(void *context)
{
    struct late_writer *writer = context;
    while (!atomic_load(&writer->about_to_block))
        ;
    writer->slept = await_thread_asleep(writer->sleeper, PATIENCE_MS);
    fd_write_all(writer->fd, "x", 1);
    return NULL;
}

Test(registered_buffers, unregistering_waits_for_the_operations_that_use_them)
{
    pthread_t thread;
    const pipe_pair_t pipe = pipe_open(0);
    struct late_writer writer = {.sleeper = thread_id(), .fd = pipe.write_fd};
    register_memory();
    check_accepted(
        auraio_read(engine, pipe.read_fd, auraio_buf_fixed(0, 10), 1, -1, outcome_record, &outcome));
    check_is(pthread_create(&thread, NULL, write_once_asleep, &writer), 0);
    atomic_store(&writer.about_to_block, true);
    check_is(auraio_unregister_buffers(engine), 0);
    check_is(outcome.calls, 1);
    check_is(outcome.result, 1);
    check_is(memory[0][10], 'x');
    check_is(pthread_join(thread, NULL), 0);
    check_that(writer.slept);
    pipe_close(pipe);
}

/* What a callback saw when it unregistered while another operation used a buffer. */
struct deferred {
    atomic_int calls;
    int unregistered, read_error, register_error;
    bool read_refused;
};

static void unregister_in_callback(auraio_request_t *req, ssize_t result, void *user_data)
{
    struct deferred *seen = user_data;
    const struct iovec iov = {memory[0], BYTES};
    (void)req;
    (void)result;
    seen->unregistered = auraio_unregister_buffers(engine);
    errno = 0;
    seen->read_refused = submit_read_fixed(0, 0, 1) == NULL;
    seen->read_error = errno;
    errno = 0;
    seen->register_error = auraio_register_buffers(engine, &iov, 1) == -1 ? errno : 0;
    atomic_fetch_add(&seen->calls, 1);
}

Test(registered_buffers, unregistering_in_a_callback_takes_effect_when_the_last_use_completes)
{
    char byte;
    struct deferred seen = {0};
    const pipe_pair_t pipe = pipe_open(0);
    register_memory();
    check_accepted(
        auraio_read(engine, pipe.read_fd, auraio_buf_fixed(0, 0), 1, -1, outcome_record, &outcome));
    check_accepted(auraio_read(engine, file_fd, auraio_buf(&byte), 1, 0, unregister_in_callback, &seen));
    check_that(drive_until(engine, &seen.calls, 1));
    check_is(seen.unregistered, 0);
    check_that(seen.read_refused);
    check_is(seen.read_error, EBUSY);
    check_is(seen.register_error, EBUSY);
    check_is(outcome.calls, 0);
    fd_write_all(pipe.write_fd, "x", 1);
    check_is(outcome_await(engine, &outcome), 1);
    check_refused(submit_read_fixed(0, 0, 1), ENOENT);
    register_memory();
    check_is(read_fixed(1, 0, BYTES, 0), BYTES);
    pipe_close(pipe);
}
