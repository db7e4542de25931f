/* SPDX-License-Identifier: MIT */
/*
 * Option structs of programs built against older and newer headers.
 *
 * The struct of an "old" program is allocated at exactly its size, so that whoever reads or writes further is
 * found: by the bytes that follow it, and by sanitizers where there are none.
 */
#include <auraio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "outcome.h"

enum { GUARD = 64, GUARD_BYTE = 0x5a };

TestSuite(struct_size, .timeout = 30);
TestSuite(init, .timeout = 30);

static void expect_reads(auraio_engine_t *engine)
{
    char buf[512];
    const int fd = file_of_pattern(sizeof(buf));
    cr_assert(engine != NULL, "refused: %s", auraio_last_error());
    check_is(perform_read(engine, fd, buf, sizeof(buf), 0), sizeof(buf));
    auraio_destroy(engine);
    close(fd);
}

/* The first `size` bytes of `options`, or all of them and zeros, in memory of that size. */
static auraio_options_t *options_of_size(const auraio_options_t *options, size_t size)
{
    char *sized = calloc(1, size);
    check_that(sized != NULL);
    memcpy(sized, options, size < sizeof(*options) ? size : sizeof(*options));
    memcpy(sized, &size, sizeof(size));
    return (auraio_options_t *)(void *)sized;
}

Test(struct_size, of_an_older_header_is_accepted_and_its_missing_tail_is_default)
{
    static const size_t sizes[] = {offsetof(auraio_options_t, ring_select),
                                   offsetof(auraio_options_t, max_pending),
                                   offsetof(auraio_options_t, backend), offsetof(auraio_options_t, reserved)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        auraio_options_t options;
        auraio_options_init(&options);
        options.queue_depth = 7;
        auraio_options_t *older = options_of_size(&options, sizes[i]);
        auraio_engine_t *engine = auraio_create_with_options(older);
        free(older);
        auraio_ring_stats_t stats;
        cr_assert(engine != NULL, "size %zu was refused: %s", sizes[i], auraio_last_error());
        check_is(auraio_get_ring_stats(engine, 0, &stats), 0);
        check_is(stats.queue_depth, 7);
        expect_reads(engine);
    }
}

Test(struct_size, of_an_older_header_hides_what_follows_it)
{
    auraio_options_t options;
    auraio_options_init(&options);
    options.struct_size = offsetof(auraio_options_t, max_pending);
    options.max_pending = -1;
    options.backend = (auraio_backend_t)99;
    expect_reads(auraio_create_with_options(&options));
}

Test(struct_size, of_a_newer_header_is_accepted_when_the_unknown_tail_is_zero)
{
    auraio_options_t options;
    auraio_options_init(&options);
    auraio_options_t *newer = options_of_size(&options, sizeof(options) + 256);
    auraio_engine_t *engine = auraio_create_with_options(newer);
    free(newer);
    expect_reads(engine);
}

Test(struct_size, of_a_newer_header_is_refused_when_the_unknown_tail_is_not_zero)
{
    auraio_options_t options;
    auraio_options_init(&options);
    auraio_options_t *newer = options_of_size(&options, sizeof(options) + 256);
    ((char *)newer)[sizeof(options) + 255] = 1;
    check_refused(auraio_create_with_options(newer), EINVAL);
    check_that(strlen(auraio_last_error()) > 0);
    free(newer);
}

static void expect_defaults(const auraio_options_t *options)
{
    auraio_options_t expected;
    memset(&expected, 0, sizeof(expected));
    expected.struct_size = options->struct_size;
    expected.queue_depth = 256;
    expected.min_in_flight = 4;
    expected.buffer_alignment = (size_t)sysconf(_SC_PAGESIZE);
    expected.sqpoll_idle_ms = 1000;
    expected.ring_select = AURAIO_SELECT_ADAPTIVE;
    expected.max_pending = 65536;
    check_is(memcmp(options, &expected, sizeof(expected)), 0);
}

Test(init, fills_in_the_defaults)
{
    auraio_options_t options;
    memset(&options, GUARD_BYTE, sizeof(options));
    auraio_options_init(&options);
    check_is(options.struct_size, sizeof(options));
    expect_defaults(&options);
}

Test(init, null_is_a_no_op)
{
    auraio_options_init(NULL);
    auraio_options_init_sized(NULL, 0);
    auraio_options_init_sized(NULL, sizeof(auraio_options_t));
    expect_reads(auraio_create());
}

/* Run an initialiser on memory full of guard bytes, and see that exactly `size` of them changed. */
static void expect_writes_no_further(void (*initialise)(auraio_options_t *, size_t), size_t argument,
                                     size_t size)
{
    unsigned char *memory = malloc(size + GUARD);
    check_that(memory != NULL);
    memset(memory, GUARD_BYTE, size + GUARD);
    initialise((auraio_options_t *)(void *)memory, argument);
    size_t written = 0;
    memcpy(&written, memory, sizeof(written));
    check_is(written, size);
    for (size_t i = size; i < size + GUARD; i++)
        check_is(memory[i], GUARD_BYTE);
    free(memory);
}

Test(init, the_sized_form_writes_exactly_the_callers_size)
{
    for (size_t size = offsetof(auraio_options_t, queue_depth); size <= sizeof(auraio_options_t) + 128;
         size += sizeof(int))
        expect_writes_no_further(auraio_options_init_sized, size, size);
}

Test(init, a_larger_struct_has_zeros_where_the_library_knows_nothing)
{
    enum { LARGER = sizeof(auraio_options_t) + 128 };
    static union {
        auraio_options_t options;
        unsigned char bytes[LARGER];
    } newer;
    memset(&newer, GUARD_BYTE, sizeof(newer));
    auraio_options_init_sized(&newer.options, LARGER);
    for (size_t i = sizeof(auraio_options_t); i < LARGER; i++)
        check_is(newer.bytes[i], 0);
    check_is(newer.options.struct_size, LARGER);
    expect_defaults(&newer.options);
    expect_reads(auraio_create_with_options(&newer.options));
}

static void call_exported_symbol(auraio_options_t *options, size_t unused)
{
    (void)unused;
    (auraio_options_init)(options); /* the brackets keep the macro out of it */
}

Test(init, the_exported_symbol_writes_the_size_of_the_first_release_for_ever)
{
    check_is(AURAIO_OPTIONS_SIZE_0_1, 152);
    expect_writes_no_further(call_exported_symbol, 0, AURAIO_OPTIONS_SIZE_0_1);
}
