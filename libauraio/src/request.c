/* SPDX-License-Identifier: MIT */
/* Handles to operations: asking about them, asking for their end. */
#include "engine.h"

#include <errno.h>

static ring_handle_t handle_of(const auraio_request_t *req)
{
    return (ring_handle_t)(uintptr_t)req;
}

int auraio_cancel(auraio_engine_t *engine, auraio_request_t *req)
{
    const char *reason;
    int error = engine_refuses(engine, &reason);
    if (error)
        return error_int(error, reason, 0, 0);
    if (!req)
        return error_int(EINVAL, "req is NULL", 0, 0);
    if (atomic_load(&engine->shut_down))
        return error_int(ESHUTDOWN, "the engine is being destroyed", 0, 0);
    int rc = ring_group_cancel(engine->group, handle_of(req));
    if (rc == -EALREADY)
        return error_int(EALREADY, "the operation has completed, or its cancel was asked for before", 0, 0);
    if (rc < 0)
        return error_int(-rc, "req is an operation of another engine", 0, 0);
    return 0;
}

bool auraio_request_pending(const auraio_request_t *req)
{
    return req && ring_handle_pending(handle_of(req));
}

struct description {
    int fd;
    void *user_data;
    int rw_flags;
};

static bool describe(const auraio_request_t *req, struct description *ret)
{
    if (ring_handle_describe(handle_of(req), &ret->fd, &ret->user_data, &ret->rw_flags) == 0)
        return true;
    (void)error_int(EINVAL, req ? "req is stale: its callback has returned" : "req is NULL", 0, 0);
    return false;
}

int auraio_request_fd(const auraio_request_t *req)
{
    struct description found;
    return describe(req, &found) ? found.fd : -1;
}

void *auraio_request_user_data(const auraio_request_t *req)
{
    struct description found;
    return describe(req, &found) ? found.user_data : NULL;
}

int auraio_request_rw_flags(const auraio_request_t *req)
{
    struct description found;
    return describe(req, &found) ? found.rw_flags : -1;
}
