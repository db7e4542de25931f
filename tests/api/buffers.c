/* SPDX-License-Identifier: MIT */
/* Buffers of the engine's pool, as the public interface promises them. */
#include <auraio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fixture.h"
#include "modes.h"
#include "outcome.h"

static const size_t gib = (size_t)1 << 30;

TestSuite(buffer, .init = set_up, .fini = tear_down, .timeout = 60);
TestSuite(buffer_misuse, .timeout = 60);

Test(buffer, sizes_from_one_byte_to_a_gibibyte_are_given_and_aligned)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 1; size <= gib; size = size < 8 ? size + 1 : size * 4 - 3) {
        unsigned char *buf = auraio_buffer_alloc(engine, size);
        check_that(buf != NULL);
        check_is((uintptr_t)buf % page, 0);
        buf[0] = 1;
        buf[size - 1] = 2;
        auraio_buffer_free(engine, buf, size);
    }
    void *largest = auraio_buffer_alloc(engine, gib);
    check_that(largest != NULL);
    auraio_buffer_free(engine, largest, gib);
}

Test(buffer, refuses_null_zero_and_more_than_a_gibibyte)
{
    check_refused(auraio_buffer_alloc(NULL, 4096), EINVAL);
    check_refused(auraio_buffer_alloc(engine, 0), EINVAL);
    check_refused(auraio_buffer_alloc(engine, gib + 1), EINVAL);
    check_refused(auraio_buffer_alloc(engine, SIZE_MAX), EINVAL);
}

Test(buffer, the_alignment_is_the_one_asked_for)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    for (size_t alignment = sizeof(void *); alignment <= 65536; alignment *= 2) {
        options.buffer_alignment = alignment;
        auraio_engine_t *aligned = engine_with(&options);
        void *bufs[20];
        for (size_t i = 0; i < 20; i++) {
            bufs[i] = auraio_buffer_alloc(aligned, 1 + i * 1000);
            check_that(bufs[i] != NULL);
            check_is((uintptr_t)bufs[i] % alignment, 0);
        }
        for (size_t i = 0; i < 20; i++)
            auraio_buffer_free(aligned, bufs[i], 1 + i * 1000);
        auraio_destroy(aligned);
    }
}

static void use_aligned(auraio_engine_t *aligned, size_t alignment, size_t size)
{
    unsigned char *buf = auraio_buffer_alloc(aligned, size);
    check_that(buf != NULL);
    check_is((uintptr_t)buf % alignment, 0);
    buf[0] = 1;
    buf[size - 1] = 2;
    auraio_buffer_free(aligned, buf, size);
}

Test(buffer, every_alignment_from_512_to_2_MiB_holds_at_every_size)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    for (size_t alignment = 512; alignment <= 2 << 20; alignment *= 2) {
        options.buffer_alignment = alignment;
        auraio_engine_t *aligned = engine_with(&options);
        for (size_t size = 1; size < gib; size *= 3)
            use_aligned(aligned, alignment, size);
        use_aligned(aligned, alignment, gib);
        check_refused(auraio_buffer_alloc(aligned, 0), EINVAL);
        check_refused(auraio_buffer_alloc(aligned, gib + 1), EINVAL);
        check_refused(auraio_buffer_alloc(aligned, SIZE_MAX), EINVAL);
        auraio_destroy(aligned);
    }
}

Test(buffer, two_live_buffers_never_share_a_byte)
{
    enum { COUNT = 300, BYTES = 5000 };
    unsigned char *bufs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        bufs[i] = auraio_buffer_alloc(engine, BYTES);
        check_that(bufs[i] != NULL);
        memset(bufs[i], i & 0xff, BYTES);
    }
    for (int i = 0; i < COUNT; i++) {
        for (int at = 0; at < BYTES; at++)
            cr_assert(bufs[i][at] == (i & 0xff), "buffer %d was written through another", i);
        auraio_buffer_free(engine, bufs[i], BYTES);
    }
}

Test(buffer, freeing_null_is_a_no_op)
{
    auraio_buffer_free(engine, NULL, 4096);
    auraio_buffer_free(NULL, NULL, 4096);
    check_that(auraio_buffer_alloc(engine, 4096) != NULL);
}

static void *free_buffer(void *buf)
{
    auraio_buffer_free(engine, buf, 4096);
    return NULL;
}

Test(buffer, any_thread_may_free)
{
    pthread_t thread;
    auraio_buffer_stats_t stats;
    void *buf = auraio_buffer_alloc(engine, 4096);
    check_that(buf != NULL);
    check_is(pthread_create(&thread, NULL, free_buffer, buf), 0);
    check_is(pthread_join(thread, NULL), 0);
    check_is(auraio_get_buffer_stats(engine, &stats), 0);
    check_is(stats.total_buffers, 0);
}

Test(buffer, stats_count_what_is_handed_out)
{
    auraio_buffer_stats_t stats;
    void *first = auraio_buffer_alloc(engine, 4096);
    void *second = auraio_buffer_alloc(engine, 100000);
    check_is(auraio_get_buffer_stats(engine, &stats), 0);
    check_is(stats.total_buffers, 2);
    check_at_least(stats.total_allocated_bytes, 104096);
    check_at_least(stats.shard_count, 1);
    auraio_buffer_free(engine, first, 4096);
    check_is(auraio_get_buffer_stats(engine, &stats), 0);
    check_is(stats.total_buffers, 1);
    check_at_least(stats.total_allocated_bytes, 100000);
    auraio_buffer_free(engine, second, 100000);
    check_is(auraio_get_buffer_stats(engine, &stats), 0);
    check_is(stats.total_buffers, 0);
    check_is(stats.total_allocated_bytes, 0);
}

Test(buffer, trimming_gives_back_what_is_kept_and_leaves_what_is_live)
{
    enum { COUNT = 20 };
    auraio_buffer_stats_t stats;
    unsigned char *bufs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        bufs[i] = auraio_buffer_alloc(engine, 1 << 20);
        check_that(bufs[i] != NULL);
        memset(bufs[i], i, 1 << 20);
    }
    for (int i = 1; i < COUNT; i++)
        auraio_buffer_free(engine, bufs[i], 1 << 20);
    check_is(auraio_get_buffer_stats(engine, &stats), 0);
    check_at_least(stats.cached_bytes, (COUNT - 1) << 20);
    check_is(stats.total_allocated_bytes, 1 << 20);
    auraio_buffer_trim(engine);
    check_is(auraio_get_buffer_stats(engine, &stats), 0);
    check_is(stats.cached_bytes, 0);
    check_is(stats.total_buffers, 1);
    for (int at = 0; at < 1 << 20; at++)
        cr_assert(bufs[0][at] == 0, "byte %d changed", at);
    auraio_buffer_free(engine, bufs[0], 1 << 20);
}

Test(buffer, trimming_nothing_is_a_no_op)
{
    auraio_buffer_trim(NULL);
    auraio_buffer_trim(engine);
    check_that(auraio_buffer_alloc(engine, 4096) != NULL);
}

Test(buffer, stats_refuse_null)
{
    auraio_buffer_stats_t stats = {.total_buffers = 77};
    check_fails(auraio_get_buffer_stats(NULL, &stats), EINVAL);
    check_is(stats.total_buffers, 77);
    check_fails(auraio_get_buffer_stats(engine, NULL), EINVAL);
}

static void count_message(auraio_log_level_t level, const char *message, void *user_data)
{
    if (level <= AURAIO_LOG_ERROR && message[0] != '\0')
        atomic_fetch_add((atomic_int *)user_data, 1);
}

static auraio_engine_t *logging_engine(atomic_int *messages, bool debug)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.log = count_message;
    options.log_user_data = messages;
    options.debug_buffers = debug;
    return engine_with(&options);
}

/* After misuse the pool must still hand out every buffer to one owner only. */
static void expect_distinct_buffers(auraio_engine_t *pooled)
{
    void *bufs[64];
    for (int i = 0; i < 64; i++) {
        bufs[i] = auraio_buffer_alloc(pooled, 4096);
        check_that(bufs[i] != NULL);
        for (int other = 0; other < i; other++)
            check_that(bufs[other] != bufs[i]);
    }
    for (int i = 0; i < 64; i++)
        auraio_buffer_free(pooled, bufs[i], 4096);
}

Test(buffer_misuse, a_double_free_is_reported_and_ignored)
{
    atomic_int messages = 0;
    auraio_engine_t *pooled = logging_engine(&messages, false);
    void *buf = auraio_buffer_alloc(pooled, 4096);
    auraio_buffer_free(pooled, buf, 4096);
    check_is(messages, 0);
    auraio_buffer_free(pooled, buf, 4096);
    check_is(messages, 1);
    expect_distinct_buffers(pooled);
    auraio_destroy(pooled);
}

Test(buffer_misuse, a_foreign_pointer_is_reported_and_ignored)
{
    atomic_int messages = 0;
    auraio_engine_t *pooled = logging_engine(&messages, false);
    auraio_engine_t *other = engine_with(NULL);
    void *from_heap = aligned_alloc(4096, 4096);
    void *from_other = auraio_buffer_alloc(other, 4096);
    auraio_buffer_free(pooled, from_heap, 4096);
    check_is(messages, 1);
    auraio_buffer_free(pooled, from_other, 4096);
    check_is(messages, 2);
    expect_distinct_buffers(pooled);
    expect_distinct_buffers(other);
    auraio_buffer_free(other, from_other, 4096);
    auraio_destroy(other);
    auraio_destroy(pooled);
    free(from_heap);
}

Test(buffer_misuse, a_wrong_size_is_reported_and_ignored)
{
    atomic_int messages = 0;
    auraio_engine_t *pooled = logging_engine(&messages, false);
    void *buf = auraio_buffer_alloc(pooled, 4096);
    auraio_buffer_free(pooled, buf, 1 << 20);
    check_is(messages, 1);
    expect_distinct_buffers(pooled);
    auraio_buffer_free(pooled, buf, 4096);
    auraio_destroy(pooled);
}

Test(buffer_misuse, aborts_under_the_debug_option, .signal = SIGABRT)
{
    atomic_int messages = 0;
    auraio_engine_t *pooled = logging_engine(&messages, true);
    void *buf = auraio_buffer_alloc(pooled, 4096);
    auraio_buffer_free(pooled, buf, 4096);
    auraio_buffer_free(pooled, buf, 4096);
}

/* Valgrind and AddressSanitizer find the write itself, the one at run time. */
#if defined(__has_feature)
#define HAS_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#else
#define HAS_ASAN 0
#endif

Test(buffer_misuse, a_write_into_a_freed_buffer_is_found_with_debug_buffers, .signal = SIGABRT)
{
    static atomic_int messages;
    auraio_engine_t *pooled = logging_engine(&messages, true);
    unsigned char *buf = auraio_buffer_alloc(pooled, 4096);
    if (HAS_ASAN)
        raise(SIGABRT);
    auraio_buffer_free(pooled, buf, 4096);
    buf[100] = 1;
    (void)!auraio_buffer_alloc(pooled, 4096);
}
