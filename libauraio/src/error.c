/* SPDX-License-Identifier: MIT */
/* The public error convention. Reasons are kept as format and numbers: nothing is formatted until somebody
 * asks. */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct reason {
    const char *format;
    long long a, b;
    double real;
    bool is_real; /* format takes `real` */
    int error;
    char text[256];
};

static __thread struct reason last;

const char *const error_no_ring =
    "each of the %lld rings belongs to a thread, or to operations that a thread left: raise ring_count";

int error_int(int error, const char *format, long long a, long long b)
{
    last.format = format;
    last.a = a;
    last.b = b;
    last.is_real = false;
    last.error = error;
    errno = error;
    return -1;
}

int error_real(int error, const char *format, double real)
{
    (void)error_int(error, format, 0, 0);
    last.real = real;
    last.is_real = true;
    return -1;
}

void *error_null(int error, const char *format, long long a, long long b)
{
    (void)error_int(error, format, a, b);
    return NULL;
}

const char *auraio_last_error(void)
{
    if (!last.format)
        return "";
    int used = last.is_real ? snprintf(last.text, sizeof(last.text), last.format, last.real)
                            : snprintf(last.text, sizeof(last.text), last.format, last.a, last.b);
    if (used >= 0 && (size_t)used < sizeof(last.text))
        snprintf(last.text + used, sizeof(last.text) - (size_t)used, " (%s)", strerrordesc_np(last.error));
    return last.text;
}

int engine_refuses(const auraio_engine_t *engine, const char **ret_reason)
{
    if (!engine) {
        *ret_reason = "engine is NULL";
        return EINVAL;
    }
    if (!engine_is_own(engine)) {
        *ret_reason = "the engine was inherited by fork(): destroy it here and create one in this process";
        return EPERM;
    }
    return 0;
}
