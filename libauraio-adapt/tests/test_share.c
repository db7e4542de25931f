/* Dividing a device: every credit is somewhere, nobody waits while one is free, nobody starves. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>
#include <errno.h>

#define USERS 64

static auraio_adapt_share_t share;
static auraio_adapt_share_user_t users[USERS];

static void setup(int limit)
{
    auraio_adapt_share_init(&share, limit);
    for (int i = 0; i < USERS; i++)
        users[i] = (auraio_adapt_share_user_t){0};
}

static void check(int count)
{
    int held = 0, waiting = 0;
    for (int i = 0; i < count; i++) {
        cr_assert(users[i].held >= 0 && users[i].wanted >= 0);
        held += users[i].held;
        waiting += users[i].wanted > 0;
    }
    cr_assert_eq(held, share.held);
    cr_assert_eq(waiting, share.waiting);
}

static void serve(int count)
{
    int index;
    while (auraio_adapt_share_next(&share, users, count, &index) > 0)
        check(count);
}

/* One operation of `index` completes: its credit is used again, or given back when it is in excess.
 */
static void complete_one(int count, int index)
{
    if (auraio_adapt_share_excess(&share, users, count, index) > 0) {
        cr_assert_eq(auraio_adapt_share_give(&share, users, count, index, 1), 0);
        auraio_adapt_share_take(&share, users, count, index, 1);
    }
    serve(count);
    check(count);
}

Test(share, a_single_user_gets_the_whole_limit)
{
    setup(10);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 1, 0, 64), 10);
    cr_assert_eq(users[0].wanted, 54);
    check(1);
}

Test(share, what_one_user_leaves_another_may_take)
{
    setup(10);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 2, 0, 3), 3);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 2, 1, 64), 7);
    check(2);
}

Test(share, a_late_user_gets_its_fair_share_as_operations_complete)
{
    setup(16);
    auraio_adapt_share_take(&share, users, 2, 0, 16);
    auraio_adapt_share_take(&share, users, 2, 1, 16);
    cr_assert_eq(users[1].held, 0);
    for (int i = 0; i < 16; i++)
        complete_one(2, 0);
    cr_assert_eq(users[0].held, 8);
    cr_assert_eq(users[1].held, 8);
}

Test(share, a_modest_user_keeps_little_and_the_greedy_divide_the_rest)
{
    setup(32);
    auraio_adapt_share_take(&share, users, 3, 0, 2);
    auraio_adapt_share_take(&share, users, 3, 1, 100);
    auraio_adapt_share_take(&share, users, 3, 2, 100);
    for (int i = 0; i < 100; i++)
        complete_one(3, i % 2 + 1);
    cr_assert_eq(users[0].held, 2);
    cr_assert_eq(users[1].held, 15);
    cr_assert_eq(users[2].held, 15);
}

Test(share, more_users_than_credits_take_turns)
{
    setup(5);
    for (int i = 0; i < USERS; i++)
        auraio_adapt_share_take(&share, users, USERS, i, 1);
    /* The operations in the device complete in the order they were granted: the users holding a
     * credit in turn. */
    for (int round = 0; round < 64 * USERS; round++) {
        int index = round % USERS;
        if (users[index].held == 0)
            continue;
        cr_assert_gt(auraio_adapt_share_excess(&share, users, USERS, index), 0);
        auraio_adapt_share_give(&share, users, USERS, index, 1);
        auraio_adapt_share_take(&share, users, USERS, index, 1);
        serve(USERS);
        check(USERS);
        cr_assert_eq(share.held, 5);
    }
    double sum = 0, squares = 0;
    for (int i = 0; i < USERS; i++) {
        sum += (double)users[i].granted;
        squares += (double)users[i].granted * (double)users[i].granted;
    }
    double jain = sum * sum / (USERS * squares);
    cr_assert_geq(jain, 0.99, "Jain's index %f", jain);
}

Test(share, credits_above_a_lowered_limit_vanish)
{
    setup(16);
    auraio_adapt_share_take(&share, users, 2, 0, 8);
    auraio_adapt_share_take(&share, users, 2, 1, 8);
    auraio_adapt_share_set_limit(&share, 4);
    for (int i = 0; i < 32; i++) {
        int index = i % 2;
        if (auraio_adapt_share_excess(&share, users, 2, index) > 0)
            auraio_adapt_share_give(&share, users, 2, index, 1);
    }
    check(2);
    cr_assert_eq(share.held, 4);
    cr_assert_eq(users[0].held, 2);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 2, 1, 1), 0);
}

Test(share, nobody_waits_while_a_credit_is_free_under_random_use)
{
    setup(7);
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int count = USERS, index = (int)(random >> 33) % USERS, amount = (int)(random >> 60);
        if (random & 1 << 20)
            auraio_adapt_share_take(&share, users, count, index, amount);
        else
            auraio_adapt_share_give(&share, users, count, index,
                                    amount < users[index].held ? amount : users[index].held);
        if (i % 1000 == 0)
            auraio_adapt_share_set_limit(&share, 1 + i / 1000 % 100);
        serve(count);
        check(count);
        cr_assert(share.waiting == 0 || share.held >= share.limit);
    }
}

Test(share, mistakes_are_refused)
{
    setup(4);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 2, 2, 1), -EINVAL);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 2, -1, 1), -EINVAL);
    cr_assert_eq(auraio_adapt_share_take(&share, users, 2, 0, -1), -EINVAL);
    cr_assert_eq(auraio_adapt_share_give(&share, users, 2, 0, 1), -EINVAL);
    cr_assert_eq(auraio_adapt_share_give(&share, users, 2, 0, -1), -EINVAL);
    cr_assert_eq(auraio_adapt_share_excess(&share, users, 2, 9), 0);
    check(2);
}
