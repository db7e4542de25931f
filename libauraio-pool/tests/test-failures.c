/*
 * Every call that may fail does so, one after the other, in a life that makes all of them: for each the pool
 * must answer -ENOMEM or do without, stay sound, and leave nothing behind.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "support.h"

enum { SIZES = 6, COUNT = 40 };

static const size_t sizes_bytes[SIZES] = {100, 4096, 65536, 1048576, 2097152, 20000000};

/* What a life came to. */
struct life {
    int refused;
    bool was_created;
};

struct hand_over {
    pool_t *pool;
    int node;
    void *ptrs[SIZES][COUNT];
    int refused;
};

/* Few of the large sizes: they are system calls each. */
static int count_of(int size_index)
{
    return sizes_bytes[size_index] > MIB ? 3 : COUNT;
}

static void *take_all(void *arg)
{
    struct hand_over *hand_over = arg;
    support_node = hand_over->node;
    for (int i = 0; i < SIZES; i++) {
        for (int j = 0; j < count_of(i); j++) {
            void *ptr = hand_over;
            int r = pool_alloc(hand_over->pool, sizes_bytes[i], &ptr);
            cr_assert(r == 0 || r == -ENOMEM);
            cr_assert_eq(r < 0, ptr == (void *)hand_over, "a failure leaves the result alone");
            hand_over->refused += r < 0;
            hand_over->ptrs[i][j] =
                r < 0 ? NULL : memset(ptr, 1, sizes_bytes[i] < 4096 ? sizes_bytes[i] : 4096);
        }
    }
    return NULL;
}

static void give_all(struct hand_over *hand_over)
{
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < count_of(i); j++)
            cr_assert_eq(pool_free(hand_over->pool, hand_over->ptrs[i][j], sizes_bytes[i]), 0);
}

/* A pool from beginning to end: two threads on two nodes, buffers that change hands, a trim, a second load.
 */
static struct life live(void)
{
    struct pool_options options = support_options(512);
    struct life life = {0};
    static struct hand_over first, second;
    pool_t *pool = NULL;
    options.max_cached_bytes = 64 * MIB;
    if (pool_create(&options, &pool) < 0) {
        cr_assert_null(pool);
        return life;
    }
    first = (struct hand_over){.pool = pool, .node = 0};
    second = (struct hand_over){.pool = pool, .node = 1};
    for (int round = 0; round < 2; round++) {
        take_all(&first);
        support_run_on_thread(take_all, &second);
        cr_assert(pool_check(pool));
        give_all(&second);
        give_all(&first);
        cr_assert(pool_check(pool));
        pool_trim(pool);
        cr_assert(pool_check(pool));
    }
    cr_assert_eq(support_stats(pool).live_buffers, 0);
    cr_assert_eq(support_stats(pool).cached_bytes, 0);
    pool_destroy(pool);
    return (struct life){first.refused + second.refused, true};
}

/* Lives one life for each call it makes, in which that call fails. Answers in how many the failure was seen.
 */
static int fail_each_in_turn(bool for_good)
{
    int seen = 0;
    int turn = 0;
    support_node_count = 2;
    support_fail_for_good = for_good;
    /* What the process makes once and keeps. */
    (void)live();
    long blocks = support_blocks;
    long mapped_bytes = support_mapped_bytes;
    bool has_failed;
    do {
        support_fail_after = turn++;
        struct life life = live();
        has_failed = for_good ? support_fail_after == 0 : support_fail_after < 0;
        support_fail_after = -1;
        support_unmap_kept();
        seen += !life.was_created || life.refused > 0;
        cr_assert_eq(support_blocks, blocks, "call %d: memory was lost", turn);
        cr_assert_eq(support_mapped_bytes, mapped_bytes, "call %d: address space was lost", turn);
    } while (has_failed);
    cr_assert_gt(turn, 50, "this life makes fewer calls than it should: %d", turn);
    cr_assert_eq(support_log.count, 0, "%s", support_log.last);
    return seen;
}

Test(failures, any_one_call_may_fail)
{
    int seen = fail_each_in_turn(false);
    /* Creation and its table can't do without; everything else is had at the second try, after a trim. */
    cr_assert_gt(seen, 0);
    cr_assert_gt(support_calls[SUPPORT_MBIND], 0);
    cr_assert_gt(support_calls[SUPPORT_NODEMASK], 0);
}

Test(failures, calls_may_fail_for_good_from_any_moment_on)
{
    cr_assert_gt(fail_each_in_turn(true), 20);
}

Test(failures, memory_that_could_not_be_bound_is_used_where_it_is)
{
    support_node_count = 2;
    support_countdown[SUPPORT_MBIND] = 0;
    pool_t *pool = support_pool(4096);
    support_node = 1;
    void *ptr = support_alloc(pool, 4096);
    cr_assert_eq(support_last_preferred_node, -1);
    support_countdown[SUPPORT_MBIND] = -1;
    (void)support_alloc(pool, 4 * MIB);
    cr_assert_eq(support_last_preferred_node, 1);
    cr_assert_eq(pool_free(pool, ptr, 4096), 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}
