/* SPDX-License-Identifier: MIT */
/*
 * Assertions that say what they found. The component's tests know nothing of the facade, so they have their
 * own.
 */
#ifndef AURAIO_RING_TESTS_CHECK_H
#define AURAIO_RING_TESTS_CHECK_H

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

/* An integer has this value. */
#define check_is(actual, expected)                                                                           \
    do {                                                                                                     \
        const intmax_t found_ = (intmax_t)(actual), wanted_ = (intmax_t)(expected);                          \
        cr_assert(found_ == wanted_, "%s is %" PRIdMAX ", not %" PRIdMAX, #actual, found_, wanted_);         \
    } while (0)

/* An integer is at least this. */
#define check_at_least(actual, least)                                                                        \
    do {                                                                                                     \
        const intmax_t found_ = (intmax_t)(actual), least_ = (intmax_t)(least);                              \
        cr_assert(found_ >= least_, "%s is %" PRIdMAX ", less than %" PRIdMAX, #actual, found_, least_);     \
    } while (0)

/* A condition holds. */
#define check_that(condition) cr_assert((condition), "not so: %s", #condition)

/* Leave the test, which cannot be run here. */
#define skip_because(reason)                                                                                 \
    do {                                                                                                     \
        fprintf(stderr, "skipped: %s\n", (reason));                                                          \
        cr_skip_test("%s", (reason));                                                                        \
    } while (0)

#endif
