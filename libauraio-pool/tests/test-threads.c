/*
 * Threads: buffers that change hands, threads and pools that end in any order.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "support.h"

enum { HANDED = 500 };

struct hand_over {
    pool_t *pool;
    size_t size_bytes;
    void *ptrs[HANDED];
};

static void *alloc_all(void *arg)
{
    struct hand_over *hand_over = arg;
    for (int i = 0; i < HANDED; i++)
        hand_over->ptrs[i] = support_alloc(hand_over->pool, hand_over->size_bytes);
    return NULL;
}

static void *free_all(void *arg)
{
    struct hand_over *hand_over = arg;
    for (int i = 0; i < HANDED; i++)
        cr_assert_eq(pool_free(hand_over->pool, hand_over->ptrs[i], hand_over->size_bytes), 0);
    return NULL;
}

Test(threads, a_buffer_may_be_freed_by_another_thread)
{
    static const size_t sizes[] = {64, 4096, 65536, 2097152};
    static struct hand_over hand_over;
    hand_over.pool = support_pool(64);
    for (size_t i = 0; i < 4; i++) {
        hand_over.size_bytes = sizes[i];
        support_run_on_thread(alloc_all, &hand_over);
        cr_assert(pool_check(hand_over.pool));
        cr_assert_eq(support_stats(hand_over.pool).live_bytes, HANDED * sizes[i]);
        support_run_on_thread(free_all, &hand_over);
        cr_assert(pool_check(hand_over.pool));
        cr_assert_eq(support_stats(hand_over.pool).live_buffers, 0);
    }
    pool_destroy(hand_over.pool);
}

Test(threads, what_a_thread_kept_serves_others_once_it_has_ended)
{
    static struct hand_over hand_over;
    hand_over.pool = support_pool(4096);
    hand_over.size_bytes = 65536;
    support_run_on_thread(alloc_all, &hand_over);
    support_run_on_thread(free_all, &hand_over);
    int mapped = support_calls[SUPPORT_MMAP];
    support_run_on_thread(alloc_all, &hand_over);
    cr_assert_eq(support_calls[SUPPORT_MMAP], mapped);
    pool_destroy(hand_over.pool);
}

static void *alloc_and_free_one(void *arg)
{
    void *ptr = support_alloc(arg, 4096);
    memset(ptr, 1, 4096);
    cr_assert_eq(pool_free(arg, ptr, 4096), 0);
    return NULL;
}

static void *alloc_one(void *arg)
{
    (void)support_alloc(arg, 4096);
    return NULL;
}

/* How much resident memory grows while many threads come and go, one after the other. */
static size_t growth_bytes(pool_t *pool, void *(*run)(void *), int threads)
{
    for (int i = 0; i < 200; i++)
        support_run_on_thread(run, pool);
    size_t before_bytes = support_rss_bytes();
    for (int i = 0; i < threads; i++)
        support_run_on_thread(run, pool);
    size_t after_bytes = support_rss_bytes();
    return after_bytes > before_bytes ? after_bytes - before_bytes : 0;
}

Test(threads, twenty_thousand_short_lived_ones_leave_nothing_behind)
{
    if (SUPPORT_ASAN)
        cr_skip("resident memory says nothing under AddressSanitizer");
    pool_t *pool = support_pool(4096);
    cr_assert_lt(growth_bytes(pool, alloc_and_free_one, 20000), MIB);
    /* What is live has a word each, a cache line apart; and what was touched lies on a huge page then. */
    cr_assert_lt(growth_bytes(pool, alloc_one, 20000), 3 * MIB + 20000 * 64);
    cr_assert_eq(support_stats(pool).live_buffers, 20200);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}

/* A thread that uses several pools, lets the test destroy some of them, goes on, and ends. */
struct visitor {
    pthread_barrier_t used;
    pthread_barrier_t destroyed;
    pool_t *pools[6];
};

static void use(pool_t *pool)
{
    for (int i = 0; i < 3; i++)
        alloc_and_free_one(pool);
}

static void *visit(void *arg)
{
    struct visitor *visitor = arg;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 6; i++)
            use(visitor->pools[i]);
    pthread_barrier_wait(&visitor->used);
    pthread_barrier_wait(&visitor->destroyed);
    for (int i = 0; i < 6; i += 2)
        use(visitor->pools[i]);
    return NULL;
}

Test(threads, pools_and_threads_may_end_in_any_order)
{
    static struct visitor visitor;
    pthread_t threads[3];
    pthread_barrier_init(&visitor.used, NULL, 4);
    pthread_barrier_init(&visitor.destroyed, NULL, 4);
    for (int i = 0; i < 6; i++)
        visitor.pools[i] = support_pool(4096);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, visit, &visitor), 0);
    pthread_barrier_wait(&visitor.used);
    for (int i = 1; i < 6; i += 2)
        pool_destroy(visitor.pools[i]);
    pool_t *newcomer = support_pool(4096);
    use(newcomer);
    pthread_barrier_wait(&visitor.destroyed);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < 6; i += 2) {
        cr_assert(pool_check(visitor.pools[i]));
        pool_destroy(visitor.pools[i]);
    }
    cr_assert(pool_check(newcomer));
    pool_destroy(newcomer);
}

Test(threads, a_thousand_pools_in_a_row_leave_nothing_on_the_thread)
{
    if (SUPPORT_ASAN)
        cr_skip("resident memory says nothing under AddressSanitizer");
    for (int i = 0; i < 20; i++) {
        pool_t *pool = support_pool(4096);
        use(pool);
        pool_destroy(pool);
    }
    size_t before_bytes = support_rss_bytes();
    for (int i = 0; i < 1000; i++) {
        pool_t *pool = support_pool(4096);
        use(pool);
        pool_destroy(pool);
    }
    cr_assert_lt(support_rss_bytes(), before_bytes + MIB);
}

static void use_all_sizes(pool_t *pool)
{
    for (size_t size = 64; size <= 4 * MIB; size *= 4) {
        void *first = support_alloc(pool, size);
        void *second = support_alloc(pool, size);
        cr_assert_eq(pool_free(pool, first, size), 0);
        cr_assert_eq(pool_free(pool, second, size), 0);
        cr_assert_eq(pool_free(pool, second, size), -EINVAL);
    }
    cr_assert(pool_check(pool));
}

Test(threads, without_a_thread_specific_key_the_pool_works_uncached)
{
    support_countdown[SUPPORT_KEY_CREATE] = 0;
    pool_t *pool = support_pool(64);
    int allocated = support_calls[SUPPORT_MALLOC];
    use_all_sizes(pool);
    cr_assert_eq(support_calls[SUPPORT_MALLOC], allocated);
    pool_destroy(pool);
}

Test(threads, a_thread_that_cannot_be_watched_goes_uncached)
{
    support_countdown[SUPPORT_SETSPECIFIC] = 0;
    pool_t *pool = support_pool(64);
    use_all_sizes(pool);
    support_countdown[SUPPORT_SETSPECIFIC] = -1;
    use_all_sizes(pool);
    pool_destroy(pool);
}

Test(threads, a_thread_without_memory_for_a_cache_goes_uncached)
{
    pool_t *pool = support_pool(64);
    support_countdown[SUPPORT_MALLOC] = 0;
    use_all_sizes(pool);
    support_countdown[SUPPORT_MALLOC] = -1;
    use_all_sizes(pool);
    pool_destroy(pool);
}
