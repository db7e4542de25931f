/* SPDX-License-Identifier: MIT */
/* The pool, registered buffers, registered files. */
#include "engine.h"

#include <errno.h>

enum { BUFFERS_MAX = 16384, FILES_MAX = 32768 };

void *auraio_buffer_alloc(auraio_engine_t *engine, size_t size)
{
    void *buf;
    if (engine_check(engine) < 0)
        return NULL;
    int rc = pool_alloc(engine->pool, size, &buf);
    if (rc == -EINVAL)
        return error_null(EINVAL, "size is %lld: a buffer has 1 byte to %lld", (long long)size,
                          (long long)POOL_SIZE_MAX_BYTES);
    if (rc < 0)
        return error_null(-rc, "no memory for a buffer of %lld bytes", (long long)size, 0);
    return buf;
}

void auraio_buffer_free(auraio_engine_t *engine, void *buf, size_t size)
{
    if (buf && engine_check(engine) == 0 && pool_free(engine->pool, buf, size) < 0)
        (void)error_int(EINVAL, "not a live buffer of this pool with %lld bytes: see the log",
                        (long long)size, 0);
}

void auraio_buffer_trim(auraio_engine_t *engine)
{
    if (engine_check(engine) == 0)
        pool_trim(engine->pool);
}

/* A registration is tried on the ring of the calling thread, which may find none. */
static int refused(const auraio_engine_t *engine, int error, const char *reason)
{
    if (error == EUSERS)
        return error_int(EAGAIN, error_no_ring, auraio_get_ring_count(engine), 0);
    return error_int(error, reason, 0, 0);
}

int auraio_register_buffers(auraio_engine_t *engine, const struct iovec *iovs, int count)
{
    if (engine_check(engine) < 0)
        return -1;
    if (!iovs)
        return error_int(EINVAL, "iovs is NULL", 0, 0);
    if (count < 1 || count > BUFFERS_MAX)
        return error_int(EINVAL, "count is %lld: it goes from 1 to %lld", count, BUFFERS_MAX);
    for (int i = 0; i < count; i++)
        if (!iovs[i].iov_base || iovs[i].iov_len == 0)
            return error_int(EINVAL, "iovs[%lld] is empty", i, 0);
    int rc = ring_group_register_buffers(engine->group, iovs, count);
    if (rc == -EBUSY)
        return error_int(EBUSY, "buffers are registered already: unregister them first", 0, 0);
    if (rc == -EOPNOTSUPP)
        return error_int(EOPNOTSUPP,
                         "this kernel registers neither static variables nor memory mapped from a file: "
                         "allocate the buffers",
                         0, 0);
    if (rc < 0)
        return refused(engine, -rc,
                       "the kernel refused to register the buffers (memory, RLIMIT_MEMLOCK, 1 GiB each)");
    return 0;
}

int auraio_unregister_buffers(auraio_engine_t *engine)
{
    if (engine_check(engine) < 0)
        return -1;
    int rc = ring_group_unregister_buffers(engine->group);
    engine_unwind(engine);
    return rc;
}

int auraio_register_files(auraio_engine_t *engine, const int *fds, int count)
{
    if (engine_check(engine) < 0)
        return -1;
    if (!fds)
        return error_int(EINVAL, "fds is NULL", 0, 0);
    if (count < 1 || count > FILES_MAX)
        return error_int(EINVAL, "count is %lld: it goes from 1 to %lld", count, FILES_MAX);
    for (int i = 0; i < count; i++)
        if (fds[i] < -1)
            return error_int(EINVAL, "fds[%lld] is %lld: give a descriptor, or -1 for an empty slot", i,
                             fds[i]);
    int rc = ring_group_register_files(engine->group, fds, count);
    if (rc == -EBUSY)
        return error_int(EBUSY, "files are registered already: unregister them first", 0, 0);
    if (rc < 0)
        return refused(engine, -rc, "the files could not be registered: is every descriptor open?");
    return 0;
}

int auraio_update_file(auraio_engine_t *engine, int index, int fd)
{
    if (engine_check(engine) < 0)
        return -1;
    if (fd < -1)
        return error_int(EINVAL, "fd is %lld: give a descriptor, or -1 to clear the slot", fd, 0);
    int rc = ring_group_update_file(engine->group, index, fd);
    if (rc == -ENOENT)
        return error_int(ENOENT, "no files are registered: call auraio_register_files() first", 0, 0);
    if (rc == -EINVAL)
        return error_int(EINVAL, "index is %lld: there is no such slot", index, 0);
    if (rc < 0)
        return error_int(-rc, "slot %lld could not be set to descriptor %lld", index, fd);
    return 0;
}

int auraio_unregister_files(auraio_engine_t *engine)
{
    return engine_check(engine) < 0 ? -1 : ring_group_unregister_files(engine->group);
}
