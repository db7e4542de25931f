/* SPDX-License-Identifier: MIT */
/**
 * Assertions that say what they found, and parameters for tests that run once per ring mode.
 *
 * For Criterion programs only; race programs are plain and use the rest of this folder.
 */
#ifndef TEST_SUPPORT_CHECK_H
#define TEST_SUPPORT_CHECK_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "modes.h"

/** An integer has this value. */
#define check_is(actual, expected)                                                                           \
    do {                                                                                                     \
        const intmax_t found_ = (intmax_t)(actual), wanted_ = (intmax_t)(expected);                          \
        cr_assert(found_ == wanted_, "%s is %" PRIdMAX ", not %" PRIdMAX "%s", #actual, found_, wanted_,     \
                  mode_note());                                                                              \
    } while (0)

/** An integer is at least this. */
#define check_at_least(actual, least)                                                                        \
    do {                                                                                                     \
        const intmax_t found_ = (intmax_t)(actual), least_ = (intmax_t)(least);                              \
        cr_assert(found_ >= least_, "%s is %" PRIdMAX ", less than %" PRIdMAX "%s", #actual, found_, least_, \
                  mode_note());                                                                              \
    } while (0)

/** An integer is below this. */
#define check_below(actual, limit)                                                                           \
    do {                                                                                                     \
        const intmax_t found_ = (intmax_t)(actual), limit_ = (intmax_t)(limit);                              \
        cr_assert(found_ < limit_, "%s is %" PRIdMAX ", not below %" PRIdMAX "%s", #actual, found_, limit_,  \
                  mode_note());                                                                              \
    } while (0)

/** A condition holds. */
#define check_that(condition) cr_assert((condition), "not so: %s%s", #condition, mode_note())

/** A call that returns int is refused: -1 and this errno. */
#define check_fails(call, error)                                                                             \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        const intmax_t found_ = (intmax_t)(call);                                                            \
        const int errno_ = errno;                                                                            \
        cr_assert(found_ == -1 && errno_ == (error), "%s gave %" PRIdMAX " and %s, not -1 and %s%s", #call,  \
                  found_, strerrorname_np(errno_), #error, mode_note());                                     \
    } while (0)

/** A call that returns a pointer is refused: NULL and this errno. */
#define check_refused(call, error)                                                                           \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        const void *found_ = (call);                                                                         \
        const int errno_ = errno;                                                                            \
        cr_assert(found_ == NULL && errno_ == (error), "%s gave %p and %s, not NULL and %s%s", #call,        \
                  found_, strerrorname_np(errno_), #error, mode_note());                                     \
    } while (0)

/** A submission is accepted. */
#define check_accepted(call)                                                                                 \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        const void *found_ = (call);                                                                         \
        cr_assert(found_ != NULL, "%s was refused with %s%s", #call, strerrorname_np(errno), mode_note());   \
    } while (0)

/** Leave the test, which cannot be run here. Criterion tells the reason only when asked, so it is printed. */
#define skip_because(...)                                                                                    \
    do {                                                                                                     \
        fprintf(stderr, "skipped: " __VA_ARGS__);                                                            \
        fprintf(stderr, "\n");                                                                               \
        cr_skip_test(__VA_ARGS__);                                                                           \
    } while (0)

/** Parameters of a test that runs once in each of the first @p count modes of every_mode. */
static inline struct criterion_test_params mode_parameters(size_t count)
{
    return cr_make_param_array(auraio_ring_select_t, every_mode, count);
}

/**
 * Define a test that runs once per mode, with `mode` a pointer to it. The arguments after the name are
 * Criterion's, a timeout at least.
 */
#define TestEveryMode(suite, name, ...)                                                                      \
    ParameterizedTestParameters(suite, name)                                                                 \
    {                                                                                                        \
        return mode_parameters(MODE_COUNT);                                                                  \
    }                                                                                                        \
    ParameterizedTest(auraio_ring_select_t *mode, suite, name, __VA_ARGS__)

/** The same for the modes where any thread completes any operation. */
#define TestSharedModes(suite, name, ...)                                                                    \
    ParameterizedTestParameters(suite, name)                                                                 \
    {                                                                                                        \
        return mode_parameters(SHARED_MODE_COUNT);                                                           \
    }                                                                                                        \
    ParameterizedTest(auraio_ring_select_t *mode, suite, name, __VA_ARGS__)

#endif
