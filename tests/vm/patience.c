/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the tests in the virtual machine: emulation is slow, so the time that each test and each
 * suite has is multiplied as Criterion collects them. The tests themselves are as they are.
 */
#include <criterion/criterion.h>
#include <criterion/internal/ordered-set.h>
#include <dlfcn.h>
#include <stddef.h>

enum { PATIENCE = 10 };

static void stretch(struct criterion_test_extra_data *data)
{
    if (data)
        data->timeout *= PATIENCE;
}

struct criterion_test_set *criterion_initialize(void)
{
    union {
        void *object;
        struct criterion_test_set *(*function)(void);
    } real = {.object = dlsym(RTLD_NEXT, "criterion_initialize")};
    struct criterion_test_set *set = real.function();
    FOREACH_SET(struct criterion_suite_set * suite, set->suites)
    {
        stretch(suite->suite.data);
        FOREACH_SET(struct criterion_test * test, suite->tests) stretch(test->data);
    }
    return set;
}
